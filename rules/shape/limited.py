"""What rules with measures and limits share, whether they look at one site or at several."""

from collections.abc import Mapping

from pydantic import Field, model_validator

from citybrain.faults import Fault
from citybrain.instants import Duration
from citybrain.metrics import Name
from rules.calendar import ActiveEntry
from rules.shape.conditions import ConditionsEntry, TightenEntry
from rules.shape.limits import Bands, Ladder, LimitEntry
from rules.shape.measures import MeasureEntry
from rules.shape.rule import RuleEntry
from rules.shape.values import COMPARISONS, Flags, QuantityText, RepeatedText, ValueOrBand


class LimitedRule(RuleEntry):
    """Measures against limits per level; the worst limit decides."""

    measure: MeasureEntry | None = None
    measures: Mapping[Name, MeasureEntry] = {}
    limits: tuple[LimitEntry, ...] = ()
    at_least: Ladder | None = None
    above: Ladder | None = None
    at_most: Ladder | None = None
    below: Ladder | None = None
    outside: Bands | None = None
    hold: Duration | None = Field(None, alias="for")
    repeated: RepeatedText | None = None
    clear: ValueOrBand | None = None
    deadband: QuantityText | None = None
    active: ActiveEntry | None = None
    only_while: ConditionsEntry = ()
    tighten: TightenEntry | None = None
    clear_when: ConditionsEntry = ()
    accept_flags: Flags = ("N",)

    @model_validator(mode="after")
    def _has_one_form(self) -> "LimitedRule":
        is_short = self.measure is not None
        if is_short == bool(self.limits):
            raise Fault("forms")
        beside = [name for name in COMPARISONS if getattr(self, name) is not None]
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

    def all_measures(self) -> Mapping[str, MeasureEntry]:
        """Return the measures by name; the one of the short form is called `value`."""
        return {"value": self.measure} if self.measure is not None else self.measures

    def all_limits(self) -> tuple[LimitEntry, ...]:
        """Return the limits; the short form is one limit on `value`."""
        if self.limits:
            return self.limits
        ladders = {word: getattr(self, word) for word in COMPARISONS}
        return (
            LimitEntry.model_validate({"measure": "value", "clear": self.clear, "deadband": self.deadband, **ladders}),
        )
