"""The worker's own way to the log, beside Faust's: sends that are awaited, and reads of any partition at any offset.

Faust sets the exception of a failed send on a future that nobody awaits, and its flush gives up after 100 ms without
progress. Here a send returns when every record is acknowledged, and raises otherwise; whoever gets the exception ends
the process.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import aiokafka
import aiokafka.errors

from citybrain.errors import MissingError
from citybrain.instants import SECOND
from streams.clients import Broker
from streams.log import Outgoing, Place, StateRecord
from streams.topics import STATE_BYTES_MAX, Names
from streams.transport import EMBEDDED_FETCH_WAIT_MS

# Longer than a broker takes to start again: a worker goes on by itself after that.
SEND_TIMEOUT_S = 120
FETCH_WAIT_MS = 100
READS_MAX = 30  # Seconds to wait for a record that must be there.


class KafkaWriter:
    """Sends records, each acknowledged by all replicas and written once. `start` it before, `stop` it after."""

    def __init__(self, broker: Broker, *, before: Callable[[], None] = lambda: None) -> None:
        """`before` is called before anything is sent, and may end the process instead."""
        self._broker = broker
        self._before = before
        self._producer: Any = None

    async def start(self) -> None:
        """Connect."""
        self._producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=self._broker.bootstrap,
            acks="all",
            enable_idempotence=True,
            max_request_size=STATE_BYTES_MAX,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._producer.stop()

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        """Send records and return their offsets when all are acknowledged. Raises when any is not."""
        self._before()
        async with asyncio.timeout(SEND_TIMEOUT_S):
            pending = [
                await self._producer.send(
                    record.topic,
                    record.value,
                    key=record.key,
                    partition=record.partition,
                    timestamp_ms=record.timestamp,
                    headers=list(record.headers),
                )
                for record in records
            ]
            return [int(sent.offset) for sent in await asyncio.gather(*pending)]


class KafkaReader:
    """Reads single partitions outside the group, one after the other. `start` it before, `stop` it after."""

    def __init__(self, broker: Broker, names: Names) -> None:
        self._broker = broker
        self._names = names
        self._consumer: Any = None
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Connect."""
        self._consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self._broker.bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=EMBEDDED_FETCH_WAIT_MS if self._broker.embedded else FETCH_WAIT_MS,
            max_partition_fetch_bytes=STATE_BYTES_MAX,
        )
        await self._consumer.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._consumer.stop()

    async def state_records(self, place: Place, start: int, end: int) -> AsyncIterator[StateRecord]:
        """Yield the records of the place's state partition from offset `start` to before `end`."""
        state = aiokafka.TopicPartition(self._names.state(place.source), place.partition)
        async for record in self._records(state, start, end):
            yield record

    async def state_end(self, place: Place) -> int:
        """Return the offset that the next record of the place's state partition will get."""
        return await self._end(aiokafka.TopicPartition(self._names.state(place.source), place.partition))

    async def first_offset(self, place: Place) -> int:
        """Return the oldest offset that the feed partition still has, or its end if it has none."""
        return await self._first(self._feed(place))

    async def end_offset(self, place: Place) -> int:
        """Return the offset that the next record of the feed partition will get."""
        return await self._end(self._feed(place))

    async def next_offset(self, place: Place, offset: int) -> int:
        """Return the least offset, from the given one on, that the feed partition has a record at.

        Raises MissingError if it gives none.
        """
        feed = self._feed(place)
        async with self._at(feed, offset):
            for _ in range(READS_MAX):
                batch = await self._consumer.getmany(feed, timeout_ms=SECOND, max_records=1)
                if records := batch.get(feed):
                    return int(records[0].offset)
        raise MissingError(f"{feed.topic}/{feed.partition} gives no record from offset {offset} on")

    async def catalog_end(self) -> int:
        """Return the offset that the next set in `catalog` will get. Raises MissingError if nobody answers."""
        with _catalog_is_there():
            return await self._end(self._catalog())

    async def catalog_record(self, offset: int) -> StateRecord | None:
        """Return the record at an offset of `catalog`; None if there is none. Raises MissingError as above."""
        found = None
        if 0 <= offset < await self.catalog_end():
            with _catalog_is_there():
                async for record in self._records(self._catalog(), offset, offset + 1):
                    found = record
        return found

    async def _records(self, partition: Any, start: int, end: int) -> AsyncIterator[StateRecord]:
        """Yield the records of a partition from offset `start` to before `end`, as far as it still has them."""
        async with self._at(partition, max(start, await self._first(partition))):
            while await self._consumer.position(partition) < end:
                batch = await self._consumer.getmany(partition, timeout_ms=SECOND)
                for record in batch.get(partition, ()):
                    if record.offset < end:
                        yield StateRecord(record.offset, record.key, record.value)

    def _catalog(self) -> Any:
        return aiokafka.TopicPartition(self._names.catalog(), 0)

    def _feed(self, place: Place) -> Any:
        return aiokafka.TopicPartition(self._names.source(place.source), place.partition)

    async def _first(self, partition: Any) -> int:
        return int((await self._consumer.beginning_offsets([partition]))[partition])

    async def _end(self, partition: Any) -> int:
        return int((await self._consumer.end_offsets([partition]))[partition])

    @contextlib.asynccontextmanager
    async def _at(self, partition: Any, offset: int) -> AsyncIterator[None]:
        """Read one partition, which nobody else does meanwhile."""
        async with self._lock:
            self._consumer.assign([partition])
            self._consumer.seek(partition, offset)
            yield


@contextlib.contextmanager
def _catalog_is_there() -> Iterator[None]:
    """Raise MissingError for any failure of the client: the catalog is asked again, unlike all that a lane reads."""
    try:
        yield
    except aiokafka.errors.KafkaError as error:
        raise MissingError(f"the catalog cannot be read: {error!r}") from error
