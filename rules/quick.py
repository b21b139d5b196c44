"""The quick look: whether a limit can be met at all, said in the fewest steps; nearly every reading ends there."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence

from rules.measures import Bound, Measure, Step, Take, mean, measure, set_against
from rules.series import Series

Quick = Callable[[Series, int], float | None]


def quick_value(spec: Measure, *, rises: bool) -> Quick:
    """Return a function that gives the measure's value where it can decide that a limit is met, else None.

    Exact values can, and bounds in the limit's own direction. It says what `measure` says, without its ceremony:
    nearly every reading is far from any limit, and is done with after this. Compiled once per site and measure.
    """
    silent_for = math.inf if spec.silent_for is None else spec.silent_for
    deciding = (Bound.EXACT, Bound.AT_LEAST if rises else Bound.AT_MOST)

    def otherwise(series: Series, instant: int) -> float | None:
        found = measure(spec, series, instant)
        return found.value if found.bound in deciding else None

    if spec.against is not None:
        # Set against another measure it needs the others, against its past what is remembered; else only a number.
        if spec.operand_place is not None or spec.own is not None:
            return lambda _series, _instant: math.inf if rises else -math.inf

        def against(series: Series, instant: int) -> float | None:
            found = set_against(spec, measure(spec, series, instant), ())
            return found.value if found.bound in deciding else None

        return against
    if spec.step is Step.NEWEST:

        def newest(series: Series, instant: int) -> float | None:
            instants = series.instants
            if not instants:
                return None
            if instants[-1] > instant:
                return measure(spec, series, instant).value
            return series.values[-1] if instant - instants[-1] <= silent_for else None

        return newest
    if spec.step is Step.WINDOW and spec.is_plain and spec.take in _TAKEN:
        take, span, period, enough = _TAKEN[spec.take], spec.span, spec.period, spec.coverage * spec.span
        is_sum = spec.take is Take.SUM
        decides_in_part = (rises and (spec.take is Take.MAX or (is_sum and spec.grows))) or (
            not rises and spec.take is Take.MIN
        )

        def windowed(series: Series, instant: int) -> float | None:
            instants = series.instants
            if not instants or instant - instants[-1] > silent_for:
                return None
            if instants[-1] > instant:
                return otherwise(series, instant)
            newest_at = instants[-1]
            first = bisect_right(instants, newest_at - span)
            if not decides_in_part and (
                (len(instants) - first) * period < enough or newest_at - instants[first] + period < enough
            ):
                return None
            # A dry gauge is the rule: nothing but zeros need not be added up.
            return 0.0 if is_sum and series.stirred_at <= newest_at - span else take(series.values[first:])

        return windowed

    return otherwise


_TAKEN: dict[Take | None, Callable[[Sequence[float]], float]] = {
    Take.SUM: math.fsum,
    Take.MEAN: mean,
    Take.MIN: min,
    Take.MAX: max,
}
