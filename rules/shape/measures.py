"""Measures: a number with a name, by a few steps in a fixed order."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from citybrain.faults import Fault
from citybrain.instants import Duration, format_duration, parse_duration
from citybrain.metrics import Entry, Name
from rules.cycles import Cycle
from rules.measures import Take
from rules.shape.values import PERCENTILE, AnyOperand, Operand, ShareText

_CYCLES = tuple(cycle.value for cycle in Cycle)
_TAKES = tuple(take.value for take in Take if take is not Take.QUANTILE)


def _read_window(written: Any) -> int | Cycle:
    if written in _CYCLES:
        return Cycle(written)
    if not isinstance(written, str):
        raise Fault("no_duration", found=repr(written))
    return parse_duration(written)


def _write_window(window: int | Cycle) -> str:
    return window.value if isinstance(window, Cycle) else format_duration(window)


Window = Annotated[
    int | Cycle,
    BeforeValidator(_read_window),
    PlainSerializer(_write_window, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["10min", *_CYCLES]}),
]
"""A window: a duration, or one that begins at a time of day."""


def _checked_take(text: str) -> str:
    if text not in _TAKES and not PERCENTILE.fullmatch(text):
        raise Fault("take", found=repr(text), expected=", ".join(_TAKES))
    return text


TakeText = Annotated[str, AfterValidator(_checked_take), Field(examples=[*_TAKES, "p90"])]


OPERANDS = ("minus", "divided_by", "sigmas_from")
"""The words that set a measure against something."""

SOURCES = ("metric", "derived", "silence", "alerts")


class MeasureEntry(Entry):
    """A number with a name: a metric or derived value, then a window or a difference, then set against an operand."""

    metric: Name | None = None
    derived: Name | None = None
    edition: str | None = None
    over: Window | None = None
    take: TakeText | None = None
    coverage: ShareText | None = None
    change_over: Duration | None = None
    slope_over: Duration | None = None
    minus: AnyOperand | None = None
    divided_by: AnyOperand | None = None
    sigmas_from: AnyOperand | None = None

    @property
    def operand(self) -> Operand | None:
        """Return what it is set against, if anything."""
        return self.minus or self.divided_by or self.sigmas_from

    @property
    def taken(self) -> tuple[Take | None, float]:
        """Return what is taken of the window, with the share from 0 to 1 of a quantile."""
        if self.take is None or self.take in _TAKES:
            return (None if self.take is None else Take(self.take)), 0.0
        return Take.QUANTILE, int(self.take[1:]) / 100

    @model_validator(mode="after")
    def _is_consistent(self) -> "MeasureEntry":
        if sum(getattr(self, name, None) not in (None, False, ()) for name in SOURCES) != 1:
            raise Fault("source")
        if (self.over is None) != (self.take is None) and not getattr(self, "alerts", None):
            raise Fault("window")
        if self.coverage is not None and self.over is None:
            raise Fault("coverage")
        if self.edition is not None and self.derived is None:
            raise Fault("edition")
        if sum(step is not None for step in (self.over, self.change_over, self.slope_over)) > 1:
            raise Fault("one_step")
        if sum(operand is not None for operand in (self.minus, self.divided_by, self.sigmas_from)) > 1:
            raise Fault("one_operand")
        if self.sigmas_from is not None and self.sigmas_from.own is None:
            raise Fault("sigmas_from")
        if self.operand is not None and self.operand.over is not None:
            span = self.over or self.change_over or self.slope_over or 0
            if isinstance(span, Cycle) or self.operand.over < 2 * span:
                raise Fault("history_window")
        return self
