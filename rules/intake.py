"""From records to judgements: the one way a record of a feed reaches the engine, from Kafka and from a trace alike."""

from collections.abc import Mapping
from typing import NamedTuple

from citybrain.alerts import AlertEvent
from citybrain.codec import decode
from citybrain.model import Control, ControlKind, Feed, Reading, Reason, Rejection, Reset, Status
from rules.engine import NOTHING, Engine, Judgement
from rules.signals import Signal


class FeedRecord(NamedTuple):
    """A record of a feed as its log has it. `at` is its timestamp, milliseconds."""

    feed: Feed | None  # None: a control record of a trace, which belongs to all feeds.
    at: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


class Output(NamedTuple):
    """What one record gave."""

    events: tuple[AlertEvent, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    readings: int = 0
    signals: tuple[Signal, ...] = ()
    resets: tuple[Reset, ...] = ()  # Orders to let latched alerts go, for rules over several sites.


class Intake:
    """Judges the records of one log, a partition or a trace, in their order.

    The log decides the status: a live one holds nothing but actual readings.
    """

    def __init__(self, engine: Engine, *, status: Status = Status.ACTUAL) -> None:
        self.engine = engine
        self._status = status

    def accept(self, record: FeedRecord) -> Output:
        """Judge one record. A fault of the record is a rejection, never an exception."""
        decoded = decode(record.value, record.headers)
        if isinstance(decoded, Control):
            if decoded.kind is ControlKind.CANARY:
                return Output()  # On simulated logs its time is another than that of the readings.
            reset = decoded.reset
            if reset is None:
                return _output(self.engine.advance(record.at), readings=0)
            judged = self.engine.reset(reset, at=record.at)
            return Output(judged.events, judged.rejections, signals=judged.signals, resets=(reset,))
        if isinstance(decoded, Rejection):
            return self.refuse(record, decoded)
        if len(decoded) == 1:
            return _output(self._judge(record, decoded[0]), readings=1)
        all_judged = [self._judge(record, reading) for reading in decoded]
        events = tuple(event for one in all_judged for event in one.events)
        rejections = tuple(rejection for one in all_judged for rejection in one.rejections)
        signals = tuple(signal for one in all_judged for signal in one.signals)
        return Output(events, rejections, len(decoded), signals)

    def refuse(self, record: FeedRecord, rejection: Rejection) -> Output:
        """Judge nothing of a record but its time."""
        return _output(self._refused(record, rejection), readings=0)

    def _judge(self, record: FeedRecord, reading: Reading) -> Judgement:
        if reading.status is not None and reading.status is not self._status:
            text = f"the status is {reading.status.value}, this log holds {self._status.value} readings only"
            return self._refused(record, Rejection(Reason.STATUS, text, reading.site))
        if record.key != reading.site.encode():
            text = f"the key is {record.key!r}, expected {reading.site!r}"
            return self._refused(record, Rejection(Reason.WRONG_KEY, text, reading.site))
        return self.engine.observe(reading, at=record.at, feed=record.feed)

    def _refused(self, record: FeedRecord, rejection: Rejection) -> Judgement:
        """Judge the time of a record alone."""
        moved = self.engine.advance(record.at)
        return Judgement(moved.events, (*moved.rejections, rejection), moved.signals)


_QUIET = (Output(), Output(readings=1))  # Nearly all that ever comes out.


def _output(judgement: Judgement, *, readings: int) -> Output:
    """Return what a record with no reading, or with one, gave."""
    if judgement is NOTHING:
        return _QUIET[readings]
    return Output(judgement.events, judgement.rejections, readings, judgement.signals)
