"""Runs records through the engine without Kafka: the offline replay of a trace, and the incidents that come of it."""

from collections.abc import Iterable, Iterator

from citybrain.codec import CONTROL_HEADER
from citybrain.model import Status
from rules.areas.stage import AreaStage
from rules.engine import Engine
from rules.intake import FeedRecord, Intake, Output
from rules.ruleset import RuleSet
from scenarios.incidents import Incidents
from scenarios.journal import JournalRecord
from scenarios.playbook import Playbook
from simulators.trace import TraceRecord


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
    last = 0

    def watched() -> Iterator[TraceRecord]:
        nonlocal last
        for record in records:
            last = record.at
            yield record

    incidents = Incidents(playbook)
    for output in replay(watched(), rules, expects=expects):
        for event in output.events:
            incidents.take(JournalRecord(event.sent, event))
    incidents.take(JournalRecord(last))
    return incidents


def feed_record(record: TraceRecord) -> FeedRecord:
    """Return a record of a trace as a feed topic would hold it."""
    key = record.site.encode() if record.site is not None else None
    headers = {CONTROL_HEADER: record.control.value.encode()} if record.control is not None else {}
    return FeedRecord(record.feed, record.at, key, record.value, headers)
