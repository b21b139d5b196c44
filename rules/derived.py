"""Values computed from several metrics of a site, each by the standard it names.

The edition of a standard is a parameter of the rule: what was right in 2019 is not what is right now.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from citybrain.model import Words
from citybrain.sites import Attribute
from citybrain.units import Quantity

Inputs = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Derived:
    """A derived value: what it is computed from and how.

    `compute` takes the known inputs as of one instant and the site's attributes, and returns None where it cannot
    say. With `same_instant` only inputs of that very instant count, as the hourly means of one hour do.
    """

    words: Words
    unit: str
    inputs: tuple[str, ...]
    same_instant: bool
    compute: Callable[[Inputs, Mapping[str, Attribute]], float | None]


def occupancy(inputs: Inputs, attributes: Mapping[str, Attribute]) -> float | None:
    """Return the occupied share of the usable places in percent, rounded to whole percent, or None.

    Usable is the capacity less what is out of service. Counts drift, so the share may pass 100; it is cut there.
    """
    capacity = attributes.get("capacity")
    occupied = inputs.get("occupied")
    if occupied is None or not isinstance(capacity, Quantity):
        return None
    usable = capacity.number - inputs.get("out_of_service", 0.0)
    return min(100.0, float(_half_up(100 * occupied / usable))) if usable > 0 else None


# Concentrations at IAQI 0, 50, 100, 150, 200, 300, 400, 500; µg/m³, CO mg/m³. For the real-time report of the 2026
# edition the hourly means of PM stand on the daily column.
# Source: HJ 633-2026 table 1 [V].
_IAQI = (0, 50, 100, 150, 200, 300, 400, 500)
_BREAKPOINTS_2026: dict[str, tuple[float, ...]] = {
    "so2_1h": (0, 150, 500, 650, 800),
    "no2_1h": (0, 100, 200, 700, 1200, 2340, 3090, 3840),
    "co_1h": (0, 5, 10, 35, 60, 90, 120, 150),
    "o3_1h": (0, 160, 200, 300, 400, 800, 1000, 1200),
    "pm10_1h": (0, 50, 120, 250, 350, 420, 500, 600),
    "pm25_1h": (0, 35, 60, 115, 150, 250, 350, 500),
}


def individual_index_2026(pollutant: str, concentration: float) -> int:
    """Return the IAQI of an hourly mean (µg/m³, CO mg/m³), rounded up and at most 500; SO₂ at most 200.

    Concentrations are rounded first: whole µg/m³, CO to one decimal. Source: HJ 633-2026 [V].
    Raises KeyError for a pollutant that the index does not know.
    """
    points = _BREAKPOINTS_2026[pollutant]
    concentration = _half_up(concentration * 10) / 10 if pollutant == "co_1h" else float(_half_up(concentration))
    if concentration >= points[-1]:
        return _IAQI[len(points) - 1]
    upper = next(place for place, point in enumerate(points) if concentration < point)
    low, high = points[upper - 1], points[upper]
    rise = (_IAQI[upper] - _IAQI[upper - 1]) / (high - low)
    # The product is exact to about 1e-13; without the rounding 50.00000000000001 would become 51.
    return math.ceil(round(rise * (concentration - low) + _IAQI[upper - 1], 9))


def air_quality_index_2026(inputs: Inputs, _attributes: Mapping[str, Attribute]) -> float | None:
    """Return the real-time AQI of one hour: the greatest IAQI, at least 1.

    With a pollutant missing, the rest decide only when they pass 100; below that nobody can say.
    Source: HJ 633-2026 [V].
    """
    if not inputs:
        return None
    index = max(individual_index_2026(pollutant, concentration) for pollutant, concentration in inputs.items())
    if len(inputs) < len(_BREAKPOINTS_2026) and index <= 100:
        return None
    return float(max(index, 1))


def _half_up(number: float) -> int:
    return math.floor(number + 0.5)


# (name, edition) -> how it is computed. The edition is None where no standard has several.
DERIVED: Mapping[tuple[str, str | None], Derived] = {
    ("occupancy", None): Derived(
        Words("占用率", "Occupancy"), "%", ("occupied", "out_of_service"), same_instant=False, compute=occupancy
    ),
    ("aqi_1h", "hj633-2026"): Derived(
        Words("空气质量指数(实时)", "Air quality index (real-time)"),
        "index",
        tuple(_BREAKPOINTS_2026),
        same_instant=True,
        compute=air_quality_index_2026,
    ),
}
