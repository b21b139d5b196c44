"""Puts more rows in order than memory holds: parts are sorted in memory, laid aside on disk, and merged."""

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import orjson

Row = tuple[Any, ...]
"""What is compared, as JSON knows it; its last part is the text of a JSON value, in bytes."""

SORTED_AT_ONCE = 200_000  # Rows, about 60 MB of readings.


def in_order(rows: Iterable[Row], stack: ExitStack, *, at_once: int = SORTED_AT_ONCE) -> Iterator[Row]:
    """Yield the rows in order. The stack closes the files in which parts lie aside, and with that removes them."""
    parts: list[Iterator[Row]] = []
    held: list[Row] = []
    for row in rows:
        held.append(row)
        if len(held) >= at_once:
            parts.append(_laid_aside(sorted(held), stack))
            held = []
    yield from heapq.merge(*parts, sorted(held))


def _laid_aside(rows: Iterable[Row], stack: ExitStack) -> Iterator[Row]:
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it.
    for *head, text in rows:
        file.write(orjson.dumps([*head, orjson.Fragment(text)]) + b"\n")
    file.seek(0)
    return ((*head, orjson.dumps(value)) for *head, value in map(orjson.loads, file))
