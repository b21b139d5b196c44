"""Comparisons with three answers: met, not met, unknown (`None`)."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rules.holding import Holding
from rules.measures import Bound, Measured

OUTSIDE = "outside"  # What authors write for "below the first or above the second"; compiled it is those two.


class Comparison(StrEnum):
    """How a measure stands to a limit."""

    AT_LEAST = "at_least"
    ABOVE = "above"
    AT_MOST = "at_most"
    BELOW = "below"

    @property
    def rises(self) -> bool:
        """Tell whether greater values are the bad ones."""
        return self in (Comparison.AT_LEAST, Comparison.ABOVE)


Test = Callable[[float, float], bool]  # Of a known value against a limit.

_COMPARE: dict[Comparison, Test] = {
    Comparison.AT_LEAST: operator.ge,
    Comparison.ABOVE: operator.gt,
    Comparison.AT_MOST: operator.le,
    Comparison.BELOW: operator.lt,
}


def meets(comparison: Comparison) -> Test:
    """Return the test of a known value against a limit."""
    return _COMPARE[comparison]


# What a bound still decides: a sum that is at least 60 mm is surely at least 50 mm, and surely not below 50 mm.
_DECIDES: dict[tuple[Bound, bool], bool] = {(Bound.AT_LEAST, True): True, (Bound.AT_MOST, False): True}


def compare(measured: Measured, comparison: Comparison, limit: float) -> bool | None:
    """Return whether the measure meets the comparison; None where the data do not say."""
    if measured.value is None:
        return None
    is_met = _COMPARE[comparison](measured.value, limit)
    if measured.bound is Bound.EXACT:
        return is_met
    # With a bound in the direction of the comparison a yes is certain; against it, a no is.
    if measured.bound is Bound.NOTHING:
        return None
    return is_met if is_met == _DECIDES.get((measured.bound, comparison.rises), False) else None


Held = Mapping["Condition", bool | None]
NONE_HELD: Held = {}


@dataclass(frozen=True, slots=True)
class Condition:
    """One measure against one value."""

    measure: int  # Its place among the rule's measures.
    comparison: Comparison
    limit: float | None  # None: the site lacks the attribute that the limit names, so nobody knows.
    or_above: float | None = None  # The other end of `outside`, whose comparison is `below`.
    holding: Holding | None = None  # Its `for` or `repeated`, if any.

    def test(self, measured: Sequence[Measured], held: Held = NONE_HELD) -> bool | None:
        """Return whether it is met by the values of the rule's measures.

        `held` says of each condition with a `for` or `repeated` whether it has been met for long enough.
        """
        return self.test_now(measured) if self.holding is None else held[self]

    def test_now(self, measured: Sequence[Measured]) -> bool | None:
        """Return whether it is met at this moment, however long it has been."""
        if self.limit is None:
            return None
        answer = compare(measured[self.measure], self.comparison, self.limit)
        if self.or_above is None:
            return answer
        return combine([answer, compare(measured[self.measure], Comparison.ABOVE, self.or_above)], any_of=True)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Several conditions of which all, or any, must be met."""

    members: tuple[Condition, ...]
    any_of: bool = False

    def test(self, measured: Sequence[Measured], held: Held = NONE_HELD) -> bool | None:
        """Return whether they are met, by the logic of three values."""
        return combine([member.test(measured, held) for member in self.members], any_of=self.any_of)


def combine(answers: Sequence[bool | None], *, any_of: bool) -> bool | None:
    """Return "all of" or "any of" several answers. Unknown stays unknown unless the others decide."""
    if any_of in answers:
        return any_of
    return None if None in answers else not any_of
