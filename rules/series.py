"""The samples of one metric at one site, oldest first, kept as long as a window or a late reading may need them."""

from bisect import bisect_left, bisect_right
from enum import Enum
from typing import Any


class Arrival(Enum):
    """How a sample stands to those that are there."""

    NEWEST = "newest"
    INSIDE = "inside"  # Older than the newest, or a revision of it: windows are judged again.
    DUPLICATE = "duplicate"
    LATE = "late"


class Series:
    """Samples in the order of their instants. `keep` is how far back from the newest they are held."""

    __slots__ = ("instants", "keep", "late_max", "total", "values")

    def __init__(self, *, keep: int, late_max: int) -> None:
        self.keep = keep
        self.late_max = late_max
        self.instants: list[int] = []
        self.values: list[float] = []
        self.total = 0.0  # Of all values that are held, but for rounding.

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

    def remove(self, instant: int) -> bool:
        """Take the sample of an instant away; tell whether there was one."""
        place = bisect_left(self.instants, instant)
        if place == len(self.instants) or self.instants[place] != instant:
            return False
        del self.instants[place], self.values[place]
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
        """Return the samples as plain data: the instants and the values."""
        return [self.instants, self.values]

    def load(self, data: list[Any]) -> None:
        """Take over samples that `dump` returned."""
        self.instants, self.values = list(data[0]), [float(value) for value in data[1]]
        self.total = sum(self.values)

    def _prune(self) -> None:
        """Drop what is older than `keep`, in bulk: one cut per many samples costs less than one each."""
        # One sample at or before the edge stays: `change_over` asks for the value as of that instant.
        cut = bisect_right(self.instants, self.instants[-1] - self.keep) - 1
        if cut > 0:
            del self.instants[:cut], self.values[:cut]
            self.total = sum(self.values)
