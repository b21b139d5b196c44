"""The one partition of `signals` in the hands of its owner: the area stage, with the discipline of the site stage.

Its state is one record, written whole: rules over the whole city have one state. As everywhere, what is sent is known
to the state before it is out:

1. Records are taken in, and the moments judged that every source has passed.
2. If that gave events, the state is written with them as its outbox.
3. The events are sent and acknowledged.

A new owner begins at the oldest record of which something was held back, and takes what is over for repeats.
"""

import logging
from collections.abc import Sequence
from typing import Final, Self

import orjson

from citybrain.alerts import AlertEvent
from citybrain.clock import Clock
from citybrain.codec import encode_event
from citybrain.errors import MissingError
from citybrain.instants import SECOND
from rules.ruleset import RuleSet
from streams.area_fold import AreaFold, number_in
from streams.delivery import next_run
from streams.log import Catalogs, Outgoing, Place, Reader, SourceRecord, Writer
from streams.outputs import Outputs
from streams.signal_log import give_up
from streams.state_log import STAGE, StateLog, Stored
from streams.telemetry import Telemetry
from streams.terms import Terms

logger = logging.getLogger(__name__)

GIVE_UP_AFTER: Final = 60 * SECOND  # A source that all others wait for is given up on.


class AreaPartition:
    """The area stage. `take`, `tick` and `release` are never called at the same time; what they raise is fatal."""

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
        self._log = StateLog(place, terms.names.state(place.source), reader=reader, writer=writer)
        self._outputs = Outputs(place, terms.names, status=terms.status, drill=terms.drill)
        self._awaited: dict[Place, tuple[int | None, int]] = {}  # Sources that others wait for: where, since when.
        self._failed: set[str] = set()  # Rules and groups whose judging has failed since we began.
        self._failures: list[AlertEvent] = []
        self._next = self._written_to = 0
        self._written_at = clock.monotonic()

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
        """Claim the partition, put its state together and send what may not have been sent."""
        owner = cls(place, terms, reader=reader, writer=writer, catalogs=catalogs, clock=clock, telemetry=telemetry)
        await owner._begin()
        return owner

    @property
    def next_offset(self) -> int:
        """Return the offset of the next record to take in."""
        return self._next

    @property
    def commit_offset(self) -> int:
        """Return where a new owner would begin."""
        return self._stored.offset

    @property
    def open_alerts(self) -> int:
        """Return how many alerts about areas are open."""
        return self._fold.open_alerts

    @property
    def silent_log_spans(self) -> int:
        """Return 0: what a source's log was silent is counted where it is read."""
        return 0

    def snapshot(self) -> bytes:
        """Return the whole state: the same state, the same bytes."""
        return orjson.dumps(self._fold.dump(self._next))

    async def take(self, chunk: Sequence[SourceRecord]) -> int | None:
        """Take in consecutive records and send what comes of them.

        Returns None, or the offset from which the partition has to be delivered again.
        """
        run = await next_run(chunk, self._next, place=self.place, reader=self._reader)
        for offset, following in run.lost:
            await self._tell_lost(offset, following)
        refused: list[Outgoing] = []
        for one in run.records:
            if (rejection := self._fold.take(one)) is not None:
                refused.append(self._outputs.rejection(rejection, one))
                self._telemetry.rejected(self.place.source, rejection)
            # Here and not after the chunk: at which record it is depends on the log alone.
            if (number := self._fold.awaited_number) is not None:
                self._fold.go_over(await self._rules(number), number)
        if run.records:
            self._next = run.records[-1].offset + 1
            self._telemetry.reached(self.place.source, run.records[-1].record.at)
        if refused:
            await self._writer.send(refused)
        await self._decide()
        return run.missing

    async def tick(self) -> None:
        """Write the state if it is time, and give up on a source that has long kept all others waiting."""
        now = self._clock.monotonic()
        if self._log.overwritten or (self._is_newer and now - self._written_at >= self._terms.checkpoint_every):
            await self._write(())
        await self._give_up(now)
        self._telemetry.areas(late=self._fold.merge.late, given_up=len(self._fold.merge.given_up), at=self._fold.time)

    async def release(self) -> None:
        """Write the state; nothing may be called after that."""
        if self._is_newer:
            await self._write(())

    async def _give_up(self, now: int) -> None:
        """Write that a source is given up on which others have waited for and which has not moved for too long."""
        awaited = self._fold.merge.awaited()
        before, self._awaited = self._awaited, {}
        for source, time in awaited.items():
            known = before.get(source)
            self._awaited[source] = known if known is not None and known[0] == time else (time, now)
        late = [source for source, (_, since) in self._awaited.items() if now - since >= GIVE_UP_AFTER]
        if late:
            named = ", ".join(f"{one.source}/{one.partition}" for one in late)
            logger.error("rules over several sites wait no longer for %s", named)
            await self._writer.send([give_up(self._terms.names, source) for source in late])
            # It is read back long before it is due again.
            self._awaited.update((source, (awaited[source], now)) for source in late)

    @property
    def _is_newer(self) -> bool:
        return self._next != self._written_to

    async def _begin(self) -> None:
        """Claim the partition and stand where the state of the last owner was written."""
        found = (await self._log.claim()).stage
        number = number_in(found.state) if found and found.state else await self._catalogs.in_force()
        rules = await self._rules(number)
        if found is None:
            found = Stored(await self._reader.first_offset(self.place), rules.catalog, None)
        end = await self._reader.end_offset(self.place)
        if end < found.offset:
            raise MissingError(
                f"{self.place} ends at {end} and was judged up to {found.offset}: the topic was made anew"
            )
        self._next = found.offset
        self._fold = AreaFold(rules, self._terms, found.state, number=number, on_failure=self._fail)
        # Before anything else: under our epoch, and the state that the events of another rule set are in.
        await self._write(found.outbox + tuple(map(encode_event, self._fold.begun)))
        await self._send_outbox()
        self._telemetry.restored()

    async def _rules(self, number: int) -> RuleSet:
        rules = await self._catalogs.numbered(number)
        if rules is None:
            raise MissingError(f"rule set {number}, which {self.place} is to be judged by, is not there")
        return rules

    async def _decide(self) -> None:
        """Judge what is over. What comes of it is in the state before it is out."""
        events = self._fold.decided()
        if self._failures:
            failures, self._failures = self._failures, []
            await self._writer.send([one for event in failures for one in self._outputs.event(event)])
        if events:
            await self._write(tuple(map(encode_event, events)))
            await self._send_outbox()
            self._telemetry.published([event for event in events if not event.trial])

    async def _write(self, outbox: tuple[bytes, ...]) -> None:
        """Write the state as it is now."""
        oldest = self._fold.merge.oldest
        offset = self._next if oldest is None else min(oldest, self._next)
        self._stored = Stored(offset, self._fold.catalog, self._fold.dump(self._next), outbox)
        self._telemetry.checkpoint(await self._log.write({STAGE: self._stored}))
        self._written_at, self._written_to = self._clock.monotonic(), self._next

    async def _send_outbox(self) -> None:
        """Send the events that the state knows of. The next state that is written has them no longer."""
        records = [one for value in self._stored.outbox for one in self._outputs.stored_event(value)]
        if records:
            await self._writer.send(records)

    async def _tell_lost(self, offset: int, following: SourceRecord) -> None:
        self._telemetry.gap(self.place.source, following.offset - offset)
        at, where = following.record.at, self._outputs.at_offset(offset)
        event = self._outputs.own_alert("lost-records", catalog=self._fold.catalog, where=where, at=at)
        await self._writer.send(self._outputs.event(event))

    def _fail(self, name: str, at: int) -> None:
        """Tell once of a rule that fails at a group; called where the exception is handled."""
        if name not in self._failed:
            self._failed.add(name)
            self._telemetry.rule_error(name, at)
            self._failures.append(self._outputs.own_alert("rule-error", catalog=self._fold.catalog, where=name, at=at))
