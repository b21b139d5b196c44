"""A group as of an instant: what each of its sites says now and said last, and the numbers across them."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from citybrain.places import in_sector, steady_wind
from rules.areas.across import Said
from rules.areas.measure import AreaMeasure, AreaView, Sector
from rules.areas.records import AlertRecord
from rules.conditions import NONE_HELD, Held
from rules.measures import UNKNOWN, Measured, set_against

_Test = Callable[[tuple[float, float]], bool]


@dataclass(frozen=True, slots=True)
class Look:
    """Numbers of the group, and per site its own beside them, now and as last said."""

    group: list[Measured]
    now: dict[str, list[Measured]]
    last: dict[str, list[Measured]]
    said: list[dict[str, Measured]]  # Per measure: the last value of each site that counts.
    known: list[tuple[str, ...]]  # Per measure: the sites that say something now.
    records: list[list[AlertRecord]]  # Per measure: the alerts that may count.
    held: Held = field(default_factory=lambda: NONE_HELD)  # Of conditions: whether they held long enough.
    scale: float = 1.0  # What limits on numbers of the group are multiplied by.
    scales: Mapping[str, float] = field(default_factory=dict)  # Limits on a site's own; by site, else 1.


def look_at(measures: Sequence[AreaMeasure], sites: Iterable[str], view: AreaView, instant: int) -> Look:
    """Look at a group; the sites are those that have a number of their own."""
    said = [
        _said(one, values, mute, instant) for one, values, mute in zip(measures, view.values, view.mute, strict=True)
    ]
    records = [list(some.values()) for some in view.records]
    group = [
        UNKNOWN if one.sector is not None else _of_group(one, found, some, len(one.members), instant)
        for one, found, some in zip(measures, said, records, strict=True)
    ]
    for place, one in enumerate(measures):
        if one.sector is not None:  # The wind itself has none, so that it is known by now.
            is_inside = _side_of(one.sector, group)
            inside = {site for site, member in one.members.items() if is_inside(member.position)}
            said[place] = {site: each for site, each in said[place].items() if site in inside}
            records[place] = [record for record in records[place] if is_inside(record.position)]
            group[place] = _of_group(one, said[place], records[place], len(inside), instant)
    now, last = {}, {}
    for site in sites:
        now[site] = _of_site(site, measures, said, group, is_last=False)
        last[site] = _of_site(site, measures, said, group, is_last=True)
    known = [tuple(site for site, each in found.items() if each.is_known) for found in said]
    values = [{site: each.found for site, each in found.items()} for found in said]
    return Look(group, now, last, values, known, records)


def _said(one: AreaMeasure, values: Mapping[str, Measured], mute: Set[str], instant: int) -> dict[str, Said]:
    said = {}
    for site, member in one.members.items():
        found = values.get(site)
        if found is None:
            continue
        is_young = member.silent_for is None or instant - found.newest_at <= member.silent_for
        is_known = is_young and site not in mute
        if one.spec.speaks_on_change and is_known:
            found = found._replace(newest_at=instant)  # What was said last still holds.
        said[site] = Said(set_against(one.spec, found, ()), is_known, member.weight)
    return said


def _of_site(
    site: str,
    measures: Sequence[AreaMeasure],
    said: Sequence[Mapping[str, Said]],
    group: Sequence[Measured],
    *,
    is_last: bool,
) -> list[Measured]:
    own: list[Measured] = []
    for one, found, of_group in zip(measures, said, group, strict=True):
        if not one.is_per_site:
            own.append(of_group)
        else:
            mine = found.get(site)
            own.append(mine.found if mine is not None and (mine.is_known or is_last) else UNKNOWN)
    return own


def _side_of(sector: Sector, group: Sequence[Measured]) -> _Test:
    """Return the test whether a position lies to the sector's side of the wind; without a wind all do."""
    wind = steady_wind(group[sector.direction].value, group[sector.speed].value)
    return lambda position: in_sector(sector.origin, position, wind, sector.spread, downwind=sector.is_downwind)


def _of_group(
    one: AreaMeasure, said: Mapping[str, Said], records: Iterable[AlertRecord], members: int, instant: int
) -> Measured:
    """Return the one number of the group, where it has one."""
    if one.alerts is not None:
        return one.alerts.value(records, instant)
    return UNKNOWN if one.aggregate is None else one.aggregate(list(said.values()), members)
