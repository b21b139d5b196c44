"""Runs a storyline through the one engine and the fold of incidents, and holds what comes against what is expected.

All in it is a drill: nothing that it makes could be taken for real.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from citybrain.alerts import AlertEvent, State
from citybrain.model import Level, Scenario, Status
from rules.ruleset import RuleSet
from rules.trial_zones import with_zones
from scenarios.expected import ExpectedAlert, ExpectedFile
from scenarios.incidents import Incidents
from scenarios.playbook import Playbook
from scenarios.runner import journal
from scenarios.score import Alarm, alarms_of
from simulators.fleet import simulate
from simulators.fleets import taking_part
from simulators.storyline import Storyline


class Goal(StrEnum):
    """What a storyline is to show of a scenario, in the words of `drill` in its script."""

    REACHES = "reaches"  # It brings the scenario to its highest level.
    QUIET = "quiet"  # It must leave it without an alert.


class Verdict(StrEnum):
    """What became of an expected alert."""

    SEEN = "seen"
    EARLY = "early"  # Before its span,
    LATE = "late"  # after it,
    MISSING = "missing"  # or not at all.


@dataclass(frozen=True, slots=True)
class Finding:
    """One expected alert, and when what is about it reached its level first."""

    expected: ExpectedAlert
    verdict: Verdict
    at: int | None  # None: it is missing.


@dataclass(frozen=True, slots=True)
class Practice:
    """What came of one storyline of a scenario."""

    scenario: Scenario
    goal: Goal
    storyline: Storyline
    records: int
    findings: tuple[Finding, ...]  # None where the scenario is to stay quiet.
    surplus: tuple[Alarm, ...]  # Of the scenario, and not expected.
    others: int  # Alarms of other scenarios that are not expected either.
    highest: Level | None  # Of the incidents of the scenario; None: there was none.

    @property
    def is_met(self) -> bool:
        """Tell whether it showed what it is to show. What is surplus where alerts are expected is told only."""
        if self.goal is Goal.QUIET:
            return not self.surplus
        return all(finding.verdict is Verdict.SEEN for finding in self.findings)


def practise(
    scenario: Scenario,
    goal: Goal,
    storyline: Storyline,
    expected: ExpectedFile | None,
    *,
    rules: RuleSet,
    playbook: Playbook,
    seed: int,
) -> Practice:
    """Return what comes of a storyline of a scenario, run as a drill from its own start for its own hours."""
    start = storyline.start
    in_force = with_zones(rules, expected.zones, start=start) if expected is not None else rules
    records = list(simulate(rules.registry, storyline, seed=seed, start=start, hours=storyline.hours))
    sites = taking_part(rules.registry, storyline).sites
    incidents, events = Incidents(playbook), []
    for record in journal(records, in_force, status=Status.EXERCISE, expects=sites):
        incidents.take(record)
        if isinstance(record.value, AlertEvent) and not record.value.trial:
            events.append(record.value)
    wanted = expected.alerts if expected is not None and goal is Goal.REACHES else ()
    known = {event.identifier for event in events if any(one.is_about(event) for one in wanted)}
    own = {event.identifier for event in events if scenario in (event.scenario, *event.also_in)}
    surplus = [alarm for alarm in alarms_of(events, playbook.hazards) if alarm.identifier not in known]
    levels = [incident.highest for incident in incidents.incidents if incident.scenario is scenario]
    return Practice(
        scenario,
        goal,
        storyline,
        records=len(records),
        findings=tuple(finding(one, events, start=start) for one in wanted),
        surplus=tuple(alarm for alarm in surplus if alarm.identifier in own),
        others=sum(alarm.identifier not in own for alarm in surplus),
        highest=max(levels, key=lambda level: level.rank, default=None),
    )


def finding(expected: ExpectedAlert, events: Iterable[AlertEvent], *, start: int) -> Finding:
    """Return when an expected alert came: as soon as it reached its level for the first time."""
    told = (event for event in events if expected.is_about(event) and event.state is not State.CLEARED)
    at = min((event.sent for event in told if event.level.rank >= expected.level.rank), default=None)
    if at is None:
        return Finding(expected, Verdict.MISSING, None)
    if at < start + expected.since:
        return Finding(expected, Verdict.EARLY, at)
    return Finding(expected, Verdict.LATE if at > start + expected.until else Verdict.SEEN, at)
