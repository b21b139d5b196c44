"""The judge of `threshold` rules: measures of one site against limits per level; the worst limit decides."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from citybrain.alerts import EVIDENCE_READINGS_MAX, Evidence, Sample
from citybrain.calendar import Calendar
from citybrain.model import Words
from rules.calendar import Armed
from rules.conditions import NONE_HELD, Comparison, Condition, Conditions, Held, combine, compare
from rules.forecast import with_outlook
from rules.holding import GAP_PERIODS_MAX, Holding
from rules.lifecycle import UNKNOWN_SIDES, Sides, Timing, Verdict
from rules.measures import Measure, Measured, Step, Take, is_in_part, looks_again_in, was_unknown, window_start
from rules.measuring import Histories, against_all, new_histories, plain_values, settle_all
from rules.quick import Quick, quick_gate, quick_test
from rules.repeated import Tally
from rules.rest import Band, Rest, band_of, narrowest, rest_of
from rules.rule import Finding, Rule, SiteView, is_any_silent
from rules.runs import Run, held_of, is_enough, new_run, note, note_all, timed_in, wake_in
from rules.series import Series


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of a limit."""

    rank: int
    value: float
    leave: float  # Strictly on the good side of this the level is left.
    holding: Holding
    conditions: Conditions | None  # The level's `and`.
    is_judged: bool = True  # False out of the season of its value: neither raises it nor is an alert held by it.


@dataclass(frozen=True, slots=True)
class Limit:
    """One measure against a value per level. Rungs stand lowest first."""

    measure: int  # Its place among the rule's measures.
    comparison: Comparison
    rungs: tuple[Rung, ...]
    clear: float  # Strictly on the good side of this the limit is clear.

    @property
    def judged(self) -> tuple[Rung, ...]:
        """Return the rungs that have a value now, lowest first."""
        return tuple(rung for rung in self.rungs if rung.is_judged)


@dataclass(frozen=True, slots=True)
class Tighten:
    """All limits times a factor while conditions hold."""

    times: float
    conditions: Conditions


@dataclass(slots=True)
class Memory:
    """What is remembered of one site: the streak of every rung, and the newest sample of every measure."""

    streaks: list[Run]  # Empty until it is judged for the first time: at most sites a rule never is.
    newest_at: list[int]  # Kept while an alert is open, to see gaps; 0 before the first.
    histories: Histories  # By the place of the measure that is set against its own past.
    runs: list[Run]  # Of the conditions that have a `for` or `repeated`, in the order of the judge's `timed`.
    has_streak: bool = False  # Whether any of them runs.


@dataclass(frozen=True, slots=True)
class ThresholdJudge:
    """A threshold rule bound to one site."""

    rule: Rule
    timing: Timing
    measures: tuple[Measure, ...]
    words: tuple[Words, ...]  # Of the measures, for evidence.
    limits: tuple[Limit, ...]
    only_while: Conditions | None
    clear_when: Conditions | None
    active: Calendar | Armed | None = None
    tighten: Tighten | None = None
    series_keys: tuple[str, ...] = field(init=False)
    silent_after: dict[str, int] = field(init=False, compare=False)
    has_wakes: bool = field(init=False)
    minds_calendar: bool = field(init=False)  # Whether it must be asked when its calendar turns though nothing comes.
    has_operands: bool = field(init=False)
    lead: int = field(init=False)  # By which a stamp is later than what it is of: 1 ms where all limits are on means.
    timed: tuple[Condition, ...] = field(init=False)
    # Whose windows move although nothing comes.
    moving: tuple[Measure, ...] = field(init=False, compare=False, repr=False)
    sees_all: bool = field(init=False)  # Whether more than a limit that is met concerns it, so that it is never quiet.
    # How to see quickly whether the lowest rung is met, per limit.
    lowest: tuple[tuple[str, Quick], ...] = field(init=False, compare=False, repr=False)
    # Whether the gate is surely shut, where that is seen sooner than whether a limit is met.
    is_shut: Callable[[Mapping[str, Series], int], bool] | None = field(init=False, compare=False, repr=False)
    # What a rank is left by, red to blue: (place of the measure, comparison, value) per limit.
    leaves: tuple[tuple[tuple[int, Comparison, float], ...], ...] = field(init=False, compare=False, repr=False)
    deciding: tuple[int, ...] = field(init=False, compare=False, repr=False)  # The measures that may let an alert go.
    # Per series the values that leave it at rest, once it is.
    bands: Mapping[str, Band] = field(init=False, compare=False, repr=False)
    # Until when the limits that no band is for leave it at rest, per limit.
    rests: tuple[tuple[str, Rest | None], ...] = field(init=False, compare=False, repr=False)
    layout: str = field(init=False, compare=False, repr=False)  # Which rung or condition each run belongs to.
    is_about_silence: ClassVar[bool] = False
    zones: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        keys = tuple(dict.fromkeys(spec.series for spec in self.measures))
        tighten = self.tighten.conditions if self.tighten is not None else None
        levels = [rung.conditions for limit in self.limits for rung in limit.rungs]
        going = {limit.measure for limit in self.limits} | asked_by(self.clear_when, tighten, *levels)
        against = {self.measures[place].operand_place for place in going}
        # Not what `only_while` alone asks for: unknown it counts as met, so that nothing is missed for want of it.
        by = [self.measures[place] for place in sorted(going | {place for place in against if place is not None})]
        silences = {spec.series: spec.silent_for for spec in by if spec.silent_for is not None}
        object.__setattr__(self, "series_keys", keys)
        object.__setattr__(self, "silent_after", silences)
        # What does not meet the rung that is met most easily meets none.
        tests = tuple(
            (spec.series, quick_test(spec, limit.comparison, self._easiest(limit)))
            for limit in self.limits
            for spec in (self.measures[limit.measure],)
            if limit.judged
        )
        object.__setattr__(self, "lowest", tests)
        object.__setattr__(self, "timed", timed_in((self.only_while, self.clear_when, tighten, *levels)))
        are_means = all(self.measures[limit.measure].covers > 0 for limit in self.limits)
        object.__setattr__(self, "lead", int(are_means))
        has_past = any(spec.own is not None for spec in self.measures)
        moving = tuple(spec for spec in self.measures if spec.speaks_on_change and spec.span)
        object.__setattr__(self, "moving", moving)
        object.__setattr__(self, "sees_all", has_past or bool(moving or self.timed))
        self._see_what_may_rest()
        object.__setattr__(self, "layout", self._layout())
        object.__setattr__(self, "deciding", deciding(self.limits, self.clear_when))
        object.__setattr__(self, "has_operands", any(spec.against is not None for spec in self.measures))
        object.__setattr__(self, "is_shut", self._quick_gate())
        leaves = tuple(
            tuple(
                (limit.measure, strictly_good(limit.comparison), rung.leave)
                for limit in self.limits
                for rung in limit.judged
                if rung.rank == rank
            )
            for rank in (4, 3, 2, 1)
        )
        object.__setattr__(self, "leaves", leaves)
        object.__setattr__(self, "has_wakes", any(spec.speaks_on_change for spec in self.measures))
        holds_limits = any(self.measures[limit.measure].speaks_on_change for limit in self.limits)
        object.__setattr__(self, "minds_calendar", self.active is not None and holds_limits)

    def _layout(self) -> str:
        """Return what tells which rung or condition each run of a memory belongs to."""
        ranks = ((limit, "".join(str(rung.rank) for rung in limit.rungs)) for limit in self.limits)
        rungs = " ".join(f"{limit.measure}:{limit.comparison.value}:{found}" for limit, found in ranks)
        return f"{rungs} {len(self.timed)}"

    def new_memory(self, _zones: Sequence[str] = ()) -> Memory:
        """Return a memory without any streak."""
        runs = [new_run(one.holding) for one in self.timed if one.holding is not None]
        return Memory([], [0] * len(self.measures), new_histories(self.measures), runs)

    def _new_streaks(self) -> list[Run]:
        return [new_run(rung.holding) for limit in self.limits for rung in limit.rungs]

    def _see_what_may_rest(self) -> None:
        """Find out per limit which values leave it as it is, or how long it stays so."""
        bands: dict[str, list[Band]] = {key: [] for key in self.series_keys}
        rests: list[tuple[str, Rest | None]] = []
        for limit in self.limits:
            if limit.judged:
                spec, easiest = self.measures[limit.measure], self._easiest(limit)
                band = band_of(spec, limit.comparison, easiest)
                if band is not None:
                    bands[spec.series].append(band)
                else:
                    rests.append((spec.series, rest_of(spec, limit.comparison, easiest)))
        object.__setattr__(self, "bands", {key: narrowest(found) for key, found in bands.items()})
        object.__setattr__(self, "rests", tuple(rests))

    def _quick_gate(self) -> Callable[[Mapping[str, Series], int], bool] | None:
        """Return the quick look at the gate of a rule with a slope, the one measure that is dear."""
        is_dear = any(self.measures[limit.measure].step in (Step.SLOPE, Step.TREND) for limit in self.limits)
        if self.only_while is None or self.has_operands or self.timed or not is_dear:
            return None
        return quick_gate(self.only_while, self.measures)

    def _easiest(self, limit: Limit) -> float:
        """Return the value at which a limit is met most easily, tightened or not."""
        scales = (1.0, self.tighten.times if self.tighten is not None else 1.0)
        values = [rung.value * scale for rung in limit.judged for scale in scales]
        return min(values) if limit.comparison.rises else max(values)

    def quiet_until(self, memory: Memory, view: SiteView, instant: int) -> float | None:
        """Return until when no streak runs and no limit is surely met, by far the most common case; None: one may be.

        A rule with conditions that count time, with a history, or with a window that moves although nothing comes, sees
        every sample, whatever its limits say.
        """
        if memory.has_streak or self.sees_all:
            return None
        if self.is_shut is not None and self.is_shut(view.series, instant):
            return instant
        for key, may_be_met in self.lowest:
            series = view.series.get(key)
            if series is not None and may_be_met(series, instant):
                return None
        until = math.inf
        for key, rest in self.rests:
            series = view.series.get(key)
            if rest is None or series is None or not series.instants:
                return instant
            until = min(until, rest(series, instant))
        return until

    def may_be_met(self, view: SiteView, key: str, instant: int) -> bool:
        """Tell whether a limit on a series may be met as of an instant."""
        return any(may_be_met(view.series[key], instant) for read, may_be_met in self.lowest if read == key)

    def is_blind(self, view: SiteView) -> bool:
        """Tell whether a series that it reads has been silent for too long to be known."""
        return is_any_silent(self, view)

    def judge(self, memory: Memory, view: SiteView, instant: int, *, is_open: bool) -> Sequence[Finding]:
        """Judge the site's measures as of the instant."""
        memory.streaks = memory.streaks or self._new_streaks()
        if memory.histories:
            settle_all(self.measures, memory.histories, view.series)
        measured, held = self._measure(memory, view, instant), NONE_HELD
        if self.has_wakes and (memory.has_streak or self.timed):
            self._break_off(memory, view, measured)
        if self.timed:
            note_all(self.timed, memory.runs, measured)
            held = held_of(self.timed, memory.runs, measured)
        # An unknown gate never blocks: a broken humidity sensor must not hide a fire.
        is_gated = self.only_while is not None and self.only_while.test(measured, held) is False
        is_armed = self.active is None or self.active.holds(instant - self.lead)
        scale = self._scale(measured, held)
        rank, since = self._climb(memory, measured, held, scale, is_gated=is_gated, is_armed=is_armed)
        sides, is_clear, broke_off, is_part = UNKNOWN_SIDES, None, False, False
        if is_open or rank:
            broke_off = self._note_gaps(memory, view, measured)
            sides, is_clear = self._good_side(measured, scale), self._is_clear(measured, held)
            is_part = any(is_in_part(self.measures[place], measured[place]) for place in self.deciding)
        wake_in = self._wake_in(memory, view, instant) if self.has_wakes else None
        return (Finding(None, Verdict(instant, rank, since, sides, is_clear, broke_off, is_part, wake_in)),)

    def evidence(self, memory: Memory, view: SiteView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return the limit that decides about the rank: one that is met at it, else the first that has it."""
        assert zone is None, "a threshold rule is about the site itself"
        measured = self._measure(memory, view, instant)
        held = held_of(self.timed, memory.runs, measured)
        rungs = [(limit, rung) for limit in self.limits for rung in limit.judged if rung.rank == rank]
        scale = self._scale(measured, held)
        met = [(limit, rung) for limit, rung in rungs if is_met(limit, rung, measured, held, scale)]
        limit, rung = (met or rungs or [(self.limits[0], self.limits[0].rungs[0])])[0]
        spec, found = self.measures[limit.measure], measured[limit.measure]
        evidence = Evidence(
            measure=spec.name,
            words=self.words[limit.measure],
            value=None if found.value is None else round(found.value, 6),
            unit=spec.unit,
            comparison=limit.comparison.value,
            limit=round(rung.value * scale, 6) if rung.is_judged else None,
            window=_window(spec, found.newest_at),
            take=taken(spec),
            readings=_readings(spec, view.series.get(spec.series), found.newest_at),
        )
        series = view.series.get(spec.series)
        if spec.step is Step.TREND and series is not None:
            return with_outlook(evidence, spec, series, found.newest_at)
        return evidence

    def dump(self, memory: Memory) -> Any:
        """Return the memory as plain data, without the histories, which outlive it."""
        streaks, runs = memory.streaks or self._new_streaks(), memory.runs
        return [[streak.dump() for streak in streaks], memory.newest_at, [run.dump() for run in runs], self.layout]

    def load(self, data: Any) -> Memory:
        """Return the memory that `dump` wrote; a new one where the site, or a zone, has other attributes since."""
        streaks, newest_at, runs, layout = data
        memory = self.new_memory()
        if layout != self.layout:
            return memory
        fresh = self._new_streaks()
        if streaks != [streak.dump() for streak in fresh]:
            memory.streaks = fresh
            for streak, dumped in zip(fresh, streaks, strict=True):
                streak.load(dumped)
        memory.newest_at = list(newest_at)
        for run, dumped in zip(memory.runs, runs, strict=True):
            run.load(dumped)
        memory.has_streak = any(streak.is_at_work for streak in memory.streaks)
        return memory

    def _measure(self, memory: Memory, view: SiteView, instant: int) -> list[Measured]:
        plain = plain_values(self.measures, view.series, instant)
        return against_all(self.measures, memory.histories, view.series, plain) if self.has_operands else plain

    def _scale(self, measured: Sequence[Measured], held: Held) -> float:
        """Return what the limits are multiplied by now. What is unknown tightens nothing."""
        is_tight = self.tighten is not None and self.tighten.conditions.test(measured, held) is True
        return self.tighten.times if self.tighten is not None and is_tight else 1.0

    def _climb(
        self,
        memory: Memory,
        measured: Sequence[Measured],
        held: Held,
        scale: float,
        *,
        is_gated: bool,
        is_armed: bool,
    ) -> tuple[int, int | None]:
        """Bring the streaks up to date; return the highest rank that holds, and since when any limit is met.

        Out of its calendar a rule raises nothing; what is counted by days or nights waits for the next one.
        """
        rank, since, has_streak = 0, None, False
        streaks = iter(memory.streaks)
        for limit in self.limits:
            found = measured[limit.measure]
            for rung in limit.rungs:
                streak = next(streaks)
                is_off = is_gated or not is_armed or not rung.is_judged
                verdict = False if is_off else is_met(limit, rung, measured, held, scale)
                if (is_armed and rung.is_judged) or not isinstance(streak, Tally):
                    note(streak, verdict, found.newest_at, rung.holding)
                has_streak = has_streak or streak.is_at_work
                if streak.since is not None:
                    since = streak.since if since is None else min(since, streak.since)
                    rank = max(rank, rung.rank) if rung.is_judged and is_enough(streak, rung.holding) else rank
        memory.has_streak = has_streak
        return rank, since

    def _break_off(self, memory: Memory, view: SiteView, measured: Sequence[Measured]) -> None:
        """End the streaks of what speaks only on change through whose time it was unknown for a while."""
        places = [limit.measure for limit in self.limits for _ in limit.rungs]
        places += [condition.measure for condition in self.timed]
        for place, streak in zip(places, (*memory.streaks, *memory.runs), strict=True):
            spec, found = self.measures[place], measured[place]
            if isinstance(streak, Tally) or streak.last_at is None or found.value is None:
                continue
            if was_unknown(spec, view.series[spec.series], streak.last_at, found.newest_at):
                streak.break_off()

    def _note_gaps(self, memory: Memory, view: SiteView, measured: Sequence[Measured]) -> bool:
        """Remember the newest samples; tell whether what lets the alert go was missing before its newest one."""
        broke_off = False
        for place in self.deciding:
            spec, found, before = self.measures[place], measured[place], memory.newest_at[place]
            if found.value is None or found.newest_at <= before or is_in_part(spec, found):
                continue
            if spec.speaks_on_change:
                is_missing = was_unknown(spec, view.series[spec.series], before, found.newest_at)
            else:
                is_missing = found.newest_at - before > GAP_PERIODS_MAX * spec.period
            broke_off |= before > 0 and is_missing
            memory.newest_at[place] = found.newest_at
        return broke_off

    def _wake_in(self, memory: Memory, view: SiteView, instant: int) -> int | None:
        """Return in how many milliseconds to ask again though nothing comes: a streak grows, or a window moves."""
        waits = [
            wait
            for spec in self.moving
            if (series := view.series.get(spec.series)) is not None
            and (wait := looks_again_in(spec, series, instant)) is not None
        ]
        if memory.has_streak or self.timed:
            holdings = [rung.holding for limit in self.limits for rung in limit.rungs]
            holdings += [condition.holding for condition in self.timed if condition.holding is not None]
            grows_in = wake_in(holdings, (*memory.streaks, *memory.runs), instant)
            waits += [grows_in] if grows_in is not None else []
        if self.minds_calendar and any(
            self.may_be_met(view, key, instant) for key, _ in self.lowest if key in view.series
        ):
            turn = self.active.turns_after(instant) if self.active is not None else None
            waits += [turn - instant] if turn is not None else []
        return min((wait for wait in waits if wait > 0), default=None)

    def _good_side(self, measured: Sequence[Measured], scale: float) -> Sides:
        """Return per rank whether all limits are on its good side; a rank without limits follows the one above."""
        sides: list[bool | None] = []
        for leaves in self.leaves:
            answers = [compare(measured[place], comparison, leave * scale) for place, comparison, leave in leaves]
            sides.append(combine(answers, any_of=False) if answers else (sides[-1] if sides else True))
        red, orange, yellow, blue = sides
        return blue, yellow, orange, red

    def _is_clear(self, measured: Sequence[Measured], held: Held) -> bool | None:
        if self.clear_when is not None:
            return self.clear_when.test(measured, held)
        answers = [
            compare(measured[limit.measure], strictly_good(limit.comparison), limit.clear)
            for limit in self.limits
            if limit.judged
        ]
        return combine(answers, any_of=False)


def deciding(limits: Sequence[Limit], clear_when: Conditions | None) -> tuple[int, ...]:
    """Return the measures that decide when an alert goes down: those of limits and of `clear_when`, not of gates."""
    return tuple(sorted({limit.measure for limit in limits} | asked_by(clear_when)))


def asked_by(*all_conditions: Conditions | None) -> set[int]:
    """Return the measures that any of some conditions is about."""
    return {member.measure for some in all_conditions if some is not None for member in some.members}


def strictly_good(comparison: Comparison) -> Comparison:
    """Return the comparison that holds strictly on the good side of a limit."""
    return Comparison.BELOW if comparison.rises else Comparison.ABOVE


def is_met(limit: Limit, rung: Rung, measured: Sequence[Measured], held: Held, scale: float) -> bool | None:
    """Tell whether a level of a limit is met, with the level's own conditions; None where the data do not say."""
    is_met = compare(measured[limit.measure], limit.comparison, rung.value * scale)
    if is_met and rung.conditions is not None:
        return rung.conditions.test(measured, held)
    return is_met


def taken(spec: Measure) -> str | None:
    """Return what evidence calls the value that a measure takes from its samples."""
    if spec.step is Step.WINDOW:
        assert spec.take is not None, "a window takes something"
        return f"p{spec.quantile * 100:.0f}" if spec.take is Take.QUANTILE else spec.take.value
    if spec.step is Step.TREND:
        return Step.SLOPE.value
    return None if spec.step is Step.NEWEST else spec.step.value


def _window(spec: Measure, newest_at: int) -> int | None:
    """Return how long the window is that ends with a sample; one that begins at a time of day grows."""
    start = window_start(spec, newest_at)
    return newest_at - start if spec.span and start is not None else None


def _readings(spec: Measure, series: Series | None, newest_at: int) -> tuple[Sample, ...]:
    if series is None or not series.instants:
        return ()
    first, end = series.window(newest_at, _window(spec, newest_at) or 1)
    if spec.speaks_on_change:
        first = max(0, min(first, end - 1))  # The value in force, however long ago it was said.
    first = max(first, end - EVIDENCE_READINGS_MAX)
    pairs = zip(series.instants[first:end], series.values[first:end], strict=True)
    return tuple(Sample(observed_at, value) for observed_at, value in pairs)
