"""The state of a partition as records: one for each site or the stage, one for the context, one for the owner's life.

Each record names the epoch of the owner that wrote it. Of the records of one key that of the greatest epoch counts,
and of one epoch the last: what a deposed owner writes late never wins, wherever it lies.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from citybrain.errors import SnapshotError
from streams.log import Outgoing, Place, Reader, StateRecord, Writer

VERSION: Final = 1

CLAIM: Final = b"claim"
CONTEXT: Final = b"context"
LIFE: Final = b"life"
STAGE: Final = b"stage"  # The state of a stage that is written whole.
_SITE: Final = b"site:"
_PART: Final = b"part:"


class FencedError(Exception):
    """Another owner has claimed the partition: what this one holds is out of date, and it has to end."""


class Mark(NamedTuple):
    """A place in the feed partition between two records, and how things stood there."""

    offset: int  # Of the next record.
    at: int | None  # The log's time; None before the first record.
    living: int
    catalog: int  # The number of the rule set in force.


@dataclass(frozen=True, slots=True)
class Context:
    """Where a new owner begins: all that records before the mark have done is in the records of the sites."""

    mark: Mark
    skipped: tuple[int, ...] = ()  # Offsets from the mark on whose judging failed.


@dataclass(frozen=True, slots=True)
class Life:
    """What an owner leaves to the next in case it dies."""

    start: int  # The offset it began at.
    trying: tuple[int, int] | None = None  # It is judging the records from the first offset to before the second,
    deaths: int = 0  # which is one record, and so many owners have died of it.
    released: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """The state of one site, a stage or a part of one, up to a record, with what may not have been sent yet."""

    offset: int  # The first record that it does not know of.
    catalog: str  # The hash of the rule set that it was dumped under.
    state: dict[str, Any] | None  # None: the site has left the catalog.
    outbox: tuple[bytes, ...] = ()  # Encoded alert events, in their order.


Record = Context | Life | Stored


@dataclass(slots=True)
class Found:
    """What the log of a state partition says."""

    context: Context | None = None
    life: Life | None = None
    sites: dict[str, Stored] = field(default_factory=dict)
    stage: Stored | None = None
    parts: dict[str, Stored] = field(default_factory=dict)


def site_key(site: str) -> bytes:
    """Return the key of a site's record."""
    return _SITE + site.encode()


def site_of(key: bytes) -> str | None:
    """Return the site of a record's key, or None for a record of another kind."""
    return key.removeprefix(_SITE).decode() if key.startswith(_SITE) else None


def part_key(part: str) -> bytes:
    """Return the key of the record of one part of a stage's state."""
    return _PART + part.encode()


def part_of(key: bytes) -> str | None:
    """Return the part of a record's key, or None for a record of another kind."""
    return key.removeprefix(_PART).decode() if key.startswith(_PART) else None


class StateLog:
    """A state partition in the hands of one owner. Not to be used by two tasks at a time.

    The owner's writes have to be acknowledged at consecutive offsets. Where they are not, someone else has written in
    between, and what it wrote is read: the claim of a successor ends this owner before it sends anything; what a
    predecessor wrote late is noted in `overwritten`. So nobody reads a state partition along.
    """

    def __init__(self, place: Place, topic: str, *, reader: Reader, writer: Writer) -> None:
        self._place = place
        self._topic = topic
        self._reader = reader
        self._writer = writer
        self._end = 0  # The offset that the next record gets, if nobody else writes.
        self.epoch = -1
        self.overwritten: set[bytes] = set()  # Keys whose last record is not the one that counts.

    async def claim(self) -> Found:
        """Become the owner; return what is there. The claim's own offset is the epoch, so that it is unique."""
        (self.epoch,) = await self._writer.send([self._outgoing(CLAIM, _encoded(None, {"version": VERSION}))])
        if self.epoch < 0:
            raise SnapshotError("the broker did not tell the offset of the claim")
        self._end = self.epoch + 1
        self.overwritten.clear()
        return await self._read(self._reader.state_records(self._place, 0, self._end))

    async def write(self, records: Mapping[bytes, Record | None]) -> int:
        """Write records by key, None to remove one; return their size once all are acknowledged.

        Raises FencedError if another owner was there before.
        """
        values = {key: None if one is None else _encode(self.epoch, one) for key, one in records.items()}
        offsets = await self._writer.send([self._outgoing(key, value) for key, value in values.items()])
        self.overwritten -= values.keys()  # Before looking: someone may have written over these as well.
        first, count = self._end, len(offsets)
        if offsets == list(range(first, first + count)):
            self._end += count
        else:
            await self._look(first, offsets)
        return sum(len(value) for value in values.values() if value is not None)

    async def _look(self, first: int, offsets: Sequence[int]) -> None:
        """Read what others wrote among our records."""
        is_told = min(offsets) >= 0
        self._end = max(offsets) + 1 if is_told else await self._reader.state_end(self._place)
        async for record in self._reader.state_records(self._place, first, self._end):
            if record.value is None:
                continue
            epoch = _epoch_of(record.value, record)
            if epoch > self.epoch:
                raise FencedError(f"{self._topic}/{self._place.partition}: epoch {epoch} follows ours, {self.epoch}")
            if epoch < self.epoch:
                self.overwritten.add(record.key)

    async def _read(self, records: AsyncIterator[StateRecord]) -> Found:
        epochs: dict[bytes, int] = {}
        values: dict[bytes, bytes] = {}
        async for record in records:
            if record.value is None:
                epochs.pop(record.key, None)
                values.pop(record.key, None)
                continue
            epoch = _epoch_of(record.value, record)
            if epoch < epochs.get(record.key, -1):
                self.overwritten.add(record.key)
                continue
            epochs[record.key], values[record.key] = epoch, record.value
            self.overwritten.discard(record.key)
        return _decoded(values)

    def _outgoing(self, key: bytes, value: bytes | None) -> Outgoing:
        return Outgoing(self._topic, key, value, self._place.partition)


def _encode(epoch: int, record: Record) -> bytes:
    match record:
        case Context(mark, skipped):
            return _encoded(epoch, {"version": VERSION, "mark": tuple(mark), "skipped": skipped})
        case Life(start, trying, deaths, released):
            life = {"start": start, "trying": trying, "deaths": deaths, "released": released}
            return _encoded(epoch, {"version": VERSION, **life})
        case Stored(offset, catalog, state, outbox):
            head = {"version": VERSION, "offset": offset, "catalog": catalog}
            return b"\n".join((_encoded(epoch, head, state), *outbox))


def _encoded(epoch: int | None, *parts: Any) -> bytes:
    """Return the epoch, which every reader needs, and then a line for each part, which few do."""
    return b"\n".join([b"%d" % (epoch if epoch is not None else -1), *(orjson.dumps(part) for part in parts)])


def _epoch_of(value: bytes, record: StateRecord) -> int:
    """Return the epoch of a record with a value. A claim cannot name it: it is where the claim lies."""
    if record.key == CLAIM:
        return record.offset
    try:
        return int(value[: value.index(b"\n")])
    except ValueError as error:
        raise SnapshotError(f"the state record at offset {record.offset} is torn") from error


def _decoded(values: Mapping[bytes, bytes]) -> Found:
    found = Found()
    for key, value in values.items():
        try:
            _put(found, key, value.split(b"\n")[1:])
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise SnapshotError(f"the state record of {key!r} is torn: {error!r}") from error
    return found


def _put(found: Found, key: bytes, lines: list[bytes]) -> None:
    head = orjson.loads(lines[0])
    if head["version"] != VERSION:
        raise SnapshotError(f"the state record has version {head['version']}, expected {VERSION}")
    if key == CONTEXT:
        found.context = Context(Mark(*head["mark"]), tuple(head["skipped"]))
    elif key == LIFE:
        trying = tuple(head["trying"]) if head["trying"] is not None else None
        found.life = Life(head["start"], trying, head["deaths"], head["released"])
    elif (site := site_of(key)) is not None:
        found.sites[site] = _stored(head, lines)
    elif (part := part_of(key)) is not None:
        found.parts[part] = _stored(head, lines)
    elif key == STAGE:
        found.stage = _stored(head, lines)


def _stored(head: Mapping[str, Any], lines: Sequence[bytes]) -> Stored:
    # The events go out again as they are, byte for byte.
    return Stored(head["offset"], head["catalog"], orjson.loads(lines[1]), tuple(lines[2:]))
