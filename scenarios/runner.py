"""Runs records through the engine without Kafka: the offline replay of a trace."""

from collections.abc import Iterable, Iterator

from citybrain.codec import CONTROL_HEADER
from citybrain.model import Status
from rules.engine import Engine
from rules.intake import FeedRecord, Intake, Output
from rules.ruleset import RuleSet
from simulators.trace import TraceRecord


def replay(
    records: Iterable[TraceRecord],
    rules: RuleSet,
    *,
    status: Status = Status.ACTUAL,
    expects: Iterable[str] = (),
) -> Iterator[Output]:
    """Yield what each record of a trace gives, in its order, as fast as it goes.

    `expects` are the sites that should speak, as the header of a trace names them.
    """
    intake = Intake(Engine(rules, status=status, expects=expects), status=status)
    for record in records:
        yield intake.accept(feed_record(record))


def feed_record(record: TraceRecord) -> FeedRecord:
    """Return a record of a trace as a feed topic would hold it."""
    key = record.site.encode() if record.site is not None else None
    headers = {CONTROL_HEADER: record.control.value.encode()} if record.control is not None else {}
    return FeedRecord(record.feed, record.at, key, record.value, headers)
