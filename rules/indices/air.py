"""Air quality index and individual indices (AQI, IAQI) from means, by HJ 633-2012 or HJ 633-2026.

HJ 633-2026 is in force since 2026-03-01; earlier data are judged by HJ 633-2012 [V].
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rules.indices.figures import not_negative, rounded


class Edition(StrEnum):
    """The editions of HJ 633."""

    HJ633_2012 = "hj633-2012"
    HJ633_2026 = "hj633-2026"


class Pollutant(StrEnum):
    """The six pollutants of the index."""

    SO2 = "so2"
    NO2 = "no2"
    CO = "co"
    O3 = "o3"
    PM10 = "pm10"
    PM25 = "pm25"


class Mean(StrEnum):
    """The mean concentrations that have a column; µg/m³, CO mg/m³. Those of 1 h are named as the metrics are."""

    SO2_1H = "so2_1h"
    SO2_24H = "so2_24h"
    NO2_1H = "no2_1h"
    NO2_24H = "no2_24h"
    CO_1H = "co_1h"
    CO_24H = "co_24h"
    O3_1H = "o3_1h"
    O3_8H = "o3_8h"
    PM10_1H = "pm10_1h"
    PM10_24H = "pm10_24h"
    PM25_1H = "pm25_1h"
    PM25_24H = "pm25_24h"

    @property
    def pollutant(self) -> Pollutant:
        """What the mean is of."""
        return _POLLUTANTS[self]


@dataclass(frozen=True, slots=True)
class AirQuality:
    """An index and what it rests on; each tuple in the order of `Pollutant`."""

    index: int
    primary: tuple[Pollutant, ...]  # Whose individual index is the greatest; empty where the index is at most 50.
    missing: tuple[Pollutant, ...]  # Not known, or known in part only.


_POLLUTANTS = {mean: Pollutant(mean.partition("_")[0]) for mean in Mean}

INDEX_MAX = 500
# An index of part of the pollutants says something only above this: what is missing could be as bad as this.
PARTIAL_ABOVE = 100
# Up to this the air is of the best class, and no pollutant is named as the primary one.
PRIMARY_ABOVE = 50

# Concentration at each IAQI; µg/m³, CO mg/m³. A short column ends below 500.
# Source: table 1 of HJ 633-2012 and of HJ 633-2026 [V]; the editions differ at IAQI 100 of the particles only.
_IAQI = (0, 50, 100, 150, 200, 300, 400, INDEX_MAX)
_GASES: dict[Mean, tuple[int, ...]] = {
    Mean.SO2_24H: (0, 50, 150, 475, 800, 1600, 2100, 2620),
    Mean.SO2_1H: (0, 150, 500, 650, 800),
    Mean.NO2_24H: (0, 40, 80, 180, 280, 565, 750, 940),
    Mean.NO2_1H: (0, 100, 200, 700, 1200, 2340, 3090, 3840),
    Mean.CO_24H: (0, 2, 4, 14, 24, 36, 48, 60),
    Mean.CO_1H: (0, 5, 10, 35, 60, 90, 120, 150),
    Mean.O3_1H: (0, 160, 200, 300, 400, 800, 1000, 1200),
    Mean.O3_8H: (0, 100, 160, 215, 265, 800),
}
_PM10_2012 = (0, 50, 150, 250, 350, 420, 500, 600)
_PM10_2026 = (0, 50, 120, 250, 350, 420, 500, 600)
_PM25_2012 = (0, 35, 75, 115, 150, 250, 350, 500)
_PM25_2026 = (0, 35, 60, 115, 150, 250, 350, 500)
_COLUMNS: Mapping[Edition, Mapping[Mean, tuple[int, ...]]] = {
    Edition.HJ633_2012: {**_GASES, Mean.PM10_24H: _PM10_2012, Mean.PM25_24H: _PM25_2012},
    # The real-time report of 2026 puts the hourly means of particles on the daily column [V].
    Edition.HJ633_2026: {
        **_GASES,
        Mean.PM10_24H: _PM10_2026,
        Mean.PM10_1H: _PM10_2026,
        Mean.PM25_24H: _PM25_2026,
        Mean.PM25_1H: _PM25_2026,
    },
}

# The means that each report takes [V].
_REAL_TIME: Mapping[Edition, tuple[Mean, ...]] = {
    Edition.HJ633_2012: (
        Mean.SO2_1H,
        Mean.NO2_1H,
        Mean.CO_1H,
        Mean.O3_1H,
        Mean.O3_8H,
        Mean.PM10_24H,
        Mean.PM25_24H,
    ),
    Edition.HJ633_2026: (Mean.SO2_1H, Mean.NO2_1H, Mean.CO_1H, Mean.O3_1H, Mean.PM10_1H, Mean.PM25_1H),
}
_DAILY = (Mean.SO2_24H, Mean.NO2_24H, Mean.CO_24H, Mean.O3_8H, Mean.PM10_24H, Mean.PM25_24H)
# Which column reports a pollutant instead where the edition of 2012 does not compute: notes 2 and 3 of its table 1 [V].
_INSTEAD_2012 = {Mean.SO2_1H: Mean.SO2_24H, Mean.O3_8H: Mean.O3_1H}


def individual_index(mean: str, concentration: float, edition: Edition) -> int | None:
    """Return the IAQI of a mean concentration (µg/m³, CO mg/m³), or None where the edition does not compute it.

    The concentration is rounded first, to whole µg/m³ and tenths of mg/m³: HJ 633-2026 [V]; for 2012 as HJ 663-2013
    keeps its means [K]. A half goes up [E]: the worse side. The index is rounded up, always [V], and is 500 at most.
    Two columns end at 800 µg/m³: SO₂ of 1 h (IAQI 200) and O₃ of 8 h (IAQI 300). Above, HJ 633-2026 stays there and
    HJ 633-2012 does not compute [V].
    Raises ValueError for a negative or non-finite concentration and for a mean without a column in the edition.
    """
    columns = _COLUMNS[edition]
    if mean not in columns:
        raise ValueError(f"{mean!r} has no column in {edition}, expected one of {', '.join(columns)}")
    mean = Mean(mean)
    parts = 10 if mean.pollutant is Pollutant.CO else 1
    found = rounded(not_negative(mean, concentration), parts=parts)
    points = columns[mean]
    if found > points[-1] * parts:
        is_computed = edition is not Edition.HJ633_2012 or mean not in _INSTEAD_2012
        return _IAQI[len(points) - 1] if is_computed else None
    if found == 0:
        return 0
    upper = next(place for place, point in enumerate(points) if found <= point * parts)
    low, high = points[upper - 1] * parts, points[upper] * parts
    rise = (_IAQI[upper] - _IAQI[upper - 1]) * (found - low)
    # Whole numbers: rounding up a quotient of floats would turn 50.00000000000001 into 51.
    return _IAQI[upper - 1] - (-rise // (high - low))


def aqi_1h(means: Mapping[str, float], edition: Edition) -> AirQuality | None:
    """Return the index of the real-time report, or None where nobody can say.

    HJ 633-2026 takes the 1 h means of all six pollutants. HJ 633-2012 takes those of the gases, and besides the 8 h
    moving mean of O₃ and the 24 h moving means of the particles [V]; with SO₂ of 1 h above 800 µg/m³ the 24 h mean of
    SO₂ counts, and without that SO₂ is missing.
    Missing pollutants: the rest decide if they pass 100, else there is no index: HJ 633-2026 [V]. HJ 633-2012 does not
    say [K]; it is read in the same way [E], for the greatest of a part is a lower bound and no more.
    The best class is 1 to 50 in 2026, 0 to 50 in 2012 [V]. Other means than these may be given and do not count.
    Raises ValueError for a negative or non-finite mean and for a name that is no `Mean`.
    """
    return _index(means, _REAL_TIME[edition], edition)


def aqi_24h(means: Mapping[str, float], edition: Edition) -> AirQuality | None:
    """Return the index of the daily report: 24 h means, and for O₃ the greatest 8 h mean of the day.

    HJ 633-2012 besides names the greatest 1 h mean of O₃ [K]; here it counts only where the 8 h mean passes 800 µg/m³
    and is not computed. Missing pollutants, classes and errors are those of `aqi_1h`.
    """
    return _index(means, _DAILY, edition)


def _index(means: Mapping[str, float], needed: Iterable[Mean], edition: Edition) -> AirQuality | None:
    _check(means)
    worst: dict[Pollutant, int] = {}
    missing: set[Pollutant] = set()
    for mean in needed:
        index = _individual(means, mean, edition)
        if index is None:
            missing.add(mean.pollutant)
        else:
            worst[mean.pollutant] = max(index, worst.get(mean.pollutant, 0))
    greatest = max(worst.values(), default=0)
    if not worst or (missing and greatest <= PARTIAL_ABOVE):
        return None
    primary = [name for name in Pollutant if worst.get(name) == greatest and greatest > PRIMARY_ABOVE]
    least = 1 if edition is Edition.HJ633_2026 else 0
    return AirQuality(max(greatest, least), tuple(primary), tuple(name for name in Pollutant if name in missing))


def _individual(means: Mapping[str, float], mean: Mean, edition: Edition) -> int | None:
    """Return the IAQI of a mean, or of the one that is reported instead, or None where neither is known."""
    if mean not in means:
        return None
    index = individual_index(mean, means[mean], edition)
    if index is None and (instead := _INSTEAD_2012[mean]) in means:
        return individual_index(instead, means[instead], edition)
    return index


def _check(means: Mapping[str, float]) -> None:
    for name, concentration in means.items():
        if name not in _POLLUTANTS:
            raise ValueError(f"{name!r} is no mean of the index, expected one of {', '.join(Mean)}")
        not_negative(name, concentration)
