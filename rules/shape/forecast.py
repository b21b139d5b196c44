"""The shape of `forecast` rules."""

from typing import Literal

from pydantic import Field, model_validator

from citybrain.faults import Fault
from citybrain.instants import Duration
from citybrain.units import parse_quantity
from rules.calendar import ActiveEntry
from rules.shape.limits import Ladder
from rules.shape.measures import MeasureEntry
from rules.shape.rule import RuleEntry
from rules.shape.threshold import ThresholdRule
from rules.shape.values import Flags, QuantityText, ShareText


class TrendEntry(MeasureEntry):
    """What a forecast rule measures: the value that a trend leads to."""

    within: Duration
    confidence: float  # The share of all slopes, above 0 and up to 1, that must lead there.


class ForecastRule(RuleEntry):
    """One site's measure and its trend: the limit will be reached within a time."""

    type: Literal["forecast"]
    measure: MeasureEntry
    reaches: Ladder
    within: Duration
    confidence: ShareText = "75 %"
    hold: Duration | None = Field(None, alias="for")
    deadband: QuantityText | None = None
    active: ActiveEntry | None = None
    accept_flags: Flags = ("N",)

    @model_validator(mode="after")
    def _has_a_trend(self) -> "ForecastRule":
        if self.measure.slope_over is None or self.measure.operand is not None:
            raise Fault("forecast")
        return self

    def as_threshold(self) -> ThresholdRule:
        """Return the rule as one that compares what the trend leads to with the limits."""
        share = parse_quantity(self.confidence).number / 100
        written = {name: getattr(self.measure, name) for name in MeasureEntry.model_fields}
        trend = TrendEntry.model_construct(**written, within=self.within, confidence=share)
        common = {name: getattr(self, name) for name in RuleEntry.model_fields}
        return ThresholdRule.model_construct(
            **common,
            type="threshold",
            measure=trend,
            at_least=self.reaches,
            hold=self.hold,
            deadband=self.deadband,
            active=self.active,
            accept_flags=self.accept_flags,
        )
