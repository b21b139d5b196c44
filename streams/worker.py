"""The worker: Faust gives the group, the assignment, the consumer and the producer; the site stage does the work.

One agent with concurrency 1 takes the raw records of all feed topics. Nothing may leave its loop: a fault of a record
is a rejection, anything else ends the process, and whoever started it starts it again (docs/adr/0003, 0005).
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiokafka
import faust
from faust.types import TP
from yarl import URL

from citybrain.clock import Clock, SystemClock
from citybrain.codec import CONTROL_HEADER
from citybrain.errors import MissingError
from citybrain.instants import SECOND
from citybrain.model import ControlKind, Feed, Status
from citybrain.settings import Settings
from rules.intake import FeedRecord
from rules.ruleset import RuleSet
from streams.checkpoint import Checkpoint, encode, newest
from streams.clients import Broker, topic_names
from streams.health import Pulse
from streams.site_stage import Delivery, Outgoing, SiteStage
from streams.telemetry import Telemetry
from streams.topics import STATE_BYTES_MAX, Names
from streams.transport import EmbeddedTransport, Transport

logger = logging.getLogger(__name__)

FAILED = 70  # The exit code of a worker that met something it does not expect (EX_SOFTWARE).
CLOCK_AFTER = 2 * SECOND  # An owner that has heard nothing for so long appends a clock record.
# How many records from its end a state partition is read: the newest is what counts, and a late writer of an older
# one may stand behind it.
STATE_TAIL = 16
SEND_TIMEOUT_S = 60
READS_MAX = 30  # Seconds to wait for a record that must be there.
TURN_S = 1.0


class SiteWorker:
    """One worker process: the Faust application around a site stage."""

    def __init__(
        self, rules: RuleSet, settings: Settings, *, telemetry: Telemetry, pulse: Pulse, clock: Clock | None = None
    ) -> None:
        names = Names(settings.prefix)
        self._names = names.exercise() if settings.status is not Status.ACTUAL else names
        self._settings = settings
        self._clock = clock or SystemClock()
        self._telemetry = telemetry
        self._pulse = pulse
        self._feeds = {self._names.feed(feed): feed for feed in Feed}
        self._heard: dict[TP, int] = {}  # When a partition last gave a record, on the monotonic clock.
        self.app = self._make_app()
        self.stage = SiteStage(
            rules,
            names=self._names,
            log=self,
            checkpoints=self,
            clock=self._clock,
            telemetry=telemetry,
            checkpoint_every=round(settings.checkpoint_every_s * SECOND),
            on_checkpoint=self._commit_from_here_on,
            status=settings.status,
            expects=() if settings.simulated else None,  # A storyline plays some of the sites: none is missed.
        )
        self._make_agent()

    def run(self, on_checked: Callable[[], None] = lambda: None) -> None:
        """Run until SIGTERM or SIGINT; call `on_checked` once broker and topics are known to be there.

        Raises MissingError if they are not.
        """
        self._require_topics()
        on_checked()
        asyncio.run(self._run())

    async def _run(self) -> None:
        """Start the application and stop it in good order; what it crashed of ends this process."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await self.app.start()
        stopped = asyncio.create_task(self.app.wait_until_stopped())
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, asked}, return_when=asyncio.FIRST_COMPLETED)
        if self.app.crash_reason is not None:
            logger.critical("the application crashed", exc_info=self.app.crash_reason)
            os._exit(FAILED)
        await self.app.stop()
        for task in (stopped, asked):
            task.cancel()

    # The log, as the site stage sees it

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Send records and wait until all of them are acknowledged."""
        producer = self.app.producer
        pending = [
            await producer.send(
                record.topic,
                record.key,
                record.value,
                record.partition,
                record.timestamp / SECOND if record.timestamp is not None else None,
                dict(record.headers),
            )
            for record in records
        ]
        await asyncio.wait_for(asyncio.gather(*pending), SEND_TIMEOUT_S)

    async def seek(self, feed: Feed, partition: int, offset: int) -> None:
        """Have the partition delivered from the offset on."""
        self.app.add_future(self._refetch(TP(self._names.feed(feed), partition), offset))

    async def _refetch(self, tp: TP, offset: int) -> None:
        try:
            await self.app.consumer.refetch(tp, offset)
        except asyncio.CancelledError:
            raise
        except BaseException:
            _die("a partition could not be fetched again")

    async def first_offset(self, feed: Feed, partition: int) -> int:
        """Return the oldest offset that the partition still has."""
        place = TP(self._names.feed(feed), partition)
        found = await self.app.consumer.earliest_offsets(place)
        return int(found[place])

    def partition_count(self, feed: Feed) -> int:
        """Return how many partitions the feed's topic has."""
        return int(self.app.consumer.topic_partitions(self._names.feed(feed)))

    async def next_offset(self, feed: Feed, partition: int, offset: int) -> int:
        """Return the least offset, from the given one on, that the partition has a record at."""
        place = aiokafka.TopicPartition(self._names.feed(feed), partition)
        async with self._reader(place) as consumer:
            consumer.seek(place, offset)
            for _ in range(READS_MAX):
                batch = await consumer.getmany(place, timeout_ms=SECOND, max_records=1)
                if records := batch.get(place):
                    return int(records[0].offset)
        raise MissingError(f"{place.topic}/{place.partition} gives no record from offset {offset} on")

    # The checkpoints

    async def load(self, feed: Feed, partition: int) -> Checkpoint | None:
        """Return the newest checkpoint that the state topic holds for a partition."""
        place = aiokafka.TopicPartition(self._names.state(feed), partition)
        async with self._reader(place) as consumer:
            first = (await consumer.beginning_offsets([place]))[place]
            end = (await consumer.end_offsets([place]))[place]
            consumer.seek(place, max(first, end - STATE_TAIL))
            values: list[bytes] = []
            while await consumer.position(place) < end:
                batch = await consumer.getmany(place, timeout_ms=SECOND)
                values += [record.value for record in batch.get(place, ()) if record.value is not None]
        return newest(values)

    @contextlib.asynccontextmanager
    async def _reader(self, place: Any) -> AsyncIterator[Any]:
        """Read one partition outside the group, at whichever offset is asked for."""
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            consumer.assign([place])
            yield consumer
        finally:
            await consumer.stop()

    async def save(self, feed: Feed, partition: int, checkpoint: Checkpoint) -> None:
        """Append a checkpoint to the state topic and wait for its acknowledgement."""
        key = f"{feed.value}/{partition}".encode()
        await self.send([Outgoing(self._names.state(feed), key, encode(checkpoint), partition)])

    def _commit_from_here_on(self, feed: Feed, partition: int, offset: int) -> None:
        self.app.consumer.checkpointed[TP(self._names.feed(feed), partition)] = offset

    # Faust

    def _make_app(self) -> Any:
        settings = self._settings
        app = faust.App(
            settings.group if settings.status is Status.ACTUAL else f"{settings.group}.{settings.status.value}",
            broker=f"kafka://{settings.bootstrap}",
            broker_session_timeout=6.0 if settings.embedded else 10.0,
            broker_heartbeat_interval=2.0 if settings.embedded else 3.0,
            broker_rebalance_timeout=30.0,
            broker_commit_interval=1.0,
            consumer_auto_offset_reset="earliest",
            producer_acks=-1,
            producer_linger=0.0,
            producer_max_request_size=STATE_BYTES_MAX,
            topic_allow_declare=False,
            topic_disable_leader=True,
            table_standby_replicas=0,
            web_enabled=False,
            autodiscover=False,
        )
        transport = EmbeddedTransport if settings.embedded else Transport
        address = URL(f"kafka://{settings.bootstrap}")
        app.transport = transport([address], app)
        app.producer_transport = transport([address], app)
        return app

    def _make_agent(self) -> None:
        topic = self.app.topic(*self._feeds, key_serializer="raw", value_serializer="raw")

        async def site_stage(stream: Any) -> None:
            async for event in stream.events():
                await self._take(event.message)

        self.app.agent(topic, concurrency=1, name="site-stage")(site_stage)
        self.app.task(self._turn)
        self.app.on_partitions_revoked.connect(self._let_go, weak=False)
        self.app.on_before_shutdown.connect(self._save, weak=False)

    async def _take(self, message: Any) -> None:
        feed = self._feeds[message.topic]
        self._heard[message.tp] = self._clock.monotonic()
        record = FeedRecord(
            feed, round(message.timestamp * SECOND), message.key, message.value, dict(message.headers or {})
        )
        try:
            await self.stage.take(Delivery(feed, message.partition, message.offset, record))
        except asyncio.CancelledError:
            raise
        except BaseException:
            _die("a record could not be taken")

    async def _turn(self) -> None:
        """Once a second: say that the loop turns, tell silent partitions the time, write due checkpoints."""
        while not self.app.should_stop:
            self._pulse.beat()
            self._telemetry.heartbeat(self._clock.now())
            assigned = [tp for tp in self.app.consumer.assignment() if tp.topic in self._feeds]
            self._pulse.owns_partitions = bool(assigned)
            try:
                self._measure_lag(assigned)
                self._telemetry.silent_log(self.stage.silent_log_spans())
                if not self.app.rebalancing:
                    await self._tell_time(assigned)
                    await self.stage.save_due()
            except asyncio.CancelledError:
                raise
            except BaseException:
                _die("the turn of the loop failed")
            await self.app.sleep(TURN_S)

    async def _tell_time(self, assigned: Sequence[TP]) -> None:
        """Append a clock record to each partition that has been silent, where the broker stamps the records.

        Where the producer stamps them, the one producer of the run writes its clock records itself.
        """
        if self._settings.simulated or self._settings.status is not Status.ACTUAL:
            return
        now = self._clock.monotonic()
        headers = ((CONTROL_HEADER, ControlKind.CLOCK.value.encode()),)
        silent = [tp for tp in assigned if now - self._heard.setdefault(tp, now) >= CLOCK_AFTER]
        for tp in silent:
            self._heard[tp] = now
        if silent:
            await self.send([Outgoing(tp.topic, None, b"", tp.partition, headers=headers) for tp in silent])

    def _measure_lag(self, assigned: Sequence[TP]) -> None:
        waiting = dict.fromkeys(Feed, 0)
        for tp in assigned:
            highwater = self.app.consumer.highwater(tp)
            position = self.stage.position(self._feeds[tp.topic], tp.partition)
            if highwater is not None and position is not None:
                waiting[self._feeds[tp.topic]] += max(0, highwater - position)
        for feed, count in waiting.items():
            self._telemetry.lag(feed, count)

    async def _let_go(self, _app: Any, revoked: Any, **_: Any) -> None:
        await self._save()
        places = [(self._feeds[tp.topic], tp.partition) for tp in revoked if tp.topic in self._feeds]
        self.stage.forget(places)

    async def _save(self, *_: Any, **__: Any) -> None:
        try:
            await self.stage.save_all()
        except asyncio.CancelledError:
            raise
        except BaseException:
            _die("the last checkpoints could not be written")

    def _require_topics(self) -> None:
        broker = Broker(self._settings.bootstrap, embedded=self._settings.embedded)
        needed = [*self._feeds, *(self._names.state(feed) for feed in Feed), self._names.journal()]
        present = topic_names(broker)
        missing = [topic for topic in needed if topic not in present]
        if missing:
            raise MissingError(f"topic {missing[0]} does not exist; run `citybrain topics ensure`")


def _die(text: str) -> None:
    """End the process at once: whatever state it is in, the log and the last checkpoint are right."""
    logger.critical(text, exc_info=True)
    logging.shutdown()
    os._exit(FAILED)
