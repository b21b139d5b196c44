"""Makes a trace of what lies on the feed topics, so that a run can be judged again offline."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import orjson

from citybrain.codec import CONTROL_HEADER, decode
from citybrain.model import Control, Feed, Reset
from simulators.sorting import in_order
from simulators.trace import TraceRecord
from streams.clients import Record
from streams.topics import Names

_READING, _CONTROL = 0, 1  # At one instant the readings come first: a clock says that the instant is over.


class Recorder:
    """Turns the records of the feed topics, read partition by partition, into those of one trace."""

    def __init__(self, names: Names) -> None:
        self._feeds = {names.feed(feed): feed for feed in Feed}
        self._newest = Counter[tuple[str, int]]()
        self.left_out = Counter[str]()  # What a trace cannot hold, by reason.

    def records(self, log: Iterable[Record]) -> Iterator[TraceRecord]:
        """Yield the records by `at`, and a clock at the end; none where the topics hold none.

        `at` is the record's time, never less than its partition's greatest so far, as the worker takes it. What was
        appended to every partition comes once.
        """
        with ExitStack() as stack:
            before, last = None, None
            for at, rank, feed, _, _, site, text in in_order(self._rows(log), stack):
                last = _record(at, rank, feed, site, text)
                if rank == _READING or last != before:
                    yield last
                before = last if rank == _CONTROL else None
            if last is not None and not last.is_clock:
                yield TraceRecord(last.at)

    def _rows(self, log: Iterable[Record]) -> Iterator[tuple[Any, ...]]:
        for record in log:
            place = record.topic, record.partition
            at = self._newest[place] = max(self._newest[place], record.timestamp_ms)
            feed = self._feeds[record.topic].value
            headers = dict(record.headers)
            if CONTROL_HEADER in headers:
                found = decode(record.value, headers)
                if not isinstance(found, Control):
                    self.left_out["control"] += 1
                    continue
                # Not by topic, partition and offset: so its copies come side by side.
                yield at, _CONTROL, "", 0, 0, "", orjson.dumps(found.reset)
                continue
            for number, reading in enumerate(self._readings(record)):
                yield (
                    at,
                    _READING,
                    feed,
                    record.partition,
                    [record.offset, number],
                    reading["site"],
                    orjson.dumps(reading),
                )

    def _readings(self, record: Record) -> list[dict[str, Any]]:
        """Return the readings of a record or a frame, as far as they are JSON objects under the key of their site."""
        try:
            data = orjson.loads(record.value or b"")
        except orjson.JSONDecodeError:
            self.left_out["no JSON"] += 1
            return []
        readings = data if isinstance(data, list) else [data]
        key = record.key.decode(errors="replace") if record.key is not None else None
        kept = [reading for reading in readings if isinstance(reading, dict) and reading.get("site") == key]
        self.left_out["no reading of its key"] += len(readings) - len(kept)
        return kept


def _record(at: int, rank: int, feed: str, site: str, text: bytes) -> TraceRecord:
    if rank == _READING:
        return TraceRecord(at, Feed(feed), site, text)
    reset = orjson.loads(text)
    return TraceRecord(at) if reset is None else TraceRecord(at, reset=Reset(**reset))
