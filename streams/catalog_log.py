"""The topic `catalog`: what lies in it, and the published sets as a worker has them.

A set's number is its offset. The files of a set are compiled when the number is first asked for, beside the loop.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from citybrain.clock import Clock
from citybrain.codec import CONTROL_HEADER, encode_switch
from citybrain.errors import CatalogError, MissingError, SnapshotError
from citybrain.instants import SECOND
from citybrain.model import ControlKind, Switch
from citybrain.settings import SENDER
from rules.ruleset import RuleSet
from scenarios.playbook import Playbook
from scenarios.published import CatalogFiles, Compiled, compile_files, pack, unpack
from streams.log import Outgoing, StateRecord, Writer
from streams.telemetry import Telemetry
from streams.topics import Names

logger = logging.getLogger(__name__)

WORKER: Final = "worker"  # Who has published what a worker was started with.
ASKED_EVERY: Final = 1 * SECOND
COMPILED_MAX: Final = 4  # Sets of some ten megabytes that are kept, beside those that partitions are judged by.

_SWITCH_HEADERS: Final = ((CONTROL_HEADER, ControlKind.CATALOG.value.encode()),)


@dataclass(frozen=True, slots=True)
class Publication:
    """What the headers of a record of `catalog` say, for people."""

    content: str  # The hash of the files.
    catalog: str  # The hash that alerts name.
    rules: int  # How many are in force.
    by: str


def publication_record(names: Names, files: CatalogFiles, compiled: Compiled, *, by: str, at: int) -> Outgoing:
    """Return a set for the topic `catalog`; it is in force once it is there."""
    headers = {
        "content": compiled.content_hash,
        "catalog": compiled.rules.catalog,
        "rules": str(len(compiled.rules.in_force)),
        "by": by,
    }
    encoded = tuple((name, text.encode()) for name, text in headers.items())
    # A key of its own: a set that a state may name must outlive compaction.
    return Outgoing(names.catalog(), secrets.token_hex(8).encode(), pack(files), 0, timestamp=at, headers=encoded)


def publication_of(headers: Mapping[str, bytes]) -> Publication:
    """Return what the headers of a set say. Raises KeyError or ValueError where they are of something else."""
    said = {name: headers[name].decode() for name in ("content", "catalog", "rules", "by")}
    return Publication(said["content"], said["catalog"], int(said["rules"]), said["by"])


def switch_record(topic: str, partition: int, number: int, *, at: int | None) -> Outgoing:
    """Return the control record from which on a partition goes by another set; `at` where its producer stamps it."""
    return Outgoing(topic, None, encode_switch(Switch(number)), partition, timestamp=at, headers=_SWITCH_HEADERS)


class CatalogReader(Protocol):
    """Reads the one partition of `catalog`."""

    async def catalog_end(self) -> int:
        """Return the offset that the next record will get. Raises MissingError if the broker does not answer."""
        ...

    async def catalog_record(self, offset: int) -> StateRecord | None:
        """Return the record at an offset; None if there is none. Raises MissingError as `catalog_end`."""
        ...


class KafkaCatalogs:
    """The published sets; all partitions of a worker share one of these."""

    def __init__(
        self,
        names: Names,
        *,
        reader: CatalogReader,
        writer: Writer,
        clock: Clock,
        telemetry: Telemetry,
        sender: str = SENDER,
    ) -> None:
        """Prepare. `sender` is who signs the bulletins of this worker: an installation decides that, not a set."""
        self._sender = sender
        self._names = names
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._telemetry = telemetry
        self._compiled: OrderedDict[int, Compiled] = OrderedDict()
        self._compiling = asyncio.Lock()
        self._own: Compiled | None = None  # What we were started with.
        self._newest: Compiled | None = None
        self.ready = -1  # The number of the newest set that is compiled.
        self._looked_to = 0  # What lies before this offset in `catalog` is known.
        self._asked_at: int | None = None
        self._following: asyncio.Task[None] | None = None

    @property
    def content_hash(self) -> str:
        """Return the hash of the files of the newest set."""
        return self._newest.content_hash if self._newest is not None else ""

    @property
    def catalog(self) -> str:
        """Return the hash of the newest set that alerts name."""
        return self._newest.rules.catalog if self._newest is not None else ""

    async def begin(self, files: CatalogFiles, compiled: Compiled) -> None:
        """Publish a set if there is none yet, and compile the newest there is.

        Raises CatalogError if none compiles here.
        """
        self._own = compiled
        if await self._reader.catalog_end() == 0:
            await self.publish(files, compiled, by=WORKER)
        await self._follow()
        if self.ready < 0:
            raise CatalogError(f"none of the sets in {self._names.catalog()} compiles here; publish one that does")

    def stop(self) -> None:
        """Look for no newer set any more."""
        if self._following is not None:
            self._following.cancel()

    async def publish(self, files: CatalogFiles, compiled: Compiled, *, by: str) -> None:
        """Publish a set."""
        await self._writer.send([publication_record(self._names, files, compiled, by=by, at=self._clock.now())])

    async def in_force(self) -> int:
        """Return the number of the newest set that is compiled; a newer one is being compiled meanwhile."""
        now = self._clock.monotonic()
        if self._following is not None and self._following.done():
            self._following.result()  # What it has raised is fatal.
            self._following = None
        if self._following is None and (self._asked_at is None or now - self._asked_at >= ASKED_EVERY):
            self._asked_at = now
            self._following = asyncio.create_task(self._follow(), name="catalog")
        return self.ready

    async def numbered(self, number: int) -> RuleSet | None:
        """Return the rules of a set."""
        compiled = await self.compiled(number)
        return compiled.rules if compiled is not None else None

    async def playbook(self, number: int) -> Playbook | None:
        """Return the playbook of a set."""
        compiled = await self.compiled(number)
        return replace(compiled.playbook, sender=self._sender) if compiled is not None else None

    async def compiled(self, number: int) -> Compiled | None:
        """Return a set; None if there is none of that number.

        Raises CatalogError if it does not compile here, SnapshotError if it is no set, MissingError as the reader.
        """
        found = self._compiled.get(number)
        if found is None:  # Else nobody waits for another set that is being compiled.
            async with self._compiling:
                found = self._compiled.get(number) or await self._read(number)
        if found is not None:
            self._compiled[number] = found
            self._compiled.move_to_end(number)
            while len(self._compiled) > COMPILED_MAX:
                self._compiled.popitem(last=False)
        return found

    async def _follow(self) -> None:
        """Compile the newest set, if it is a new one."""
        try:
            await self._look()
        except MissingError as error:
            logger.warning("%s", error)  # The broker is away. Whoever cannot do without it will say so.

    async def _look(self) -> None:
        end = await self._reader.catalog_end()
        for number in reversed(range(self._looked_to, end)):
            try:
                compiled = await self.compiled(number)
            except (CatalogError, SnapshotError):
                # Another version of the program published it. Partitions that are ours do not go over to it.
                logger.exception("set %s of %s cannot be had", number, self._names.catalog())
                self._telemetry.catalog_error()
                continue
            if compiled is not None:
                self.ready, self._newest = await self._first_alike(number), compiled
                self._telemetry.rules(len(compiled.rules.in_force))
                break
        self._looked_to = end

    async def _first_alike(self, number: int) -> int:
        """Return the number of the first of those sets up to one that are all the same.

        Workers that start together each publish theirs; nobody has to go over from one to the other.
        """
        record = await self._reader.catalog_record(number)
        assert record is not None, "it was read just now"
        while number > self.ready and (before := await self._reader.catalog_record(number - 1)) is not None:
            if before.value != record.value:
                break
            number -= 1
        return number

    async def _read(self, number: int) -> Compiled | None:
        record = await self._reader.catalog_record(number)
        if record is None or record.value is None:
            return None
        files = unpack(record.value)
        if self._own is not None and files.content_hash == self._own.content_hash:
            return self._own
        # It takes seconds, which no partition has to wait for.
        compiled, problems = await asyncio.to_thread(compile_files, files)
        if compiled is None:
            first = problems[0].line_of_report("en")
            raise CatalogError(f"set {number} of {self._names.catalog()} does not compile here: {first}")
        return compiled
