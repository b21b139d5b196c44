"""What of a trace goes to which partitions: readings by their key, control records to all."""

from collections import Counter

from citybrain.codec import decode
from citybrain.instants import parse_instant
from citybrain.model import Control, ControlKind, Feed, Reset
from simulators.trace import TraceRecord
from streams.publish import publish
from streams.topics import Names

AT = parse_instant("2026-06-20T08:00:00+08:00")


class MemoryProducer:
    """Keeps what it is given to send."""

    def __init__(self):
        self.sent = []

    def send(self, topic, value, *, key, timestamp_ms, partition=None, headers=()):
        self.sent.append((topic, partition, key, value, dict(headers), timestamp_ms))

    def flush(self):
        pass


def test_a_reset_goes_to_every_partition_as_a_clock_does():
    producer, names = MemoryProducer(), Names("t.")
    order = Reset("aa-01", "hs-a")
    records = [
        TraceRecord(AT, Feed.HYDROLOGY, "hs-a", b"{}"),
        TraceRecord(AT + 1, reset=order),
        TraceRecord(AT + 2),
    ]
    assert list(publish(records, producer, names, feed_partitions=2)) == records
    assert producer.sent[0] == (names.feed(Feed.HYDROLOGY), None, b"hs-a", b"{}", {}, AT)
    for number, control in ((1, Control(ControlKind.RESET, order)), (2, Control(ControlKind.CLOCK))):
        sent = [one for one in producer.sent if one[5] == AT + number]
        assert Counter(one[:2] for one in sent) == {(names.feed(feed), place): 1 for feed in Feed for place in (0, 1)}
        assert all(decode(value, headers) == control for _, _, _, value, headers, _ in sent)
