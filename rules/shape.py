"""The shape of a rule file: exactly what an author may write. Manual: docs/rules.md.

A file of `rules/catalog/<scenario>/` holds the rules of one scenario. `type` picks one of a closed set; each has a
short list of fields and none may be invented.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, model_validator

from citybrain.faults import Fault
from citybrain.instants import MINUTE, Duration, Instant
from citybrain.metrics import Entry, KindName, Name
from citybrain.model import Level, Scenario, Words
from citybrain.sites import SiteId
from citybrain.units import parse_quantity
from rules.calendar import ActiveEntry
from rules.conditions import Comparison
from rules.measures import Take
from rules.repeated import parse_repeated

RuleId = Annotated[str, Field(pattern=r"^[a-z]{2}-[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
RowId = Annotated[str, Field(pattern=r"^[a-z]{2}-[a-z0-9]+$")]


def _checked_quantity(text: str) -> str:
    parse_quantity(text)
    return text


QuantityText = Annotated[str, AfterValidator(_checked_quantity), Field(examples=["4.5 m"])]


class Value(Entry):
    """What a limit compares with: a quantity, or an attribute of the site, moved by `plus` or scaled by `times`."""

    quantity: QuantityText | None = None
    site: Name | None = None
    plus: QuantityText | None = None
    times: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Value":
        if (self.quantity is None) == (self.site is None):
            raise Fault("value")
        return self


def _as_value(written: Any) -> Any:
    return {"quantity": str(written)} if isinstance(written, str | int | float) else written


AnyValue = Annotated[Value, BeforeValidator(_as_value)]


class Compared(Entry):
    """The four comparisons, of which a condition has exactly one."""

    @property
    def comparison(self) -> Comparison:
        """Return the comparison that was written."""
        return next(comparison for comparison in Comparison if getattr(self, comparison.value) is not None)

    @model_validator(mode="after")
    def _has_one_comparison(self) -> "Compared":
        written = [comparison.value for comparison in Comparison if getattr(self, comparison.value, None) is not None]
        if len(written) != 1:
            expected = ", ".join(comparison.value for comparison in Comparison)
            raise Fault("comparison", found=written or "-", expected=expected)
        return self


def _checked_repeated(text: str) -> str:
    parse_repeated(text)
    return text


RepeatedText = Annotated[str, AfterValidator(_checked_repeated), Field(examples=["3 of 7 nights"])]


class ConditionEntry(Compared):
    """One measure against one value."""

    measure: Name
    at_least: AnyValue | None = None
    above: AnyValue | None = None
    at_most: AnyValue | None = None
    below: AnyValue | None = None


class ConditionList(Entry):
    """Conditions of which any one is enough; a plain list means all."""

    any: Annotated[tuple[ConditionEntry, ...], Field(min_length=1)]


ConditionsEntry = tuple[ConditionEntry, ...] | ConditionList


class LevelEntry(Entry):
    """The limit of one level, with what this level asks for on its own."""

    value: AnyValue
    hold: Duration | None = Field(None, alias="for")
    repeated: RepeatedText | None = None
    conditions: Annotated[tuple[ConditionEntry, ...], Field(alias="and")] = ()


def _as_level_entry(written: Any) -> Any:
    is_entry = isinstance(written, LevelEntry) or (isinstance(written, dict) and "value" in written)
    return written if is_entry else {"value": written}


class TightenEntry(Entry):
    """All limits times a factor while conditions hold, as wet ground makes every rain limit smaller."""

    times: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    conditions: Annotated[tuple[ConditionEntry, ...], Field(alias="while", min_length=1)]


Ladder = dict[Level, Annotated[LevelEntry, BeforeValidator(_as_level_entry)]]


class Operand(Entry):
    """What a measure is set against: a quantity, an attribute of the site, or another measure of the rule."""

    quantity: QuantityText | None = None
    site: Name | None = None
    measure: Name | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Operand":
        if sum(part is not None for part in (self.quantity, self.site, self.measure)) != 1:
            raise Fault("operand")
        return self


AnyOperand = Annotated[Operand, BeforeValidator(_as_value)]


class MeasureEntry(Entry):
    """A number with a name: a metric or derived value, then a window or a difference, then set against an operand."""

    metric: Name | None = None
    derived: Name | None = None
    edition: str | None = None
    over: Duration | None = None
    take: Take | None = None
    change_over: Duration | None = None
    slope_over: Duration | None = None
    minus: AnyOperand | None = None
    divided_by: AnyOperand | None = None

    @property
    def operand(self) -> Operand | None:
        """Return what it is set against, if anything."""
        return self.minus or self.divided_by

    @model_validator(mode="after")
    def _is_consistent(self) -> "MeasureEntry":
        if (self.metric is None) == (self.derived is None):
            raise Fault("source")
        if (self.over is None) != (self.take is None):
            raise Fault("window")
        if self.edition is not None and self.derived is None:
            raise Fault("edition")
        if sum(step is not None for step in (self.over, self.change_over, self.slope_over)) > 1:
            raise Fault("one_step")
        if self.minus is not None and self.divided_by is not None:
            raise Fault("one_operand")
        return self


class LimitEntry(Compared):
    """One measure against one value per level."""

    measure: Name
    at_least: Ladder | None = None
    above: Ladder | None = None
    at_most: Ladder | None = None
    below: Ladder | None = None
    hold: Duration | None = Field(None, alias="for")
    repeated: RepeatedText | None = None
    clear: AnyValue | None = None
    deadband: QuantityText | None = None

    @property
    def ladder(self) -> Ladder:
        """Return the levels of the comparison that was written."""
        ladder: Ladder = getattr(self, self.comparison.value)
        return ladder


class ZoneWhere(Entry):
    """Zones by kind or by id."""

    kind: KindName | None = None
    id: str | None = None

    @model_validator(mode="after")
    def _names_zones(self) -> "ZoneWhere":
        if (self.kind is None) == (self.id is None):
            raise Fault("zone")
        return self


def _as_zone_where(written: Any) -> Any:
    return {"kind": written} if isinstance(written, str) else written


AnyZone = Annotated[ZoneWhere, BeforeValidator(_as_zone_where)]
"""Zones by kind (`dam-safety`, or `{kind: dam-safety}`) or by id (`{id: zn-dam-safety-kaitan}`)."""


class PlaceEntry(Entry):
    """The zones of a geofence."""

    zone: AnyZone


class Where(Entry):
    """Which sites a rule concerns; every line that is written must hold."""

    kind: tuple[KindName, ...] = ()
    zone: AnyZone | None = None
    county: tuple[str, ...] = ()
    site: tuple[SiteId, ...] = ()
    attribute: dict[Name, tuple[str, ...]] = {}


class Expected(Entry):
    """One event that a test expects, `at` a time after its start."""

    at: Duration
    level: Level
    state: Literal["firing", "recovering", "cleared"]
    no_data: bool = False


class RuleTest(Entry):
    """A test that stands beside its rule: values at one site, and the events they must give, all of them."""

    name: str
    site: SiteId
    start: Instant | None = None
    every: Duration | None = None  # Default: the site's own period.
    values: dict[Name, str] = {}
    positions: tuple[tuple[float, float] | None, ...] = ()
    expect: tuple[Expected, ...]


class AlsoIn(Entry):
    """A second scenario that the same event belongs to; it is published once, on its own scenario's topic."""

    scenario: Scenario
    row: RowId
    where: Where | None = None  # Only the events of these sites.


class RuleEntry(Entry):
    """What every rule says, whatever its type."""

    id: RuleId
    rows: tuple[RowId, ...] = ()
    words: Words = Field(alias="name")
    hazard: KindName
    where: Where
    also_in: tuple[AlsoIn, ...] = ()
    keep_firing_for: Duration = 0
    min_life: Duration = 30 * MINUTE
    urgent: bool = False
    source: Annotated[tuple[str, ...], Field(min_length=1)]
    cause: Words
    consequence: Words
    action: Words
    respond_within: Duration
    false_positives: Words
    tests: tuple[RuleTest, ...] = ()


class ThresholdRule(RuleEntry):
    """One site's measures against limits per level; the worst limit decides."""

    type: Literal["threshold"]
    measure: MeasureEntry | None = None
    measures: dict[Name, MeasureEntry] = {}
    limits: tuple[LimitEntry, ...] = ()
    at_least: Ladder | None = None
    above: Ladder | None = None
    at_most: Ladder | None = None
    below: Ladder | None = None
    hold: Duration | None = Field(None, alias="for")
    repeated: RepeatedText | None = None
    clear: AnyValue | None = None
    deadband: QuantityText | None = None
    active: ActiveEntry | None = None
    only_while: ConditionsEntry = ()
    tighten: TightenEntry | None = None
    clear_when: ConditionsEntry = ()
    accept_flags: tuple[Literal["N", "T"], ...] = ("N",)

    @model_validator(mode="after")
    def _has_one_form(self) -> "ThresholdRule":
        is_short = self.measure is not None
        if is_short == bool(self.limits):
            raise Fault("forms")
        beside = [name for name in ("at_least", "above", "at_most", "below") if getattr(self, name) is not None]
        if self.limits and beside:
            raise Fault("beside_limits", names=", ".join(f"`{name}`" for name in beside))
        if is_short and self.measures:
            raise Fault("measure_alone")
        if is_short:
            self.all_limits()  # Complains where the comparison is missing.
        elif not self.measures:
            raise Fault("limits_need")
        elif self.clear is not None or self.deadband is not None:
            raise Fault("clear_beside")
        return self

    def all_measures(self) -> dict[str, MeasureEntry]:
        """Return the measures by name; the one of the short form is called `value`."""
        return {"value": self.measure} if self.measure is not None else self.measures

    def all_limits(self) -> tuple[LimitEntry, ...]:
        """Return the limits; the short form is one limit on `value`."""
        if self.limits:
            return self.limits
        ladders = {c.value: getattr(self, c.value) for c in Comparison}
        return (
            LimitEntry.model_validate({"measure": "value", "clear": self.clear, "deadband": self.deadband, **ladders}),
        )


class NoDataRule(RuleEntry):
    """A site, or one metric of it, that says nothing for longer than its period allows."""

    type: Literal["no_data"]
    metric: Name = "any"
    silent_for: dict[Level, str]
    min_life: Duration = 0


GEOFENCE_EVENTS = ("inside", "outside", "enter", "exit")


class GeofenceRule(RuleEntry):
    """A site that moves, and zones: it is inside one or outside all, it enters one, it leaves one."""

    type: Literal["geofence"]
    inside: PlaceEntry | None = None
    enter: PlaceEntry | None = None
    exit: PlaceEntry | None = None
    outside: PlaceEntry | None = None
    level: Level | None = None
    dwell: dict[Level, Duration] = {}
    buffer: QuantityText | None = None

    @model_validator(mode="after")
    def _has_one_event(self) -> "GeofenceRule":
        written = [name for name in GEOFENCE_EVENTS if getattr(self, name) is not None]
        if len(written) != 1:
            expected = ", ".join(GEOFENCE_EVENTS)
            raise Fault("comparison", found=written or "-", expected=expected)
        if (self.level is None) == (not self.dwell):
            raise Fault("level_or_dwell")
        if self.dwell and self.inside is None and self.outside is None:
            raise Fault("dwell")
        return self

    @property
    def event(self) -> tuple[str, ZoneWhere]:
        """Return what is watched for, and in which zones."""
        name = next(name for name in GEOFENCE_EVENTS if getattr(self, name) is not None)
        place: PlaceEntry = getattr(self, name)
        return name, place.zone


AnyRule = Annotated[ThresholdRule | NoDataRule | GeofenceRule, Discriminator("type")]


class RuleFile(BaseModel):
    """One file of `rules/catalog/<scenario>/`."""

    model_config = Entry.model_config

    scenario: Scenario
    rules: Annotated[tuple[AnyRule, ...], Field(min_length=1)]
