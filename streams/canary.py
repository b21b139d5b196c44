"""Canaries: control records that show that what is appended to a feed partition comes out at the other end.

Each owner appends one to each of its partitions every 10 s. When it has been read, decoded and judged like any record,
a record about it goes to `status.feeds`. It is no alert, and moves neither the engine nor its time.
"""

from collections.abc import Collection, Sequence
from typing import Final

import orjson

from citybrain.clock import Clock
from citybrain.codec import CONTROL_HEADER
from citybrain.instants import SECOND
from citybrain.model import ControlKind
from streams.log import Outgoing, Place, SourceRecord, Writer
from streams.topics import Names

CANARY_EVERY: Final = 10 * SECOND

_KIND: Final = ControlKind.CANARY.value.encode()
_HEADERS: Final = ((CONTROL_HEADER, _KIND),)


class Canaries:
    """The canaries of one worker."""

    def __init__(self, names: Names, writer: Writer, clock: Clock, *, worker: str) -> None:
        """`worker` is a name that no other worker bears: those of a predecessor show nothing."""
        self._names = names
        self._writer = writer
        self._clock = clock
        self._worker = worker.encode()
        self._sent_at: int | None = None
        self._seen_at: dict[Place, int] = {}

    async def send_due(self, places: Collection[Place]) -> None:
        """Append a canary to each of the partitions if it is time."""
        now = self._clock.monotonic()
        for gone in self._seen_at.keys() - set(places):
            del self._seen_at[gone]
        for new in set(places) - self._seen_at.keys():
            self._seen_at[new] = now
        if places and (self._sent_at is None or now - self._sent_at >= CANARY_EVERY):
            self._sent_at = now
            await self._writer.send(
                [
                    Outgoing(self._names.source(place.source), None, self._worker, place.partition, headers=_HEADERS)
                    for place in places
                ]
            )

    async def welcome(self, place: Place, controls: Sequence[SourceRecord]) -> None:
        """Tell of those of our canaries that are among some control records, once they were judged."""
        ours = [one for one in controls if one.record.headers.get(CONTROL_HEADER) == _KIND]
        ours = [one for one in ours if one.record.value == self._worker]
        if ours:
            value = orjson.dumps({"partition": place.partition, "offset": ours[-1].offset, "at": self._clock.now()})
            await self._writer.send([Outgoing(self._names.status(), place.source.value.encode(), value)])
            self._seen_at[place] = self._clock.monotonic()

    def seen_at(self, place: Place) -> int:
        """Return when the last canary of a partition came through, or when the partition began to be watched."""
        return self._seen_at.get(place, self._clock.monotonic())
