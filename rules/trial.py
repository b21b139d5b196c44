"""The tests that authors write beside their rules: values in, events out, through the engine itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from citybrain.alerts import AlertEvent, State
from citybrain.instants import SECOND, format_duration, parse_instant
from citybrain.model import Level, Reading
from rules.areas.stage import AreaStage
from rules.engine import Engine
from rules.ruleset import RuleSet
from rules.shape.rule import Expected, RuleTest
from rules.trial_series import parse_series
from rules.trial_zones import with_zones

CLOCK_EVERY = 30 * SECOND
DEFAULT_START = parse_instant("2026-06-20T08:00:00+08:00")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event of a test, expected or seen: what is compared."""

    at: int  # Milliseconds after the start.
    level: Level
    state: State
    no_data: bool
    subject: str | None = None  # Only in tests that tell subjects apart.

    def __str__(self) -> str:
        mark = " no_data" if self.no_data else ""
        about = f" {self.subject}" if self.subject is not None else ""
        return f"{format_duration(self.at)} {self.level} {self.state}{mark}{about}"


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How one test ended: the pairs (expected, seen), None where one is missing, in the order of time."""

    rule: str
    test: str
    pairs: tuple[tuple[Occurrence | None, Occurrence | None], ...]

    @property
    def has_passed(self) -> bool:
        """Tell whether every event was expected and every expectation met."""
        return all(expected == seen for expected, seen in self.pairs)


def run_trials(rules: RuleSet, rule_id: str) -> Iterator[TrialResult]:
    """Run the tests of one rule, with no other rule in force."""
    checked = rules.rules[rule_id]
    alone = rules.only(rule_id)
    for test in checked.entry.tests:
        start = test.start or DEFAULT_START
        has_subjects = any(expected.subject is not None for expected in test.expect)
        seen = [
            _seen(event, start, has_subjects=has_subjects) for event in play(alone, test) if event.rule.id == rule_id
        ]
        yield TrialResult(rule_id, test.name, tuple(_pairs([_wanted(one) for one in test.expect], seen)))


def play(rules: RuleSet, test: RuleTest) -> list[AlertEvent]:
    """Return the events that the readings of a test give. Clock records stand between them, every 30 s."""
    rules = with_zones(rules, test.zones, start=test.start or DEFAULT_START)
    engine, areas = Engine(rules, expects=test.all_values()), AreaStage(rules.areas.plan)
    events: list[AlertEvent] = []
    for at, readings in _moments(rules, test):
        judged = [engine.observe(reading, at=at) for reading in readings] or [engine.advance(at)]
        seen = [event for one in judged for event in one.events]
        events += areas.take(at, [signal for one in judged for signal in one.signals], seen)
        events += seen
    return [*events, *areas.finish()]


def _moments(rules: RuleSet, test: RuleTest) -> Iterator[tuple[int, list[Reading]]]:
    """Yield the instants of a test, clock records among them, each with what is read then, in the order of time."""
    start = test.start or DEFAULT_START
    readings: dict[int, list[Reading]] = {}
    end = start
    for site, values in test.all_values().items():
        period = test.every or rules.registry.sites[site].period
        series = {metric: parse_series(text) for metric, text in values.items()}
        count = max((len(found) for found in series.values()), default=0)
        end = max(end, start + (count - 1) * period)
        for number in range(count):
            at = start + number * period
            found = {metric: value for metric, one in series.items() if (value := _at(one, number)) is not None}
            if found:
                readings.setdefault(at, []).append(Reading(site, at, found, position=_at(test.positions, number)))
    for at in sorted({*readings, *range(start, end + 1, CLOCK_EVERY), end}):
        yield at, readings.get(at, [])


_T = TypeVar("_T")


def _at(series: Sequence[_T], number: int) -> _T | None:
    return series[number] if number < len(series) else None


def _wanted(expected: Expected) -> Occurrence:
    return Occurrence(expected.at, expected.level, State(expected.state), expected.no_data, expected.subject)


def _seen(event: AlertEvent, start: int, *, has_subjects: bool) -> Occurrence:
    subject = event.subject.key if has_subjects else None
    return Occurrence(event.observed_at - start, event.level, event.state, event.no_data, subject)


def _pairs(expected: list[Occurrence], seen: list[Occurrence]) -> Iterator[tuple[Occurrence | None, Occurrence | None]]:
    """Yield expected and seen events side by side, by time; what has no partner stands alone."""
    left, right = list(expected), list(seen)
    while left or right:
        if left and right and left[0].at == right[0].at:
            yield left.pop(0), right.pop(0)
        elif not right or (left and left[0].at < right[0].at):
            yield left.pop(0), None
        else:
            yield None, right.pop(0)
