"""The judge of `area` rules: measures of many sites, and numbers across them, against limits per level.

A limit on a measure of each site is met by the group when enough of its sites meet it, each with its own conditions.
How long it is met is counted for the group: somewhere in the area it was so, without a break.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from citybrain.alerts import EVIDENCE_SITES_MAX, Evidence, Sample
from citybrain.calendar import Calendar
from rules.areas.across import Across
from rules.areas.look import Look, look_at
from rules.areas.measure import AreaMeasure, AreaView, Quorum, member_key
from rules.calendar import Armed
from rules.conditions import Comparison, Condition, Conditions, Test, combine, compare, meets
from rules.holding import GAP_PERIODS_MAX, Holding
from rules.lifecycle import UNKNOWN_SIDES, Sides, Timing, Verdict
from rules.measures import UNKNOWN, Bound, Measured, is_in_part, set_against
from rules.repeated import Tally
from rules.rule import Finding, Rule
from rules.runs import held_of, is_enough, new_run, note, note_all, timed_in, wake_in
from rules.signals import Signal
from rules.threshold import Limit, Memory, Rung, Tighten, asked_by, deciding, is_met, strictly_good, taken

SENSORS_MIN = 2  # So many sites that agree need no second sample of any [E].


@dataclass(slots=True)
class AreaMemory(Memory):
    """What is remembered of a group. `is_near` is not part of its state: at worst it is looked at once too often."""

    is_near: bool = True  # Whether, but for conditions, any limit may be met.


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
    stirring: tuple[tuple[int, Test, float], ...] | None = field(init=False)  # None: every signal stirs it.
    silent_after: dict[str, int] = field(init=False)
    deciding: tuple[int, ...] = field(init=False)  # The measures that may let an alert go.
    has_wakes: bool = field(init=False)
    holds_limits: bool = field(init=False)  # Whether a limit is on what holds until the next value comes.
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
        object.__setattr__(self, "deciding", deciding(self.limits, self.clear_when))
        tighten = self.tighten.conditions if self.tighten is not None else None
        levels = (rung.conditions for limit in self.limits for rung in limit.rungs)
        object.__setattr__(self, "timed", timed_in((self.only_while, self.clear_when, tighten, *levels)))
        object.__setattr__(self, "stirring", self._stirring())
        wakes = any(one.spec.speaks_on_change or one.alerts is not None for one in self.measures)
        object.__setattr__(self, "has_wakes", wakes)
        holds_limits = any(self.measures[limit.measure].spec.speaks_on_change for limit in self.limits)
        object.__setattr__(self, "holds_limits", holds_limits)

    def new_memory(self, _zones: Sequence[str] = ()) -> AreaMemory:
        """Return a memory without any streak."""
        streaks = [new_run(rung.holding) for limit in self.limits for rung in limit.rungs]
        runs = [new_run(one.holding) for one in self.timed if one.holding is not None]
        return AreaMemory(streaks, [0] * len(self.measures), {}, runs)

    def is_stirred(self, memory: AreaMemory, signal: Signal) -> bool:
        """Tell whether a site's new values may change anything in a group without an open alert.

        Where no streak runs and no limit is met, a value that meets nothing leaves all as it was.
        """
        if self.stirring is None or memory.has_streak or memory.is_near:
            return True
        for place, test, limit in self.stirring:
            found = signal.measured[place]
            if found is not None and found.value is not None and test(found.value, limit):
                return True
        return False

    def is_blind(self, view: AreaView) -> bool:
        """Tell whether what an alert goes by has nobody left to speak, or a limit a silent site that mattered."""
        tighten = self.tighten.conditions if self.tighten is not None else None
        asked = asked_by(self.clear_when, tighten, *(rung.conditions for _, rung, _ in self._rungs()))
        return any(self._is_blind(limit, view) for limit in self.limits) or any(
            self._is_mute(place, self._silent(place, view), view) for place in asked
        )

    def judge(self, memory: AreaMemory, view: AreaView, instant: int, *, is_open: bool) -> Sequence[Finding]:
        """Judge the group as of the instant."""
        look = look_at(self.measures, self.sites, view, instant)
        note_all(self.timed, memory.runs, look.group)
        self._break_off(memory, look)
        look = self._settled(memory, look)
        is_armed = self.active is None or self.active.holds(instant)
        rank, since = self._climb(memory, look, is_armed=is_armed)
        memory.is_near = self._is_near(look)
        sides, is_clear, broke_off, is_part = UNKNOWN_SIDES, None, False, False
        if is_open or rank:
            broke_off = self._note_gaps(memory, look)
            sides, is_clear = self._good_side(look), self._is_clear(look)
            is_part = any(self._in_part(place, look) for place in self.deciding)
        wake_in = self._wake_in(memory, view, instant, is_open=is_open or rank > 0)
        return (Finding(None, Verdict(instant, rank, since, sides, is_clear, broke_off, is_part, wake_in)),)

    def evidence(self, memory: AreaMemory, view: AreaView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return the limit that decides about the rank, with the sites or alerts that do."""
        assert zone is None, "an area rule is about its group"
        look, rungs = self._settled(memory, look_at(self.measures, self.sites, view, instant)), self._rungs()
        candidates = [one for one in rungs if one[1].rank == rank and one[1].is_judged] or rungs[:1]
        met = [one for one in candidates if self._is_met(*one, self._meeting(one[0], one[1], look), look) is True]
        limit, rung, _ = (met or candidates)[0]
        place = limit.measure
        one, meeting = self.measures[place], self._meeting(limit, rung, look)
        found = self._standing_for(limit, meeting, look)
        sites = meeting if one.is_per_site else look.known[place]
        pairs = [(site, view.values[place][site]) for site in sites if site in view.values[place]]
        if one.is_per_site:
            pairs.sort(key=lambda pair: pair[1].value or 0.0, reverse=limit.comparison.rises)  # The worst first.
        if one.counted is not None:
            pairs = [(site, said) for site, said in pairs if said.value is not None and one.counted.holds(said.value)]
        scale = look.scales.get(pairs[0][0], 1.0) if one.is_per_site and pairs else look.scale
        alerts = one.alerts.selected(look.records[place], instant) if one.alerts is not None else []
        samples = [Sample(said.newest_at, said.value) for _, said in pairs if said.value is not None]
        return Evidence(
            measure=one.spec.name,
            words=one.words,
            value=None if found.value is None else round(found.value, 6),
            unit=one.spec.unit,
            comparison=limit.comparison.value,
            limit=round(rung.value * scale, 6) if rung.is_judged else None,
            window=one.spec.span or None,
            take=taken(one.spec) if one.alerts is None else None,
            readings=tuple(samples[:EVIDENCE_SITES_MAX]),
            across=one.across.value if one.across is not None and one.alerts is None else None,
            sites=tuple(site for site, _ in pairs)[:EVIDENCE_SITES_MAX],
            alerts=tuple(record.identifier for record in alerts)[:EVIDENCE_SITES_MAX],
        )

    def dump(self, memory: AreaMemory) -> Any:
        """Return the memory as plain data."""
        streaks, runs = ([run.dump() for run in some] for some in (memory.streaks, memory.runs))
        return [streaks, memory.newest_at, runs, self._layout()]

    def load(self, data: Any) -> AreaMemory:
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

    def crossings(self, place: int) -> list[tuple[Comparison, float]]:
        """Return at which values of a measure any limit or condition comes to hold or ceases to."""
        scales = {1.0, self.tighten.times if self.tighten is not None else 1.0}
        rungs = [(limit.comparison, rung.value) for limit, rung, _ in self._rungs() if limit.measure == place]
        found = [(comparison, value * scale) for comparison, value in rungs for scale in scales]
        sets = [self.only_while, self.clear_when, *(rung.conditions for _, rung, _ in self._rungs())]
        sets += [self.tighten.conditions] if self.tighten is not None else []
        members = [member for conditions in sets if conditions is not None for member in conditions.members]
        return found + [
            (one.comparison, one.limit) for one in members if one.measure == place and one.limit is not None
        ]

    # Whether to look

    def _stirring(self) -> tuple[tuple[int, Test, float], ...] | None:
        """Return which value of a single site may bring the group to a limit: (measure, test, value).

        A least or greatest value meets a limit only after one does that met none before. None where that cannot be told
        from one site: a mean, a wind, a condition that counts time.
        """
        found = []
        for limit in self.limits:
            one, rises = self.measures[limit.measure], limit.comparison.rises
            if one.spec.against is not None or one.alerts is not None:
                return None
            if one.across in (None, Across.MAX, Across.MIN):
                found.append((limit.measure, meets(limit.comparison), self._easiest(limit)))
            elif one.counted is not None and rises:
                found.append((limit.measure, meets(one.counted.comparison), one.counted.limit))
            else:
                return None
        is_plain = not self.timed and all(one.sector is None for one in self.measures)
        return tuple(found) if is_plain else None

    def _easiest(self, limit: Limit) -> float:
        """Return the value at which a limit is met most easily, tightened or not."""
        scales = (1.0, self.tighten.times if self.tighten is not None else 1.0)
        values = [rung.value * scale for rung in limit.rungs for scale in scales]
        return min(values) if limit.comparison.rises else max(values)

    def _is_near(self, look: Look) -> bool:
        """Tell whether, but for conditions, any limit is met."""
        for limit in self.limits:
            easiest, place = self._easiest(limit), limit.measure
            is_per_site = self.measures[place].is_per_site
            found = (values[place] for values in look.now.values()) if is_per_site else (look.group[place],)
            if any(compare(one, limit.comparison, easiest) is True for one in found):
                return True
        return False

    # Looking

    def _settled(self, memory: AreaMemory, look: Look) -> Look:
        """Return the look with what conditions say of it: which held for long enough, and what they tighten."""
        look = replace(look, held=held_of(self.timed, memory.runs, look.group))
        if self.tighten is None:
            return look
        conditions, times = self.tighten.conditions, self.tighten.times  # What is unknown tightens nothing.
        tight = [site for site, values in look.now.items() if conditions.test(values, look.held) is True]
        scale = times if self._holds_somewhere(conditions, look) is True else 1.0
        return replace(look, scale=scale, scales=dict.fromkeys(tight, times))

    # Climbing

    def _climb(self, memory: AreaMemory, look: Look, *, is_armed: bool) -> tuple[int, int | None]:
        rank, since = 0, None
        streaks = iter(memory.streaks)
        for limit, rung, quorum in self._rungs():
            streak, is_per_site = next(streaks), self.measures[limit.measure].is_per_site
            meeting = self._meeting(limit, rung, look) if is_per_site else []
            verdict = self._is_met(limit, rung, quorum, meeting, look) if is_armed and rung.is_judged else False
            found = self._standing_for(limit, meeting, look)
            if (is_armed and rung.is_judged) or not isinstance(streak, Tally):
                note(streak, verdict, found.newest_at, rung.holding)
            if verdict is None and self._is_lost(limit, rung, found, look) and not isinstance(streak, Tally):
                streak.break_off()
            if streak.since is not None:
                has_enough = rung.is_judged and is_enough(streak, self._asked(limit, rung, look))
                since = streak.since if since is None else min(since, streak.since)
                rank = max(rank, rung.rank) if has_enough else rank
        memory.has_streak = any(streak.is_at_work for streak in memory.streaks)
        return rank, since

    def _break_off(self, memory: AreaMemory, look: Look) -> None:
        """End the runs of conditions on what speaks only on change that is too old to be known."""
        for condition, run in zip(self.timed, memory.runs, strict=True):
            is_held = self.measures[condition.measure].spec.speaks_on_change
            if is_held and condition.test_now(look.group) is None and not isinstance(run, Tally):
                run.break_off()

    def _is_lost(self, limit: Limit, rung: Rung, found: Measured, look: Look) -> bool:
        """Tell whether what speaks only on change is too old to be known: nobody knows if it still meets the rung."""
        is_held = self.measures[limit.measure].spec.speaks_on_change
        return is_held and compare(found, limit.comparison, rung.value * look.scale) is not True

    def _asked(self, limit: Limit, rung: Rung, look: Look) -> Holding:
        """Return what is asked: sites that agree need no second sample."""
        if rung.holding.samples > 1 and len(self._meeting(limit, rung, look)) >= SENSORS_MIN:
            return replace(rung.holding, samples=1)
        return rung.holding

    def _rungs(self) -> list[tuple[Limit, Rung, Quorum]]:
        return [
            (limit, rung, quorum)
            for limit, quorums in zip(self.limits, self.quorums, strict=True)
            for rung, quorum in zip(limit.rungs, quorums, strict=True)
        ]

    def _is_met(self, limit: Limit, rung: Rung, quorum: Quorum, meeting: Sequence[str], look: Look) -> bool | None:
        """Tell whether the group meets a rung: its number does, or enough of its sites do."""
        if not self.measures[limit.measure].is_per_site:
            if self.only_while is not None and self._holds_somewhere(self.only_while, look) is False:
                return False
            return self._meets_of_group(limit, rung, look)
        if quorum.holds(self._positions(limit, meeting)):
            return True
        known = {site for site, values in look.now.items() if values[limit.measure].value is not None}
        if not known:
            return None
        lost = [
            site
            for site, values in look.last.items()
            if site not in known and is_met(limit, rung, values, look.held, look.scales.get(site, 1.0)) is True
        ]
        return None if quorum.holds(self._positions(limit, [*meeting, *lost])) else False

    def _meets_of_group(self, limit: Limit, rung: Rung, look: Look) -> bool | None:
        verdict = compare(look.group[limit.measure], limit.comparison, rung.value * look.scale)
        if verdict and rung.conditions is not None:
            return self._holds_somewhere(rung.conditions, look)
        return verdict

    def _meeting(self, limit: Limit, rung: Rung, look: Look) -> list[str]:
        """Return the sites that bear a rung out: those that meet it, or that the number of the group comes from."""
        one, place = self.measures[limit.measure], limit.measure
        if one.is_per_site:
            return [
                site
                for site, values in look.now.items()
                if is_met(limit, rung, values, look.held, look.scales.get(site, 1.0)) is True
                and (self.only_while is None or self.only_while.test(values, look.held) is not False)
            ]
        return [site for site in look.known[place] if one.bears_out(look.said[place][site], limit, rung, look.scale)]

    def _positions(self, limit: Limit, sites: Iterable[str]) -> list[tuple[float, float]]:
        members = self.measures[limit.measure].members
        return [members[site].position for site in sites if site in members]

    def _standing_for(self, limit: Limit, meeting: Sequence[str], look: Look) -> Measured:
        """Return the number that stands for a limit: the group's, or the worst of the sites that meet it."""
        place = limit.measure
        if not self.measures[place].is_per_site:
            return look.group[place]
        found = [look.now[site][place] for site in meeting] or [values[place] for values in look.now.values()]
        known = [each for each in found if each.value is not None]
        if not known:
            return UNKNOWN
        worst = max if limit.comparison.rises else min
        value = worst(each.value for each in known if each.value is not None)
        return Measured(value, Bound.EXACT, max(each.newest_at for each in known))

    # Going down

    def _good_side(self, look: Look) -> Sides:
        """Return per rank whether all limits are on its good side; a rank without limits follows the one above."""
        sides: list[bool | None] = []
        for rank in (4, 3, 2, 1):
            answers = [
                self._is_good(limit, rung.leave, quorum, look)
                for limit, rung, quorum in self._rungs()
                if rung.rank == rank and rung.is_judged
            ]
            sides.append(combine(answers, any_of=False) if answers else (sides[-1] if sides else True))
        red, orange, yellow, blue = sides
        return blue, yellow, orange, red

    def _is_good(self, limit: Limit, bound: float, quorum: Quorum, look: Look) -> bool | None:
        """Tell whether too few sites are left on the bad side of a number; a site that fell silent there may be."""
        comparison, place = strictly_good(limit.comparison), limit.measure
        if not self.measures[place].is_per_site:
            return compare(look.group[place], comparison, bound * look.scale)
        bounds = {site: bound * look.scales.get(site, 1.0) for site in look.now}
        answers = {site: compare(values[place], comparison, bounds[site]) for site, values in look.now.items()}
        bad = [site for site, answer in answers.items() if answer is False]
        if quorum.holds(self._positions(limit, bad)):
            return False
        doubtful = [
            site
            for site, answer in answers.items()
            if answer is None
            and look.last[site][place].value is not None
            and compare(look.last[site][place], comparison, bounds[site]) is not True
        ]
        if quorum.holds(self._positions(limit, [*bad, *doubtful])):
            return None
        return True if any(answer is not None for answer in answers.values()) else None

    def _is_clear(self, look: Look) -> bool | None:
        if self.clear_when is not None:
            members = [self._holds_everywhere(member, look) for member in self.clear_when.members]
            return combine(members, any_of=self.clear_when.any_of)
        answers = [
            self._is_good(limit, limit.clear, quorums[0], look)
            for limit, quorums in zip(self.limits, self.quorums, strict=True)
            if limit.judged
        ]
        return combine(answers, any_of=False)

    def _holds_everywhere(self, condition: Condition, look: Look) -> bool | None:
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

    def _holds_somewhere(self, conditions: Conditions, look: Look) -> bool | None:
        """Tell whether conditions hold for the group; on numbers of sites, at any one of them."""
        if not self.sites or not any(self.measures[member.measure].is_per_site for member in conditions.members):
            return conditions.test(look.group, look.held)
        return combine([conditions.test(values, look.held) for values in look.now.values()], any_of=True)

    # Gaps, silence, and waking

    def _note_gaps(self, memory: AreaMemory, look: Look) -> bool:
        broke_off = False
        for place in self.deciding:
            one = self.measures[place]
            if self._in_part(place, look):
                continue
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

    def _ages(self, view: AreaView, instant: int) -> Iterator[int]:
        """Yield in how many milliseconds what holds at a site will be too old to be known."""
        for place in {*self.deciding, *(condition.measure for condition in self.timed)}:
            one = self.measures[place]
            for site, found in view.values[place].items() if one.spec.speaks_on_change else ():
                silent_for = one.members[site].silent_for
                if silent_for is not None:
                    yield found.newest_at + silent_for + 1 - instant

    def _in_part(self, place: int, look: Look) -> bool:
        """Tell whether the number is not known as a site has sent but some of the items of its newest instant."""
        one, said = self.measures[place], look.said[place]
        if not one.is_per_site and look.group[place].bound is Bound.EXACT:
            return False
        return any(is_in_part(one.spec, said[site]) for site in look.known[place])

    def _is_blind(self, limit: Limit, view: AreaView) -> bool:
        place = limit.measure
        one, rung = self.measures[place], limit.rungs[0]
        silent = self._silent(place, view)
        if self._is_mute(place, silent, view):
            return True
        good = strictly_good(limit.comparison)
        return one.is_per_site and any(
            compare(set_against(one.spec, view.values[place][site], ()), good, rung.leave) is False for site in silent
        )

    def _silent(self, place: int, view: AreaView) -> list[str]:
        """Return the sites that have been silent for too long for what they said to be known."""
        spans = {site: self.silent_after.get(member_key(place, site)) for site in view.values[place]}
        return [
            site for site, span in spans.items() if span is not None and view.silence(member_key(place, site)) >= span
        ]

    @staticmethod
    def _is_mute(place: int, silent: Sequence[str], view: AreaView) -> bool:
        """Tell whether every site that ever said anything of a measure is silent."""
        return bool(silent) and len(silent) == len(view.values[place])

    def _wake_in(self, memory: AreaMemory, view: AreaView, instant: int, *, is_open: bool) -> int | None:
        """Return when it will be otherwise although nothing comes: a streak grows long enough, an alert grows old."""
        holdings = [rung.holding for _, rung, _ in self._rungs()]
        holdings += [condition.holding for condition in self.timed if condition.holding is not None]
        streaks = wake_in(holdings, (*memory.streaks, *memory.runs), instant)
        drops = [
            one.alerts.changes_in(records.values(), instant)
            for one, records in zip(self.measures, view.records, strict=True)
            if one.alerts is not None
        ]
        turn = None
        if self.active is not None and memory.is_near and self.holds_limits:
            turn = self.active.turns_after(instant)
        ages = self._ages(view, instant) if memory.has_streak or is_open or self.timed else ()
        waits = (streaks, *drops, *ages, turn - instant if turn is not None else None)
        return min((wait for wait in waits if wait is not None and wait > 0), default=None)
