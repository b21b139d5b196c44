"""One partition of a feed in the hands of its owner: judge, keep the state, send, and say where to begin again.

The order of the steps is the promise (docs/delivery.md, docs/adr/0008). Of a piece of records:

1. It is judged, which is pure and awaits nothing.
2. Rejections and the service's own alerts are sent and acknowledged. A restart makes them again, the same.
3. The sites that have alert events are written to the state partition, with those events as their outbox.
4. The events are sent and acknowledged. So no event is ever out that the state does not know of.

Signals, and how far the log's time has come, are told to the area stage each second, but signals always before a state
that covers them, and a time never before the events up to it.

Sites that have changed without an event are written some seconds later. The context says where a new owner begins:
at a mark before which no record has changed a site that is not written. It moves only over what is safe.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from citybrain.alerts import AlertEvent
from citybrain.clock import Clock
from citybrain.codec import CONTROL_HEADER, encode_event
from citybrain.errors import MissingError
from citybrain.instants import SECOND
from citybrain.model import ControlKind
from rules.intake import Output
from rules.ruleset import RuleSet
from streams.catalog_log import switch_record
from streams.delivery import next_run
from streams.judging import Judged, Judging, named_set
from streams.log import Catalogs, Outgoing, Place, Reader, SourceRecord, Writer
from streams.outputs import Outputs
from streams.signal_log import BUNDLE_MAX, Told, bundles
from streams.state_log import CONTEXT, LIFE, Context, Life, Mark, Record, StateLog, Stored, site_key, site_of
from streams.suspicion import suspect
from streams.telemetry import Telemetry
from streams.terms import Terms

CLOCK_AFTER: Final = 2 * SECOND  # An owner that has heard nothing for so long appends a clock record.
WRITES_MAX: Final = 1_000  # Sites that are written in one go.

_CLOCK_HEADERS: Final = ((CONTROL_HEADER, ControlKind.CLOCK.value.encode()),)


@dataclass(frozen=True, slots=True)
class _Change:
    """Since when a site differs from its record."""

    mark: Mark  # Judged again from here on, it becomes what it is.
    since: int  # On the monotonic clock.


class Partition:
    """A feed partition that is ours. `take`, `tick` and `release` are never called at the same time.

    Whatever they raise is no fault of a record; it ends the process, and the next owner finds all in order.
    """

    def __init__(
        self,
        place: Place,
        terms: Terms,
        *,
        reader: Reader,
        writer: Writer,
        catalogs: Catalogs,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        """Prepare, and do nothing yet: see `take_over`."""
        self.place = place
        self._terms = terms
        self._reader = reader
        self._writer = writer
        self._catalogs = catalogs
        self._clock = clock
        self._telemetry = telemetry
        self._log = StateLog(place, terms.names.state(place.feed), reader=reader, writer=writer)
        self._outputs = Outputs(place, terms.names, status=terms.status, drill=terms.drill)
        self._skipped: set[int] = set()  # Offsets of records that are not judged, from the context's mark on.
        self._heard = clock.monotonic()  # When a record came last.
        # Not told to the area stage yet: signals, and times that the log has passed.
        self._signals: list[Told] = []
        self._passed: list[int] = []
        self._told_at: int | None = None  # The last such time that was,
        self._told_number: int | None = None  # and the number of the rule set.
        self._switched_to = -1  # The newest set that we have told the partition of.

    @classmethod
    async def take_over(
        cls,
        place: Place,
        terms: Terms,
        *,
        reader: Reader,
        writer: Writer,
        catalogs: Catalogs,
        clock: Clock,
        telemetry: Telemetry,
    ) -> Self:
        """Claim a partition, put its state together and send what may not have been sent.

        `next_offset` says from where it is to be delivered.
        """
        partition = cls(place, terms, reader=reader, writer=writer, catalogs=catalogs, clock=clock, telemetry=telemetry)
        await partition._begin()
        return partition

    @property
    def next_offset(self) -> int:
        """Return the offset of the next record to judge."""
        return self._next

    @property
    def commit_offset(self) -> int:
        """Return where a new owner would begin: what is to be committed to the group, which shows the lag."""
        return self._context.mark.offset

    @property
    def open_alerts(self) -> int:
        """Return how many alerts are open at the sites of the partition."""
        return self._judging.engine.open_alerts

    @property
    def silent_log_spans(self) -> int:
        """Return how often the log itself was silent."""
        return self._judging.engine.silent_log_spans

    def snapshot(self) -> bytes:
        """Return the whole state of the engine: the same state, the same bytes."""
        return self._judging.engine.snapshot()

    async def take(self, chunk: Sequence[SourceRecord]) -> int | None:
        """Judge consecutive records, and send what comes of them.

        Returns None, or the offset from which the partition has to be delivered again: where the delivery left
        records out that the log has, or where the judging of one failed. Records that were judged before are passed
        over.
        """
        self._heard = self._clock.monotonic()
        run = await next_run(chunk, self._next, place=self.place, reader=self._reader)
        for offset, following in run.lost:
            await self._tell_lost(offset, following)
        for piece, trying in self._suspicion.pieces(run.records):
            if not await self._judge(piece, trying):
                return self._next
        return run.missing

    async def tick(self) -> None:
        """Do what is due: write sites that have changed, move the context on, tell an idle partition the time.

        To be called each second or so.
        """
        await self._mend()
        await self._tell_time()
        await self._follow_catalog()
        now = self._clock.monotonic()
        await self._write_changed(now - self._terms.checkpoint_every)
        await self._move_context()
        if self._terms.appends_clock and now - self._heard >= CLOCK_AFTER:
            self._heard = now
            feed = self._terms.names.feed(self.place.feed)
            await self._writer.send([Outgoing(feed, None, b"", self.place.partition, headers=_CLOCK_HEADERS)])

    async def release(self) -> None:
        """Write all that is not written and let the partition go; nothing may be called after that."""
        await self._mend()
        await self._tell_time()
        await self._write_changed(self._clock.monotonic())
        await self._move_context()
        await self._log.write({LIFE: replace(self._life, released=True)})

    # Beginning

    async def _begin(self) -> None:
        """Claim the partition and go back to its context."""
        found = await self._log.claim()
        context = found.context or await self._first_context()
        rules = await self._catalogs.numbered(context.mark.catalog)
        if rules is None:
            raise MissingError(f"rule set {context.mark.catalog}, which {self.place} was judged by, is not there")
        start = self._next = context.mark.offset
        end = await self._reader.end_offset(self.place)
        if end < start:
            # All that comes would be taken for redelivered.
            raise MissingError(
                f"{self.place} ends at offset {end} and was judged up to {start}: the topic was made anew"
            )
        self._suspicion = suspect(found.life, start, end)
        self._skipped.update(context.skipped)
        if (killer := self._suspicion.killer) is not None:
            self._telemetry.killer(self.place.feed, self.place.partition, killer)
            self._skipped.add(killer)
        self._context = Context(context.mark, self._skipped_from(start))
        self._life = Life(start)
        self._changed: dict[str, _Change] = {}  # In the order of their marks, which are those of pieces.
        self._stale: dict[str, int] = {}  # Sites to be written again although they have not changed, and since when.
        self._judging = Judging(
            self.place,
            self._terms,
            outputs=self._outputs,
            rules=rules,
            mark=context.mark,
            sites=found.sites,
            skipped=self._skipped,
        )
        await self._settle(found.sites)
        self._touch(self._judging.begun, context.mark)
        await self._send(self._judging.begun)
        self._telemetry.restored()

    async def _first_context(self) -> Context:
        """Return where the first owner of all begins."""
        number = await self._catalogs.in_force()
        return Context(Mark(await self._reader.first_offset(self.place), None, 0, number))

    async def _settle(self, sites: Mapping[str, Stored]) -> None:
        """Write the context, and what a predecessor's late records lie over; then send every outbox again."""
        covered = [site for key in self._log.overwritten if (site := site_of(key)) is not None]
        mended: dict[bytes, Record] = {site_key(site): sites[site] for site in sorted(covered)}
        await self._log.write(mended | self._own_records())
        unsent = {site: stored.outbox for site, stored in sites.items() if stored.outbox}
        if unsent:
            values = (value for outbox in unsent.values() for value in outbox)
            await self._writer.send([one for value in values for one in self._outputs.stored_event(value)])
            self._stale.update(dict.fromkeys(unsent, self._clock.monotonic()))

    # Judging

    async def _tell_lost(self, offset: int, following: SourceRecord) -> None:
        """Say that the log itself has lost records; what comes of it is sent again after a restart, the same."""
        self._telemetry.gap(self.place.feed, following.offset - offset)
        catalog = self._judging.engine.catalog
        where = self._outputs.at_offset(offset)
        event = self._outputs.own_alert("lost-records", catalog=catalog, where=where, at=following.record.at)
        await self._writer.send(self._outputs.event(event))

    async def _judge(self, piece: Sequence[SourceRecord], trying: Life | None) -> bool:
        """Judge records and send what comes of them; tell False where judging failed and all begins anew."""
        if not piece:
            return True
        sets = await self._sets_in(piece)
        mark, judged = self._judging.mark(self._next), Judged()
        async with self._terms.turn:
            if trying is not None:
                await self._log.write({LIFE: replace(trying, start=self._life.start)})
            is_judged = self._judge_each(piece, sets, judged)
            if trying is not None:
                await self._log.write({LIFE: self._life})  # Before anything is sent: no broker's fault is a record's.
        if not is_judged:
            await self._begin()
            return False
        self._touch(judged, mark)
        output = Output(tuple(judged.events), tuple(judged.rejections), judged.readings)
        self._telemetry.judged(self.place.feed, output, piece[-1].record.at)
        await self._send(judged)
        return True

    def _judge_each(self, piece: Sequence[SourceRecord], sets: Mapping[int, RuleSet | None], judged: Judged) -> bool:
        """Judge one record after the other; tell False, and note which one it was, where that failed."""
        for one in piece:
            try:
                self._judging.judge(one, sets, judged)
            except Exception:
                # The outermost edge of judging: a fault of ours must not stop the alerts of all the other records.
                self._telemetry.engine_error(self.place.feed, self.place.partition, one.offset)
                if one.offset in self._skipped:
                    raise  # It fails although the record is not judged; only a person can help.
                self._skipped.add(one.offset)
                return False
        self._next = piece[-1].offset + 1
        self._judging.finish(self._next, judged)
        return True

    async def _sets_in(self, piece: Sequence[SourceRecord]) -> dict[int, RuleSet | None]:
        """Return, by number, the rule sets that the control records among some records name."""
        numbers = {number for one in piece if one.record.headers and (number := named_set(one)) is not None}
        return {number: await self._catalogs.numbered(number) for number in sorted(numbers)}

    # Sending and writing

    async def _send(self, judged: Judged) -> None:
        """Send what was judged, in the order that the promise rests on."""
        self._signals += judged.signals
        if judged.told:
            await self._writer.send(judged.told)
        if judged.events:
            await self._publish(judged.events)
        self._passed += judged.passed
        if len(self._signals) >= BUNDLE_MAX:
            await self._tell_signals()

    async def _tell_signals(self) -> None:
        """Tell the area stage the signals that wait, and the times that were passed before them."""
        signals, self._signals = self._signals, []
        passed, self._passed = self._passed, []
        self._told_at = passed[-1] if passed else self._told_at
        number = self._judging.number
        is_news = number != self._told_number and self._judging.engine.at is not None
        if signals or passed or is_news:
            self._told_number = number
            await self._writer.send(bundles(self._terms.names, self.place, signals, passed, number))

    async def _tell_time(self) -> None:
        """Tell the area stage all that waits, and how far the log is; every event up to there is out."""
        at = self._judging.engine.at
        if at is not None and at != self._told_at:
            self._passed.append(at)
        await self._tell_signals()

    async def _follow_catalog(self) -> None:
        """Tell the partition of a newer rule set, which is in force from that record on, here and at every replay.

        So nobody who publishes has to reach all partitions. A record too many does nothing.
        """
        number = await self._catalogs.in_force()
        at = self._judging.engine.at
        # Where the producer stamps the records, this one must not bring another time; without any there is none yet.
        if number > max(self._judging.number, self._switched_to) and (self._terms.appends_clock or at is not None):
            self._switched_to = number
            stamp = None if self._terms.appends_clock else at
            topic = self._terms.names.feed(self.place.feed)
            await self._writer.send([switch_record(topic, self.place.partition, number, at=stamp)])

    async def _publish(self, events: Sequence[AlertEvent]) -> None:
        """Write the sites of some events with these in their outbox, and then send the events."""
        outboxes: dict[str, list[bytes]] = {}
        for event in events:
            assert event.subject.site is not None, "the site stage raises alerts about sites only"
            outboxes.setdefault(event.subject.site, []).append(encode_event(event))
        await self._write(list(outboxes), outboxes)
        await self._writer.send([one for event in events for one in self._outputs.event(event)])
        self._stale.update(dict.fromkeys(outboxes, self._clock.monotonic()))
        self._telemetry.published([event for event in events if not event.trial])

    def _touch(self, judged: Judged, mark: Mark) -> None:
        """Note that records from a mark on have changed some sites."""
        if judged.touched:
            change = _Change(mark, self._clock.monotonic())
            for site in judged.touched:
                self._changed.setdefault(site, change)

    async def _write_changed(self, before: int) -> None:
        """Write the sites that have waited since before some moment."""
        due = dict.fromkeys(site for site, change in self._changed.items() if change.since <= before)
        # One that is due for being stale may have a change that is young.
        due.update(dict.fromkeys(site for site, since in self._stale.items() if since <= before))
        sites = list(due)
        for first in range(0, len(sites), WRITES_MAX):
            await self._write(sites[first : first + WRITES_MAX], {})

    async def _write(self, sites: Sequence[str], outboxes: Mapping[str, Sequence[bytes]]) -> None:
        """Write the records of some sites as they are now, after the signals that they cover."""
        await self._tell_signals()
        found = ((site, self._judging.stored(site, self._next, outboxes.get(site, ()))) for site in sites)
        records = {site_key(site): stored for site, stored in found if stored is not None}
        if records:
            self._telemetry.checkpoint(await self._log.write(records))
        for site in sites:
            self._changed.pop(site, None)
            self._stale.pop(site, None)

    async def _move_context(self) -> None:
        """Let a new owner begin as late as is safe."""
        waiting = next(iter(self._changed.values()), None)
        mark = waiting.mark if waiting is not None else self._judging.mark(self._next)
        if mark.offset > self._context.mark.offset:
            self._context = Context(mark, self._skipped_from(mark.offset))
            await self._log.write({CONTEXT: self._context})
            self._skipped.intersection_update(self._context.skipped)

    def _own_records(self) -> dict[bytes, Record]:
        return {CONTEXT: self._context, LIFE: self._life}

    def _skipped_from(self, offset: int) -> tuple[int, ...]:
        return tuple(sorted(one for one in self._skipped if one >= offset))

    async def _mend(self) -> None:
        """Write again, at once, what a predecessor has written over: compaction would leave its record alone."""
        covered = set(self._log.overwritten)
        self._log.overwritten.clear()  # Now, as the next write may find more.
        for site in sorted(filter(None, map(site_of, covered))):
            self._stale[site] = self._clock.monotonic() - self._terms.checkpoint_every
        if CONTEXT in covered or LIFE in covered:
            await self._log.write(self._own_records())
