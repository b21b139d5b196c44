"""The worker's own way to the log, beside Faust's: sends that are awaited, and reads of any partition at any offset.

Faust sets the exception of a failed send on a future that nobody awaits, and its flush gives up after 100 ms without
progress. Here a send returns when every record is acknowledged, and raises otherwise; whoever gets the exception ends
the process.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiokafka

from citybrain.errors import MissingError
from citybrain.instants import SECOND
from streams.clients import Broker
from streams.topics import STATE_BYTES_MAX
from streams.transport import EMBEDDED_FETCH_WAIT_MS

# Longer than a broker takes to start again: a worker goes on by itself after that.
SEND_TIMEOUT_S = 120
FETCH_WAIT_MS = 100
READS_MAX = 30  # Seconds to wait for a record that must be there.


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to send."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    timestamp: int | None = None  # Milliseconds; None: now.
    headers: tuple[tuple[str, bytes], ...] = ()


class LogWriter:
    """Sends records, each acknowledged by all replicas and written once. `start` it before, `stop` it after."""

    def __init__(self, broker: Broker, *, linger_ms: int) -> None:
        self._broker = broker
        self._linger_ms = linger_ms
        self._producer: Any = None

    async def start(self) -> None:
        """Connect."""
        self._producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=self._broker.bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=self._linger_ms,
            max_request_size=STATE_BYTES_MAX,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._producer.stop()

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        """Send records and return their offsets when all are acknowledged. Raises when any is not."""
        async with asyncio.timeout(SEND_TIMEOUT_S):
            pending = [
                await self._producer.send(
                    record.topic,
                    record.value,
                    key=record.key,
                    partition=record.partition,
                    timestamp_ms=record.timestamp,
                    headers=record.headers,
                )
                for record in records
            ]
            return [int(sent.offset) for sent in await asyncio.gather(*pending)]


class LogReader:
    """Reads single partitions outside the group, one after the other. `start` it before, `stop` it after."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
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

    async def first_offset(self, topic: str, partition: int) -> int:
        """Return the oldest offset that the partition still has."""
        place = aiokafka.TopicPartition(topic, partition)
        return int((await self._consumer.beginning_offsets([place]))[place])

    async def end_offset(self, topic: str, partition: int) -> int:
        """Return the offset that the partition's next record will have."""
        place = aiokafka.TopicPartition(topic, partition)
        return int((await self._consumer.end_offsets([place]))[place])

    async def next_offset(self, topic: str, partition: int, offset: int) -> int:
        """Return the least offset, from the given one on, that the partition has a record at.

        Raises MissingError if it gives none.
        """
        async with self._at(topic, partition, offset) as place:
            for _ in range(READS_MAX):
                batch = await self._consumer.getmany(place, timeout_ms=SECOND, max_records=1)
                if records := batch.get(place):
                    return int(records[0].offset)
        raise MissingError(f"{topic}/{partition} gives no record from offset {offset} on")

    async def records(self, topic: str, partition: int, start: int, end: int) -> list[Any]:
        """Return the records from one offset up to another, as aiokafka gives them; compaction leaves holes."""
        found: list[Any] = []
        async with self._at(topic, partition, start) as place:
            while await self._consumer.position(place) < end:
                batch = await self._consumer.getmany(place, timeout_ms=SECOND)
                found += [record for record in batch.get(place, ()) if record.offset < end]
        return found

    @contextlib.asynccontextmanager
    async def _at(self, topic: str, partition: int, offset: int) -> AsyncIterator[Any]:
        place = aiokafka.TopicPartition(topic, partition)
        async with self._lock:
            self._consumer.assign([place])
            self._consumer.seek(place, offset)
            yield place
