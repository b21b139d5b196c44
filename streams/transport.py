"""Faust's Kafka transport in batches, with its defects mended; the only module that reaches below its public surface.

Raw records go through in chunks: one event of Faust is a list of records of one partition. Faust spends 130 µs on an
event, whatever is in it. Where a partition is read from and when is decided here and nowhere else:

1. Offsets are committed from our checkpoints alone. Faust's own reckoning can commit one past an unfinished record.
2. A partition flows only after `begin`: it seeks, waits until Faust's flow control is open, and only then resumes.
   Faust resumes first, seeks, and then empties its queues: records come twice, or are dropped and committed.
3. Faust never seeks to committed offsets and never drops a record for its offset: the lanes watch the offsets.
4. With every partition paused Faust sleeps for a second; here it waits until one has room.
5. On the embedded broker a fetch waits 50 ms: it sleeps its whole wait before it answers, and Faust asks for 1.5 s.

Read in faust-streaming 0.15.3, which pyproject.toml pins; `streams.contract` refuses any other.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message

CHUNK_RECORDS_MAX = 500
EMBEDDED_FETCH_WAIT_MS = 50
# With a partition paused for its backlog a fetch of the others must not keep its records waiting.
BUSY_FETCH_WAIT_S = 0.05
ROOM_WAIT_S = 1.0


class ChunkScheduler:
    """Cuts what a fetch brought into chunks, the partitions in turn."""

    def iterate(self, records: Mapping[TP, Sequence[Any]]) -> Iterator[tuple[TP, Sequence[Any]]]:
        """Yield partition and chunk, each partition's records in their order."""
        longest = max(map(len, records.values()), default=0)
        for start in range(0, longest, CHUNK_RECORDS_MAX):
            for tp, batch in records.items():
                if chunk := batch[start : start + CHUNK_RECORDS_MAX]:
                    yield tp, chunk


class _NoOffsets(defaultdict[TP, int | None]):
    """Faust's note of what it has read, kept empty: by it Faust drops records that a seek has brought back."""

    def __setitem__(self, _tp: TP, _offset: int | None) -> None:
        pass


class ChunkConsumer(driver.Consumer):
    """A consumer of chunks that commits what `checkpointed` says, and reads a partition from where `begin` says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.checkpointed: dict[TP, int] = {}  # The next offset to read, per partition.
        self._read_offset = _NoOffsets(lambda: None)
        self._flowing = asyncio.Event()
        self._has_room = asyncio.Event()

    async def begin(self, tp: TP, offset: int) -> None:
        """Have a partition of ours delivered from the offset on. Of its older records some may be on their way yet."""
        self.pause_partitions({tp})
        self._buffered_partitions.discard(tp)
        await self.seek_wait({tp: offset})
        await self._flowing.wait()
        if tp in self.assignment():
            super().resume_partitions({tp})
            self._has_room.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume nothing when Faust asks for it: it has not sought yet."""

    async def perform_seek(self) -> None:
        """Seek nothing: `begin` has."""

    def stop_flow(self) -> None:
        """Let nothing through until `resume_flow`."""
        self._flowing.clear()
        super().stop_flow()

    def resume_flow(self) -> None:
        """Let records through: Faust has emptied its queues now and will not do so again in this generation."""
        super().resume_flow()
        self._flowing.set()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Take an assignment, with the flow stopped even where nothing was revoked before."""
        self.stop_flow()
        self.app.flow_control.suspend()
        self._buffered_partitions.clear()
        self.checkpointed.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Yield the next chunks."""
        if self.flow_active and not self._active_partitions:
            self._has_room.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._has_room.wait(), ROOM_WAIT_S)
        async for tp, message in super().getmany(BUSY_FETCH_WAIT_S if self._buffered_partitions else timeout):
            yield tp, message

    def on_buffer_drop(self, tp: TP) -> None:
        """Go on with a partition that was full."""
        super().on_buffer_drop(tp)
        self._has_room.set()

    def _to_message(self, tp: TP, record: Sequence[Any]) -> ConsumerMessage:
        message = super()._to_message(tp, record[-1])
        message.value = record  # type: ignore[assignment]  # The agent takes chunks.
        return message

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self.checkpointed.get(tp)


class _PatientThread(driver.AIOKafkaConsumerThread):
    """The thread that fetches, with the wait of the embedded broker."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = EMBEDDED_FETCH_WAIT_MS
        return consumer


class _EmbeddedConsumer(ChunkConsumer):
    def _new_consumer_thread(self) -> Any:
        return _PatientThread(self, loop=self.loop, beacon=self.beacon)


class Transport(driver.Transport):
    """The transport for a Kafka broker."""

    Consumer = ChunkConsumer


class EmbeddedTransport(driver.Transport):
    """The transport for the embedded broker of demo and tests."""

    Consumer = _EmbeddedConsumer
