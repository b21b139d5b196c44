"""The one partition of the journal in the hands of its owner: the incident stage, with the discipline of the others.

It alone writes `alerts.state`, `incidents`, `bulletins` and `actions.outcomes`. Of a piece of the journal:

1. It is folded, which is pure and awaits nothing.
2. One record with all that it has changed is written to the state partition, and acknowledged.
3. What has changed is published from that record; a new owner publishes it once more.

That record also holds what is not about one alert or incident. Each alert and incident has a record of its own besides;
it is written before the next record of changes takes the place of the one that it was in. So what a new owner finds is
never of two ages.
"""

from collections.abc import Sequence
from typing import Any, Final, Self

import orjson

from citybrain.clock import Clock
from citybrain.errors import MissingError
from citybrain.instants import SECOND
from citybrain.model import Reason, Rejection, Reset
from scenarios.chain import BULLETINS
from scenarios.incidents import Incidents
from scenarios.journal import Changes
from scenarios.snapshots import encode_memory
from scenarios.states import ALERT_STATES, INCIDENTS, OUTCOMES
from streams.catalog_log import switch_record
from streams.delivery import next_run
from streams.incident_log import bulletin_record, clock_record, outcome_record, read_journal, reset_record
from streams.judging import named_set
from streams.log import Catalogs, Outgoing, Place, Reader, SourceRecord, Writer
from streams.outputs import Outputs
from streams.state_log import STAGE, Record, StateLog, Stored, part_key, part_of
from streams.telemetry import Telemetry
from streams.terms import Terms

PIECE: Final = 200  # Records of the journal whose changes go into one record.
# What a predecessor had on the way when it died may arrive until then, over what we have published since.
LATE_MAX: Final = 60 * SECOND

_ALERT, _INCIDENT = "alert:", "incident:"
Parts = dict[str, dict[str, Any] | None]


class IncidentPartition:
    """The incident stage. `take`, `tick` and `release` are never called at the same time; what they raise is fatal."""

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
        self._switched_to = -1  # The newest set that we have told the journal of.
        self._next = self._written_to = 0
        self._written_at = clock.monotonic()
        self._unwritten: Parts = {}  # Changed, and not written by themselves but only in the last record of changes.
        self._again: set[str] = set()  # What predecessors may have had on the way, to be published once more.
        self._began_at = clock.monotonic()
        self._told_due: int | None = None  # The time of which the journal was told that it has come.

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
        """Claim the partition, put its state together and publish what may not have been published."""
        owner = cls(place, terms, reader=reader, writer=writer, catalogs=catalogs, clock=clock, telemetry=telemetry)
        await owner._begin()
        return owner

    @property
    def next_offset(self) -> int:
        """Return the offset of the next record to fold."""
        return self._next

    @property
    def commit_offset(self) -> int:
        """Return where a new owner would begin."""
        return self._written_to

    @property
    def open_alerts(self) -> int:
        """Return 0: alerts are counted where they are raised."""
        return 0

    @property
    def silent_log_spans(self) -> int:
        """Return 0: the journal may be silent."""
        return 0

    def snapshot(self) -> bytes:
        """Return the whole state: the same state, the same bytes."""
        return self._fold.snapshot()

    async def take(self, chunk: Sequence[SourceRecord]) -> int | None:
        """Fold consecutive records and publish what they change.

        Returns None, or the offset from which the partition has to be delivered again.
        """
        run = await next_run(chunk, self._next, place=self.place, reader=self._reader)
        for offset, following in run.lost:
            self._telemetry.gap(self.place.source, following.offset - offset)
        for first in range(0, len(run.records), PIECE):
            await self._take_piece(run.records[first : first + PIECE])
        return run.missing

    async def tick(self) -> None:
        """Tell the journal that a time has come, and write how far it is folded."""
        await self._follow_catalog()
        due = self._fold.due_at
        if due is not None and due != self._told_due and due <= self._clock.now():
            await self._writer.send([clock_record(self._terms.names)])
            self._told_due = due
        is_due = self._clock.monotonic() - self._written_at >= self._terms.checkpoint_every
        if self._log.overwritten or (self._next != self._written_to and is_due):
            self._mend()
            await self._write({}, [])
        if self._again and self._clock.monotonic() - self._began_at >= LATE_MAX:
            await self._publish(self._as_held(self._again), ())
            self._again.clear()
        self._telemetry.incidents(sum(one.ended is None for one in self._fold.incidents))

    async def release(self) -> None:
        """Write how far the journal is folded; nothing may be called after that."""
        if self._next != self._written_to:
            await self._write({}, [])

    # Beginning

    async def _begin(self) -> None:
        """Claim the partition and stand where the last record of changes was written."""
        found = await self._log.claim()
        held = found.stage.state if found.stage is not None else None
        number = int(held["catalog"]) if held is not None else await self._catalogs.in_force()
        playbook = await self._catalogs.playbook(number)
        if playbook is None:
            raise MissingError(f"set {number}, which {self.place} was folded under, is not there")
        self._number, self._playbook, self._fold = number, playbook, Incidents(playbook)
        whole = found.stage or Stored(await self._reader.first_offset(self.place), self._catalog, None)
        end = await self._reader.end_offset(self.place)
        if end < whole.offset:
            text = f"{self.place} ends at offset {end} and was folded up to {whole.offset}: the topic was made anew"
            raise MissingError(text)
        self._next = whole.offset
        parts: Parts = {name: stored.state for name, stored in found.parts.items()}
        gone = [name for name, part in parts.items() if part is None]
        changed: Parts = whole.state["parts"] if whole.state is not None else {}
        if whole.state is not None:
            self._restore(whole.state["city"], parts | changed)
        self._mend()
        self._unwritten |= changed
        self._again.update(changed, whole.state["again"] if whole.state is not None else ())
        # Under our epoch, before anything is published.
        await self._write(changed, whole.outbox)
        if forgotten := {part_key(name): None for name in gone if name not in changed}:
            await self._log.write(forgotten)
        await self._publish(changed, whole.outbox)
        self._telemetry.restored()

    def _mend(self) -> None:
        """Have the records written again that a predecessor has written over: compaction would leave its alone."""
        covered = {name for key in self._log.overwritten if (name := part_of(key)) is not None}
        self._log.overwritten.clear()  # Now, as the next write may find more.
        self._unwritten |= self._as_held(covered)

    def _as_held(self, names: set[str]) -> Parts:
        """Return some alerts and incidents as they are now; None for those that are forgotten."""
        held = self._parts_of([Changes(self._fold.alerts, self._fold.incidents)]) if names else {}
        return {name: held.get(name) for name in sorted(names)}

    def _restore(self, city: dict[str, Any], parts: Parts) -> None:
        def of(kind: str) -> list[dict[str, Any]]:
            return [part for name, part in sorted(parts.items()) if name.startswith(kind) and part is not None]

        self._fold.restore(orjson.dumps({**city, "alerts": of(_ALERT), "incidents": of(_INCIDENT)}))

    @property
    def _catalog(self) -> str:
        return self._playbook.scripts.catalog

    # Folding

    async def _take_piece(self, piece: Sequence[SourceRecord]) -> None:
        changes: list[Changes] = []
        refused: list[Outgoing] = []
        for one in piece:
            try:
                record = read_journal(one)
            except ValueError as error:
                rejection = Rejection(Reason.SCHEMA, f"no record of the journal: {error}")
                refused.append(self._outputs.rejection(rejection, one))
                self._telemetry.rejected(self.place.source, rejection)
                continue
            if record is not None:
                changes.append(self._fold.take(record))
            if (number := named_set(one)) is not None and number > self._number:
                await self._go_over(number)
        self._next = piece[-1].offset + 1
        self._telemetry.reached(self.place.source, piece[-1].record.at)
        if refused:
            await self._writer.send(refused)
        parts = self._parts_of(changes)
        outbox = [line for each in changes for line in _lines(each)]
        if parts or outbox:
            await self._write(parts, outbox)
            await self._publish(parts, outbox)
            self._telemetry.answered([outcome for each in changes for outcome in each.outcomes])

    async def _go_over(self, number: int) -> None:
        """Go on under the playbook of another set; a number that no set has is passed over."""
        playbook = await self._catalogs.playbook(number)
        if playbook is not None:
            fold = Incidents(playbook)
            fold.restore(self._fold.snapshot())
            self._number, self._playbook, self._fold = number, playbook, fold

    async def _follow_catalog(self) -> None:
        """Tell the journal of a newer set, which is in force from that record on."""
        number = await self._catalogs.in_force()
        if number > max(self._number, self._switched_to):
            self._switched_to = number
            await self._writer.send([switch_record(self._terms.names.journal(), 0, number, at=None)])

    def _parts_of(self, changes: Sequence[Changes]) -> Parts:
        """Return the alerts and incidents that have changed, as they are now; None for those that are forgotten."""
        parts: Parts = {}
        for each in changes:
            for state in each.alerts:
                parts[_ALERT + state.identifier] = ALERT_STATES.dump_python(state, mode="json", by_alias=True)
            for incident in each.incidents:
                parts[_INCIDENT + incident.id] = INCIDENTS.dump_python(incident, mode="json", by_alias=True)
            parts |= dict.fromkeys(_ALERT + name for name in each.forgotten_alerts)
            parts |= dict.fromkeys(_INCIDENT + name for name in each.forgotten_incidents)
        return parts

    # Writing and publishing

    async def _write(self, parts: Parts, outbox: Sequence[bytes]) -> None:
        """Write what has changed, after the parts that the last such record held."""
        records: dict[bytes, Record] = {
            part_key(name): Stored(self._written_to, self._catalog, part) for name, part in self._unwritten.items()
        }
        city = orjson.loads(encode_memory(self._fold.of_the_city()))
        state = {"catalog": self._number, "city": city, "parts": parts, "again": sorted(self._again)}
        records[STAGE] = Stored(self._next, self._catalog, state, tuple(outbox))
        self._telemetry.checkpoint(await self._log.write(records))
        self._unwritten = dict(parts)
        self._written_at, self._written_to = self._clock.monotonic(), self._next

    async def _publish(self, parts: Parts, outbox: Sequence[bytes]) -> None:
        """Publish what has changed. Alerts come before incidents, which name them."""
        records = []
        for kind, topic in ((_ALERT, self._terms.names.alert_states()), (_INCIDENT, self._terms.names.incidents())):
            for name, part in parts.items():
                if name.startswith(kind):
                    value = orjson.dumps(part) if part is not None else None
                    records.append(Outgoing(topic, name.removeprefix(kind).encode(), value))
        records += [self._outgoing(line) for line in outbox]
        if records:
            await self._writer.send(records)

    def _outgoing(self, line: bytes) -> Outgoing:
        data = orjson.loads(line)
        if "outcome" in data:
            return outcome_record(self._terms.names, OUTCOMES.validate_python(data["outcome"]))
        if "bulletin" in data:
            return bulletin_record(self._terms.names, BULLETINS.validate_python(data["bulletin"]))
        reset = Reset(**data["reset"])
        return reset_record(self._terms.names, reset, self._playbook.registry, self._terms.partitions)


def _lines(changes: Changes) -> list[bytes]:
    """Return what is published once and is no state: answers, bulletins, and orders to the other stages."""
    lines = [orjson.dumps({"outcome": OUTCOMES.dump_python(one, mode="json")}) for one in changes.outcomes]
    lines += [
        orjson.dumps({"bulletin": BULLETINS.dump_python(one, mode="json", by_alias=True)}) for one in changes.bulletins
    ]
    lines += [
        orjson.dumps({"reset": {"rule": one.rule, "subject": one.subject}})
        for one in changes.orders
        if isinstance(one, Reset)
    ]
    return lines
