"""The quick look: whether a limit may be met at all, said in the fewest steps; nearly every reading ends there.

It says what `measure` says, without its ceremony, and is compiled once per limit.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from citybrain.instants import HOUR
from rules.conditions import Comparison, Conditions, meets
from rules.measures import CHANGE_PERIODS_MAX, UNKNOWN, Bound, Measure, Step, Take, mean, measure, set_against
from rules.rest import ROUNDING_MAX
from rules.series import Series

# Many sites have the same limit on the same measure. One function for all of them stays in the processor's cache.
ALIKE_MAX = 4096

Quick = Callable[[Series, int], bool]


@lru_cache(maxsize=ALIKE_MAX)
def quick_test(spec: Measure, comparison: Comparison, limit: float) -> Quick:
    """Return a function that tells whether the measure may meet a limit as of an instant.

    An exact value decides, and so does a bound in the limit's own direction. What is unknown meets nothing.
    """
    if spec.operand_place is not None or spec.own is not None:
        return lambda _series, _instant: True  # It takes another measure, or what is remembered, to say.
    if spec.against is None and spec.step is Step.NEWEST:
        return _newest(spec, comparison, limit)
    if spec.against is None and spec.step is Step.WINDOW and spec.is_plain and spec.take in _TAKEN:
        return _windowed(spec, comparison, limit)
    if spec.against is None and spec.step is Step.CHANGE and not spec.speaks_on_change:
        return _changed(spec, comparison, limit)
    if spec.against is None and spec.step in (Step.SLOPE, Step.TREND) and comparison.rises:
        return _rising(spec, comparison, limit)
    return _plain(spec, comparison, limit)


def _plain(spec: Measure, comparison: Comparison, limit: float) -> Quick:
    is_met = meets(comparison)
    deciding = (Bound.EXACT, Bound.AT_LEAST if comparison.rises else Bound.AT_MOST)

    def plain(series: Series, instant: int) -> bool:
        found = set_against(spec, measure(spec, series, instant), ())
        return found.value is not None and found.bound in deciding and is_met(found.value, limit)

    return plain


def _newest(spec: Measure, comparison: Comparison, limit: float) -> Quick:
    is_met, otherwise = meets(comparison), _plain(spec, comparison, limit)
    silent_for = math.inf if spec.silent_for is None else spec.silent_for

    def newest(series: Series, instant: int) -> bool:
        if not series.instants:
            return False
        age = instant - series.instants[-1]
        if age < 0:
            return otherwise(series, instant)
        return is_met(series.values[-1], limit) and age <= silent_for

    return newest


def _windowed(spec: Measure, comparison: Comparison, limit: float) -> Quick:
    is_met, otherwise = meets(comparison), _plain(spec, comparison, limit)
    silent_for = math.inf if spec.silent_for is None else spec.silent_for
    take, span, period, enough = _TAKEN[spec.take], spec.span, spec.period, spec.coverage * spec.span
    is_growing_sum = spec.take is Take.SUM and spec.grows
    decides_in_part = (
        is_growing_sum or spec.take is Take.MAX if comparison.rises else spec.take is Take.MIN
    )  # Else it takes a covered window.
    # No sum of a window is greater than that of all that is held: a dry gauge is done with here.
    total_least = limit * (1 - ROUNDING_MAX) if is_growing_sum and comparison.rises and limit > 0 else -math.inf

    def windowed(series: Series, instant: int) -> bool:
        instants = series.instants
        if series.total < total_least or not instants:
            return False
        newest_at = instants[-1]
        if newest_at > instant:
            return otherwise(series, instant)
        first, count = bisect_right(instants, newest_at - span), len(instants)
        if not decides_in_part and ((count - first) * period < enough or newest_at - instants[first] + period < enough):
            return False
        # What is taken of one sample is that sample.
        value = series.values[-1] if count - first == 1 else take(series.values[first:])
        return is_met(value, limit) and instant - newest_at <= silent_for

    return windowed


def _changed(spec: Measure, comparison: Comparison, limit: float) -> Quick:
    is_met, otherwise = meets(comparison), _plain(spec, comparison, limit)
    silent_for = math.inf if spec.silent_for is None else spec.silent_for

    def changed(series: Series, instant: int) -> bool:
        instants = series.instants
        if not instants or instants[-1] > instant:
            return otherwise(series, instant)
        since = instants[-1] - spec.span
        then = bisect_right(instants, since) - 1
        if then < 0 or since - instants[then] > CHANGE_PERIODS_MAX * spec.period:
            return False
        return is_met(series.values[-1] - series.values[then], limit) and instant - instants[-1] <= silent_for

    return changed


def _rising(spec: Measure, comparison: Comparison, limit: float) -> Quick:
    otherwise = _plain(spec, comparison, limit)

    def rising(series: Series, instant: int) -> bool:
        if not series.instants or series.instants[-1] > instant:
            return otherwise(series, instant)
        first, _ = series.window(series.instants[-1], spec.span + 1)
        instants, values = series.instants[first:], series.values[first:]
        # Between no two samples is it steeper than between some two neighbours.
        steepest = max(map(_slope, values, values[1:], instants, instants[1:]), default=0.0)
        parts = [steepest * HOUR] if spec.step is Step.SLOPE else [values[-1], max(steepest, 0.0) * spec.horizon]
        most = sum(parts) + sum(map(abs, parts)) * ROUNDING_MAX
        return most >= limit and otherwise(series, instant)

    return rising


def _slope(earlier: float, later: float, since: int, until: int) -> float:
    return (later - earlier) / (until - since)


def quick_gate(gate: Conditions, measures: Sequence[Measure]) -> Callable[[Mapping[str, Series], int], bool]:
    """Return a function that tells whether conditions on measures without operands are surely not met."""
    places = {member.measure for member in gate.members}

    def is_shut(found: Mapping[str, Series], instant: int) -> bool:
        measured = [
            measure(spec, found[spec.series], instant) if place in places and spec.series in found else UNKNOWN
            for place, spec in enumerate(measures)
        ]
        return gate.test(measured) is False

    return is_shut


_TAKEN: dict[Take | None, Callable[[Sequence[float]], float]] = {
    Take.SUM: math.fsum,
    Take.MEAN: mean,
    Take.MIN: min,
    Take.MAX: max,
}
