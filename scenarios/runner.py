"""Runs records through the engine without Kafka: the offline replay of a trace, and the incidents that come of it."""

import hashlib
from collections.abc import Callable, Iterable, Iterator

from citybrain.codec import CONTROL_HEADER
from citybrain.model import Status
from rules.areas.stage import AreaStage
from rules.engine import Engine
from rules.intake import FeedRecord, Intake, Output
from rules.ruleset import RuleSet
from scenarios.actions import Action, End, Release
from scenarios.chain import Bulletin
from scenarios.incidents import Incidents
from scenarios.journal import Changes, JournalRecord
from scenarios.playbook import Playbook
from scenarios.states import Incident, Phase
from simulators.trace import TraceRecord

_REPLAY = "replay-0"  # The account of who acts in a replay.


def replay(
    records: Iterable[TraceRecord],
    rules: RuleSet,
    *,
    status: Status = Status.ACTUAL,
    expects: Iterable[str] = (),
) -> Iterator[Output]:
    """Yield what each record of a trace gives, in its order, as fast as it goes.

    `expects` are the sites that should speak, as the header of a trace names them. What rules over several sites make
    of a moment is known, and yielded, with the first record after it; of the last moment at the end.
    """
    intake = Intake(Engine(rules, status=status, expects=expects), status=status)
    areas = AreaStage(rules.areas.plan, status=status)
    for record in records:
        output = intake.accept(feed_record(record))
        decided = areas.take(record.at, output.signals, output.events, output.resets)
        yield output._replace(events=(*decided, *output.events)) if decided else output
    if decided := areas.finish():
        yield Output(tuple(decided))


def replay_incidents(
    records: Iterable[TraceRecord], rules: RuleSet, playbook: Playbook, *, expects: Iterable[str] = ()
) -> Incidents:
    """Return the incident stage after the alerts of a trace, which nobody acted on, at the time of its last record."""
    incidents = Incidents(playbook)
    for record in journal(records, rules, expects=expects):
        incidents.take(record)
    return incidents


def replay_bulletins(
    journal: Iterable[JournalRecord], playbook: Playbook, *, react: Callable[[Changes], Iterable[Action]]
) -> Iterator[Bulletin]:
    """Yield the bulletins of a journal, whose people do what `react` makes of each change, at once."""
    incidents = Incidents(playbook)
    for record in journal:
        changes = incidents.take(record)
        yield from changes.bulletins
        for action in react(changes):
            yield from incidents.take(JournalRecord(record.at, action)).bulletins


def nobody_acts(changes: Changes) -> Iterable[Action]:
    """Return no action: all bulletins stay drafts."""
    return ()


def all_is_released(changes: Changes) -> Iterator[Action]:
    """Yield the release of every first draft, and the end of each incident whose end is proposed."""
    for incident in changes.incidents:
        if incident.phase is Phase.END_PROPOSED:
            yield End(id=_action_id("end", incident), by=_REPLAY, incident=incident.id)
        elif incident.phase is Phase.OPEN and incident.released is None:
            yield Release(id=_action_id("release", incident), by=_REPLAY, incident=incident.id)


def _action_id(kind: str, incident: Incident) -> str:
    """Return the id of what a replay does with an incident: the same each time, so that it counts once."""
    return hashlib.sha256(f"{kind}\n{incident.id}".encode()).hexdigest()[:32]


def journal(
    records: Iterable[TraceRecord], rules: RuleSet, *, status: Status = Status.ACTUAL, expects: Iterable[str] = ()
) -> Iterator[JournalRecord]:
    """Yield the journal of a trace: each alert event, and the clock at the time of its last record."""
    last = 0

    def watched() -> Iterator[TraceRecord]:
        nonlocal last
        for record in records:
            last = record.at
            yield record

    for output in replay(watched(), rules, status=status, expects=expects):
        for event in output.events:
            yield JournalRecord(event.sent, event)
    yield JournalRecord(last)


def feed_record(record: TraceRecord) -> FeedRecord:
    """Return a record of a trace as a feed topic would hold it."""
    key = record.site.encode() if record.site is not None else None
    headers = {CONTROL_HEADER: record.control.value.encode()} if record.control is not None else {}
    return FeedRecord(record.feed, record.at, key, record.value, headers)
