"""What the delivery protocol needs of Kafka, and nothing of how it is had: a reader, a writer, published rule sets."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from citybrain.model import Feed
from rules.intake import FeedRecord
from rules.ruleset import RuleSet
from scenarios.playbook import Playbook
from streams.topics import Stage


class Place(NamedTuple):
    """A partition of what a stage reads; its state lies in the partition of the same number of `state.<source>`."""

    source: Feed | Stage
    partition: int

    @property
    def feed(self) -> Feed:
        """Return the feed, for the site stage, which reads nothing else."""
        assert isinstance(self.source, Feed), f"{self.source} is no feed"
        return self.source


class SourceRecord(NamedTuple):
    """One raw record of a feed partition."""

    offset: int
    record: FeedRecord


class StateRecord(NamedTuple):
    """One raw record of a state partition."""

    offset: int
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to send."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    timestamp: int | None = None  # Milliseconds; None: now.
    headers: tuple[tuple[str, bytes], ...] = ()


class Reader(Protocol):
    """Reads outside the consumer group. Every method raises when the broker does not answer; that is fatal."""

    def state_records(self, place: Place, start: int, end: int) -> AsyncIterator[StateRecord]:
        """Yield the records of the place's state partition from offset `start` to before `end`, in their order.

        A `start` below the oldest record there is begins with that one; offsets that compaction took are passed over.
        """
        ...

    async def state_end(self, place: Place) -> int:
        """Return the offset that the next record of the place's state partition will get."""
        ...

    async def first_offset(self, place: Place) -> int:
        """Return the oldest offset that the feed partition still has, or its end if it has none."""
        ...

    async def end_offset(self, place: Place) -> int:
        """Return the offset that the next record of the feed partition will get."""
        ...

    async def next_offset(self, place: Place, offset: int) -> int:
        """Return the least offset, from the given one on, that the feed partition has a record at."""
        ...


class Writer(Protocol):
    """Sends records."""

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        """Send records, in their order within each partition; return their offsets once all are acknowledged.

        An offset that the broker did not tell (a retry that it had already) is -1. Raises on any failure; that is
        fatal: what is in the log then is for the next owner to find out.
        """
        ...


class Catalogs(Protocol):
    """The published rule sets, by their number: their offset in the topic `catalog`, which only grows."""

    async def in_force(self) -> int:
        """Return the number of the newest set that can be had: what a partition that never had an owner begins with.

        To be asked each second: it waits for no set to be compiled.
        """
        ...

    async def numbered(self, number: int) -> RuleSet | None:
        """Return a set, or None if there is none of that number."""
        ...

    async def playbook(self, number: int) -> Playbook | None:
        """Return what the incident stage goes by under a set, or None if there is none of that number."""
        ...
