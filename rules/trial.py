"""The tests that authors write beside their rules: values in, events out, through the engine itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from citybrain.alerts import AlertEvent, State
from citybrain.instants import SECOND, format_duration, parse_instant
from citybrain.model import Level, Reading
from rules.engine import Engine
from rules.ruleset import RuleSet
from rules.shape.rule import Expected, RuleTest
from rules.trial_series import parse_series

CLOCK_EVERY = 30 * SECOND
DEFAULT_START = parse_instant("2026-06-20T08:00:00+08:00")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event of a test, expected or seen: what is compared."""

    at: int  # Milliseconds after the start.
    level: Level
    state: State
    no_data: bool

    def __str__(self) -> str:
        mark = " no_data" if self.no_data else ""
        return f"{format_duration(self.at)} {self.level} {self.state}{mark}"


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
        events = play(alone, test)
        start = test.start or DEFAULT_START
        seen = [Occurrence(event.observed_at - start, event.level, event.state, event.no_data) for event in events]
        yield TrialResult(rule_id, test.name, tuple(_pairs([_wanted(one) for one in test.expect], seen)))


def play(rules: RuleSet, test: RuleTest) -> list[AlertEvent]:
    """Return the events that the readings of a test give. Clock records stand between them, every 30 s."""
    engine = Engine(rules, expects=(test.site,))
    start = test.start or DEFAULT_START
    period = test.every or rules.registry.sites[test.site].period
    events: list[AlertEvent] = []
    for number, reading in enumerate(_readings(test, start, period)):
        at = start + number * period
        for tick in range(at - period + CLOCK_EVERY, at, CLOCK_EVERY):
            events += engine.advance(tick).events
        events += (engine.observe(reading, at=at) if reading is not None else engine.advance(at)).events
    return events


def _readings(test: RuleTest, start: int, period: int) -> Iterator[Reading | None]:
    series = {metric: parse_series(text) for metric, text in test.values.items()}
    count = max((len(values) for values in series.values()), default=0)
    for number in range(max(count, len(test.positions))):
        at_number = {metric: values[number] if number < len(values) else None for metric, values in series.items()}
        values = {metric: value for metric, value in at_number.items() if value is not None}
        position = test.positions[number] if number < len(test.positions) else None
        yield Reading(test.site, start + number * period, values, position=position) if values else None


def _wanted(expected: Expected) -> Occurrence:
    return Occurrence(expected.at, expected.level, State(expected.state), expected.no_data)


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
