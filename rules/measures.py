"""Measures: one number from the samples of one site, by a few steps in a fixed order.

Source, then a window (`over` and `take`) or a difference (`change_over`, `slope_over`). A measure never raises: what
cannot be known is `None`, and what is known only in part says in which direction the truth may lie.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import combinations, pairwise
from operator import mul, sub
from statistics import median
from typing import NamedTuple

from citybrain.instants import HOUR, LOCAL_OFFSET, MINUTE
from rules.cycles import Cycle
from rules.series import Series

FULL_FROM = 99.5  # Percent; what is compared with 100 % is rounded to whole percent first [E].
HISTORY_SLACK = 6 * HOUR  # So long may an outage be before what waits for its slot is lost.
LOOKS_PER_WINDOW = 60  # So often, but each minute at most, is a window looked at that moves although nothing comes [E].
CHANGE_PERIODS_MAX = 2  # So much older than a change looks back may the value then be.
COVERAGE_MIN = 0.75  # Of the samples that a window should hold; 45 of 60 min as in GB 3095-2012 table 4 [V].


class Take(StrEnum):
    """What is taken of the samples of a window."""

    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    RANGE = "range"  # The greatest less the least.
    COVERAGE = "coverage"  # How much of the window is known, percent.
    LAST = "last"
    QUANTILE = "quantile"  # Written `p90`.


class Step(StrEnum):
    """How the number comes from the samples."""

    NEWEST = "newest"
    WINDOW = "window"
    CHANGE = "change"
    SLOPE = "slope"
    TREND = "trend"


class Against(StrEnum):
    """How a measure is set against its operand."""

    MINUS = "minus"
    DIVIDED_BY = "divided_by"
    SIGMAS_FROM = "sigmas_from"  # In standard deviations of its own past.


class Bound(StrEnum):
    """What a value from too few samples still says about the true one."""

    EXACT = "exact"
    AT_LEAST = "at_least"  # A sum of increments, a maximum: more data can only raise it.
    AT_MOST = "at_most"  # A minimum: more data can only lower it.
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Own:
    """A compiled history operand: which part of a measure's own past, and what is taken of it."""

    quantile: float | None  # 0 to 1; None takes the mean.
    over: int  # Milliseconds.
    width: int  # Of the slots it is kept in; 0: it is short, and read from the series.
    every: int  # From one slot that counts to the one before it: a day for the same hour; else the width.

    @property
    def is_short(self) -> bool:
        """Tell whether it is read from the series."""
        return self.width == 0

    def slot_of(self, instant: int) -> int:
        """Return the number of the slot, of the city's own time, that an instant lies in."""
        return (instant + LOCAL_OFFSET) // self.width

    def numbers_before(self, instant: int) -> list[int]:
        """Return the slots that count at an instant, newest first; its own is none of them."""
        newest, step = self.slot_of(instant), self.every // self.width
        return [newest - step * number for number in range(1, self.over // self.every + 1)]


@dataclass(frozen=True, slots=True)
class Measure:
    """A compiled measure of one site."""

    name: str  # The metric or derived value, for evidence.
    series: str  # The key of the site's series it reads.
    unit: str
    step: Step
    span: int  # Window or difference, milliseconds; 0 for `newest`; of a cycle its whole length.
    take: Take | None
    period: int  # Between two samples, milliseconds.
    covers: int  # What one sample stands for, milliseconds; 0 for a value of the moment.
    silent_for: int | None  # A value older than this is unknown; None: it holds until the next.
    grows: bool = False  # A sum of what is never negative: more data can only raise it.
    against: Against | None = None
    operand: float | None = None  # A number of the site, where it is one; None: nobody knows it here.
    operand_place: int | None = None  # The place of another measure of the rule, where it is one.
    speaks_on_change: bool = False  # One sample is as good as two: the second would say the same.
    quantile: float = 0.0  # Which one is taken, 0 to 1; only where one is.
    coverage: float = COVERAGE_MIN  # The share of a window that must be known.
    own: Own | None = None  # Its own past, where it is set against that.
    is_occupancy: bool = False  # In percent: a mean that rounds to 100 is 100.
    horizon: int = 0  # Of a trend: how far ahead it looks, milliseconds.
    confidence: float = 0.0  # Of a trend: the share of all slopes, 0 to 1, that must lead as far.
    cycle: Cycle | None = None  # A window that begins at a time of day, not a span ago.
    read: "Read" = field(init=False, compare=False, repr=False)  # What it says of a series, if all of that is whole.

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", _reader(self))

    @property
    def is_plain(self) -> bool:
        """Tell whether its window is a span of samples, each of which counts as it came."""
        return self.cycle is None and not self.speaks_on_change and not self.is_occupancy

    @property
    def is_stamped_at_end(self) -> bool:
        """Tell whether a value stands for a time, as means, amounts and windows do: its instant is the end of it."""
        return self.covers > 0 or self.span > 0 or self.grows

    @property
    def has_operand(self) -> bool:
        """Tell whether what it is set against is known at the site, or is another measure, or its own past."""
        return self.operand is not None or self.operand_place is not None or self.own is not None

    @property
    def signature(self) -> str:
        """Return what tells the past of the measure from any other: how it is measured, and how its past is kept.

        What it is set against, and what is taken of its past, are no part of it.
        """
        kept = (self.own.over, self.own.width, self.own.every) if self.own is not None else ()
        window = (self.step, self.span, self.cycle, self.take, self.quantile, self.coverage)
        parts = (self.series, *window, self.period, self.covers, self.is_occupancy, *kept)
        return " ".join(str(part) for part in parts)

    @property
    def reach(self) -> int:
        """Return how far back the measure looks from the newest sample, milliseconds."""
        reach = self.span + 2 * self.period
        if self.own is None:
            return reach
        # A short history is read here; of a longer one the part that waits until no late reading can change it.
        return reach + self.span + (self.own.over if self.own.is_short else HISTORY_SLACK)


class Measured(NamedTuple):
    """The value of a measure as of an instant; `newest_at` is the newest sample behind it."""

    value: float | None
    bound: Bound
    newest_at: int


UNKNOWN = Measured(None, Bound.NOTHING, 0)
Read = Callable[[Series, int], Measured]


def set_against_past(spec: Measure, found: Measured, own: float, deviation: float) -> Measured:
    """Return a measure's value minus its own past, or divided by it, or in deviations from it."""
    if spec.against is not Against.SIGMAS_FROM:
        return _against(spec.against, found, own)
    if found.value is None or deviation == 0:
        return Measured(None, Bound.NOTHING, found.newest_at)
    return Measured((found.value - own) / deviation, found.bound, found.newest_at)


def set_against(spec: Measure, found: Measured, others: Sequence[Measured]) -> Measured:
    """Return a measure's value minus its operand, or divided by it. What is unknown, or a divisor of 0, is unknown."""
    if spec.against is None or found.value is None:
        return found
    if spec.operand_place is None:
        return _against(spec.against, found, spec.operand)
    other = others[spec.operand_place]
    bound = found.bound if other.bound is Bound.EXACT else Bound.NOTHING
    return _against(spec.against, Measured(found.value, bound, max(found.newest_at, other.newest_at)), other.value)


def _against(against: Against | None, found: Measured, operand: float | None) -> Measured:
    if found.value is None or against is None:
        return found
    if operand is None or (against is Against.DIVIDED_BY and operand == 0):
        return Measured(None, Bound.NOTHING, found.newest_at)
    if against is Against.MINUS:
        return Measured(found.value - operand, found.bound, found.newest_at)
    # A negative divisor turns a bound round; attributes and amounts are not negative, so nothing is claimed then.
    return Measured(found.value / operand, found.bound if operand > 0 else Bound.NOTHING, found.newest_at)


def measure(spec: Measure, series: Series, instant: int) -> Measured:
    """Return the measure's value as of the instant."""
    found = spec.read(series, instant)
    return _in_part(spec, series, found) if series.in_part and found.value is not None else found


def _reader(spec: Measure) -> Read:
    """Return the function that reads a measure from a series: all that can be settled beforehand is."""
    silent_for = math.inf if spec.silent_for is None else spec.silent_for
    # What speaks only on change still holds: it is as good as a sample of this instant.
    at_place = partial(_held, spec) if spec.speaks_on_change else _STEPS[spec.step](spec)

    def read(series: Series, instant: int) -> Measured:
        instants = series.instants
        place = len(instants) - 1
        if place < 0 or instants[place] > instant:
            place = bisect_right(instants, instant) - 1
            if place < 0:
                return UNKNOWN
        if instant - instants[place] > silent_for:
            return UNKNOWN
        return at_place(series, place, instant)

    return read


def _in_part(spec: Measure, series: Series, found: Measured) -> Measured:
    """Return a measure some of whose samples are lower bounds: what it still says of the true one."""
    first = _first_read(spec, series, found.newest_at)
    lower = {at for at in series.in_part if first <= at <= found.newest_at}
    if not lower or spec.take in (Take.COUNT, Take.COVERAGE):
        return found
    # What cannot fall where a sample rises is itself a lower bound.
    rises = first not in lower if spec.step is Step.CHANGE else spec.step in (Step.NEWEST, Step.WINDOW)
    is_bound = rises and spec.take is not Take.RANGE and found.bound in (Bound.EXACT, Bound.AT_LEAST)
    return found._replace(bound=Bound.AT_LEAST if is_bound else Bound.NOTHING)


def is_in_part(spec: Measure, found: Measured) -> bool:
    """Tell whether a value is the worst of the items of an instant that have come so far."""
    return spec.step is Step.NEWEST and found.bound is Bound.AT_LEAST


def _first_read(spec: Measure, series: Series, newest_at: int) -> int:
    """Return the instant of the first sample that a known measure may read."""
    if spec.step is Step.NEWEST or spec.take is Take.LAST:
        return newest_at
    start = window_start(spec, newest_at)
    assert start is not None, "what is known has a window"
    if spec.step is Step.CHANGE:
        then = series.place_at(start)
        return newest_at if then is None else series.instants[then]
    return start + 1 if spec.step is Step.WINDOW else start


def window_start(spec: Measure, newest_at: int) -> int | None:
    """Return the instant, itself left out, at which the window that ends with a sample begins; None where none does."""
    return newest_at - spec.span if spec.cycle is None else spec.cycle.start(newest_at)


def looks_again_in(spec: Measure, series: Series, instant: int) -> int | None:
    """Return in how many milliseconds a window over what speaks only on change will say something else; None if never.

    It moves until it holds one value alone from end to end, and rests once that is too old to be known.
    """
    place = series.place_at(instant)
    if not spec.speaks_on_change or spec.span == 0 or place is None:
        return None
    if spec.silent_for is not None and instant - series.instants[place] > spec.silent_for:
        return None
    start = window_start(spec, instant)
    if start is not None and series.instants[0] <= start:
        held = series.values[bisect_right(series.instants, start) - 1 : place + 1]
        if min(held) == max(held):
            return None
    return max(spec.span // LOOKS_PER_WINDOW, MINUTE)


def was_unknown(spec: Measure, series: Series, since: int, until: int) -> bool:
    """Tell whether what speaks only on change was too old to be known at any time between two instants."""
    if not spec.speaks_on_change or spec.silent_for is None:
        return False
    first, end = bisect_right(series.instants, since) - 1, bisect_right(series.instants, until)
    known = [*series.instants[max(first, 0) : end], until]
    return any(later - earlier > spec.silent_for for earlier, later in pairwise(known))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of at least one value, 0 to 1, linear between the two nearest.

    Source: R. J. Hyndman, Y. Fan, Am. Stat. 50 (1996) 361, definition 7.
    """
    ascending = sorted(values)
    place = share * (len(ascending) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ascending) - 1)
    return ascending[low] + (ascending[high] - ascending[low]) * (place - low)


def _newest(_spec: Measure) -> "_AtPlace":
    return lambda series, place, _instant: Measured(series.values[place], Bound.EXACT, series.instants[place])


def _windowed(spec: Measure) -> "_AtPlace":
    taken, partly = _taken(spec)
    span, period, coverage, cycle = spec.span, spec.period, spec.coverage, spec.cycle

    def windowed(series: Series, place: int, _instant: int) -> Measured:
        newest_at, length = series.instants[place], span
        if cycle is not None:
            start = cycle.start(newest_at)
            if start is None:
                return Measured(None, Bound.NOTHING, newest_at)
            length = newest_at - start
        first = bisect_right(series.instants, newest_at - length)
        values = series.values[first : place + 1]
        covered = min(len(values) * period, newest_at - series.instants[first] + period, length)
        if taken is None:
            # Of a site that is new nobody knows what it would have sent.
            is_known = series.instants[0] <= newest_at - length + period
            return Measured(100 * covered / length, Bound.EXACT if is_known else Bound.NOTHING, newest_at)
        return Measured(taken(values), Bound.EXACT if covered >= coverage * length else partly, newest_at)

    return windowed


def _taken(spec: Measure) -> tuple[Callable[[Sequence[float]], float] | None, Bound]:
    """Return what is taken of the values of a window, None for its coverage, and what that says of too few of them."""
    match spec.take:
        case Take.SUM:
            # The exact sum: it does not depend on the order in which late samples came.
            return math.fsum, Bound.AT_LEAST if spec.grows else Bound.NOTHING
        case Take.MAX:
            return max, Bound.AT_LEAST
        case Take.MIN:
            return min, Bound.AT_MOST
        case Take.RANGE:
            return _range, Bound.AT_LEAST
        case Take.COUNT:
            return _count, Bound.EXACT
        case Take.LAST:
            return _last, Bound.EXACT
        case Take.COVERAGE:
            return None, Bound.NOTHING
        case Take.QUANTILE:
            return partial(quantile, share=spec.quantile), Bound.NOTHING
    return (_whole_mean if spec.is_occupancy else mean), Bound.NOTHING


def _range(values: Sequence[float]) -> float:
    return max(values) - min(values)


def _count(values: Sequence[float]) -> float:
    return float(len(values))


def _last(values: Sequence[float]) -> float:
    return values[-1]


def _whole_mean(values: Sequence[float]) -> float:
    return _whole(mean(values))


def _whole(value: float) -> float:
    """Return a mean occupancy that rounds to 100 % as 100: a car park with one space left all hour long is full."""
    return 100.0 if value >= FULL_FROM else value


def mean(values: Sequence[float]) -> float:
    """Return the mean of one or more values, by their exact sum."""
    return math.fsum(values) / len(values)


def _held(spec: Measure, series: Series, place: int, instant: int) -> Measured:
    """Return the measure of a metric that speaks only on change: every value holds until the next one."""
    if spec.step is Step.NEWEST:
        return Measured(series.values[place], Bound.EXACT, instant)
    start = window_start(spec, instant)
    if start is None:
        return Measured(None, Bound.NOTHING, instant)
    first = max(bisect_right(series.instants, start) - 1, 0)  # The value that held when the window began.
    instants, values = series.instants[first : place + 1], series.values[first : place + 1]
    instants[0] = max(instants[0], start)
    is_covered = instant - instants[0] >= spec.coverage * (instant - start)
    match spec.take:
        case Take.MAX:
            return Measured(max(values), Bound.EXACT if is_covered else Bound.AT_LEAST, instant)
        case Take.MIN:
            return Measured(min(values), Bound.EXACT if is_covered else Bound.AT_MOST, instant)
        case Take.RANGE:
            return Measured(max(values) - min(values), Bound.EXACT if is_covered else Bound.AT_LEAST, instant)
        case Take.LAST:
            return Measured(values[-1], Bound.EXACT, instant)
        case Take.MEAN if instant > instants[0]:
            spans = map(sub, [*instants[1:], instant], instants)
            weighted = math.fsum(map(mul, values, spans)) / (instant - instants[0])
            value = _whole(weighted) if spec.is_occupancy else weighted
            return Measured(value, Bound.EXACT if is_covered else Bound.NOTHING, instant)
    if spec.step is Step.CHANGE:
        then = series.place_at(start)
        change = None if then is None else values[-1] - series.values[then]
        return Measured(change, Bound.EXACT if change is not None else Bound.NOTHING, instant)
    # A sum or a slope of states has no meaning; `rules check` refuses it.
    return Measured(None, Bound.NOTHING, instant)


def _changed(spec: Measure) -> "_AtPlace":
    def changed(series: Series, place: int, _instant: int) -> Measured:
        newest_at = series.instants[place]
        then = series.place_at(newest_at - spec.span)
        if then is None or newest_at - spec.span - series.instants[then] > CHANGE_PERIODS_MAX * spec.period:
            return Measured(None, Bound.NOTHING, newest_at)
        return Measured(series.values[place] - series.values[then], Bound.EXACT, newest_at)

    return changed


def slopes(spec: Measure, series: Series, newest_at: int) -> list[float] | None:
    """Return the slopes between all pairs of samples in the span, per millisecond; None where these are too few.

    The span's first edge is in: a slope over 60 min is drawn from a sample 60 min ago to the newest.
    """
    first, end = series.window(newest_at, spec.span + 1)
    instants, values = series.instants[first:end], series.values[first:end]
    if len(values) < 3 or instants[-1] - instants[0] < COVERAGE_MIN * spec.span:
        return None
    return [(y2 - y1) / (t2 - t1) for (t1, y1), (t2, y2) in combinations(zip(instants, values, strict=True), 2)]


def _slope(spec: Measure) -> "_AtPlace":
    """Return the reader of the median slope of all pairs of samples in the span, in unit per hour (Theil-Sen).

    One spike among many samples does not move it. Source: P. K. Sen, J. Am. Stat. Assoc. 63 (1968) 1379.
    """

    def slope(series: Series, place: int, _instant: int) -> Measured:
        newest_at = series.instants[place]
        found = slopes(spec, series, newest_at)
        if found is None:
            return Measured(None, Bound.NOTHING, newest_at)
        return Measured(median(found) * HOUR, Bound.EXACT, newest_at)

    return slope


def _trend(spec: Measure) -> "_AtPlace":
    """Return the reader of the value to which enough of the slopes lead from the newest one within the horizon.

    A limit up to it is reached with that confidence. What is there already needs no trend.
    """

    def trend(series: Series, place: int, _instant: int) -> Measured:
        newest_at = series.instants[place]
        found = slopes(spec, series, newest_at)
        if found is None:
            return Measured(None, Bound.NOTHING, newest_at)
        steepest_first = sorted(found, reverse=True)
        # A share such as 0.55 of 20 comes out a hair above the whole number that it is.
        enough = math.ceil(spec.confidence * len(found) - 1e-9)
        slope = steepest_first[max(enough, 1) - 1]
        return Measured(series.values[place] + max(slope, 0.0) * spec.horizon, Bound.EXACT, newest_at)

    return trend


_AtPlace = Callable[[Series, int, int], Measured]  # Of the newest sample as of an instant: its place, and the instant.
_STEPS: dict[Step, Callable[[Measure], _AtPlace]] = {
    Step.NEWEST: _newest,
    Step.WINDOW: _windowed,
    Step.CHANGE: _changed,
    Step.SLOPE: _slope,
    Step.TREND: _trend,
}
