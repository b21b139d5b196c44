"""Faust's Kafka transport with five things mended; the only module that reaches below Faust's public surface.

1. Offsets are committed from our checkpoints alone. Faust's own reckoning can commit one past an unfinished record.
2. The producer is idempotent, so that a retry cannot double or reorder records.
3. On the embedded broker a fetch waits 50 ms: it sleeps its whole wait before it answers, and Faust asks for 1.5 s.
4. A seek while records flow would be undone: Faust goes on with the batch it has in hand, notes its offsets as read,
   and then drops what the seek brought back as old.
5. Acknowledged offsets and gaps are not hoarded, as nobody reads them.

Read in faust-streaming 0.15.3, which pyproject.toml pins.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

EMBEDDED_FETCH_WAIT_MS = 50
ROUND_WAIT_S = 0.01
ROUND_WAITS_MAX = 1_000  # A round of fetching takes a second at the most.


class _PatientThread(driver.AIOKafkaConsumerThread):
    """The thread that fetches, with the wait of the embedded broker."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = EMBEDDED_FETCH_WAIT_MS
        return consumer


class CheckpointConsumer(driver.Consumer):
    """A consumer that commits what `checkpointed` says and nothing else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.checkpointed: dict[TP, int] = {}  # The next offset to read, per partition.
        self._rounds = 0

    def getmany(self, timeout: float) -> Any:
        """Return the next records, as Faust does, and count how often it was asked for them."""
        self._rounds += 1
        return super().getmany(timeout)

    async def refetch(self, tp: TP, offset: int) -> None:
        """Have a partition delivered from the offset on, although records of it are under way.

        To be run in a task of its own: an agent that waits for it while its queue is full would wait for ever.
        """
        self.pause_partitions({tp})  # What is left of the batch in hand is thrown away.
        passed = self._rounds + 2  # Until a batch that was asked for before has come and gone.
        for _ in range(ROUND_WAITS_MAX):
            if self._rounds >= passed:
                break
            await asyncio.sleep(ROUND_WAIT_S)
        await self.seek_wait({tp: offset})
        self._read_offset[tp] = offset if offset else None
        self.resume_partitions({tp})

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self.checkpointed.get(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Keep no gaps: the site stage watches the offsets itself."""


class _EmbeddedConsumer(CheckpointConsumer):
    def _new_consumer_thread(self) -> Any:
        return _PatientThread(self, loop=self.loop, beacon=self.beacon)


class IdempotentProducer(driver.Producer):
    """A producer whose retries neither double nor reorder records."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class Transport(driver.Transport):
    """The transport for a Kafka broker."""

    Consumer = CheckpointConsumer
    Producer = IdempotentProducer


class EmbeddedTransport(driver.Transport):
    """The transport for the embedded broker of demo and tests."""

    Consumer = _EmbeddedConsumer
    Producer = IdempotentProducer
