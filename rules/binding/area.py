"""Binding of rules over several sites: groups, their members, and what each site must tell."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from citybrain.instants import MINUTE
from citybrain.model import Level
from citybrain.places import sites_from
from citybrain.registry import Registry
from citybrain.sites import Site
from citybrain.units import Quantity, parse_quantity
from rules.areas.across import Across, Aggregate, Counted, aggregate
from rules.areas.grouping import Group, Grouping
from rules.areas.judge import AreaJudge
from rules.areas.measure import AreaMeasure, Member, Quorum, Sector
from rules.areas.records import AlertCount
from rules.areas.seasons import seasonal_area
from rules.binding.ground import Ground, GroupGround, GroupHere, Named, SiteHere
from rules.binding.threshold import LimitsBinder, against_of
from rules.binding.units import RATIO, inputs_of, metres_of, number_in, plain_unit_of, site_unit_of, unit_of
from rules.binding.words import full_words_of
from rules.calendar import armed_as_group
from rules.conditions import Comparison, Condition, Conditions
from rules.holding import Holding
from rules.lifecycle import Timing
from rules.measures import Measure, Step
from rules.rule import Rule, level_of
from rules.seasons import Seasons, aligned
from rules.shape.area import AreaMeasureEntry, AreaRule
from rules.shape.limits import LimitEntry
from rules.shape.values import QuorumEntry, Value
from rules.signals import Sender
from rules.spans import Spans, spans_of
from rules.threshold import Limit, Tighten

WIND_STATION = "weather-station"
WIND_AGE_MAX = 30 * MINUTE  # An older wind is not known [E].
_STRICT = (Comparison.ABOVE, Comparison.AT_MOST)
_WIND = ("wind_direction", "wind_speed")


@dataclass(frozen=True, slots=True)
class BoundGroup:
    """A rule bound to one group: the judge, and the sites that it listens to per measure."""

    group: Group
    judge: AreaJudge


class AreaBinder(LimitsBinder):
    """Binds one area rule to its groups, and to the sites that they listen to."""

    def __init__(self, entry: AreaRule, rule: Rule, registry: Registry, sites: Iterable[Site]) -> None:
        super().__init__(entry, rule, registry)
        self._area = entry
        self._entries: dict[str, AreaMeasureEntry] = dict(entry.area_measures())
        self._add_wind()
        self._names = list(self._entries)
        self._units = {name: unit_of(measure, registry) for name, measure in self._entries.items()}
        self._sites = tuple(sites)
        self._sides = [side for limit in entry.all_limits() for side in limit.sides()]
        self.grouping = Grouping(entry.group_by, registry, self._sites)
        self._members = [self._members_of(measure) for measure in self._entries.values()]
        self.groups = tuple(
            bound for group in self.grouping.groups.values() if (bound := self._bind_group(group)) is not None
        )

        self._heard: dict[str, set[int]] = {}  # Site -> the measures that some group listens to it for.
        for bound in self.groups:
            for place, one in enumerate(bound.judge.measures):
                for site in one.members:
                    self._heard.setdefault(site, set()).add(place)

    @property
    def rule_id(self) -> str:
        """Return the id of the rule."""
        return self._rule.id

    def name_at(self, place: int) -> str:
        """Return what the author calls a measure."""
        return self._names[place]

    def positions_of(self, name: str) -> list[list[tuple[float, float]]]:
        """Return where the sites of a measure stand, for each group that has a limit on it."""
        place = self._names.index(name)
        return [
            [member.position for member in bound.judge.measures[place].members.values()]
            for bound in self.groups
            if any(limit.measure == place for limit in bound.judge.limits)
        ]

    def spans_of(self, group: Group) -> Spans | None:
        """Return when the group's temporary zone arms the rule; None: always."""
        active = self._area.active
        since, until = (active.since, active.until) if active is not None else (None, None)
        return spans_of([self._registry.zones[zone] for zone in group.zones], since, until)

    @property
    def places(self) -> Mapping[int, AreaMeasureEntry]:
        """Return the measures by their places."""
        return dict(enumerate(self._entries.values()))

    def sender(self, ground: Ground) -> Sender | None:
        """Return what the site must tell; None where no group listens to it."""
        if ground.site.id not in self._heard:
            return None
        whole = self._sender(ground.ever())
        named = Named(self._named.of_site, frozenset())
        if not ground.changes(named):
            return whole
        seasons = Seasons(
            lambda at: ground.key_at(named, at),
            lambda at: self._sender(ground.as_of(at)),
            lambda at: ground.turns_after(named, at),
        )
        return replace(whole, as_of=seasons)

    def _sender(self, site: SiteHere) -> Sender:
        heard = self._heard[site.id]
        measures = {
            place: self._measure(_without_zone(entry), site)
            for place, entry in self.places.items()
            if place in heard and not entry.silence
        }
        for spec in list(measures.values()):
            # What another measure is set against is told too, although no group may listen to it by itself.
            place = spec.operand_place
            if place is not None and place not in measures and _offers(self.places[place], site):
                measures[place] = self._measure(self.places[place], site)
        silences = tuple(place for place in sorted(heard) if self.places[place].silence)
        spans = {span for place in silences for span in self._spans(place, site)}
        told = tuple(measures.get(place) for place in self.places)
        return Sender(self._rule.id, told, silences, tuple(sorted(spans)), site.period)

    def _spans(self, place: int, site: SiteHere) -> list[int]:
        """Return the silences at which a site comes to count, milliseconds; strictly above is a moment later."""
        counted = self._counted(self.places[place])
        if counted is not None:
            found = [(counted.comparison, counted.limit)]
        else:
            judges = [bound.judge for bound in self.groups]
            found = [crossing for judge in judges for crossing in judge.crossings(place)]
        spans = (round(periods * site.period) + (comparison in _STRICT) for comparison, periods in found)
        return sorted(set(spans))

    def _add_wind(self) -> None:
        """Add the wind of the nearest station where a place lies to one side of it, if anything measures wind."""
        has_wind = all(metric in self._registry.metrics for metric in _WIND)
        if has_wind and any(_is_to_wind(entry) for entry in self._entries.values()):
            for metric in _WIND:
                self._entries[f"nearest {metric}"] = AreaMeasureEntry.model_validate(
                    {"metric": metric, "from": {"nearest": WIND_STATION}}
                )

    def _members_of(self, entry: AreaMeasureEntry) -> dict[str, tuple[Site, ...]]:
        """Return per group the sites whose measure counts, ascending by id."""
        if entry.alerts:
            return {}
        found: dict[str, list[Site]] = {}
        if entry.place is None:
            for site in self._sites:
                if _offers(entry, site):
                    for group_id in self.grouping.of(site):
                        found.setdefault(group_id, []).append(site)
        else:
            for group in self.grouping.groups.values():
                near = sites_from(self._registry, group.origin, entry.place) if group.origin is not None else ()
                found[group.id] = [site for name in near if _offers(entry, site := self._registry.sites[name])]
        return {group: tuple(sorted(sites, key=lambda site: site.id)) for group, sites in found.items() if sites}

    def _bind_group(self, group: Group) -> BoundGroup | None:
        ground = GroupGround(self._registry.zones[group.zones[0]].attributes if group.zones else {})
        limits = self._group_limits(group, ground.ever())
        if not any(limits):
            return None
        whole = self._judge(group, ground.ever(), limits)
        if not ground.changes(self._named):
            return BoundGroup(group, whole)

        def judge_of(instant: int) -> AreaJudge:
            then = ground.as_of(instant)
            return self._judge(group, then, aligned(limits, self._group_limits(group, then)))

        named = self._named
        seasons = Seasons(lambda at: ground.key_at(named, at), judge_of, lambda at: ground.turns_after(named, at))
        return BoundGroup(group, seasonal_area(whole, seasons))

    def _measures(self, group: Group, here: GroupHere) -> tuple[AreaMeasure, ...]:
        return tuple(self._area_measure(place, entry, group, here) for place, entry in self.places.items())

    def _group_limits(self, group: Group, here: GroupHere) -> tuple[Limit | None, ...]:
        """Return the limits in the order in which they are written, None for one that is not judged at the group."""
        measures = self._measures(group, here)
        specs, present = [one.spec for one in measures], _present(measures)
        found: list[Limit | None] = []
        for entry in self._sides:
            place = self._names.index(entry.measure)
            is_judged = present[place] and self._is_large_enough(measures[place])
            limit = self._limit(entry, specs, here) if is_judged else None
            found.append(self._without_absent(limit, present) if limit is not None else None)
        return tuple(found)

    def _judge(self, group: Group, here: GroupHere, found: Sequence[Limit | None]) -> AreaJudge:
        measures = self._measures(group, here)
        specs, present = [one.spec for one in measures], _present(measures)
        pairs = [(entry, limit) for entry, limit in zip(self._sides, found, strict=True) if limit is not None]
        ranks = [rung.rank for _, limit in pairs for rung in limit.judged]
        lowest = min(ranks or [rung.rank for _, limit in pairs for rung in limit.rungs])
        return AreaJudge(
            rule=self._rule,
            timing=Timing(self._area.keep_firing_for, self._area.min_life, lowest, latched=self._area.latched),
            measures=measures,
            limits=tuple(limit for _, limit in pairs),
            quorums=tuple(self._quorums(entry, limit, len(measures[limit.measure].members)) for entry, limit in pairs),
            only_while=_present_only(self._conditions(self._area.only_while, specs, here), present),
            clear_when=_present_only(self._conditions(self._area.clear_when, specs, here), present),
            active=armed_as_group(self._area.active, self._registry.holidays, self.spans_of(group)),
            tighten=self._area_tighten(specs, present, here),
        )

    def _is_large_enough(self, one: AreaMeasure) -> bool:
        return one.alerts is not None or len(one.members) >= self._area.minimum_sites

    def _without_absent(self, limit: Limit, present: list[bool]) -> Limit:
        rungs = tuple(replace(rung, conditions=_present_only(rung.conditions, present)) for rung in limit.rungs)
        return replace(limit, rungs=rungs)

    def _area_tighten(self, specs: Sequence[Measure], present: list[bool], here: GroupHere) -> Tighten | None:
        tighten = self._tighten(specs, here)
        if tighten is None:
            return None
        conditions = _present_only(tighten.conditions, present)
        return replace(tighten, conditions=conditions) if conditions is not None else None

    def _area_measure(self, place: int, entry: AreaMeasureEntry, group: Group, here: GroupHere) -> AreaMeasure:
        sites = self._members[place].get(group.id, ())
        counted = self._counted(entry)
        return AreaMeasure(
            spec=self._group_spec(entry, sites, here),
            words=full_words_of(entry, self._entry, self._registry),
            members={site.id: self._member(place, entry, site) for site in sites},
            aggregate=self._aggregate(entry, counted),
            across=entry.across,
            counted=counted,
            alerts=_alert_count(entry),
            sector=self._sector(entry, group),
        )

    def _member(self, place: int, entry: AreaMeasureEntry, site: Site) -> Member:
        weight = site.attributes.get(entry.weight) if entry.weight is not None else None
        silent_for = None if entry.silence else self._registry.silent_for(site, inputs_of(entry)[0])
        if place >= len(self._area.area_measures()):
            silent_for = WIND_AGE_MAX  # The wind, which no author has written down.
        return Member(site.position, silent_for, weight.number if isinstance(weight, Quantity) else 1.0)

    def _group_spec(self, entry: AreaMeasureEntry, sites: tuple[Site, ...], here: GroupHere) -> Measure:
        """Return what stands for the measure as a whole: how often it speaks, in which unit, and the zone's number."""
        unit = unit_of(entry, self._registry)
        if entry.alerts or entry.silence:
            name = "alerts" if entry.alerts else "silence"
            step = Step.WINDOW if entry.over is not None else Step.NEWEST
            return Measure(name, "", unit, step, span_of(entry), None, 0, 0, None, speaks_on_change=True)
        if not sites:
            return Measure(entry.derived or entry.metric or "", "", unit, Step.NEWEST, 0, None, 0, 0, None)
        slowest = max(sites, key=lambda site: site.period)
        spec = self._measure(_without_operand(entry), Ground(slowest).ever())
        zone = entry.operand.zone if entry.operand is not None else None
        if zone is None:
            return replace(spec, unit=unit)
        number = self.resolve(Value(zone=zone), plain_unit_of(entry, self._registry), here)
        return replace(spec, unit=unit, against=against_of(entry), operand=number)

    def _aggregate(self, entry: AreaMeasureEntry, counted: Counted | None) -> Aggregate | None:
        across = entry.across
        if across is None and entry.place is not None and entry.place.nearest is not None:
            across = Across.MAX  # Of the one station that is nearest.
        if across is None or entry.alerts:
            return None
        return aggregate(across, counted, grows=self._is_never_negative(entry))

    def _is_never_negative(self, entry: AreaMeasureEntry) -> bool:
        """Tell whether no site can take anything off a sum: a part of it is a lower bound then."""
        is_level = entry.change_over is None and entry.slope_over is None
        is_plain = entry.minus is None and entry.sigmas_from is None
        return entry.metric is not None and self._registry.metrics[entry.metric].range[0] >= 0 and is_level and is_plain

    def _counted(self, entry: AreaMeasureEntry) -> Counted | None:
        if entry.sites_where is None:
            return None
        comparison = entry.sites_where.comparison
        text = getattr(entry.sites_where, comparison.value).quantity
        return Counted(comparison, number_in(parse_quantity(text), site_unit_of(entry, self._registry)))

    def _sector(self, entry: AreaMeasureEntry, group: Group) -> Sector | None:
        place = entry.place
        if place is None or not _is_to_wind(entry) or f"nearest {_WIND[0]}" not in self._names:
            return None
        direction, speed = (self._names.index(f"nearest {metric}") for metric in _WIND)
        return Sector(group.position, place.spread_deg, place.downwind is not None, direction, speed)

    def _holding(self, entry: LimitEntry, level: Level, measure: Measure) -> Holding:
        """Return what a level asks for; how many sites must agree, written out, stands in place of a second sample."""
        holding = super()._holding(entry, level, measure)
        return replace(holding, samples=1) if self._written_quorum(entry, level) is not None else holding

    def _written_quorum(self, entry: LimitEntry, level: Level) -> QuorumEntry | None:
        places = (entry.ladder[level].sites, entry.sites, self._area.sites)
        return next((sites for sites in places if sites is not None), None)

    def _quorums(self, entry: LimitEntry, limit: Limit, members: int) -> tuple[Quorum, ...]:
        written = (self._written_quorum(entry, level_of(rung.rank)) for rung in limit.rungs)
        return tuple(quorum_of(one, members=members) for one in written)


def quorum_of(entry: QuorumEntry | None, *, members: int) -> Quorum:
    """Return how many sites of a group with so many members must agree; one where nothing is written."""
    if entry is None:
        return Quorum()
    if entry.share is not None:
        share = number_in(parse_quantity(entry.share), RATIO)
        return Quorum(max(1, math.ceil(share * members - 1e-9)))
    assert entry.at_least is not None, "a quorum is a number or a share"
    return Quorum(entry.at_least, metres_of(parse_quantity(entry.within)) if entry.within is not None else None)


def span_of(entry: AreaMeasureEntry) -> int:
    """Return how far back a count of alerts looks, milliseconds; 0: only what is open now."""
    return entry.over if isinstance(entry.over, int) else 0


def _alert_count(entry: AreaMeasureEntry) -> AlertCount | None:
    if not entry.alerts:
        return None
    assert entry.across is not None, "the shape wants to know how alerts are counted"
    level = entry.level or Level.BLUE
    return AlertCount(entry.across, level.rank, span_of(entry), entry.distinct)


def _without_operand(entry: AreaMeasureEntry) -> AreaMeasureEntry:
    return entry.model_copy(update={"minus": None, "divided_by": None, "sigmas_from": None})


def _without_zone(entry: AreaMeasureEntry) -> AreaMeasureEntry:
    """Return the measure as one site tells it: what belongs to the group's zone is taken off by the group."""
    return _without_operand(entry) if entry.operand is not None and entry.operand.zone is not None else entry


def _present(measures: Sequence[AreaMeasure]) -> list[bool]:
    return [bool(one.members) or one.alerts is not None for one in measures]


def _is_to_wind(entry: AreaMeasureEntry) -> bool:
    return entry.place is not None and (entry.place.upwind is not None or entry.place.downwind is not None)


def _offers(entry: AreaMeasureEntry, site: Site) -> bool:
    return bool(entry.silence) or bool(set(inputs_of(entry)) & set(site.metrics))


def _present_only(conditions: Conditions | None, present: list[bool]) -> Conditions | None:
    """Leave out conditions whose measure no site of the group has: else a village without a gauge is never clear."""
    if conditions is None:
        return None
    members: tuple[Condition, ...] = tuple(member for member in conditions.members if present[member.measure])
    return replace(conditions, members=members) if members else None
