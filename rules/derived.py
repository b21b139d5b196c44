"""Values that rules may name as `derived`: each from metrics of one site, by the standard and edition it names.

The edition of a standard is a parameter of the rule: what was right in 2019 is not what is right now. The indices
themselves stand in `rules.indices`; here is which metrics they take, and how they are called.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from citybrain.attributes import Attribute
from citybrain.instants import DAY, HOUR
from citybrain.model import Words
from citybrain.units import Quantity
from rules.indices import parking
from rules.indices.air import AirQuality, Edition, aqi_1h
from rules.indices.air_hours import aqi_1h_of_hours, aqi_24h_of_hours
from rules.indices.limits import GRADE_1_1H, Share, grade_1_share, permit_share
from rules.indices.water import WaterBody, water_class
from rules.indices.weather import heat_index

Inputs = Mapping[str, float]
Attributes = Mapping[str, Attribute]
Hours = Sequence[tuple[int, float]]  # (hours ago, value)

_GASES_AND_PARTICLES = ("so2_1h", "no2_1h", "co_1h", "o3_1h", "pm10_1h", "pm25_1h")
_WATER_ITEMS = ("ph", "dissolved_oxygen", "cod_mn", "nh3_n", "tp")
_DISCHARGES = (
    *("discharge_cod", "discharge_nh3_n", "discharge_tn", "discharge_tp"),
    *("stack_so2", "stack_nox", "stack_dust", "stack_nmhc"),
)


class Found(NamedTuple):
    """A derived value, and the inputs that are missing and might have made it greater; the worst of them decides."""

    value: float
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Derived:
    """A derived value: what it is computed from and how.

    `find` takes the known inputs as of one instant and the site's attributes, and returns None where it cannot
    say. With `same_instant` only inputs of that very instant count, as the hourly means of one hour do. With a
    `history` it takes, for every input, the values of so many milliseconds as (hours ago, value).
    """

    words: Words
    unit: str
    inputs: tuple[str, ...]
    find: Callable[[Any, Attributes], Found | None]
    same_instant: bool = False
    history: int = 0


def history_inputs(instants: Sequence[int], values: Sequence[float], instant: int) -> Hours:
    """Return samples as (hours ago, value), the newest of each hour, oldest first."""
    by_hour = {round((instant - at) / HOUR): value for at, value in zip(instants, values, strict=True)}
    return sorted(by_hour.items(), reverse=True)


def _occupancy(inputs: Inputs, attributes: Attributes) -> Found | None:
    capacity = attributes.get("capacity")
    if "occupied" not in inputs or not isinstance(capacity, Quantity):
        return None
    share = parking.occupancy(inputs["occupied"], capacity.number, inputs.get("out_of_service", 0.0))
    return None if share is None else Found(float(share))


def _index_of(quality: AirQuality | None) -> Found | None:
    if quality is None:
        return None
    return Found(float(quality.index), tuple(f"{pollutant}_1h" for pollutant in quality.missing))


def _permit_share(inputs: Inputs, attributes: Attributes) -> Found | None:
    """Return the worst share of the permit. What the permit does not name is not missed."""
    share = permit_share(inputs, attributes)
    return _worst_of(share, inputs, (name for name in _DISCHARGES if f"permit_{name}" in attributes))


def _worst_of(share: Share | None, inputs: Inputs, expected: Iterable[str]) -> Found | None:
    return None if share is None else Found(share.ratio, _missing(inputs, expected))


def _missing(inputs: Inputs, expected: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in expected if name not in inputs)


def _water_class(inputs: Inputs, attributes: Attributes) -> Found | None:
    """Return the class 1 to 6. A site that does not say otherwise lies at a river."""
    is_lake = attributes.get("water_body") == ("lake",)
    found = water_class(inputs, WaterBody.LAKE if is_lake else WaterBody.RIVER)
    return None if found is None else Found(float(found.number), _missing(inputs, _WATER_ITEMS))


def _heat_index(inputs: Inputs, _attributes: Attributes) -> Found | None:
    if len(inputs) < 2:
        return None
    return Found(heat_index(inputs["air_temperature"], inputs["humidity"]))


_AQI_NOW = Words("空气质量指数(实时)", "Air quality index (real-time)")
_AQI_DAY = Words("空气质量指数(24小时)", "Air quality index (24 h)")
_SHARE = Words("占限值的比例", "Share of the limit")
_NEW, _OLD = Edition.HJ633_2026, Edition.HJ633_2012

# (name, edition) -> how it is computed. The edition is None where no standard has several.
DERIVED: Mapping[tuple[str, str | None], Derived] = {
    ("occupancy", None): Derived(Words("占用率", "Occupancy"), "%", ("occupied", "out_of_service"), _occupancy),
    ("heat_index", None): Derived(Words("热指数", "Heat index"), "℃", ("air_temperature", "humidity"), _heat_index),
    ("aqi_1h", _NEW.value): Derived(
        _AQI_NOW,
        "index",
        _GASES_AND_PARTICLES,
        lambda inputs, _: _index_of(aqi_1h(inputs, _NEW)),
        same_instant=True,
    ),
    ("aqi_1h", _OLD.value): Derived(
        _AQI_NOW,
        "index",
        _GASES_AND_PARTICLES,
        lambda hours, _: _index_of(aqi_1h_of_hours(hours, _OLD)),
        history=DAY,
    ),
    ("aqi_24h", _NEW.value): Derived(
        _AQI_DAY,
        "index",
        _GASES_AND_PARTICLES,
        lambda hours, _: _index_of(aqi_24h_of_hours(hours, _NEW)),
        history=DAY,
    ),
    ("aqi_24h", _OLD.value): Derived(
        _AQI_DAY,
        "index",
        _GASES_AND_PARTICLES,
        lambda hours, _: _index_of(aqi_24h_of_hours(hours, _OLD)),
        history=DAY,
    ),
    ("water_class", "gb3838-2002"): Derived(
        Words("水质类别", "Water class"), "class", _WATER_ITEMS, _water_class, same_instant=True
    ),
    ("worst_share_of_limit", "permit"): Derived(
        _SHARE,
        "x",
        _DISCHARGES,
        _permit_share,
        same_instant=True,
    ),
    ("worst_share_of_limit", "gb3095-2026-grade1"): Derived(
        _SHARE,
        "x",
        _GASES_AND_PARTICLES,
        lambda inputs, _: _worst_of(grade_1_share(inputs), inputs, GRADE_1_1H),
        same_instant=True,
    ),
}
