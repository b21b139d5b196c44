"""Levels of rules over several sites that no group can ever reach, as it has too few sites."""

import math
from collections.abc import Iterator, Mapping

from citybrain.model import Level
from citybrain.problems import Problem
from citybrain.units import parse_quantity
from rules.areas.across import Across
from rules.areas.measure import Quorum
from rules.binding.area import AreaBinder, quorum_of
from rules.binding.units import number_in
from rules.checked import CheckedRule
from rules.conditions import Comparison
from rules.shape.area import AreaRule
from rules.shape.limits import BandEntry, LevelEntry, LimitEntry

_SITES = "sites"  # The unit of a count.


def unreachable(checked: CheckedRule, entry: AreaRule, binder: AreaBinder) -> Iterator[Problem]:
    """Yield a problem for each level that asks for more sites than the largest group of today's catalog has."""
    for index, limit in enumerate(entry.all_limits()):
        groups = binder.positions_of(limit.measure)
        entries: Mapping[Level, LevelEntry | BandEntry] = limit.outside or limit.ladder
        for level in entries:
            asked = _quorum_of(entry, limit, level)
            found = max((asked.most(positions) for positions in groups), default=0) if asked is not None else 0
            if asked is not None and 0 < found < asked.sites:
                loc = (*(("limits", index) if entry.limits else ()), limit.word, level.value)
                yield checked.problem_at(loc, "R273", level=level.value, needed=asked.sites, found=found)


def _quorum_of(entry: AreaRule, limit: LimitEntry, level: Level) -> Quorum | None:
    """Return how many sites a level asks for; None where that is no number of sites."""
    measure = entry.area_measures()[limit.measure]
    if measure.alerts:
        return None
    if measure.across is None:
        return _written(entry, limit, level)
    return _counted(entry, limit, level) if measure.across is Across.COUNT and limit.outside is None else None


def _written(entry: AreaRule, limit: LimitEntry, level: Level) -> Quorum | None:
    entries: Mapping[Level, LevelEntry | BandEntry] = limit.outside or limit.ladder
    places = (entries[level].sites, limit.sites, entry.sites)
    asked = next((sites for sites in places if sites is not None), None)
    return None if asked is None or asked.share is not None else quorum_of(asked, members=0)


def _counted(entry: AreaRule, limit: LimitEntry, level: Level) -> Quorum | None:
    value = limit.ladder[level].value
    if value.quantity is None or not limit.comparison.rises:
        return None
    times = min(entry.tighten.times, 1.0) if entry.tighten is not None else 1.0
    number = number_in(parse_quantity(value.quantity), _SITES) * times
    return Quorum(math.floor(number) + 1 if limit.comparison is Comparison.ABOVE else math.ceil(number))
