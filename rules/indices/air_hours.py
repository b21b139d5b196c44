"""Air quality index from hourly values: which means they make, and whether there are enough of them.

A series is a list of (hours_ago, value): 0 is the hour just ended, values are valid 1 h means in µg/m³ (CO mg/m³).
Its order does not matter, hours without a valid value are left out, and what is older than the window does not count.
The days are running ones, the last 24 hours; the reports of the standards take calendar days [E].
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rules.indices.air import AirQuality, Edition, Mean, Pollutant, aqi_1h, aqi_24h
from rules.indices.figures import not_negative

Hours = Sequence[tuple[int, float]]

# Validity of means: GB 3095-2026 table 4, the same counts in GB 3095-2012 [V].
SAMPLED_MIN = 45  # Minutes of the hour.
VALUES_8H_MIN = 6
VALUES_24H_MIN = 20
# Windows of 8 h that lie within the last 24 hours end 0 to 16 hours ago.
_WINDOWS_8H = range(24 - 8 + 1)
# Daily limit of O₃ as 8 h mean, grade 2, where the IAQI is 100; µg/m³. Source: GB 3095 table 1 [V].
_O3_8H_LIMIT = 160
_HOURLY = (Mean.SO2_1H, Mean.NO2_1H, Mean.CO_1H, Mean.O3_1H, Mean.PM10_1H, Mean.PM25_1H)


def hour_is_valid(sampled_min: float) -> bool:
    """Tell whether an hour with so many minutes of sampling has a valid mean: at least 45.

    Source: GB 3095-2026 table 4 [V]. Raises ValueError for a negative or non-finite number and for more than 60.
    """
    if not_negative("sampled_min", sampled_min) > 60:
        raise ValueError(f"sampled_min is {sampled_min}, expected at most 60")
    return sampled_min >= SAMPLED_MIN


def mean_8h(hours: Hours) -> float | None:
    """Return the mean of the last 8 hours, or None with fewer than 6 values.

    Source: GB 3095-2026 table 4 [V]. Raises ValueError for a series with a fault.
    """
    return _mean_8h(_by_hour(hours), 0)


def mean_24h(hours: Hours) -> float | None:
    """Return the mean of the last 24 hours, or None with fewer than 20 values.

    Source: GB 3095-2026 table 4 [V]. Raises ValueError for a series with a fault.
    """
    return _mean_24h(_by_hour(hours))


def max_8h(hours: Hours) -> float | None:
    """Return the greatest 8 h moving mean within the last 24 hours, or None with fewer than 20 hourly values.

    Windows that reach further back do not count. With fewer values the greatest one counts where it passes 160 µg/m³:
    more hours could only raise it [E].
    Raises ValueError for a series with a fault.
    """
    return _max_8h(_by_hour(hours))


def aqi_1h_of_hours(series: Mapping[str, Hours], edition: Edition) -> AirQuality | None:
    """Return the index of the hour just ended from the series of `so2_1h` to `pm25_1h`, or None; see `air.aqi_1h`.

    Raises ValueError for a series with a fault and for one of anything else.
    """
    hourly = _checked(series)
    means = {name: values.get(0) for name, values in hourly.items()}
    if edition is Edition.HJ633_2012:
        means |= {
            # Reported where the 1 h mean passes the end of its column.
            Mean.SO2_24H: _mean_24h(hourly[Mean.SO2_1H]),
            Mean.O3_8H: _mean_8h(hourly[Mean.O3_1H], 0),
            Mean.PM10_24H: _mean_24h(hourly[Mean.PM10_1H]),
            Mean.PM25_24H: _mean_24h(hourly[Mean.PM25_1H]),
        }
    return aqi_1h(_known(means), edition)


def aqi_24h_of_hours(series: Mapping[str, Hours], edition: Edition) -> AirQuality | None:
    """Return the index of the last 24 hours from the series of `so2_1h` to `pm25_1h`, or None; see `air.aqi_24h`.

    Raises ValueError for a series with a fault and for one of anything else.
    """
    hourly = _checked(series)
    means = {
        Mean.SO2_24H: _mean_24h(hourly[Mean.SO2_1H]),
        Mean.NO2_24H: _mean_24h(hourly[Mean.NO2_1H]),
        Mean.CO_24H: _mean_24h(hourly[Mean.CO_1H]),
        Mean.O3_8H: _max_8h(hourly[Mean.O3_1H]),
        # Reported where the 8 h mean passes the end of its column.
        Mean.O3_1H: max((value for hour, value in hourly[Mean.O3_1H].items() if hour < 24), default=None),
        Mean.PM10_24H: _mean_24h(hourly[Mean.PM10_1H]),
        Mean.PM25_24H: _mean_24h(hourly[Mean.PM25_1H]),
    }
    found = aqi_24h(_known(means), edition)
    if found is None or _is_whole_day(hourly[Mean.O3_1H]):
        return found
    missing = {*found.missing, Pollutant.O3}  # Its greatest 8 h mean may be of an hour that is not there.
    return replace(found, missing=tuple(name for name in Pollutant if name in missing))


def _checked(series: Mapping[str, Hours]) -> dict[Mean, dict[int, float]]:
    """Return the values of each of the six series by hour; of a series that was not given there are none."""
    for name in series:
        if name not in _HOURLY:
            raise ValueError(f"{name!r} is no hourly series of the index, expected one of {', '.join(_HOURLY)}")
    return {name: _by_hour(series.get(name, ()), name) for name in _HOURLY}


def _by_hour(hours: Hours, name: str = "value") -> dict[int, float]:
    values: dict[int, float] = {}
    for hours_ago, value in hours:
        if hours_ago < 0:
            raise ValueError(f"hours_ago is {hours_ago}, expected a whole number >= 0")
        if hours_ago in values:
            raise ValueError(f"hours_ago {hours_ago} stands twice in the series, expected one value an hour")
        values[hours_ago] = not_negative(name, value)
    return values


def _mean_8h(values: Mapping[int, float], ended: int) -> float | None:
    return _mean(values, range(ended, ended + 8), VALUES_8H_MIN)


def _mean_24h(values: Mapping[int, float]) -> float | None:
    return _mean(values, range(24), VALUES_24H_MIN)


def _max_8h(values: Mapping[int, float]) -> float | None:
    means = [_mean_8h(values, ended) for ended in _WINDOWS_8H]
    greatest = max((mean for mean in means if mean is not None), default=None)
    return greatest if _is_whole_day(values) or (greatest is not None and greatest > _O3_8H_LIMIT) else None


def _is_whole_day(values: Mapping[int, float]) -> bool:
    return sum(hour < 24 for hour in values) >= VALUES_24H_MIN


def _mean(values: Mapping[int, float], window: Iterable[int], least: int) -> float | None:
    found = [values[hour] for hour in window if hour in values]
    return math.fsum(found) / len(found) if len(found) >= least else None


def _known(means: Mapping[Mean, float | None]) -> dict[str, float]:
    return {name: mean for name, mean in means.items() if mean is not None}
