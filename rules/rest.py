"""How long a limit that is not met leaves a judge at rest: by the values that come, or until a certain instant.

Both are narrower than need be where that is simpler: then a judge looks, and may still find nothing.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rules.conditions import Comparison
from rules.measures import Against, Measure, Step, Take
from rules.series import Series

# Sums and means, and what is set against a number, are off by far less than this share of themselves.
ROUNDING_MAX = 1e-9
LOOKED_BACK_MAX = 12  # So many samples are searched for one that differs; a series that stands still has none.

Rest = Callable[[Series, int], float]


@dataclass(frozen=True, slots=True)
class Band:
    """What keeps a limit unmet: each value of the last `clean` milliseconds inside, and all that is held below `total`.

    The newest value is always one of them.
    """

    least: float = -math.inf
    greatest: float = math.inf
    clean: int = 0
    total: float = math.inf


EVERYTHING = Band()


def band_of(spec: Measure, comparison: Comparison, limit: float) -> Band | None:
    """Return the values that keep a measure from meeting a limit; None where that cannot be said value by value."""
    if spec.operand_place is not None or spec.own is not None:
        return None
    edge = _edge(spec, comparison, limit)
    if spec.step is Step.NEWEST:
        return edge
    if edge is None or spec.step is not Step.WINDOW or spec.speaks_on_change or spec.is_occupancy:
        return None
    if spec.take in (Take.MEAN, Take.MIN, Take.MAX, Take.LAST):
        return Band(edge.least, edge.greatest, clean=spec.span)
    if spec.take is Take.SUM and spec.grows and comparison.rises and edge.greatest > 0:
        return Band(total=edge.greatest)  # No sum of a window is greater than that of all that is held.
    return None


def rest_of(spec: Measure, comparison: Comparison, limit: float) -> Rest | None:
    """Return a function that says until when a limit that is not met stays so, whatever comes; None: not at all.

    It is asked for series that have samples, of the newest instant, which it returns where it cannot say.
    """
    is_plain = spec.step is Step.WINDOW and spec.against is None and spec.is_plain and not comparison.rises
    if is_plain and spec.take is Take.RANGE:
        return lambda series, instant: _differs_until(series, limit, spec.span, instant)
    if is_plain and spec.take is Take.COVERAGE and limit < 100:
        return lambda series, instant: _covers_until(series, limit / 100 * spec.span + 1, spec, instant)
    return None


def _differs_until(series: Series, limit: float, span: int, instant: int) -> float:
    """Return until when the newest value and one that differs by more than the limit lie in one window."""
    newest = series.values[-1]
    for back in range(2, min(len(series.values), LOOKED_BACK_MAX) + 1):
        if abs(newest - series.values[-back]) > limit:
            return series.instants[-back] + span
    return instant


def _covers_until(series: Series, needed: float, spec: Measure, instant: int) -> float:
    """Return until when the window holds enough of the samples that are there, or is longer than the series is old."""
    instants = series.instants
    known_from = instants[0] + spec.span - spec.period
    if instants[-1] < known_from:
        return known_from
    many = math.ceil(needed / spec.period) + 1
    far = bisect_right(instants, instants[-1] - needed + spec.period) - 1
    if len(instants) < many or far < 0:
        return instant
    return min(instants[-many], instants[far]) + spec.span


def narrowest(bands: Iterable[Band]) -> Band:
    """Return what all of some bands have in common."""
    least, greatest, clean, total = -math.inf, math.inf, 0, math.inf
    for band in bands:
        least, greatest = max(least, band.least), min(greatest, band.greatest)
        clean, total = max(clean, band.clean), min(total, band.total)
    return Band(least, greatest, clean, total)


def _edge(spec: Measure, comparison: Comparison, limit: float) -> Band | None:
    """Return the values before they are set against a number, as if the measure were each of them; None: nobody knows.

    What is set against nothing known meets no limit.
    """
    slack = 0.0 if spec.step is Step.NEWEST else abs(limit) * ROUNDING_MAX
    if spec.against is not None:
        operand = spec.operand
        if operand is None or (spec.against is Against.DIVIDED_BY and operand == 0):
            return EVERYTHING
        if spec.against is Against.DIVIDED_BY and operand < 0:
            return None
        slack = (abs(limit) + abs(operand)) * ROUNDING_MAX
        if spec.against is Against.DIVIDED_BY:
            limit, slack = limit * operand, abs(limit * operand) * ROUNDING_MAX
        else:
            limit += operand
    # One step of a float inside the limit itself: at the limit some comparisons hold.
    if comparison.rises:
        return Band(greatest=math.nextafter(limit - slack, -math.inf))
    return Band(least=math.nextafter(limit + slack, math.inf))
