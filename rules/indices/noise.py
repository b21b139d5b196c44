"""Limits of environmental noise by class of zone and time of day, GB 3096-2008."""

from collections.abc import Mapping
from enum import StrEnum

from citybrain.instants import DAY, HOUR

# China has one zone and no daylight saving.
_LOCAL_OFFSET = 8 * HOUR


class ZoneClass(StrEnum):
    """The classes of zones, from rest homes (0) to the sides of railways (4b)."""

    CLASS_0 = "0"
    CLASS_1 = "1"
    CLASS_2 = "2"
    CLASS_3 = "3"
    CLASS_4A = "4a"
    CLASS_4B = "4b"


class Period(StrEnum):
    """The two periods of a day in local time: day 06 to 22, night 22 to 06, unless the county sets others."""

    DAY = "day"
    NIGHT = "night"


# LAeq, dB(A). Source: GB 3096-2008 table 1 [V]. Along railways in a town that were there before 2011, 70 and 55 hold
# for the background without trains [V]: enter such a zone as 4a [E].
_LIMITS_DB: Mapping[ZoneClass, Mapping[Period, int]] = {
    ZoneClass.CLASS_0: {Period.DAY: 50, Period.NIGHT: 40},
    ZoneClass.CLASS_1: {Period.DAY: 55, Period.NIGHT: 45},
    ZoneClass.CLASS_2: {Period.DAY: 60, Period.NIGHT: 50},
    ZoneClass.CLASS_3: {Period.DAY: 65, Period.NIGHT: 55},
    ZoneClass.CLASS_4A: {Period.DAY: 70, Period.NIGHT: 55},
    ZoneClass.CLASS_4B: {Period.DAY: 70, Period.NIGHT: 60},
}
_DAY_FROM, _DAY_UNTIL = 6 * HOUR, 22 * HOUR


def noise_limit(zone_class: ZoneClass, at: int, *, covers: int = 0) -> int:
    """Return the limit in dB(A) of a level that ended at the instant and covers so many milliseconds before it.

    The middle of its span says whether it is of the day or of the night: the hour that ends at 06:00 is of the night.
    Source: GB 3096-2008 table 1 [V]; the middle [E]. Raises ValueError for a negative span.
    """
    return _LIMITS_DB[zone_class][period_of(at, covers=covers)]


def period_of(at: int, *, covers: int = 0) -> Period:
    """Return the period of a level that ended at the instant and covers so many milliseconds before it.

    The day is from 06:00 until before 22:00 in local time. Source: GB 3096-2008 [V].
    Raises ValueError for a negative span.
    """
    if covers < 0:
        raise ValueError(f"covers is {covers}, expected a span >= 0 in milliseconds")
    time_of_day = (at - covers // 2 + _LOCAL_OFFSET) % DAY
    return Period.DAY if _DAY_FROM <= time_of_day < _DAY_UNTIL else Period.NIGHT
