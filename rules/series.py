"""The samples of one metric at one site, oldest first, kept as long as a window or a late reading may need them."""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any


class Arrival(Enum):
    """How a sample stands to those that are there."""

    NEWEST = "newest"
    INSIDE = "inside"  # Older than the newest, or a revision of it: windows are judged again.
    DUPLICATE = "duplicate"
    LATE = "late"


_WHOLE: AbstractSet[int] = frozenset()  # One for all: nearly every value is measured, and whole.


class Series:
    """Samples in the order of their instants. `keep` is how far back from the newest they are held.

    A computed value that is the worst of several, some of which are missing, is known in part: it is a lower bound.
    """

    __slots__ = ("beyond_at", "in_part", "instants", "keep", "late_max", "total", "values")

    def __init__(self, *, keep: int, late_max: int) -> None:
        self.keep = keep
        self.late_max = late_max
        # Arrays take 16 bytes a sample, lists of numbers 72.
        self.instants = array("q")
        self.values = array("d")
        self.in_part: AbstractSet[int] = _WHOLE  # The instants whose values are lower bounds.
        self.total = 0.0  # Of all values that are held, but for rounding.
        self.beyond_at: float = -math.inf  # The instant of the newest sample that lay outside the band of its route.

    @property
    def newest_at(self) -> int | None:
        """Return the instant of the newest sample, or None where there is none yet."""
        return self.instants[-1] if self.instants else None

    def add(self, instant: int, value: float) -> Arrival:
        """Put a sample where it belongs and say how it arrived; a duplicate or late one changes nothing."""
        instants = self.instants
        if not instants or instant > instants[-1]:
            instants.append(instant)
            self.values.append(value)
            self.total += value
            if instant - instants[0] > 1.25 * self.keep + 1:
                self._prune()
            return Arrival.NEWEST
        if instant < instants[-1] - self.late_max:
            return Arrival.LATE
        place = bisect_left(instants, instant)
        if instants[place] != instant:
            instants.insert(place, instant)
            self.values.insert(place, value)
        elif self.values[place] == value:
            return Arrival.DUPLICATE
        else:
            self.values[place] = value
        self.total = sum(self.values)
        return Arrival.INSIDE

    def compute(self, instant: int, value: float, *, is_whole: bool) -> Arrival:
        """Put a computed value where it belongs, as `add` does. One that is whole in place of a part is new."""
        arrival = self.add(instant, value)
        if arrival is not Arrival.LATE and is_whole == (instant in self.in_part):
            self.in_part = self.in_part ^ {instant}
            return Arrival.INSIDE if arrival is Arrival.DUPLICATE else arrival
        return arrival

    def remove(self, instant: int) -> bool:
        """Take the sample of an instant away; tell whether there was one."""
        place = bisect_left(self.instants, instant)
        if place == len(self.instants) or self.instants[place] != instant:
            return False
        del self.instants[place], self.values[place]
        self.in_part = self.in_part - {instant}
        self.total = sum(self.values)
        return True

    def window(self, end: int, span: int) -> tuple[int, int]:
        """Return the slice of samples in the half-open span `(end - span, end]`."""
        return bisect_right(self.instants, end - span), bisect_right(self.instants, end)

    def place_at(self, instant: int) -> int | None:
        """Return the place of the newest sample at or before the instant, or None."""
        place = bisect_right(self.instants, instant) - 1
        return place if place >= 0 else None

    def dump(self) -> list[Any]:
        """Return the samples as plain data: the instants and the values, and which are known in part, if any are."""
        return [self.instants.tolist(), self.values.tolist(), *([sorted(self.in_part)] if self.in_part else [])]

    def load(self, data: list[Any]) -> None:
        """Take over samples that `dump` returned."""
        self.instants, self.values = array("q", data[0]), array("d", data[1])
        self.in_part = frozenset(data[2]) if len(data) > 2 else _WHOLE
        self.total = sum(self.values)
        self.beyond_at = self.instants[-1] if self.instants else -math.inf  # Nobody knows under which rules it was.

    def _prune(self) -> None:
        """Drop what is older than `keep`, in bulk: one cut per many samples costs less than one each."""
        # One sample at or before the edge stays: `change_over` asks for the value as of that instant.
        cut = bisect_right(self.instants, self.instants[-1] - self.keep) - 1
        if cut > 0:
            del self.instants[:cut], self.values[:cut]
            if self.in_part:
                self.in_part = frozenset(at for at in self.in_part if at >= self.instants[0])
            self.total = sum(self.values)
