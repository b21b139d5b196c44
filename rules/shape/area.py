"""The shapes of rules over several sites: `area`, `coupling`, `sequence`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from citybrain.faults import Fault
from citybrain.instants import Duration
from citybrain.metrics import Entry, KindName, Name
from citybrain.model import Level
from citybrain.places import PlaceWord
from rules.areas.across import Across, Distinct
from rules.shape.limited import LimitedRule
from rules.shape.measures import MeasureEntry
from rules.shape.places import Where
from rules.shape.rule import RuleEntry, RuleId
from rules.shape.values import AnyQuorum, AnyValue, Compared, QuantityText


def _as_tuple(written: Any) -> Any:
    return (written,) if isinstance(written, str) else written


WHOLE = ("county", "city")


class GroupEntry(Entry):
    """What an alert is about: each county, the city, each zone of some kinds, square of a grid, or site of a kind."""

    whole: str | None = None  # `county` or `city`, written without a key.
    zone: Annotated[tuple[KindName, ...], BeforeValidator(_as_tuple)] = ()
    within: QuantityText | None = None  # The zone and everything within this distance of it.
    cell: QuantityText | None = None
    site: KindName | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "GroupEntry":
        given = sum(part is not None and part != () for part in (self.whole, self.zone, self.cell, self.site))
        if given != 1 or self.whole not in (None, *WHOLE) or (self.within is not None and not self.zone):
            raise Fault("group")
        return self


def _as_group(written: Any) -> Any:
    return {"whole": written} if isinstance(written, str) else written


GroupBy = Annotated[GroupEntry, BeforeValidator(_as_group)]


class SitesWhere(Compared):
    """The one comparison that decides which sites `across: count` or `share` counts."""

    at_least: AnyValue | None = None
    above: AnyValue | None = None
    at_most: AnyValue | None = None
    below: AnyValue | None = None


class AreaMeasureEntry(MeasureEntry):
    """A number of every site of the group, or with `across` one number of them all."""

    silence: Literal[True] | None = None
    alerts: Annotated[tuple[RuleId, ...], BeforeValidator(_as_tuple)] | Literal["any"] = ()
    level: Level | None = None
    distinct: Distinct | None = None
    place: PlaceWord | None = Field(None, alias="from")
    across: Across | None = None
    weight: Name | None = None
    sites_where: SitesWhere | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "AreaMeasureEntry":
        if self.alerts and self.across not in (Across.COUNT, Across.MAX_LEVEL):
            raise Fault("alerts_across")
        if not self.alerts and (self.level is not None or self.distinct is not None or self.across is Across.MAX_LEVEL):
            raise Fault("alerts_only")
        if (self.sites_where is not None) != (self.across in (Across.COUNT, Across.SHARE) and not self.alerts):
            raise Fault("sites_where")
        if self.weight is not None and self.across is not Across.MEAN:
            raise Fault("weight")
        return self


class AreaRule(LimitedRule):
    """Several sites against limits per level: every site of a group on its own, or a number across them."""

    type: Literal["area"]
    where: Where = Where()
    group_by: GroupBy
    measure: AreaMeasureEntry | None = None
    measures: Mapping[Name, AreaMeasureEntry] = {}
    sites: AnyQuorum | None = None
    minimum_sites: Annotated[int, Field(ge=1)] = 1

    def area_measures(self) -> Mapping[str, AreaMeasureEntry]:
        """Return the measures by name; the one of the short form is called `value`."""
        return {"value": self.measure} if self.measure is not None else self.measures


class CouplingRule(RuleEntry):
    """Several hazards at one time in one place: raised above the highest alert that takes part."""

    type: Literal["coupling"]
    where: Where = Where()
    group_by: GroupBy
    measure: AreaMeasureEntry
    at_least: QuantityText
    raising: Annotated[Literal["one above the highest member"], Field(alias="raise")]


class StepEntry(Entry):
    """One alert of a sequence."""

    alert: RuleId
    level: Level = Level.BLUE
    place: PlaceWord | None = Field(None, alias="from")


class SequenceRule(RuleEntry):
    """Alerts of named rules, one after the other within a span."""

    type: Literal["sequence"]
    where: Where = Where()
    group_by: GroupBy
    steps: Annotated[tuple[StepEntry, ...], Field(min_length=2)]
    within: Duration
    raising: Annotated[Level, Field(alias="raise")]
