"""The site stage: feed records in, alert events and rejections out, for all partitions that this worker owns.

Free of Faust: it talks to the log through small interfaces. What one record gives is sent and acknowledged before
the next record of its partition is judged, so that a checkpoint never covers anything that is not safe.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from citybrain.alerts import AlertEvent
from citybrain.clock import Clock
from citybrain.codec import encode_event, encode_reading
from citybrain.instants import SECOND
from citybrain.model import Feed, Reason, Rejection, Status
from rules.engine import Engine
from rules.intake import FeedRecord, Intake, Output
from rules.ruleset import RuleSet
from streams.checkpoint import Checkpoint, Checkpoints
from streams.telemetry import Telemetry
from streams.topics import Names, partition_of

SEEK_WAIT = 5 * SECOND  # How long a seek may take before it is asked for again,
ROUTED_MAX = 100_000  # Keys that are remembered to be in the right partition.
SEEKS_MAX = 5  # and how often it is asked for before this process is given up.


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to send."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    timestamp: int | None = None  # Milliseconds; None: now.
    headers: tuple[tuple[str, bytes], ...] = ()


class Log(Protocol):
    """What the stage needs of Kafka."""

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Send records; on return all are acknowledged. Raises when any is not."""
        ...

    async def seek(self, feed: Feed, partition: int, offset: int) -> None:
        """Have the partition delivered from the offset on."""
        ...

    async def first_offset(self, feed: Feed, partition: int) -> int:
        """Return the oldest offset that the partition still has."""
        ...

    def partition_count(self, feed: Feed) -> int:
        """Return how many partitions the feed's topic has."""
        ...

    async def next_offset(self, feed: Feed, partition: int, offset: int) -> int:
        """Return the least offset, from the given one on, that the partition has a record at."""
        ...


@dataclass(slots=True)
class _Owned:
    """One partition of ours."""

    feed: Feed
    number: int
    intake: Intake
    next_offset: int
    saved_offset: int | None  # Of the newest checkpoint; None before the first.
    saved_at: int  # On the monotonic clock.
    seeks: int = 0
    sought_at: int | None = None
    routed: set[bytes] = field(default_factory=set)  # Keys that belong here; as many as there are sites.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record of a feed topic as it was delivered."""

    feed: Feed
    partition: int
    offset: int
    record: FeedRecord


class SiteStage:
    """Judges the records of feed partitions, each by an engine of its own."""

    def __init__(
        self,
        rules: RuleSet,
        *,
        names: Names,
        log: Log,
        checkpoints: Checkpoints,
        clock: Clock,
        telemetry: Telemetry,
        checkpoint_every: int,
        on_checkpoint: Callable[[Feed, int, int], None],
        status: Status = Status.ACTUAL,
        expects: Collection[str] | None = None,
    ) -> None:
        """Wait for the sites that it `expects` to speak, by id; None for every site of the catalog."""
        self._rules = rules
        self._expects = expects
        self._names = names
        self._log = log
        self._checkpoints = checkpoints
        self._clock = clock
        self._telemetry = telemetry
        self._every = checkpoint_every
        self._on_checkpoint = on_checkpoint
        self._status = status
        self._owned: dict[tuple[Feed, int], _Owned] = {}
        self._poison: set[tuple[Feed, int, int]] = set()  # Records whose judging failed; bounded by the bugs we have.

    async def take(self, delivery: Delivery) -> None:
        """Judge one delivered record, unless it was judged before or is not the next one."""
        owned = self._owned.get((delivery.feed, delivery.partition))
        if owned is None:
            owned = await self._restore(delivery.feed, delivery.partition)
        async with owned.lock:
            if delivery.offset < owned.next_offset:
                return  # A redelivery.
            if delivery.offset > owned.next_offset and not await self._is_own_gap(owned, delivery.offset):
                return
            owned.seeks, owned.sought_at = 0, None
            output = self._judge(owned, delivery)
            if output is None:
                await self._start_over(owned)
                return
            await self._send(output, delivery)
            owned.next_offset = delivery.offset + 1
            if self._clock.monotonic() - owned.saved_at >= self._every:
                await self._save(owned)

    async def save_all(self) -> None:
        """Write a checkpoint of every partition that has moved since its last one."""
        await self._save_each(list(self._owned.values()))

    async def save_due(self) -> None:
        """Write the checkpoints that are due although no record came to ask for them."""
        now = self._clock.monotonic()
        await self._save_each([owned for owned in self._owned.values() if now - owned.saved_at >= self._every])

    def silent_log_spans(self) -> int:
        """Return how often the logs of the owned partitions were silent themselves."""
        return sum(owned.intake.engine.silent_log_spans for owned in self._owned.values())

    def position(self, feed: Feed, partition: int) -> int | None:
        """Return the next offset to judge, or None for a partition that was not taken over yet."""
        owned = self._owned.get((feed, partition))
        return owned.next_offset if owned is not None else None

    def forget(self, partitions: Sequence[tuple[Feed, int]]) -> None:
        """Drop partitions that are no longer ours."""
        for place in partitions:
            self._owned.pop(place, None)
        self._telemetry.open_alerts(self._open_alerts())

    async def _restore(self, feed: Feed, number: int) -> _Owned:
        """Take over a partition from its newest checkpoint, or from the oldest record it has."""
        checkpoint = await self._checkpoints.load(feed, number)
        engine = Engine(self._rules, status=self._status, expects=self._expected(feed, number))
        if checkpoint is not None:
            ended = engine.restore(checkpoint.snapshot).events
            await self._log.send(self._event_records(ended))
            next_offset = checkpoint.next_offset
        else:
            next_offset = await self._log.first_offset(feed, number)
        saved = checkpoint.next_offset if checkpoint is not None else None
        intake = Intake(engine, status=self._status)
        owned = _Owned(feed, number, intake, next_offset, saved, self._clock.monotonic())
        self._owned[feed, number] = owned
        self._telemetry.restored()
        return owned

    def _expected(self, feed: Feed, number: int) -> list[str]:
        """Return the sites that should speak on a partition. A drill plays some of them: none is missed there."""
        if self._status is not Status.ACTUAL:
            return []
        count = self._log.partition_count(feed)
        sites = (site.id for site in self._rules.registry.sites.values() if site.feed is feed)
        expected = sites if self._expects is None else (site for site in sites if site in self._expects)
        return [site for site in expected if partition_of(site.encode(), count) == number]

    async def _start_over(self, owned: _Owned) -> None:
        """Go back to the last checkpoint after a record that killed its judge; it will be rejected this time."""
        self._owned.pop((owned.feed, owned.number))
        again = await self._restore(owned.feed, owned.number)
        await self._log.seek(again.feed, again.number, again.next_offset)
        again.sought_at = self._clock.monotonic()

    async def _is_own_gap(self, owned: _Owned, offset: int) -> bool:
        """Tell whether the records before the offset are gone for good; if not, ask for them again.

        Faust delivers records twice, or drops some, when it resumes after a rebalance.
        """
        now = self._clock.monotonic()
        if owned.sought_at is not None and now - owned.sought_at < SEEK_WAIT:
            return False
        if await self._log.next_offset(owned.feed, owned.number, owned.next_offset) >= offset:
            self._telemetry.gap(owned.feed, offset - owned.next_offset)
            return True
        if owned.seeks >= SEEKS_MAX:
            raise RuntimeError(f"{owned.feed}/{owned.number} does not deliver offset {owned.next_offset}")
        owned.seeks += 1
        owned.sought_at = now
        await self._log.seek(owned.feed, owned.number, owned.next_offset)
        return False

    def _judge(self, owned: _Owned, delivery: Delivery) -> Output | None:
        """Return what the record gives; None where judging it failed, which leaves the engine in doubt."""
        place = (delivery.feed, delivery.partition, delivery.offset)
        if place in self._poison:
            rejection = Rejection(Reason.ENGINE_ERROR, "judging this record failed; see the worker's log")
            return Output(rejections=(rejection,))
        if not self._is_routed(owned, delivery):
            text = f"the key {delivery.record.key!r} belongs to another partition than {delivery.partition}"
            return owned.intake.refuse(delivery.record, Rejection(Reason.MISROUTED, text))
        try:
            output = owned.intake.accept(delivery.record)
        except Exception:
            # The outermost edge of judging: a fault of ours must not stop the alerts of all the other records.
            self._poison.add(place)
            self._telemetry.engine_error(delivery.feed, delivery.partition, delivery.offset)
            return None
        self._telemetry.judged(delivery.feed, output, delivery.record.at)
        return output

    def _is_routed(self, owned: _Owned, delivery: Delivery) -> bool:
        """Tell whether a site's record lies where all producers agree to put it: its state is here and nowhere else."""
        key = delivery.record.key
        if key is None or key in owned.routed:
            return True
        if partition_of(key, self._log.partition_count(owned.feed)) != owned.number:
            return False
        if len(owned.routed) < ROUTED_MAX:
            owned.routed.add(key)
        return True

    async def _send(self, output: Output, delivery: Delivery) -> None:
        if not output.events and not output.rejections:
            return
        records = [*self._event_records(output.events)]
        records += [self._rejected(rejection, delivery) for rejection in output.rejections]
        await self._log.send(records)
        self._telemetry.published([event for event in output.events if not event.trial])
        self._telemetry.open_alerts(self._open_alerts())

    def _event_records(self, events: Sequence[AlertEvent]) -> list[Outgoing]:
        records = []
        for event in events:
            key, value = event.identifier.encode(), encode_event(event)
            # What is on trial is recorded and told to nobody.
            topics = (
                [self._names.journal()] if event.trial else [self._names.alerts(event.scenario), self._names.journal()]
            )
            records += [Outgoing(topic, key, value, timestamp=event.sent) for topic in topics]
        return records

    def _rejected(self, rejection: Rejection, delivery: Delivery) -> Outgoing:
        """Return the original bytes with the reason in the headers."""
        is_stray_drill = rejection.reason is Reason.STATUS and self._status is Status.ACTUAL
        names = self._names.exercise() if is_stray_drill else self._names
        headers = {
            "reason": rejection.reason.value,
            "text": rejection.text,
            "site": rejection.site or "",
            "metrics": ",".join(rejection.metrics),
            "topic": self._names.feed(delivery.feed),
            "partition": str(delivery.partition),
            "offset": str(delivery.offset),
        }
        key, value = delivery.record.key, delivery.record.value
        if rejection.reading is not None:
            # It was held: the record at hand only let its time come, and where it lay itself is not known any more.
            key, value = rejection.reading.site.encode(), encode_reading(rejection.reading)
            headers["offset"] = ""
        return Outgoing(
            names.rejected(),
            key,
            value,
            timestamp=delivery.record.at,
            headers=tuple((name, text.encode()) for name, text in headers.items()),
        )

    async def _save_each(self, all_owned: Sequence[_Owned]) -> None:
        for owned in all_owned:
            async with owned.lock:
                # It may have been dropped while we waited: its engine is in doubt then, or another worker's by now.
                if self._owned.get((owned.feed, owned.number)) is owned:
                    await self._save(owned)

    async def _save(self, owned: _Owned) -> None:
        if owned.saved_offset == owned.next_offset:
            return
        checkpoint = Checkpoint(owned.next_offset, owned.intake.engine.snapshot())
        await self._checkpoints.save(owned.feed, owned.number, checkpoint)
        owned.saved_offset, owned.saved_at = owned.next_offset, self._clock.monotonic()
        self._on_checkpoint(owned.feed, owned.number, owned.next_offset)
        self._telemetry.checkpoint(len(checkpoint.snapshot))

    def _open_alerts(self) -> int:
        return sum(owned.intake.engine.open_alerts for owned in self._owned.values())
