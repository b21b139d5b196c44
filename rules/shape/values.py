"""What limits, conditions and measures are compared with or set against, as authors write it."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from citybrain.faults import Fault
from citybrain.metrics import Entry, Name
from citybrain.model import Level
from citybrain.units import parse_quantity
from rules.conditions import Comparison
from rules.repeated import parse_repeated


def _checked_quantity(text: str) -> str:
    parse_quantity(text)
    return text


QuantityText = Annotated[str, AfterValidator(_checked_quantity), Field(examples=["4.5 m"])]


class Value(Entry):
    """What a limit compares with: a quantity, or an attribute, moved by `plus` or scaled by `times`.

    `site` names an attribute of the site, `zone` one of the smallest zone there that has it.
    """

    quantity: QuantityText | None = None
    site: Name | None = None
    zone: Name | None = None
    plus: QuantityText | None = None
    times: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Value":
        if sum(part is not None for part in (self.quantity, self.site, self.zone)) != 1:
            raise Fault("value")
        return self


def _as_value(written: Any) -> Any:
    if isinstance(written, str) and written in set(Level):
        return {"quantity": f"{Level(written).rank} level"}  # A level is compared by its rank.
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


class Operand(Entry):
    """What a measure is set against: a quantity, an attribute of the site or a zone, or another measure of the rule."""

    quantity: QuantityText | None = None
    site: Name | None = None
    zone: Name | None = None
    measure: Name | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Operand":
        if sum(part is not None for part in (self.quantity, self.site, self.zone, self.measure)) != 1:
            raise Fault("operand")
        return self


AnyOperand = Annotated[Operand, BeforeValidator(_as_value)]


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
