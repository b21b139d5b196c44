"""What limits, conditions and measures are compared with or set against, as authors write it."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from citybrain.faults import Fault
from citybrain.metrics import Entry, Name
from citybrain.units import parse_quantity
from rules.conditions import OUTSIDE, Comparison
from rules.repeated import parse_repeated


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


def _is_pair(written: Any) -> str:
    return "band" if isinstance(written, list | tuple) else "value"


Band = tuple[AnyValue, AnyValue]
"""What `outside` compares with: strictly below the first, or strictly above the second."""

ValueOrBand = Annotated[
    Annotated[AnyValue, Tag("value")] | Annotated[Band, Tag("band")],
    Discriminator(_is_pair),
]

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


def _checked_share(text: str) -> str:
    share = parse_quantity(text)
    if share.unit != "%" or not 0 < share.number <= 100:
        raise Fault("share", found=repr(text))
    return text


ShareText = Annotated[str, AfterValidator(_checked_share), Field(examples=["75 %"])]
"""A share above 0 % and up to 100 %."""


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
