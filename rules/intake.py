"""From records to judgements: the one way a record of a feed reaches the engine, from Kafka and from a trace alike."""

from collections.abc import Mapping
from dataclasses import dataclass

from citybrain.alerts import AlertEvent
from citybrain.codec import Decoded, decode
from citybrain.model import Control, Feed, Reading, Reason, Rejection, Status
from rules.engine import Engine, Judgement


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """A record of a feed as its log has it. `at` is its timestamp, milliseconds."""

    feed: Feed | None  # None: a control record of a trace, which belongs to all feeds.
    at: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Output:
    """What one record gave."""

    events: tuple[AlertEvent, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    readings: int = 0


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
            reset = decoded.reset
            judged = self.engine.advance(record.at) if reset is None else self.engine.reset(reset, at=record.at)
            return Output(judged.events, judged.rejections)
        if isinstance(decoded, Rejection):
            return self.refuse(record, decoded)
        return self._judge(record, decoded)

    def refuse(self, record: FeedRecord, rejection: Rejection) -> Output:
        """Judge nothing of a record but its time."""
        judged = self.engine.advance(record.at)
        return Output(judged.events, (*judged.rejections, rejection))

    def _judge(self, record: FeedRecord, readings: Decoded) -> Output:
        assert not isinstance(readings, Control | Rejection), "only readings are judged"
        if len(readings) == 1:
            judged = self._judge_one(record, readings[0])
            return Output(judged.events, judged.rejections, 1)
        all_judged = [self._judge_one(record, reading) for reading in readings]
        events = tuple(event for judged in all_judged for event in judged.events)
        rejections = tuple(rejection for judged in all_judged for rejection in judged.rejections)
        return Output(events, rejections, len(readings))

    def _judge_one(self, record: FeedRecord, reading: Reading) -> Judgement:
        misplaced = self._misplaced(record, reading)
        if misplaced is not None:
            output = self.refuse(record, misplaced)
            return Judgement(output.events, output.rejections)
        return self.engine.observe(reading, at=record.at, feed=record.feed)

    def _misplaced(self, record: FeedRecord, reading: Reading) -> Rejection | None:
        if reading.status is not None and reading.status is not self._status:
            text = f"the status is {reading.status.value}, this log holds {self._status.value} readings only"
            return Rejection(Reason.STATUS, text, reading.site)
        if record.key != reading.site.encode():
            return Rejection(Reason.WRONG_KEY, f"the key is {record.key!r}, expected {reading.site!r}", reading.site)
        return None
