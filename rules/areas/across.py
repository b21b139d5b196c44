"""From the values of many sites to one number of the group.

A site that fell silent is not forgotten at once: if what it said last mattered, the number is known only in the
direction in which that site could move it. A site that was out of the picture when it fell silent stays out, so that
one dead sensor neither ends an alert nor keeps it for ever.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rules.conditions import Comparison, compare, meets
from rules.measures import UNKNOWN, Bound, Measured

SITES_COVERAGE_MIN = 0.5  # Of the members of a group, for a mean or a share to be known [E].


class Across(StrEnum):
    """How one number comes from those of many sites, or of many alerts."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    COUNT = "count"
    SHARE = "share"
    MAX_LEVEL = "max_level"  # Of alerts.


class Distinct(StrEnum):
    """What makes two alerts count as one."""

    HAZARD_FAMILY = "hazard_family"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Counted:
    """Which values `count` and `share` count."""

    comparison: Comparison
    limit: float

    def holds(self, value: float) -> bool:
        """Tell whether a value is counted."""
        return meets(self.comparison)(value, self.limit)


@dataclass(frozen=True, slots=True)
class Said:
    """What a member said last. `is_known` is False once it has been silent for too long."""

    found: Measured
    is_known: bool
    weight: float = 1.0


Aggregate = Callable[[Sequence[Said], int], Measured]


def aggregate(across: Across, counted: Counted | None, *, grows: bool) -> Aggregate:
    """Return the function from what the members said, and how many members there are, to the group's number."""
    match across:
        case Across.COUNT:
            assert counted is not None, "a count says what it counts"
            return lambda said, _members: _count(said, counted)
        case Across.SHARE:
            assert counted is not None, "a share says what it counts"
            return lambda said, members: _share(said, members, counted)
        case Across.MEAN:
            return _mean
        case Across.SUM:
            return lambda said, members: _sum(said, members, grows=grows)
        case Across.MAX:
            return lambda said, _members: _extreme(said, largest=True)
        case Across.MIN:
            return lambda said, _members: _extreme(said, largest=False)
        case Across.MAX_LEVEL:
            raise AssertionError("levels are of alerts, not of values")


def _known(said: Sequence[Said]) -> list[Said]:
    return [
        one for one in said if one.is_known and one.found.value is not None and one.found.bound is not Bound.NOTHING
    ]


def _newest(known: Sequence[Said]) -> int:
    return max(one.found.newest_at for one in known)


def _last_values(said: Sequence[Said]) -> list[float]:
    """Return what the silent members said last."""
    return [one.found.value for one in said if not one.is_known and one.found.value is not None]


def _count(said: Sequence[Said], counted: Counted) -> Measured:
    known = _known(said)
    if not known:
        return UNKNOWN
    certain = sum(compare(one.found, counted.comparison, counted.limit) is True for one in known)
    doubtful = sum(compare(one.found, counted.comparison, counted.limit) is None for one in known)
    doubtful += sum(counted.holds(value) for value in _last_values(said))
    return Measured(float(certain), Bound.AT_LEAST if doubtful else Bound.EXACT, _newest(known))


def _share(said: Sequence[Said], members: int, counted: Counted) -> Measured:
    found = _count(said, counted)
    if found.value is None or len(_known(said)) < SITES_COVERAGE_MIN * members:
        return Measured(None, Bound.NOTHING, found.newest_at)
    return Measured(found.value / members, found.bound, found.newest_at)


def _mean(said: Sequence[Said], members: int) -> Measured:
    """Return the mean of what is known exactly; where that is too little, with lower bounds it is one itself."""
    for bounds in ((Bound.EXACT,), (Bound.EXACT, Bound.AT_LEAST)):
        known = [one for one in _known(said) if one.found.bound in bounds]
        weight = math.fsum(one.weight for one in known)
        if known and len(known) >= SITES_COVERAGE_MIN * members and weight > 0:
            total = math.fsum((one.found.value or 0.0) * one.weight for one in known)
            return Measured(total / weight, bounds[-1], _newest(known))
    return UNKNOWN


def _sum(said: Sequence[Said], members: int, *, grows: bool) -> Measured:
    """Return the sum; with a member missing it is a lower bound of what is never negative, and else says nothing."""
    known = _known(said)
    if not known:
        return UNKNOWN
    total = math.fsum(one.found.value or 0.0 for one in known)
    bounds = {one.found.bound for one in known}
    if len(known) == members and bounds == {Bound.EXACT}:
        return Measured(total, Bound.EXACT, _newest(known))
    is_lower = grows and bounds <= {Bound.EXACT, Bound.AT_LEAST}
    return Measured(total, Bound.AT_LEAST if is_lower else Bound.NOTHING, _newest(known))


def _extreme(said: Sequence[Said], *, largest: bool) -> Measured:
    known = _known(said)
    if not known:
        return UNKNOWN
    take, beyond = (max, Bound.AT_LEAST) if largest else (min, Bound.AT_MOST)
    value = take(one.found.value for one in known if one.found.value is not None)
    bounds = {one.found.bound for one in known}
    if not bounds <= {Bound.EXACT, beyond}:
        return Measured(value, Bound.NOTHING, _newest(known))
    # A silent member that was further out may still be there.
    is_whole = bounds == {Bound.EXACT} and take([value, *_last_values(said)]) == value
    return Measured(value, Bound.EXACT if is_whole else beyond, _newest(known))
