"""What limits, conditions and measures are compared with or set against, as authors write it."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from citybrain.faults import Fault
from citybrain.instants import DAY, Duration
from citybrain.metrics import Entry, Name
from citybrain.model import Level
from citybrain.units import parse_quantity
from rules.conditions import OUTSIDE, Comparison
from rules.repeated import parse_repeated


def _checked_quantity(text: str) -> str:
    parse_quantity(text)
    return text


QuantityText = Annotated[str, AfterValidator(_checked_quantity), Field(examples=["4.5 m"])]


class Value(Entry):
    """What a limit compares with: a quantity, or an attribute, moved by `plus` or scaled by `times`.

    `site` names an attribute of the site, `zone` one of the smallest zone there that has it. A bare number is in the
    unit of the metric itself, whichever it is: only for `metric: any`.
    """

    quantity: QuantityText | None = None
    number: Annotated[float, Field(allow_inf_nan=False)] | None = None
    site: Name | None = None
    zone: Name | None = None
    plus: QuantityText | None = None
    times: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Value":
        if sum(part is not None for part in (self.quantity, self.number, self.site, self.zone)) != 1:
            raise Fault("value")
        return self


def _as_value(written: Any) -> Any:
    if isinstance(written, int | float) and not isinstance(written, bool):
        return {"number": written}
    return _as_quantity(written)


def _as_quantity(written: Any) -> Any:
    if isinstance(written, str) and written in set(Level):
        return {"quantity": f"{Level(written).rank} level"}  # A level is compared by its rank.
    return {"quantity": str(written)} if isinstance(written, str | int | float) else written


AnyValue = Annotated[Value, BeforeValidator(_as_value)]


def _is_pair(written: Any) -> str:
    return "band" if isinstance(written, list | tuple) else "value"


Band = tuple[AnyValue, AnyValue]
"""What `outside` compares with: strictly below the first, or strictly above the second."""

ValueOrBand = Annotated[
    Annotated[AnyValue, Tag("value")] | Annotated[Band, Tag("band")],
    Discriminator(_is_pair),
]

Flags = tuple[Literal["N", "T"], ...]
"""Letters of HJ 212 of the values that count."""

COMPARISONS: tuple[str, ...] = (*(comparison.value for comparison in Comparison), OUTSIDE)
"""The words of the comparisons, as authors write them."""


class Compared(Entry):
    """The five comparisons, of which a condition has exactly one."""

    @property
    def word(self) -> str:
        """Return the comparison that was written."""
        return next(word for word in COMPARISONS if getattr(self, word) is not None)

    @property
    def comparison(self) -> Comparison:
        """Return the comparison of one value; that of `outside` is of its first."""
        return Comparison.BELOW if self.word == OUTSIDE else Comparison(self.word)

    @model_validator(mode="after")
    def _has_one_comparison(self) -> "Compared":
        written = [word for word in COMPARISONS if getattr(self, word, None) is not None]
        if len(written) != 1:
            raise Fault("comparison", found=written or "-", expected=", ".join(COMPARISONS))
        return self


def _checked_repeated(text: str) -> str:
    parse_repeated(text)
    return text


RepeatedText = Annotated[str, AfterValidator(_checked_repeated), Field(examples=["3 of 7 nights"])]


HISTORY_MAX = 92 * DAY
PERCENTILE = re.compile(r"p[1-9]\d?")
"""How a percentile is written, from `p1` to `p99`."""


def _checked_share(text: str) -> str:
    share = parse_quantity(text)
    if share.unit != "%" or not 0 < share.number <= 100:
        raise Fault("share", found=repr(text))
    return text


ShareText = Annotated[str, AfterValidator(_checked_share), Field(examples=["75 %"])]
"""A share above 0 % and up to 100 %."""


class SameTime(StrEnum):
    """Which part of its past a measure is set against."""

    HOUR = "same_hour"  # Of the days before.
    WEEKDAY_SLOT = "same_weekday_slot"  # The same quarter of an hour of the weeks before.


def _checked_own(text: str) -> str:
    if text not in ("mean", "median") and not PERCENTILE.fullmatch(text):
        raise Fault("own", found=repr(text))
    return text


class Operand(Entry):
    """What a measure is set against: a quantity, an attribute of site or zone, another measure, or its own past."""

    quantity: QuantityText | None = None
    site: Name | None = None
    zone: Name | None = None
    measure: Name | None = None
    own: Annotated[str, AfterValidator(_checked_own), Field(examples=["median", "mean", "p10"])] | None = None
    over: Duration | None = None
    at: SameTime | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Operand":
        parts = (self.quantity, self.site, self.zone, self.measure, self.own)
        if sum(part is not None for part in parts) != 1:
            raise Fault("operand")
        if (self.own is None) != (self.over is None) or (self.at is not None and self.own is None):
            raise Fault("own_over")
        if self.over is not None and (self.over > HISTORY_MAX or self.over % _WHOLE[self.at] or self.over == 0):
            raise Fault("history")
        return self

    @property
    def quantile(self) -> float | None:
        """Return which quantile of its past is taken, 0 to 1; None for the mean."""
        assert self.own is not None, "only a history is asked"
        return {"mean": None, "median": 0.5}[self.own] if not self.own.startswith("p") else int(self.own[1:]) / 100


# What the span of a history must be a multiple of, milliseconds.
_WHOLE: dict[SameTime | None, int] = {None: 1, SameTime.HOUR: DAY, SameTime.WEEKDAY_SLOT: 7 * DAY}

AnyOperand = Annotated[Operand, BeforeValidator(_as_quantity)]


class QuorumEntry(Entry):
    """How many sites of an area must meet a limit: a number, a share of them, or so many close together."""

    at_least: Annotated[int, Field(ge=1)] | None = None
    share: QuantityText | None = None
    within: QuantityText | None = None  # So many within this distance of one of them.

    @model_validator(mode="after")
    def _is_one_thing(self) -> "QuorumEntry":
        if (self.at_least is None) == (self.share is None) or (self.within is not None and self.at_least is None):
            raise Fault("quorum")
        return self


def _as_quorum(written: Any) -> Any:
    if isinstance(written, int):
        return {"at_least": written}
    return {"share": written} if isinstance(written, str) else written


AnyQuorum = Annotated[QuorumEntry, BeforeValidator(_as_quorum)]
