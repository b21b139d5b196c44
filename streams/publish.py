"""Puts the records of a trace or a simulator on the feed topics, with the times they carry.

For logs whose time is the producer's (simulated ones and drills): on a live topic the broker would stamp them anew.
"""

from collections.abc import Iterable, Iterator

from citybrain.codec import CONTROL_HEADER
from citybrain.model import ControlKind, Feed
from simulators.trace import TraceRecord
from streams.clients import Producer
from streams.topics import Names

_CLOCK_HEADERS = ((CONTROL_HEADER, ControlKind.CLOCK.value.encode()),)


def publish(
    records: Iterable[TraceRecord], producer: Producer, names: Names, *, feed_partitions: int
) -> Iterator[TraceRecord]:
    """Send the records in their order and yield each one after it was handed over; acknowledged at the end.

    A clock record goes to every partition of every feed: it is how time passes where no site speaks.
    """
    for record in records:
        if record.feed is not None and record.site is not None:
            producer.send(names.feed(record.feed), record.reading, key=record.site.encode(), timestamp_ms=record.at)
        else:
            _send_clock(producer, names, record.at, feed_partitions)
        yield record
    producer.flush()


def _send_clock(producer: Producer, names: Names, at: int, feed_partitions: int) -> None:
    for feed in Feed:
        for partition in range(feed_partitions):
            producer.send(names.feed(feed), b"", key=None, partition=partition, timestamp_ms=at, headers=_CLOCK_HEADERS)
