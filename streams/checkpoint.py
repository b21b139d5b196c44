"""Checkpoints: where a partition of a feed stands, so that a restart goes on and does not begin anew.

The simplest correct means: one record per checkpoint holds the next offset to read and the whole state of the
partition's engine as of that offset. Both are in one record, so no crash can part them, and any of them is a right
place to go on from: an older one only means that more is judged again, to the same events (docs/adr/0005).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

from citybrain.errors import SnapshotError
from citybrain.model import Feed

VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The next offset to read, and the engine's snapshot as of it."""

    next_offset: int
    snapshot: bytes


class Checkpoints(Protocol):
    """Where checkpoints are kept. The worker issue replaces what stands behind this."""

    async def load(self, feed: Feed, partition: int) -> Checkpoint | None:
        """Return the newest checkpoint of a partition, or None before the first."""
        ...

    async def save(self, feed: Feed, partition: int, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; on return it is safe. Raises when it is not."""
        ...


def encode(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint as the bytes of a record."""
    head = {"version": VERSION, "next_offset": checkpoint.next_offset}
    return orjson.dumps(head) + b"\n" + zlib.compress(checkpoint.snapshot, 1)


def decode(value: bytes) -> Checkpoint:
    """Return the checkpoint of a record. Raises SnapshotError for torn bytes or another version."""
    head, _, body = value.partition(b"\n")
    try:
        data = orjson.loads(head)
        snapshot = zlib.decompress(body)
    except (orjson.JSONDecodeError, zlib.error) as error:
        raise SnapshotError(f"the checkpoint is torn: {error}") from error
    if data.get("version") != VERSION:
        raise SnapshotError(f"the checkpoint has version {data.get('version')}, expected {VERSION}")
    return Checkpoint(data["next_offset"], snapshot)


def newest(values: Sequence[bytes]) -> Checkpoint | None:
    """Return the checkpoint that is furthest on. A late writer may have put an older one behind it."""
    return max((decode(value) for value in values), key=lambda found: found.next_offset, default=None)
