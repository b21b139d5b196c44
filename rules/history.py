"""A measure's own past at one site, as `{own: median, over: 3d, at: same_hour}` asks for it.

Short spans are read from the series. Longer ones are kept in slots of the city's own time, a quarter of an hour, an
hour or a day each, as number, mean and spread of what was measured in them. A value goes into its slot once no late
reading can change it any more, so that the history is the same in whatever order readings came.
"""

import math
from bisect import bisect_right
from typing import Any, NamedTuple

from rules.measures import Bound, Measure, Own, measure, quantile
from rules.series import Series

READY_SHARE = 0.5  # Of its slots that must be known before a history says anything [E].
_ROUNDING = 1e-9  # A deviation so small beside the mean is none: it is what floats leave of equal values.


class Past(NamedTuple):
    """What a history says: the value that a measure is set against, and the standard deviation around the mean."""

    own: float
    deviation: float


class Slot(NamedTuple):
    """What was measured in one slot. `spread` is the sum of the squared distances from the mean."""

    samples: int
    mean: float
    spread: float

    def with_value(self, value: float) -> "Slot":
        """Return the slot with one more value.

        Source: B. P. Welford, Technometrics 4 (1962) 419.
        """
        mean = self.mean + (value - self.mean) / (self.samples + 1)
        return Slot(self.samples + 1, mean, self.spread + (value - self.mean) * (value - mean))


_EMPTY = Slot(0, 0.0, 0.0)


class History:
    """The slots of one measure at one site, oldest first."""

    __slots__ = ("slots", "until")

    def __init__(self) -> None:
        self.slots: dict[int, Slot] = {}  # By number, counted from 1970.
        self.until = 0  # Samples up to this instant are in.

    def settle(self, spec: Measure, own: Own, series: Series) -> None:
        """Take in what no late reading can change any more; drop what is older than the span."""
        newest_at = series.newest_at
        if newest_at is None or own.is_short:
            return
        edge = newest_at - max(series.late_max + 1, spec.span)
        instants = series.instants
        for instant in instants[bisect_right(instants, self.until) : bisect_right(instants, edge)]:
            found = measure(spec, series, instant)
            if found.value is not None and found.bound is Bound.EXACT:
                number = own.slot_of(instant)
                self.slots[number] = self.slots.get(number, _EMPTY).with_value(found.value)
        self.until = max(self.until, edge)
        oldest = own.slot_of(newest_at) - own.over // own.width
        while self.slots and (first := next(iter(self.slots))) < oldest:
            del self.slots[first]

    def past(self, spec: Measure, own: Own, series: Series, newest_at: int) -> Past | None:
        """Return what the history says of the window that ends with a sample; None until half of it is known."""
        if own.is_short:
            slots, expected = _recent(spec, own, series, newest_at)
        else:
            numbers = own.numbers_before(newest_at)
            slots, expected = [self.slots[number] for number in numbers if number in self.slots], len(numbers)
        if not slots or len(slots) < READY_SHARE * expected:
            return None
        count = sum(slot.samples for slot in slots)
        mean = math.fsum(slot.samples * slot.mean for slot in slots) / count
        spread = math.fsum(slot.spread + slot.samples * (slot.mean - mean) ** 2 for slot in slots)
        deviation = math.sqrt(spread / count)
        value = mean if own.quantile is None else quantile([slot.mean for slot in slots], own.quantile)
        return Past(value, deviation if deviation > _ROUNDING * abs(mean) else 0.0)

    def dump(self) -> list[Any]:
        """Return the history as plain data."""
        return [self.until, [[number, *slot] for number, slot in self.slots.items()]]

    def load(self, data: list[Any]) -> None:
        """Take over a history that `dump` returned."""
        self.until = data[0]
        self.slots = {number: Slot(samples, float(mean), float(spread)) for number, samples, mean, spread in data[1]}


def _recent(spec: Measure, own: Own, series: Series, newest_at: int) -> tuple[list[Slot], float]:
    """Return the values of a short history, and how many there should be.

    Of a value of the moment that is every sample; of a window, those windows that lie end to end before it.
    """
    if spec.span == 0:
        first, end = series.window(newest_at - 1, own.over)
        samples = zip(series.instants[first:end], series.values[first:end], strict=True)
        return [Slot(1, value, 0.0) for at, value in samples if at not in series.in_part], own.over / spec.period
    count = own.over // spec.span
    values: list[float] = []
    for number in range(1, count + 1):
        end = newest_at - number * spec.span
        found = measure(spec, series, end)
        if found.value is not None and found.bound is Bound.EXACT and found.newest_at > end - spec.span:
            values.append(found.value)
    return [Slot(1, value, 0.0) for value in values], count
