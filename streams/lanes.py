"""Lanes: each partition of ours is one task with a bounded queue, so that none waits for another.

A lane takes its partition over, has it delivered from where its state stands, and judges chunk after chunk. What it
meets and does not expect ends the process: nothing leaves its loop.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from faust.types import TP

from citybrain.clock import Clock
from citybrain.instants import SECOND
from citybrain.model import Feed
from rules.intake import FeedRecord
from streams.log import Place, SourceRecord

# Chunks waiting at which a partition is paused, and at which it goes on. What one fetch has brought still comes.
CHUNKS_FULL = 8
CHUNKS_LOW = 4
SEEK_WAIT = 5 * SECOND  # How long after a seek a later record may still be one that was under way before it.

_NO_HEADERS: Mapping[str, bytes] = {}


class Source(Protocol):
    """What a lane asks of the consumer."""

    async def begin(self, tp: TP, offset: int) -> None:
        """Have the partition delivered from the offset on."""
        ...

    def on_buffer_full(self, tp: TP) -> None:
        """Fetch no more of the partition."""
        ...

    def on_buffer_drop(self, tp: TP) -> None:
        """Fetch the partition again."""
        ...


class Owned(Protocol):
    """A partition that is ours: of a feed, or of what a later stage reads. What it raises ends the process."""

    place: Place

    @property
    def next_offset(self) -> int:
        """Return the offset of the next record to judge."""
        ...

    @property
    def commit_offset(self) -> int:
        """Return where a new owner would begin."""
        ...

    @property
    def open_alerts(self) -> int:
        """Return how many alerts are open."""
        ...

    @property
    def silent_log_spans(self) -> int:
        """Return how often the log itself was silent."""
        ...

    async def take(self, chunk: Sequence[SourceRecord]) -> int | None:
        """Judge records; return None, or the offset from which the partition has to be delivered again."""
        ...

    async def tick(self) -> None:
        """Do what is due by time."""
        ...

    async def release(self) -> None:
        """Write all that is not written and let the partition go."""
        ...


class Host(Protocol):
    """What a lane asks of its worker."""

    async def take_over(self, place: Place) -> Owned:
        """Make a partition ours."""
        ...

    async def taken(self, lane: "Lane", controls: Sequence[SourceRecord]) -> None:
        """Hear that a chunk is judged, and what control records were in it."""
        ...

    def die(self, text: str) -> None:
        """End the process."""
        ...


class Lane:
    """One partition of ours: its queue and its task."""

    def __init__(self, tp: TP, place: Place, *, source: Source, host: Host, clock: Clock) -> None:
        self.tp = tp
        self.place = place
        self.owned: Owned | None = None  # Once it is taken over.
        self._source = source
        self._host = host
        self._clock = clock
        self._chunks: deque[Sequence[Any]] = deque()  # Of aiokafka's records.
        self._wake = asyncio.Event()
        self._is_tick_due = self._is_flowing = self._is_stopping = False
        self._sought: tuple[int, int] | None = None  # To which offset, and when on the monotonic clock.
        self._task = asyncio.create_task(self._run(), name=f"lane {tp.topic}/{tp.partition}")

    @property
    def is_flowing(self) -> bool:
        """Tell whether the partition is taken over and its records are asked for."""
        return self._is_flowing

    @property
    def commit_offset(self) -> int:
        """Return where a new owner of the partition, which flows, would begin."""
        assert self.owned is not None, "it flows"
        return self.owned.commit_offset

    def put(self, chunk: Sequence[Any]) -> None:
        """Queue a chunk as it was fetched."""
        self._chunks.append(chunk)
        self._wake.set()
        if len(self._chunks) >= CHUNKS_FULL:
            self._source.on_buffer_full(self.tp)

    def tick(self) -> None:
        """Have what is due by time done after the chunk at hand."""
        self._is_tick_due = True
        self._wake.set()

    async def stop(self) -> None:
        """Finish the chunk at hand, drop those that wait, and release the partition."""
        self._is_stopping = True
        self._wake.set()
        if not self._is_flowing:
            self._task.cancel()  # It may wait for a flow that will not come.
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self.owned is not None:
            await self.owned.release()

    def abandon(self) -> None:
        """Stop at once and release nothing."""
        self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._judge()
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._host.die(f"{self.tp.topic}/{self.tp.partition} could not be judged")

    async def _judge(self) -> None:
        owned = self.owned = await self._host.take_over(self.place)
        await self._source.begin(self.tp, owned.next_offset)
        self._is_flowing = True
        while not self._is_stopping:
            if self._chunks:
                await self._take(owned, self._chunks.popleft())
                if len(self._chunks) == CHUNKS_LOW:
                    self._source.on_buffer_drop(self.tp)
            elif not self._is_tick_due:
                self._wake.clear()
                await self._wake.wait()
            if self._is_tick_due:
                self._is_tick_due = False
                await owned.tick()

    async def _take(self, owned: Owned, chunk: Sequence[Any]) -> None:
        if self._sought is not None:
            offset, sought_at = self._sought
            if chunk[0].offset > offset and self._clock.monotonic() - sought_at < SEEK_WAIT:
                return
            self._sought = None
        feed = self.place.source if isinstance(self.place.source, Feed) else None
        records = [
            SourceRecord(
                raw.offset,
                FeedRecord(feed, raw.timestamp, raw.key, raw.value, dict(raw.headers) if raw.headers else _NO_HEADERS),
            )
            for raw in chunk
        ]
        again = await owned.take(records)
        if again is not None:
            await self.refetch(again)
        await self._host.taken(self, [one for one in records if one.record.headers])

    async def refetch(self, offset: int) -> None:
        """Have the partition delivered again from the offset on."""
        self._chunks.clear()
        self._sought = offset, self._clock.monotonic()
        await self._source.begin(self.tp, offset)
