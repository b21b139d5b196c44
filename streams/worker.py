"""The worker: Faust gives the group, the assignment and the consumer; the lanes do the work.

One agent with concurrency 1 takes the chunks of all feed topics and only hands each to the lane of its partition.
Nothing may leave its loop: a fault of a record is a rejection, anything else ends the process, and whoever started it
starts it again (docs/adr/0003, 0005).
"""

import asyncio
import contextlib
import logging
import os
import platform
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import faust
from faust.types import TP
from yarl import URL

from citybrain.clock import Clock, SystemClock
from citybrain.instants import SECOND
from citybrain.model import Feed, Status
from citybrain.settings import Settings
from scenarios.published import CatalogFiles, Compiled
from streams.area_partition import AreaPartition
from streams.canary import Canaries
from streams.catalog_desk import LOOK_EVERY_S, Author, CatalogDesk
from streams.catalog_log import KafkaCatalogs
from streams.clients import Broker, topic_partitions
from streams.guards import expected_stamps, require_all
from streams.health import Pulse, Standing
from streams.incident_partition import IncidentPartition
from streams.kafka_log import KafkaReader, KafkaWriter
from streams.lanes import Lane, Owned
from streams.log import Place, SourceRecord
from streams.partition import Partition
from streams.telemetry import Telemetry
from streams.terms import Terms
from streams.topics import SOURCES, Names, Stage, TimestampType
from streams.transport import ChunkScheduler, EmbeddedTransport, Transport
from streams.watchdog import Watchdog, die

logger = logging.getLogger(__name__)

SIGNALLED = 128  # Plus the signal's number: what a shell calls the end by a signal.
TURN_S = 1.0
HEARTBEATS_IN_SESSION = 3


class Worker:
    """One worker process: the Faust application around the lanes of its partitions."""

    def __init__(
        self,
        files: CatalogFiles,
        compiled: Compiled,
        settings: Settings,
        *,
        telemetry: Telemetry,
        pulse: Pulse,
        author: Author,
        watches: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Prepare. The author files and what they compile to are published if no set is there yet.

        With `watches` they are published whenever they change.
        """
        names = Names(settings.prefix)
        self._names = names.exercise() if settings.status is not Status.ACTUAL else names
        self._settings = settings
        self._clock = clock or SystemClock()
        self._telemetry = telemetry
        self._pulse = pulse
        self._sources = {self._names.source(source): source for source in SOURCES}
        self._lanes: dict[TP, Lane] = {}
        self._partitions: dict[Feed, int] = {}  # How many each feed has, for as long as it lives.
        self._is_stopping = False
        self._broker = Broker(settings.bootstrap, embedded=settings.embedded)
        self._watchdog = Watchdog(
            pulse, telemetry, self._broker, self._names, frozen_max=round(settings.session_s * SECOND)
        )
        self._writer = KafkaWriter(self._broker, before=self._watchdog.require_awake)
        self._reader = KafkaReader(self._broker, self._names)
        self._files, self._own = files, compiled
        self.catalogs = KafkaCatalogs(
            self._names,
            reader=self._reader,
            writer=self._writer,
            clock=self._clock,
            telemetry=telemetry,
            sender=settings.sender,
        )
        self._desk = CatalogDesk(
            author,
            self.catalogs,
            names=self._names,
            status=settings.status,
            writer=self._writer,
            clock=self._clock,
            telemetry=telemetry,
        )
        self._watches, self._is_asked = watches, False
        name = f"{platform.node()}/{os.getpid()}/{self._clock.now()}"
        self._canaries = Canaries(self._names, self._writer, self._clock, worker=name)
        self.app = self._make_app()
        self._make_agent()

    def run(self, on_checked: Callable[[], None] = lambda: None) -> None:
        """Run until SIGTERM or SIGINT; call `on_checked` once broker and topics are known to be right.

        Raises MissingError if they are not.
        """
        require_all(self._broker, self._names, status=self._settings.status, is_simulated=self._settings.simulated)
        on_checked()
        with self._watchdog.on_guard():
            asyncio.run(self._run())

    async def _run(self) -> None:
        """Start the application and stop it in good order; what it crashed of ends this process."""
        stop = asyncio.Event()
        self._heed_signals(stop)
        try:
            async with self.started():
                stopped = asyncio.create_task(self.app.wait_until_stopped())
                asked = asyncio.create_task(stop.wait())
                await asyncio.wait({stopped, asked}, return_when=asyncio.FIRST_COMPLETED)
                if self.app.crash_reason is not None:
                    raise self.app.crash_reason
                for task in (stopped, asked):
                    task.cancel()
        except BaseException:
            die("the application crashed")

    def _heed_signals(self, stop: asyncio.Event) -> None:
        """Stop on the first signal; on the second, or if stopping takes too long, end at once."""
        loop = asyncio.get_running_loop()
        was_asked = False

        def heed(number: int, _frame: FrameType | None) -> None:
            nonlocal was_asked
            if was_asked:
                os._exit(SIGNALLED + number)
            was_asked = True
            self._watchdog.expect_end()
            loop.call_soon_threadsafe(stop.set)

        has_terminal = _has_terminal()

        def hang_up(number: int, frame: FrameType | None) -> None:
            if has_terminal and not _has_terminal():
                heed(number, frame)  # Somebody has closed the window.
            else:
                self._is_asked = True

        # Not by the loop, which may stand still.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, heed)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` wants it ignored.
            signal.signal(signal.SIGHUP, hang_up)

    @contextlib.asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        """Judge for the length of the `with` block."""
        await self._writer.start()
        await self._reader.start()
        await self.catalogs.begin(self._files, self._own)
        self._desk.begin(self._files)
        # Not from the consumer: in a group that others lead it may be given partitions before it has heard of topics.
        counts = await asyncio.to_thread(topic_partitions, self._broker)
        self._partitions = {feed: counts[self._names.feed(feed)] for feed in Feed}
        await self.app.start()
        try:
            yield
        finally:
            self._is_stopping = True
            await self._let_go()
            self.catalogs.stop()
            await self.app.stop()
            await self._reader.stop()
            await self._writer.stop()

    # What the lanes ask of it

    async def take_over(self, place: Place) -> Owned:
        """Make a partition ours."""
        settings = self._settings
        stamps = expected_stamps(settings.status, is_simulated=settings.simulated)
        terms = Terms(
            self._names,
            self._partitions,
            checkpoint_every=round(settings.checkpoint_every_s * SECOND),
            # Where the producer stamps the records, the one producer of the run writes its clock records itself.
            appends_clock=stamps is TimestampType.APPEND,
            expects_sites=not settings.simulated,
            status=settings.status,
        )
        kinds: dict[Feed | Stage, type[AreaPartition | IncidentPartition]] = {
            Stage.SIGNALS: AreaPartition,
            Stage.JOURNAL: IncidentPartition,
        }
        return await kinds.get(place.source, Partition).take_over(
            place,
            terms,
            reader=self._reader,
            writer=self._writer,
            catalogs=self.catalogs,
            clock=self._clock,
            telemetry=self._telemetry,
        )

    async def taken(self, lane: Lane, controls: Sequence[SourceRecord]) -> None:
        """Hear that a chunk is judged, and what control records were in it."""
        await self._canaries.welcome(lane.place, controls)

    def die(self, text: str) -> None:
        """End the process."""
        die(text)

    # Faust

    def _make_app(self) -> Any:
        settings = self._settings
        app = faust.App(
            settings.group if settings.status is Status.ACTUAL else f"{settings.group}.{settings.status.value}",
            broker=f"kafka://{settings.bootstrap}",
            broker_session_timeout=settings.session_s,
            broker_heartbeat_interval=settings.session_s / HEARTBEATS_IN_SESSION,
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
        topic = self.app.topic(*self._sources, key_serializer="raw", value_serializer="raw")

        async def dispatch(stream: Any) -> None:
            async for event in stream.events():
                lane = self._lanes.get(event.message.tp)
                if lane is not None:
                    lane.put(event.message.value)

        self.app.agent(topic, concurrency=1, name="dispatch")(dispatch)
        self.app.task(self._turn)
        self.app.task(self._send_canaries)
        self.app.task(self._look_after_catalog)
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
                    tp, Place(self._sources[tp.topic], tp.partition), source=source, host=self, clock=clock
                )

    async def _turn(self) -> None:
        """Once a second: say that the loop turns, have the lanes do what is due, commit where they stand."""
        while not self.app.should_stop:
            self._watchdog.require_awake()
            self._pulse.beat()
            self._telemetry.heartbeat(self._clock.now())
            flowing = self._flowing()
            for lane in flowing.values():
                self.app.consumer.checkpointed[lane.tp] = lane.commit_offset
                lane.tick()
            self._say_how_it_stands(flowing)
            await self.app.sleep(TURN_S)

    async def _send_canaries(self) -> None:
        """In a task of its own: the turn waits for no broker."""
        while not self.app.should_stop:
            if not self.app.rebalancing:
                await self._canaries.send_due(self._flowing().keys())
            await self.app.sleep(TURN_S)

    async def _look_after_catalog(self) -> None:
        """Publish the author files when a signal asks for it, or when they have changed."""
        while not self.app.should_stop:
            if self._is_asked:
                self._is_asked = False
                await self._desk.publish()
            elif self._watches:
                await self._desk.look()
            await self.app.sleep(LOOK_EVERY_S)

    def _flowing(self) -> dict[Place, Lane]:
        return {lane.place: lane for lane in self._lanes.values() if lane.is_flowing}

    def _say_how_it_stands(self, flowing: Mapping[Place, Lane]) -> None:
        owned = [lane.owned for lane in flowing.values() if lane.owned is not None]
        self._telemetry.silent_log(sum(each.silent_log_spans for each in owned))
        self._telemetry.open_alerts(sum(each.open_alerts for each in owned))
        now, before = self._clock.monotonic(), self._pulse.standings
        standings = {}
        for each in owned:
            judged, committed, seen = each.next_offset, each.commit_offset, self._canaries.seen_at(each.place)
            old = before.get(each.place)
            standings[each.place] = Standing(
                judged,
                old.judged_at if old is not None and old.judged == judged else now,
                committed,
                old.committed_at if old is not None and old.committed == committed < judged else now,
                seen,
            )
        self._pulse.owned, self._pulse.standings = len(self._lanes), standings

    async def _let_go(self, *_: Any, **__: Any) -> None:
        """Release all partitions and commit where they stand."""
        lanes, self._lanes = self._lanes, {}
        try:
            await asyncio.gather(*(lane.stop() for lane in lanes.values()))
            for tp, lane in lanes.items():
                if lane.is_flowing:
                    self.app.consumer.checkpointed[tp] = lane.commit_offset
            if lanes and not await self.app.consumer.commit():
                await self.app.consumer.commit()  # The first may only have waited for one that was under way.
        except asyncio.CancelledError:
            raise
        except BaseException:
            die("the partitions could not be released")


def _has_terminal() -> bool:
    """Tell whether the process belongs to a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
