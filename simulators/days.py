"""Day and season of an instant, in the city's own time."""

import math
from datetime import datetime

from citybrain.instants import DAY, HOUR, LOCAL

_LOCAL_AHEAD = 8 * HOUR


def hour_of_day(at: int) -> float:
    """Return the local hour, 0 to just below 24, with its fraction."""
    return ((at + _LOCAL_AHEAD) % DAY) / HOUR


def day_of_year(at: int) -> int:
    """Return the local day of the year, from 1."""
    return datetime.fromtimestamp(at / 1000, LOCAL).timetuple().tm_yday


def is_weekend(at: int) -> bool:
    """Tell whether it is a Saturday or Sunday. 1970-01-01 was a Thursday."""
    return ((at + _LOCAL_AHEAD) // DAY + 3) % 7 >= 5


def is_holiday(at: int) -> bool:
    """Tell whether it is 1 May or 1 to 7 October, the days on which scenic areas fill."""
    moment = datetime.fromtimestamp(at / 1000, LOCAL)
    return (moment.month, moment.day) == (5, 1) or (moment.month == 10 and moment.day <= 7)


def summer_share(at: int) -> float:
    """Return 1 at midsummer's heat (20 July), 0 in deepest winter, a cosine between."""
    return 0.5 + 0.5 * math.cos(2 * math.pi * (day_of_year(at) - 201) / 365)
