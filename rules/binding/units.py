"""What measures are called, which series they read, and in which unit their limits are written."""

from collections.abc import Sequence

from citybrain.instants import HOUR, MINUTE, parse_duration
from citybrain.model import VALID_FLAG, Words
from citybrain.registry import Registry
from citybrain.units import Quantity
from rules.areas.across import Across, Distinct
from rules.derived import DERIVED
from rules.measures import Take
from rules.shape.area import AreaMeasureEntry
from rules.shape.forecast import TrendEntry
from rules.shape.measures import MeasureEntry

ALERTS_WORDS = Words("报警", "Alerts")
SILENCE_WORDS = Words("无数据周期数", "Periods without data")
SIGMA = "sigma"  # The unit of a distance in standard deviations.
OCCUPANCY = "occupancy"  # The derived value.
RATIO = "x"  # The unit of a quotient; limits on it may be written in percent.


def series_key(entry: MeasureEntry, accepted: Sequence[str]) -> str:
    """Return the key of the series that a measure reads: by metric, and by flags where more than valid ones count."""
    name = f"{entry.derived}@{entry.edition}" if entry.edition else entry.derived or entry.metric
    assert name is not None, "a measure has a metric or a derived value"
    return name if tuple(accepted) == (VALID_FLAG,) else f"{name}|{''.join(accepted)}"


def inputs_of(entry: MeasureEntry) -> tuple[str, ...]:
    """Return the metrics that a measure needs at its site: one of them at least must be offered."""
    if entry.derived is not None:
        return DERIVED[entry.derived, entry.edition].inputs
    assert entry.metric is not None, "a measure has a metric or a derived value"
    return (entry.metric,)


def unit_of(entry: MeasureEntry, registry: Registry) -> str:
    """Return the unit of a measure's value: a slope is per hour, a quotient is a ratio, a count counts sites."""
    if isinstance(entry, AreaMeasureEntry):
        if entry.alerts:
            return _unit_of_alerts(entry)
        if entry.across is Across.COUNT:
            return "sites"
        if entry.across is Across.SHARE:
            return RATIO
    return site_unit_of(entry, registry)


def site_unit_of(entry: MeasureEntry, registry: Registry) -> str:
    """Return the unit of a measure at one site, before anything is made of several."""
    if entry.sigmas_from is not None:
        return SIGMA
    return RATIO if entry.divided_by is not None else plain_unit_of(entry, registry)


def _unit_of_alerts(entry: AreaMeasureEntry) -> str:
    if entry.across is Across.MAX_LEVEL:
        return "level"
    return "hazards" if entry.distinct is Distinct.HAZARD_FAMILY else "alerts"


def plain_unit_of(entry: MeasureEntry, registry: Registry) -> str:
    """Return the unit of a measure before it is set against anything; a slope is per hour, what it leads to is not."""
    if isinstance(entry, AreaMeasureEntry) and entry.silence:
        return "periods"
    if entry.take == Take.COVERAGE:
        return "%"
    if entry.derived is not None:
        unit = DERIVED[entry.derived, entry.edition].unit
    else:
        assert entry.metric is not None, "a measure has a metric or a derived value"
        unit = registry.metrics[entry.metric].unit
    return f"{unit}/h" if entry.slope_over is not None and not isinstance(entry, TrendEntry) else unit


def number_in(quantity: Quantity, unit: str) -> float:
    """Return the quantity's number in the unit of a measure; a slope may be written per minute.

    Raises ValueError for a quantity of another unit.
    """
    if quantity.unit == unit:
        return quantity.number
    if unit == RATIO and quantity.unit == "%":
        return quantity.number / 100
    if unit.endswith("/h") and quantity.unit == f"{unit.removesuffix('/h')}/min":
        return quantity.number * HOUR / MINUTE
    raise ValueError(f"the unit is {quantity.unit}, expected {unit}")


def words_of(entry: MeasureEntry, registry: Registry) -> Words:
    """Return what a measure is called."""
    if isinstance(entry, AreaMeasureEntry) and (entry.silence or entry.alerts):
        return SILENCE_WORDS if entry.silence else ALERTS_WORDS
    if entry.derived is not None:
        return DERIVED[entry.derived, entry.edition].words
    assert entry.metric is not None, "a measure has a metric or a derived value"
    return registry.metrics[entry.metric].words


def silence_of(text: str, period: int) -> int:
    """Return the milliseconds of `3 periods` or of a duration. Raises ValueError for anything else."""
    number, _, word = text.partition(" ")
    if word in ("period", "periods") and number.replace(".", "", 1).isdigit():
        return round(float(number) * period)
    return parse_duration(text)


def metres_of(quantity: Quantity) -> float:
    """Return a length in metres. Raises ValueError for what is no length."""
    if quantity.unit not in ("m", "km"):
        raise ValueError(f"the unit is {quantity.unit}, expected m or km")
    return quantity.number * (1000 if quantity.unit == "km" else 1)
