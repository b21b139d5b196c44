"""All that the incident stage remembers, as one value, and its JSON: the same memory, the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from citybrain.errors import SnapshotError
from citybrain.instants import Instant
from scenarios.actions import DeclareZone, Identifier, SiteOut
from scenarios.states import AlertState, Incident


@dataclass(frozen=True, slots=True)
class Memory:
    """All that the incident stage remembers; each tuple and mapping in the order of its ids."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    version: Literal[1]
    at: Instant  # The greatest time of a record so far.
    alerts: tuple[AlertState, ...]
    incidents: tuple[Incident, ...]
    zones: tuple[DeclareZone, ...]  # Declared, and neither over nor withdrawn.
    sites_out: tuple[SiteOut, ...]
    answered: Mapping[Identifier, Instant]  # Actions of late, each with its time.


_MEMORY: TypeAdapter[Memory] = TypeAdapter(Memory)


def encode_memory(memory: Memory) -> bytes:
    """Return the JSON of a memory."""
    return _MEMORY.dump_json(memory, by_alias=True)


def decode_memory(snapshot: bytes) -> Memory:
    """Return the memory of a snapshot. Raises SnapshotError for torn bytes and for another version."""
    try:
        return _MEMORY.validate_json(snapshot)
    except ValidationError as error:
        raise SnapshotError(f"the snapshot is torn, or of another version: {error}") from error
