"""The judge of `area` rules: measures of many sites, and numbers across them, against limits per level.

A limit on a measure of each site is met by the group when enough of its sites meet it, each with its own conditions.
How long it is met is counted for the group: somewhere in the area it was so, without a break.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

from citybrain.alerts import EVIDENCE_SITES_MAX, Evidence, Sample
from citybrain.calendar import Calendar
from citybrain.geometry import distance_m
from citybrain.model import Words
from citybrain.places import in_sector, steady_wind
from rules.areas.across import Across, Aggregate, Counted, Said
from rules.areas.records import AlertCount, AlertRecord
from rules.calendar import Armed
from rules.conditions import Condition, Conditions, Held, combine, compare
from rules.holding import GAP_PERIODS_MAX, Holding
from rules.lifecycle import UNKNOWN_SIDES, Sides, Timing, Verdict
from rules.measures import UNKNOWN, Bound, Measure, Measured, set_against
from rules.repeated import Tally
from rules.rule import Finding, Rule, SiteView
from rules.runs import held_of, is_enough, new_run, note, note_all, timed_in
from rules.threshold import Limit, Memory, Rung, Tighten, is_met, strictly_good

SENSORS_MIN = 2  # So many sites that agree need no second sample of any [E].


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many sites must meet a limit. With `within_m` they stand that close to one of them."""

    sites: int = 1
    within_m: float | None = None

    def holds(self, positions: Sequence[tuple[float, float]]) -> bool:
        """Tell whether these sites are enough."""
        if len(positions) < self.sites or self.within_m is None:
            return len(positions) >= self.sites
        return any(
            sum(distance_m(one, other) <= self.within_m for other in positions) >= self.sites for one in positions
        )


@dataclass(frozen=True, slots=True)
class Member:
    """A site of a group, for one measure."""

    position: tuple[float, float]
    silent_for: int | None  # A value older than this is unknown; None: it holds until the next.
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Sector:
    """Only what lies to one side of the wind, as seen from the group."""

    origin: tuple[float, float]
    spread: float  # Degrees.
    is_downwind: bool
    direction: int  # The places of the wind among the rule's measures.
    speed: int


@dataclass(frozen=True, slots=True)
class AreaMeasure:
    """A measure of a group. Without `aggregate` and `alerts` it is a number of each site."""

    spec: Measure  # Its unit, its period, and the zone's own number that every site is set against, if any.
    words: Words
    members: Mapping[str, Member]  # By site, ascending.
    aggregate: Aggregate | None = None
    across: Across | None = None
    counted: Counted | None = None  # Which values the number counts, if it counts any.
    alerts: AlertCount | None = None
    sector: Sector | None = None

    @property
    def is_per_site(self) -> bool:
        """Tell whether it is a number of each site."""
        return self.aggregate is None and self.alerts is None


class AreaView(SiteView, Protocol):
    """What a judge may see of its group."""

    values: Sequence[Mapping[str, Measured]]  # Per measure: what each site said last.
    records: Sequence[Mapping[str, AlertRecord]]  # Per measure: the alerts that it counts, open or lately closed.


@dataclass(frozen=True, slots=True)
class _Look:
    """The group as of an instant: numbers of the group, and per site its own beside them, now and as last said."""

    group: list[Measured]
    now: dict[str, list[Measured]]
    last: dict[str, list[Measured]]
    known: list[tuple[str, ...]]  # Per measure: the sites that are not silent.
    held: Held = field(default_factory=dict)  # Of conditions on numbers of the group: whether they held long enough.


@dataclass(frozen=True, slots=True)
class AreaJudge:
    """An area rule bound to one group."""

    rule: Rule
    timing: Timing
    measures: tuple[AreaMeasure, ...]
    limits: tuple[Limit, ...]
    quorums: tuple[tuple[Quorum, ...], ...]  # Per limit and rung.
    only_while: Conditions | None
    clear_when: Conditions | None
    active: Calendar | Armed | None = None
    tighten: Tighten | None = None
    sites: tuple[str, ...] = field(init=False)  # With a number of their own.
    timed: tuple[Condition, ...] = field(init=False)
    silent_after: dict[str, int] = field(init=False)
    has_wakes: bool = field(init=False)
    is_about_silence: ClassVar[bool] = False
    zones: ClassVar[frozenset[str]] = frozenset()
    series_keys: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        sites = {site for one in self.measures if one.is_per_site for site in one.members}
        object.__setattr__(self, "sites", tuple(sorted(sites)))
        silent = {
            member_key(place, site): member.silent_for
            for place, one in enumerate(self.measures)
            for site, member in one.members.items()
            if member.silent_for is not None
        }
        object.__setattr__(self, "silent_after", silent)
        tighten = self.tighten.conditions if self.tighten is not None else None
        levels = (rung.conditions for limit in self.limits for rung in limit.rungs)
        object.__setattr__(self, "timed", timed_in((self.only_while, self.clear_when, tighten, *levels)))
        wakes = any(one.spec.speaks_on_change or one.alerts is not None for one in self.measures)
        object.__setattr__(self, "has_wakes", wakes)

    def new_memory(self, _zones: Sequence[str] = ()) -> Memory:
        """Return a memory without any streak."""
        streaks = [new_run(rung.holding) for limit in self.limits for rung in limit.rungs]
        runs = [new_run(one.holding) for one in self.timed if one.holding is not None]
        return Memory(streaks, [0] * len(self.measures), {}, runs)

    def is_quiet(self, memory: Memory, view: AreaView, instant: int) -> bool:
        """Tell that it is not known without looking."""
        return False

    def is_blind(self, view: AreaView) -> bool:
        """Tell whether a measure of a limit has nobody left to speak, or a silent site that mattered."""
        return any(self._is_blind(limit, view) for limit in self.limits)

    def judge(self, memory: Memory, view: AreaView, instant: int, *, is_open: bool) -> Sequence[Finding]:
        """Judge the group as of the instant."""
        look = self._look(view, instant)
        note_all(self.timed, memory.runs, look.group)
        look = replace(look, held=held_of(self.timed, memory.runs, look.group))
        is_armed = self.active is None or self.active.holds(instant)
        scale = self._scale(look)
        rank, since = self._climb(memory, look, scale, is_armed=is_armed)
        sides, is_clear, broke_off = UNKNOWN_SIDES, None, False
        if is_open or rank:
            broke_off = self._note_gaps(memory, look)
            sides, is_clear = self._good_side(look, scale), self._is_clear(look)
        wake_in = self._wake_in(memory, view, instant)
        return (Finding(None, Verdict(instant, rank, since, sides, is_clear, broke_off, wake_in)),)

    def evidence(self, memory: Memory, view: AreaView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return the limit that decides about the rank, with the sites or alerts that do."""
        assert zone is None, "an area rule is about its group"
        look, rungs = self._look(view, instant), self._rungs()
        look = replace(look, held=held_of(self.timed, memory.runs, look.group))
        scale = self._scale(look)
        candidates = [one for one in rungs if one[1].rank == rank] or rungs[:1]
        met = [one for one in candidates if self._is_met(*one, look, scale) is True]
        limit, rung, _ = (met or candidates)[0]
        place = limit.measure
        one = self.measures[place]
        sites, found = self._deciding(limit, rung, look, scale)
        alerts = one.alerts.selected(view.records[place].values(), instant) if one.alerts is not None else []
        pairs = [(site, view.values[place][site]) for site in sites if site in view.values[place]]
        if one.is_per_site:
            pairs.sort(key=lambda pair: pair[1].value or 0.0, reverse=limit.comparison.rises)  # The worst first.
        if one.counted is not None:
            pairs = [(site, said) for site, said in pairs if said.value is not None and one.counted.holds(said.value)]
        return Evidence(
            measure=one.spec.name,
            words=one.words,
            value=None if found.value is None else round(found.value, 6),
            unit=one.spec.unit,
            comparison=limit.comparison.value,
            limit=round(rung.value * scale, 6),
            window=one.spec.span or None,
            take=one.spec.take.value if one.spec.take is not None else None,
            readings=tuple(Sample(said.newest_at, said.value) for _, said in pairs if said.value is not None)[
                :EVIDENCE_SITES_MAX
            ],
            across=one.across.value if one.across is not None and one.alerts is None else None,
            sites=tuple(site for site, _ in pairs)[:EVIDENCE_SITES_MAX],
            alerts=tuple(record.identifier for record in alerts)[:EVIDENCE_SITES_MAX],
        )

    def dump(self, memory: Memory) -> Any:
        """Return the memory as plain data."""
        streaks, runs = ([run.dump() for run in some] for some in (memory.streaks, memory.runs))
        return [streaks, memory.newest_at, runs, self._layout()]

    def load(self, data: Any) -> Memory:
        """Return the memory that `dump` wrote; a new one where a zone, or its sites, have other attributes since."""
        memory = self.new_memory()
        streaks, newest_at, runs, layout = data
        if layout != self._layout():
            return memory
        for run, dumped in (*zip(memory.streaks, streaks, strict=True), *zip(memory.runs, runs, strict=True)):
            run.load(dumped)
        memory.newest_at = list(newest_at)
        memory.has_streak = any(streak.is_at_work for streak in memory.streaks)
        return memory

    def _layout(self) -> str:
        """Return what tells which rung or condition each part of a memory belongs to."""
        rungs = " ".join(f"{limit.measure}:{limit.comparison.value}:{rung.rank}" for limit, rung, _ in self._rungs())
        return f"{rungs} {len(self.timed)}"

    # Looking

    def _look(self, view: AreaView, instant: int) -> _Look:
        said = [self._said(place, view, instant) for place in range(len(self.measures))]
        group = [
            UNKNOWN if one.sector is not None else _of_group(one, found, records.values(), instant)
            for one, found, records in zip(self.measures, said, view.records, strict=True)
        ]
        for place, one in enumerate(self.measures):
            if one.sector is not None:
                is_inside = _side_of(one.sector, group)
                found = {site: each for site, each in said[place].items() if is_inside(one.members[site].position)}
                records = [record for record in view.records[place].values() if is_inside(record.position)]
                group[place] = _of_group(one, found, records, instant)
        now = {site: self._of_site(site, said, group, is_last=False) for site in self.sites}
        last = {site: self._of_site(site, said, group, is_last=True) for site in self.sites}
        known = [tuple(site for site, each in found.items() if each.is_known) for found in said]
        return _Look(group, now, last, known)

    def _said(self, place: int, view: AreaView, instant: int) -> dict[str, Said]:
        one, values = self.measures[place], view.values[place]
        said = {}
        for site, member in one.members.items():
            found = values.get(site)
            if found is None:
                continue
            is_known = member.silent_for is None or instant - found.newest_at <= member.silent_for
            if one.spec.speaks_on_change and is_known:
                found = found._replace(newest_at=instant)  # What was said last still holds.
            said[site] = Said(set_against(one.spec, found, ()), is_known, member.weight)
        return said

    def _of_site(
        self, site: str, said: Sequence[Mapping[str, Said]], group: Sequence[Measured], *, is_last: bool
    ) -> list[Measured]:
        own: list[Measured] = []
        for one, found, of_group in zip(self.measures, said, group, strict=True):
            if not one.is_per_site:
                own.append(of_group)
            else:
                mine = found.get(site)
                own.append(mine.found if mine is not None and (mine.is_known or is_last) else UNKNOWN)
        return own

    def _scale(self, look: _Look) -> float:
        """Return what the limits are multiplied by now. What is unknown tightens nothing."""
        if self.tighten is None:
            return 1.0
        return self.tighten.times if self._holds_somewhere(self.tighten.conditions, look) is True else 1.0

    # Climbing

    def _climb(self, memory: Memory, look: _Look, scale: float, *, is_armed: bool) -> tuple[int, int | None]:
        rank, since = 0, None
        streaks = iter(memory.streaks)
        for limit, rung, quorum in self._rungs():
            streak = next(streaks)
            verdict = self._is_met(limit, rung, quorum, look, scale) if is_armed and rung.is_judged else False
            sites, found = self._deciding(limit, rung, look, scale)
            if (is_armed and rung.is_judged) or not isinstance(streak, Tally):
                note(streak, verdict, found.newest_at, rung.holding)
            has_enough = rung.is_judged and is_enough(streak, self._asked(rung.holding, sites))
            if streak.since is not None:
                since = streak.since if since is None else min(since, streak.since)
                rank = max(rank, rung.rank) if has_enough else rank
        memory.has_streak = any(streak.is_at_work for streak in memory.streaks)
        return rank, since

    @staticmethod
    def _asked(holding: Holding, sites: Sequence[str]) -> Holding:
        """Return what is asked: sites that agree need no second sample."""
        return replace(holding, samples=1) if len(sites) >= SENSORS_MIN else holding

    def _rungs(self) -> list[tuple[Limit, Rung, Quorum]]:
        return [
            (limit, rung, quorum)
            for limit, quorums in zip(self.limits, self.quorums, strict=True)
            for rung, quorum in zip(limit.rungs, quorums, strict=True)
        ]

    def _is_met(self, limit: Limit, rung: Rung, quorum: Quorum, look: _Look, scale: float) -> bool | None:
        """Tell whether the group meets a rung: its number does, or enough of its sites do."""
        if not self.measures[limit.measure].is_per_site:
            if self.only_while is not None and self._holds_somewhere(self.only_while, look) is False:
                return False
            return self._meets_of_group(limit, rung, look, scale)
        meeting = self._meeting(limit, rung, look, scale)
        if quorum.holds(self._positions(limit, meeting)):
            return True
        known = [site for site, values in look.now.items() if values[limit.measure].value is not None]
        if not known:
            return None
        lost = [
            site
            for site, values in look.last.items()
            if site not in known and is_met(limit, rung, values, look.held, scale) is True
        ]
        return None if quorum.holds(self._positions(limit, [*meeting, *lost])) else False

    def _meets_of_group(self, limit: Limit, rung: Rung, look: _Look, scale: float) -> bool | None:
        verdict = compare(look.group[limit.measure], limit.comparison, rung.value * scale)
        if verdict and rung.conditions is not None:
            return self._holds_somewhere(rung.conditions, look)
        return verdict

    def _meeting(self, limit: Limit, rung: Rung, look: _Look, scale: float) -> list[str]:
        """Return the sites that meet a rung, each with its own conditions."""
        return [
            site
            for site, values in look.now.items()
            if is_met(limit, rung, values, look.held, scale) is True
            and (self.only_while is None or self.only_while.test(values, look.held) is not False)
        ]

    def _positions(self, limit: Limit, sites: Iterable[str]) -> list[tuple[float, float]]:
        members = self.measures[limit.measure].members
        return [members[site].position for site in sites if site in members]

    def _deciding(self, limit: Limit, rung: Rung, look: _Look, scale: float) -> tuple[list[str], Measured]:
        """Return the sites that decide about a rung, and the number that stands for them: the worst of theirs."""
        place = limit.measure
        one = self.measures[place]
        if not one.is_per_site:
            return list(look.known[place]), look.group[place]
        meeting = self._meeting(limit, rung, look, scale)
        found = [look.now[site][place] for site in meeting] or [values[place] for values in look.now.values()]
        known = [each for each in found if each.value is not None]
        if not known:
            return meeting, UNKNOWN
        worst = max if limit.comparison.rises else min
        value = worst(each.value for each in known if each.value is not None)
        return meeting, Measured(value, Bound.EXACT, max(each.newest_at for each in known))

    # Going down

    def _good_side(self, look: _Look, scale: float) -> Sides:
        """Return per rank whether all limits are on its good side; a rank without limits follows the one above."""
        sides: list[bool | None] = []
        for rank in (4, 3, 2, 1):
            answers = [
                self._is_good(limit, rung.leave * scale, quorum, look)
                for limit, rung, quorum in self._rungs()
                if rung.rank == rank and rung.is_judged
            ]
            sides.append(combine(answers, any_of=False) if answers else (sides[-1] if sides else True))
        red, orange, yellow, blue = sides
        return blue, yellow, orange, red

    def _is_good(self, limit: Limit, bound: float, quorum: Quorum, look: _Look) -> bool | None:
        """Tell whether too few sites are left on the bad side of a number; a site that fell silent there may be."""
        comparison, place = strictly_good(limit.comparison), limit.measure
        if not self.measures[place].is_per_site:
            return compare(look.group[place], comparison, bound)
        answers = {site: compare(values[place], comparison, bound) for site, values in look.now.items()}
        bad = [site for site, answer in answers.items() if answer is False]
        if quorum.holds(self._positions(limit, bad)):
            return False
        doubtful = [
            site
            for site, answer in answers.items()
            if answer is None
            and look.last[site][place].value is not None
            and compare(look.last[site][place], comparison, bound) is not True
        ]
        if quorum.holds(self._positions(limit, [*bad, *doubtful])):
            return None
        return True if any(answer is not None for answer in answers.values()) else None

    def _is_clear(self, look: _Look) -> bool | None:
        if self.clear_when is not None:
            members = [self._holds_everywhere(member, look) for member in self.clear_when.members]
            return combine(members, any_of=self.clear_when.any_of)
        answers = [
            self._is_good(limit, limit.clear, quorums[0], look)
            for limit, quorums in zip(self.limits, self.quorums, strict=True)
            if limit.judged
        ]
        return combine(answers, any_of=False)

    def _holds_everywhere(self, condition: Condition, look: _Look) -> bool | None:
        """Tell whether a condition for the end holds for the group, or at every site that has it."""
        if not self.measures[condition.measure].is_per_site:
            return condition.test(look.group, look.held)
        answers = []
        for site in self.measures[condition.measure].members:
            answer = condition.test(look.now[site])
            if answer is None and condition.test(look.last[site]) is not False:
                continue  # Silent, but it said that it was over, or never said anything.
            answers.append(answer)
        return combine(answers, any_of=False) if answers else None

    def _holds_somewhere(self, conditions: Conditions, look: _Look) -> bool | None:
        """Tell whether conditions hold for the group; on numbers of sites, at any one of them."""
        if not self.sites or not any(self.measures[member.measure].is_per_site for member in conditions.members):
            return conditions.test(look.group, look.held)
        return combine([conditions.test(values, look.held) for values in look.now.values()], any_of=True)

    # Gaps, silence, and waking

    def _note_gaps(self, memory: Memory, look: _Look) -> bool:
        broke_off = False
        for place, one in enumerate(self.measures):
            found = [values[place] for values in look.now.values()] if one.is_per_site else [look.group[place]]
            newest_at = max((each.newest_at for each in found if each.value is not None), default=0)
            before = memory.newest_at[place]
            if newest_at <= before:
                continue
            gap = newest_at - before
            has_gaps = not one.spec.speaks_on_change and one.alerts is None
            broke_off |= before > 0 and has_gaps and gap > GAP_PERIODS_MAX * one.spec.period
            memory.newest_at[place] = newest_at
        return broke_off

    def _is_blind(self, limit: Limit, view: AreaView) -> bool:
        place = limit.measure
        one, rung = self.measures[place], limit.rungs[0]
        silent = [
            site
            for site in view.values[place]
            if (span := self.silent_after.get(member_key(place, site))) is not None
            and view.silence(member_key(place, site)) >= span
        ]
        if not silent:
            return False
        if len(silent) == len(view.values[place]):
            return True
        good = strictly_good(limit.comparison)
        return one.is_per_site and any(
            compare(set_against(one.spec, view.values[place][site], ()), good, rung.leave) is False for site in silent
        )

    def _wake_in(self, memory: Memory, view: AreaView, instant: int) -> int | None:
        """Return when it will be otherwise although nothing comes: a streak grows long enough, an alert grows old."""
        streaks = [
            rung.holding.hold - (instant - streak.since)
            for (_, rung, _), streak in zip(self._rungs(), memory.streaks, strict=True)
            if streak.since is not None and not rung.holding.has_gaps
        ]
        drops = [
            one.alerts.changes_in(records.values(), instant)
            for one, records in zip(self.measures, view.records, strict=True)
            if one.alerts is not None
        ]
        return min((wait for wait in (*streaks, *drops) if wait is not None and wait > 0), default=None)


def _side_of(sector: Sector, group: Sequence[Measured]) -> Callable[[tuple[float, float]], bool]:
    """Return the test whether a position lies to the sector's side of the wind; without a wind all do."""
    wind = steady_wind(group[sector.direction].value, group[sector.speed].value)
    return lambda position: in_sector(sector.origin, position, wind, sector.spread, downwind=sector.is_downwind)


def _of_group(one: AreaMeasure, said: Mapping[str, Said], records: Iterable[AlertRecord], instant: int) -> Measured:
    """Return the one number of the group, where it has one."""
    if one.alerts is not None:
        return one.alerts.value(records, instant)
    return UNKNOWN if one.aggregate is None else one.aggregate(list(said.values()), len(one.members))


def member_key(place: int, site: str) -> str:
    """Return the key under which a site's silence is counted for one measure."""
    return f"{place}|{site}"
