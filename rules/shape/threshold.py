"""The shape of `threshold` rules, and of `quality` rules, which are the same about readings themselves."""

from typing import Literal

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
from rules.silence import ANY_METRIC


class ThresholdRule(RuleEntry):
    """One site's measures against limits per level; the worst limit decides.

    With `type: quality` a measure may be of `any` metric: each metric of the site is then judged by itself.
    """

    type: Literal["threshold", "quality"]
    measure: MeasureEntry | None = None
    measures: dict[Name, MeasureEntry] = {}
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
    def _has_one_form(self) -> "ThresholdRule":
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

    @property
    def is_of_any_metric(self) -> bool:
        """Tell whether it judges each metric of a site by itself."""
        return any(measure.metric == ANY_METRIC for measure in self.all_measures().values())

    def of_metric(self, metric: str) -> "ThresholdRule":
        """Return the rule with one metric in the place of `any`."""
        measures = {
            name: measure.model_copy(update={"metric": metric}) if measure.metric == ANY_METRIC else measure
            for name, measure in self.all_measures().items()
        }
        return self.model_copy(update={"measure": measures["value"]} if self.measure else {"measures": measures})

    def all_measures(self) -> dict[str, MeasureEntry]:
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
