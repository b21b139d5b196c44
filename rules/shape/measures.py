"""Measures: a number with a name, by a few steps in a fixed order."""

from pydantic import model_validator

from citybrain.faults import Fault
from citybrain.instants import Duration
from citybrain.metrics import Entry, Name
from rules.measures import Take
from rules.shape.values import AnyOperand, Operand

SOURCES = ("metric", "derived", "silence", "alerts")


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
        if sum(getattr(self, name, None) not in (None, False, ()) for name in SOURCES) != 1:
            raise Fault("source")
        if (self.over is None) != (self.take is None) and not getattr(self, "alerts", None):
            raise Fault("window")
        if self.edition is not None and self.derived is None:
            raise Fault("edition")
        if sum(step is not None for step in (self.over, self.change_over, self.slope_over)) > 1:
            raise Fault("one_step")
        if self.minus is not None and self.divided_by is not None:
            raise Fault("one_operand")
        return self
