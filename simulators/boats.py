"""Boats, buoys and barges: a small round on the water by day, moored by night, and drifts that a storyline tells."""

import math
from collections.abc import Sequence

from citybrain.instants import MINUTE
from simulators.days import hour_of_day
from simulators.seeds import derived
from simulators.storyline import Drift

_ROUND_M = 120.0
_ROUND_TAKES = 12 * MINUTE
_METRES_PER_DEGREE = 111_195.0
_GPS_ERROR_DEGREES = 3 / _METRES_PER_DEGREE


class Course:
    """Where one vessel is."""

    def __init__(self, name: str, home: tuple[float, float], *, drifts: Sequence[Drift], seed: int, start: int) -> None:
        self._home = home
        self._drifts = drifts
        self._random = derived(seed, "course", name)
        self._start = start

    def position(self, at: int) -> tuple[float, float]:
        """Return lon, lat as its receiver gives it, to 1e-5 degree (about a metre)."""
        lon, lat = self.true_position(at)
        lon += self._random.uniform(-_GPS_ERROR_DEGREES, _GPS_ERROR_DEGREES)
        lat += self._random.uniform(-_GPS_ERROR_DEGREES, _GPS_ERROR_DEGREES)
        return round(lon, 5), round(lat, 5)

    def true_position(self, at: int) -> tuple[float, float]:
        """Return lon, lat as no receiver gives it."""
        course = self._round(at)
        for drift in self._drifts:
            away = _share_away(drift, at - self._start - drift.starts)
            if away > 0:
                return course[0] + away * (drift.to[0] - course[0]), course[1] + away * (drift.to[1] - course[1])
        return course

    def _round(self, at: int) -> tuple[float, float]:
        if not 8 <= hour_of_day(at) < 17.5:
            return self._home
        turn = 2 * math.pi * (at % _ROUND_TAKES) / _ROUND_TAKES
        north = _ROUND_M * math.sin(turn) / _METRES_PER_DEGREE
        east = _ROUND_M * (math.cos(turn) - 1) / _METRES_PER_DEGREE / math.cos(math.radians(self._home[1]))
        return self._home[0] + east, self._home[1] + north


def _share_away(drift: Drift, age: int) -> float:
    """Return how far along its drift a vessel is: 0 on its course, 1 at the far point."""
    if age <= 0:
        return 0.0
    if age <= drift.goes:
        return age / drift.goes
    coming_back = age - drift.goes - drift.stays
    return 1.0 if coming_back <= 0 else max(0.0, 1 - coming_back / drift.returns)
