"""Puts the records of a trace or a simulator on the feed topics, with the times they carry.

For logs whose time is the producer's (simulated ones and drills): on a live topic the broker would stamp them anew.
"""

from collections.abc import Iterable, Iterator

from citybrain.codec import CONTROL_HEADER
from citybrain.model import Feed
from simulators.trace import TraceRecord
from streams.clients import Producer
from streams.topics import Names


def publish(
    records: Iterable[TraceRecord], producer: Producer, names: Names, *, feed_partitions: int
) -> Iterator[TraceRecord]:
    """Send the records in their order and yield each one after it was handed over; acknowledged at the end.

    A control record goes to every partition of every feed: it is how time passes where no site speaks.
    """
    for record in records:
        if record.feed is not None and record.site is not None:
            producer.send(names.feed(record.feed), record.reading, key=record.site.encode(), timestamp_ms=record.at)
        else:
            _send_control(producer, names, record, feed_partitions)
        yield record
    producer.flush()


def _send_control(producer: Producer, names: Names, record: TraceRecord, feed_partitions: int) -> None:
    assert record.control is not None, "what is no reading is a control record"
    value, headers = record.value or b"", ((CONTROL_HEADER, record.control.value.encode()),)
    for feed in Feed:
        for partition in range(feed_partitions):
            producer.send(
                names.feed(feed), value, key=None, partition=partition, timestamp_ms=record.at, headers=headers
            )
