"""Coordinate systems of author files, and the way from each to WGS 84. Positions are `(lon, lat)` in degrees.

Chinese web maps shift what they show: GCJ-02 (AMap, Tencent) by about 0.6 km in Lishui, BD-09 (Baidu) by more. The
formulas are not official; they are those in public use, as in the projects `eviltransform` and `coordtransform`.
CGCS2000 lies within a decimetre of WGS 84 and is taken as it is.
"""

import math
from collections.abc import Callable
from enum import StrEnum

Position = tuple[float, float]

_SEMI_MAJOR_M, _ECCENTRICITY_SQUARED = 6378245.0, 0.00669342162296594323  # Krasovsky 1940.
_BD_TURN = math.pi * 3000 / 180
_ROUNDS = 6  # Each round makes the error a thousand times smaller.


class Crs(StrEnum):
    """A coordinate system that a file may declare."""

    WGS84 = "wgs84"
    CGCS2000 = "cgcs2000"
    GCJ02 = "gcj02"
    BD09 = "bd09"


def to_wgs84(position: Position, crs: Crs) -> Position:
    """Return a position of a coordinate system in WGS 84, shifted ones to 1e-7 degree (a centimetre)."""
    match crs:
        case Crs.GCJ02:
            found = _undone(gcj02_of, position)
        case Crs.BD09:
            found = _undone(gcj02_of, _undone(bd09_of_gcj02, position))
        case Crs.WGS84 | Crs.CGCS2000:
            return position
    return round(found[0], 7), round(found[1], 7)


def gcj02_of(position: Position) -> Position:
    """Return a position in WGS 84 as GCJ-02 has it, in China."""
    lon, lat = position
    x, y = lon - 105.0, lat - 35.0
    ripple = (20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)) * 2 / 3
    north_m = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + ripple
    north_m += (20 * math.sin(y * math.pi) + 40 * math.sin(y / 3 * math.pi)) * 2 / 3
    north_m += (160 * math.sin(y / 12 * math.pi) + 320 * math.sin(y * math.pi / 30)) * 2 / 3
    east_m = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + ripple
    east_m += (20 * math.sin(x * math.pi) + 40 * math.sin(x / 3 * math.pi)) * 2 / 3
    east_m += (150 * math.sin(x / 12 * math.pi) + 300 * math.sin(x / 30 * math.pi)) * 2 / 3
    bent = 1 - _ECCENTRICITY_SQUARED * math.sin(math.radians(lat)) ** 2
    meridian_m = _SEMI_MAJOR_M * (1 - _ECCENTRICITY_SQUARED) / (bent * math.sqrt(bent))
    parallel_m = _SEMI_MAJOR_M / math.sqrt(bent) * math.cos(math.radians(lat))
    return lon + math.degrees(east_m / parallel_m), lat + math.degrees(north_m / meridian_m)


def bd09_of_gcj02(position: Position) -> Position:
    """Return a position in GCJ-02 as BD-09 has it."""
    lon, lat = position
    away = math.hypot(lon, lat) + 0.00002 * math.sin(lat * _BD_TURN)
    angle = math.atan2(lat, lon) + 0.000003 * math.cos(lon * _BD_TURN)
    return away * math.cos(angle) + 0.0065, away * math.sin(angle) + 0.006


def _undone(shift: Callable[[Position], Position], position: Position) -> Position:
    """Return what a shift brings to the position: the shift is all but the same nearby, so guesses close in."""
    guess = position
    for _ in range(_ROUNDS):
        found = shift(guess)
        guess = guess[0] + position[0] - found[0], guess[1] + position[1] - found[1]
    return guess
