"""What a consumer delivers, set right: repeats are passed over, and what was left out is asked for again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from streams.log import Place, Reader, SourceRecord


@dataclass(slots=True)
class Run:
    """The records that are next."""

    records: list[SourceRecord] = field(default_factory=list)
    missing: int | None = None  # From this offset on the log has records that were not delivered.
    lost: list[tuple[int, SourceRecord]] = field(default_factory=list)  # From where, to which: the log has none there.


async def next_run(chunk: Sequence[SourceRecord], expected: int, *, place: Place, reader: Reader) -> Run:
    """Return what of a chunk is next after the record before offset `expected`."""
    run = Run()
    for one in chunk:
        if one.offset < expected:
            continue
        if one.offset > expected:
            if await reader.next_offset(place, expected) < one.offset:
                run.missing = expected
                break
            run.lost.append((expected, one))
        run.records.append(one)
        expected = one.offset + 1
    return run
