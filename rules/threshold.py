"""The judge of `threshold` rules: measures of one site against limits per level; the worst limit decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from citybrain.alerts import EVIDENCE_READINGS_MAX, Evidence, Sample
from citybrain.model import Words
from rules.conditions import Comparison, Conditions, combine, compare
from rules.holding import GAP_PERIODS_MAX, Holding, Streak
from rules.lifecycle import Timing, Verdict
from rules.measures import UNKNOWN, Measure, Measured, Step, measure
from rules.rule import Finding, Rule, SiteView
from rules.series import Series


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of a limit."""

    rank: int
    value: float
    leave: float  # Strictly on the good side of this the level is left.
    holding: Holding
    conditions: Conditions | None  # The level's `and`.


@dataclass(frozen=True, slots=True)
class Limit:
    """One measure against a value per level. Rungs stand lowest first."""

    measure: int  # Its place among the rule's measures.
    comparison: Comparison
    rungs: tuple[Rung, ...]
    clear: float  # Strictly on the good side of this the limit is clear.


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

    @property
    def series_keys(self) -> tuple[str, ...]:
        """Return the series that its measures read."""
        return tuple(dict.fromkeys(spec.series for spec in self.measures))

    @property
    def silent_after(self) -> dict[str, int]:
        """Return per series the silence that makes its measures unknown."""
        return {spec.series: spec.silent_for for spec in self.measures if spec.silent_for is not None}

    def new_memory(self) -> list[Streak]:
        """Return a streak for every rung of every limit."""
        return [Streak() for limit in self.limits for _ in limit.rungs]

    def judge(self, memory: list[Streak], view: SiteView, instant: int) -> Sequence[Finding]:
        """Judge the site's measures as of the instant."""
        measured = self._measure(view, instant)
        # An unknown gate never blocks: a broken humidity sensor must not hide a fire.
        is_gated = self.only_while is not None and self.only_while.test(measured) is False
        rank, since, broke_off = 0, None, False
        streaks = iter(memory)
        for limit in self.limits:
            found = measured[limit.measure]
            for rung in limit.rungs:
                streak = next(streaks)
                broke_off |= _is_gap(streak, found, rung.holding)
                streak.note(_is_met(limit, rung, measured, is_gated=is_gated), found.newest_at, rung.holding)
                if streak.since is not None:
                    since = streak.since if since is None else min(since, streak.since)
                    if streak.is_enough(rung.holding):
                        rank = max(rank, rung.rank)
        verdict = Verdict(instant, rank, since, self._good_side(measured), self._is_clear(measured), broke_off)
        return (Finding(None, verdict),)

    def evidence(self, view: SiteView, instant: int, *, rank: int, zone: str | None) -> Evidence:
        """Return the limit that decides about the rank: one that is met at it, else the first that has it."""
        assert zone is None, "a threshold rule is about the site itself"
        measured = self._measure(view, instant)
        rungs = [(limit, rung) for limit in self.limits for rung in limit.rungs if rung.rank == rank]
        met = [(limit, rung) for limit, rung in rungs if _is_met(limit, rung, measured, is_gated=False)]
        limit, rung = (met or rungs or [(self.limits[0], self.limits[0].rungs[0])])[0]
        spec, found = self.measures[limit.measure], measured[limit.measure]
        return Evidence(
            measure=spec.name,
            words=self.words[limit.measure],
            value=None if found.value is None else round(found.value, 6),
            unit=spec.unit,
            comparison=limit.comparison.value,
            limit=round(rung.value, 6),
            window=spec.span or None,
            take=_taken(spec),
            readings=_readings(spec, view.series.get(spec.series), found.newest_at),
        )

    def dump(self, memory: list[Streak]) -> Any:
        """Return the streaks as plain data."""
        return [streak.dump() for streak in memory]

    def load(self, data: Any) -> list[Streak]:
        """Return the streaks that `dump` wrote."""
        memory = self.new_memory()
        for streak, dumped in zip(memory, data, strict=True):
            streak.load(dumped)
        return memory

    def _measure(self, view: SiteView, instant: int) -> list[Measured]:
        return [
            measure(spec, view.series[spec.series], instant) if spec.series in view.series else UNKNOWN
            for spec in self.measures
        ]

    def _good_side(self, measured: Sequence[Measured]) -> tuple[bool | None, bool | None, bool | None, bool | None]:
        """Return per rank whether all limits are on its good side; a rank without limits follows the one above."""
        sides: list[bool | None] = []
        for rank in (4, 3, 2, 1):
            answers = [
                compare(measured[limit.measure], _strictly_good(limit.comparison), rung.leave)
                for limit in self.limits
                for rung in limit.rungs
                if rung.rank == rank
            ]
            sides.append(combine(answers, any_of=False) if answers else (sides[-1] if sides else True))
        red, orange, yellow, blue = sides
        return blue, yellow, orange, red

    def _is_clear(self, measured: Sequence[Measured]) -> bool | None:
        if self.clear_when is not None:
            return self.clear_when.test(measured)
        answers = [
            compare(measured[limit.measure], _strictly_good(limit.comparison), limit.clear) for limit in self.limits
        ]
        return combine(answers, any_of=False)


def _strictly_good(comparison: Comparison) -> Comparison:
    return Comparison.BELOW if comparison.rises else Comparison.ABOVE


def _is_met(limit: Limit, rung: Rung, measured: Sequence[Measured], *, is_gated: bool) -> bool | None:
    is_met = compare(measured[limit.measure], limit.comparison, rung.value)
    if is_met and is_gated:
        return False
    if is_met and rung.conditions is not None:
        return rung.conditions.test(measured)
    return is_met


def _is_gap(streak: Streak, found: Measured, holding: Holding) -> bool:
    last_at = streak.last_at
    return last_at is not None and found.newest_at - last_at > GAP_PERIODS_MAX * holding.period


def _taken(spec: Measure) -> str | None:
    if spec.step is Step.WINDOW:
        assert spec.take is not None, "a window takes something"
        return spec.take.value
    return None if spec.step is Step.NEWEST else spec.step.value


def _readings(spec: Measure, series: Series | None, newest_at: int) -> tuple[Sample, ...]:
    if series is None or not series.instants:
        return ()
    first, end = series.window(newest_at, max(spec.span, 1))
    first = max(first, end - EVIDENCE_READINGS_MAX)
    pairs = zip(series.instants[first:end], series.values[first:end], strict=True)
    return tuple(Sample(observed_at, value) for observed_at, value in pairs)
