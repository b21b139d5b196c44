"""Faust's Kafka transport with four things mended; the only module that reaches below Faust's public surface.

1. Offsets are committed from our checkpoints alone. Faust's own reckoning can commit one past an unfinished record.
2. The producer is idempotent, so that a retry cannot double or reorder records.
3. On the embedded broker a fetch waits 50 ms: it sleeps its whole wait before it answers, and Faust asks for 1.5 s.
4. Acknowledged offsets and gaps are not hoarded, as nobody reads them.

Read in faust-streaming 0.15.3, which pyproject.toml pins.
"""

from collections.abc import Mapping
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

EMBEDDED_FETCH_WAIT_MS = 50


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
