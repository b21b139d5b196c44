"""The worker: Faust gives the group, the assignment and the consumer; the lanes do the work.

One agent with concurrency 1 takes the chunks of all feed topics and only hands each to the lane of its partition.
Nothing may leave its loop: a fault of a record is a rejection, anything else ends the process, and whoever started it
starts it again (docs/adr/0003, 0005).
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import faust
from faust.types import TP
from yarl import URL

from citybrain.clock import Clock, SystemClock
from citybrain.codec import CONTROL_HEADER
from citybrain.instants import SECOND
from citybrain.model import ControlKind, Feed, Status
from citybrain.settings import Settings
from rules.ruleset import RuleSet
from streams.checkpoint import Checkpoint, encode, newest
from streams.clients import Broker
from streams.guards import require_all
from streams.health import Pulse
from streams.kafka_log import KafkaReader, KafkaWriter
from streams.lanes import Lane
from streams.log import Outgoing, Place, SourceRecord
from streams.site_stage import Delivery, SiteStage
from streams.telemetry import Telemetry
from streams.topics import Names
from streams.transport import ChunkScheduler, EmbeddedTransport, Transport

logger = logging.getLogger(__name__)

FAILED = 70  # The exit code of a worker that met something it does not expect (EX_SOFTWARE).
CLOCK_AFTER = 2 * SECOND  # An owner that has heard nothing for so long appends a clock record.
# How many records from its end a state partition is read: the newest is what counts, and a late writer of an older
# one may stand behind it.
STATE_TAIL = 16
TURN_S = 1.0


class SiteWorker:
    """One worker process: the Faust application around the lanes of its partitions."""

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
        self._lanes: dict[TP, Lane] = {}
        self._heard: dict[TP, int] = {}  # When a partition last gave a record, on the monotonic clock.
        self._is_stopping = False
        self._broker = Broker(settings.bootstrap, embedded=settings.embedded)
        self._writer = KafkaWriter(self._broker, linger_ms=0)
        self._reader = KafkaReader(self._broker, self._names)
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
        )
        self._make_agent()

    def run(self, on_checked: Callable[[], None] = lambda: None) -> None:
        """Run until SIGTERM or SIGINT; call `on_checked` once broker and topics are known to be there.

        Raises MissingError if they are not.
        """
        require_all(self._broker, self._names, status=self._settings.status, is_simulated=self._settings.simulated)
        on_checked()
        asyncio.run(self._run())

    async def _run(self) -> None:
        """Start the application and stop it in good order; what it crashed of ends this process."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with self.started():
            stopped = asyncio.create_task(self.app.wait_until_stopped())
            asked = asyncio.create_task(stop.wait())
            await asyncio.wait({stopped, asked}, return_when=asyncio.FIRST_COMPLETED)
            if self.app.crash_reason is not None:
                logger.critical("the application crashed", exc_info=self.app.crash_reason)
                os._exit(FAILED)
        for task in (stopped, asked):
            task.cancel()

    @contextlib.asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        """Judge for the length of the `with` block."""
        await self._writer.start()
        await self._reader.start()
        await self.app.start()
        try:
            yield
        finally:
            self._is_stopping = True
            await self._let_go()
            await self.app.stop()
            await self._reader.stop()
            await self._writer.stop()

    # The log, as the site stage sees it

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Send records and wait until all of them are acknowledged."""
        await self._writer.send(records)

    async def seek(self, feed: Feed, partition: int, offset: int) -> None:
        """Have the partition delivered from the offset on."""
        await self._lanes[TP(self._names.feed(feed), partition)].refetch(offset)

    async def first_offset(self, feed: Feed, partition: int) -> int:
        """Return the oldest offset that the partition still has."""
        return await self._reader.first_offset(Place(feed, partition))

    def partition_count(self, feed: Feed) -> int:
        """Return how many partitions the feed's topic has."""
        return int(self.app.consumer.topic_partitions(self._names.feed(feed)))

    async def next_offset(self, feed: Feed, partition: int, offset: int) -> int:
        """Return the least offset, from the given one on, that the partition has a record at."""
        return await self._reader.next_offset(Place(feed, partition), offset)

    # The checkpoints

    async def load(self, feed: Feed, partition: int) -> Checkpoint | None:
        """Return the newest checkpoint that the state topic holds for a partition."""
        place = Place(feed, partition)
        end = await self._reader.state_end(place)
        records = self._reader.state_records(place, end - STATE_TAIL, end)
        return newest([record.value async for record in records])

    async def save(self, feed: Feed, partition: int, checkpoint: Checkpoint) -> None:
        """Append a checkpoint to the state topic and wait for its acknowledgement."""
        key = f"{feed.value}/{partition}".encode()
        await self.send([Outgoing(self._names.state(feed), key, encode(checkpoint), partition)])

    def _commit_from_here_on(self, feed: Feed, partition: int, offset: int) -> None:
        self.app.consumer.checkpointed[TP(self._names.feed(feed), partition)] = offset

    # What the lanes ask of it

    async def take_over(self, place: Place) -> "_StagePartition":
        """Make a partition ours."""
        await self.stage.own(place.feed, place.partition)
        return _StagePartition(self.stage, place.feed, place.partition)

    async def taken(self, lane: Lane, controls: Sequence[SourceRecord]) -> None:
        """Hear that a chunk is judged."""
        self._heard[lane.tp] = self._clock.monotonic()

    def die(self, text: str) -> None:
        """End the process."""
        _die(text)

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
            ConsumerScheduler=ChunkScheduler,
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

        async def dispatch(stream: Any) -> None:
            async for event in stream.events():
                lane = self._lanes.get(event.message.tp)
                if lane is not None:
                    lane.put(event.message.value)

        self.app.agent(topic, concurrency=1, name="dispatch")(dispatch)
        self.app.task(self._turn)
        self.app.on_partitions_assigned.connect(self._take_up, weak=False)
        self.app.on_partitions_revoked.connect(self._let_go, weak=False)

    async def _take_up(self, _app: Any, assigned: Any, **_: Any) -> None:
        """Start a lane for each partition that is ours now."""
        for lane in self._lanes.values():
            lane.abandon()
        self._lanes = {}
        if not self._is_stopping:
            source, clock = self.app.consumer, self._clock
            for tp in assigned:
                self._lanes[tp] = Lane(
                    tp, Place(self._feeds[tp.topic], tp.partition), source=source, host=self, clock=clock
                )

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
                    for lane in self._lanes.values():
                        lane.tick()
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

    async def _let_go(self, *_: Any, **__: Any) -> None:
        """Release all partitions and commit where they stand."""
        lanes, self._lanes = self._lanes, {}
        try:
            await asyncio.gather(*(lane.stop() for lane in lanes.values()))
            if lanes and not await self.app.consumer.commit():
                await self.app.consumer.commit()  # The first may only have waited for one that was under way.
        except asyncio.CancelledError:
            raise
        except BaseException:
            _die("the partitions could not be released")


class _StagePartition:
    """A partition of the site stage, as its lane sees it."""

    def __init__(self, stage: SiteStage, feed: Feed, number: int) -> None:
        self._stage = stage
        self._feed = feed
        self._number = number

    @property
    def next_offset(self) -> int:
        position = self._stage.position(self._feed, self._number)
        assert position is not None, "it was taken over"
        return position

    async def take(self, chunk: Sequence[SourceRecord]) -> None:
        for offset, record in chunk:
            await self._stage.take(Delivery(self._feed, self._number, offset, record))

    async def tick(self) -> None:
        await self._stage.save_due()

    async def release(self) -> None:
        await self._stage.save(self._feed, self._number)
        self._stage.forget([(self._feed, self._number)])


def _die(text: str) -> None:
    """End the process at once: whatever state it is in, the log and the last checkpoint are right."""
    logger.critical(text, exc_info=True)
    logging.shutdown()
    os._exit(FAILED)
