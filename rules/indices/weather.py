"""Grades and indices of weather: rain, wind, heat and danger of forest fire."""

import math
from bisect import bisect_right
from enum import IntEnum

from rules.indices.figures import not_negative, rounded, within


class RainGrade(IntEnum):
    """The grades of rain; none and a trace below 0.1 mm are one here."""

    NONE = 0
    LIGHT = 1  # 小雨
    MODERATE = 2  # 中雨
    HEAVY = 3  # 大雨
    STORM = 4  # 暴雨
    HEAVY_STORM = 5  # 大暴雨
    EXTREME_STORM = 6  # 特大暴雨


# Where each grade begins, in tenths of a millimetre. Source: GB/T 28592-2012 table 1; storms [V], the rest [K].
_RAIN_12H = (1, 50, 150, 300, 700, 1400)
_RAIN_24H = (1, 100, 250, 500, 1000, 2500)

# Where each force from 1 to 17 begins, in tenths of m/s, mean wind 10 m above ground. Source: public tables that agree
# [V]; the standard is GB/T 28591-2012 [K].
_BEAUFORT = (3, 16, 34, 55, 80, 108, 139, 172, 208, 245, 285, 327, 370, 415, 462, 510, 561)
BEAUFORT_MAX = len(_BEAUFORT)

# Points of the forest-fire index; see `forest_fire_index`.
_FIRE_TEMPERATURE = (5.0, 10.0, 15.0, 20.0, 25.0)  # ℃; four points for each that is passed.
_FIRE_HUMIDITY = (65.0, 55.0, 45.0, 35.0, 25.0)  # %; four points for each that is fallen short of.
_FIRE_DRY_DAYS_MAX = 10
_FIRE_WIND_MAX = 8  # Beaufort.
# Where grades 2 to 5 begin. Source: LY/T 1172-1995 (<= 25, 26-50, 51-72, 73-90, >= 91), as public sources agree [V].
_FIRE_GRADES = (26, 51, 73, 91)


def rain_grade_12h(rain_mm: float) -> RainGrade:
    """Return the grade of the rain of 12 hours, mm, rounded to tenths as the table is written.

    Source: GB/T 28592-2012 table 1. Raises ValueError for a negative or non-finite amount.
    """
    return RainGrade(bisect_right(_RAIN_12H, rounded(not_negative("rain_mm", rain_mm), parts=10)))


def rain_grade_24h(rain_mm: float) -> RainGrade:
    """Return the grade of the rain of 24 hours, mm, rounded to tenths as the table is written.

    Source: GB/T 28592-2012 table 1. Raises ValueError for a negative or non-finite amount.
    """
    return RainGrade(bisect_right(_RAIN_24H, rounded(not_negative("rain_mm", rain_mm), parts=10)))


def beaufort(wind_m_s: float) -> int:
    """Return the force of a wind in m/s, 0 to 17, the speed rounded to tenths as the table is written.

    Source: GB/T 28591-2012 [K], its bounds [V]. Raises ValueError for a negative or non-finite speed.
    """
    return bisect_right(_BEAUFORT, rounded(not_negative("wind_m_s", wind_m_s), parts=10))


def heat_index(temperature_c: float, humidity_percent: float) -> float:
    """Return the heat index in ℃ of air with this temperature in ℃ and relative humidity in %.

    The regression of L. P. Rothfusz (NWS Technical Attachment SR 90-23, 1990) with the adjustments for dry and for
    damp air, as the Weather Prediction Center of the US National Weather Service publishes it [V]; computed in
    Fahrenheit. It holds where the mean of the air temperature and of Steadman's simple formula is at least 80 °F
    (26.7 ℃). Below that the air temperature is returned [E], where the NWS returns the mean; where the two meet, at
    26.8 to 27.3 ℃ and a humidity below 40 %, the index is up to 2 ℃ below the air temperature. Good to 1.3 °F (0.7 ℃)
    of the NWS table, which ends at about 43 ℃; beyond, in hot and damp air, it is an extrapolation.
    Raises ValueError for a non-finite temperature, one below absolute zero and a humidity outside 0 to 100.
    """
    if not math.isfinite(temperature_c) or temperature_c < -273.15:
        raise ValueError(f"temperature_c is {temperature_c}, expected a finite number >= -273.15")
    within("humidity_percent", humidity_percent, low=0, high=100)
    t, r = temperature_c * 9 / 5 + 32, humidity_percent
    simple = 0.5 * (t + 61.0 + (t - 68.0) * 1.2 + r * 0.094)
    if (simple + t) / 2 < 80:
        return temperature_c
    return (_rothfusz(t, r) + _heat_adjustment(t, r) - 32) * 5 / 9


def forest_fire_grade(temperature_c: float, humidity_percent: float, *, wind_m_s: float, dry_days: float) -> int:
    """Return the grade of forest-fire weather, 1 low to 5 extreme, from `forest_fire_index`.

    Five grades, green, blue, yellow, orange and red: QX/T 77-2007 and GB/T 36743 [V]. Where each begins on the index:
    LY/T 1172-1995 [V]. The way from weather to index is not that of QX/T 77, whose formula was not found: the whole
    needs a sign-off by the forest office.
    Raises ValueError as `forest_fire_index` does.
    """
    index = forest_fire_index(temperature_c, humidity_percent, wind_m_s=wind_m_s, dry_days=dry_days)
    return bisect_right(_FIRE_GRADES, index) + 1


def forest_fire_index(temperature_c: float, humidity_percent: float, *, wind_m_s: float, dry_days: float) -> int:
    """Return the points of forest-fire weather, 0 to 130, as LY/T 1172-1995 adds them up.

    `temperature_c` is the highest of the day; `humidity_percent` the least, or that of 14:00; `wind_m_s` the greatest
    mean wind; `dry_days` the days since the last one with rain, 0 if it rained today.
    The form, temperature + humidity + dryness + wind - season, is that of LY/T 1172-1995 [V]. The points are those of
    its adaptation in Lü et al., World Journal of Forestry 9(3), 2020, doi 10.12677/wjf.2020.93016, tables 5, 6, 7 and
    9, not checked against the standard [E]: temperature 0 to 20, humidity 0 to 20, five for each dry day up to 50, five
    for each Beaufort force up to 40. The season (up to 20 less under green grass or snow) is not known to a sensor and
    is left out: the index errs toward danger [E].
    Raises ValueError for a non-finite temperature, a humidity outside 0 to 100, and a negative or non-finite wind or
    number of days.
    """
    if not math.isfinite(temperature_c):
        raise ValueError(f"temperature_c is {temperature_c}, expected a finite number")
    within("humidity_percent", humidity_percent, low=0, high=100)
    not_negative("dry_days", dry_days)
    heat = sum(temperature_c > bound for bound in _FIRE_TEMPERATURE)
    drought = sum(humidity_percent < bound for bound in _FIRE_HUMIDITY)
    dry = min(math.floor(dry_days), _FIRE_DRY_DAYS_MAX)
    return 4 * (heat + drought) + 5 * (dry + min(beaufort(wind_m_s), _FIRE_WIND_MAX))


def _rothfusz(t: float, r: float) -> float:
    return (
        -42.379
        + 2.04901523 * t
        + 10.14333127 * r
        - 0.22475541 * t * r
        - 0.00683783 * t * t
        - 0.05481717 * r * r
        + 0.00122874 * t * t * r
        + 0.00085282 * t * r * r
        - 0.00000199 * t * t * r * r
    )


def _heat_adjustment(t: float, r: float) -> float:
    if r < 13 and 80 <= t <= 112:
        return -(13 - r) / 4 * math.sqrt((17 - abs(t - 95)) / 17)
    if r > 85 and 80 <= t <= 87:
        return (r - 85) / 10 * (87 - t) / 5
    return 0.0
