"""Lanes: bounded queues, deliveries again, stopping, and what ends the process."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from faust.types import TP

from citybrain.clock import ManualClock
from citybrain.instants import SECOND
from citybrain.model import Feed
from streams.lanes import CHUNKS_FULL, SEEK_WAIT, Lane
from streams.log import Place, SourceRecord

HERE, PLACE = TP("feeds.hydrology", 3), Place(Feed.HYDROLOGY, 3)


@dataclass
class Raw:
    """A record as aiokafka has it."""

    offset: int
    timestamp: int = 0
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: Any = ()


@dataclass
class FakePartition:
    """A partition that notes what it is given."""

    told: list[str]
    again: list[int] = field(default_factory=list)  # Offsets to be delivered again from, one for each chunk.
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    next_offset: int = 5
    commit_offset: int = 5
    error: Exception | None = None

    async def take(self, chunk: list[SourceRecord]) -> int | None:
        await self.may_go_on.wait()
        if self.error is not None:
            raise self.error
        self.told.append(f"take {chunk[0].offset}-{chunk[-1].offset}")
        return self.again.pop(0) if self.again else None

    async def tick(self) -> None:
        self.told.append("tick")

    async def release(self) -> None:
        self.told.append("release")


@dataclass
class FakeWorker:
    """Both the worker and the consumer of a lane."""

    told: list[str] = field(default_factory=list)
    flow: asyncio.Event = field(default_factory=asyncio.Event)
    controls: list[SourceRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.partition = FakePartition(self.told)
        self.partition.may_go_on.set()
        self.flow.set()

    async def take_over(self, place: Place) -> Any:
        self.told.append(f"take over {place.partition}")
        return self.partition

    async def taken(self, _: Lane, controls: list[SourceRecord]) -> None:
        self.controls += controls

    def die(self, text: str) -> None:
        self.told.append(f"die: {text}")

    async def begin(self, _: TP, offset: int) -> None:
        self.told.append(f"begin {offset}")
        await self.flow.wait()

    def on_buffer_full(self, _: TP) -> None:
        self.told.append("full")

    def on_buffer_drop(self, _: TP) -> None:
        self.told.append("drop")


@pytest.fixture
async def worker() -> FakeWorker:
    return FakeWorker()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(0)


@pytest.fixture
async def lane(worker: FakeWorker, clock: ManualClock) -> Lane:
    return Lane(HERE, PLACE, source=worker, host=worker, clock=clock)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def chunk(first: int, last: int) -> list[Raw]:
    return [Raw(offset) for offset in range(first, last + 1)]


async def test_a_partition_is_read_from_where_its_state_stands(worker: FakeWorker, lane: Lane) -> None:
    await settle()
    assert lane.is_flowing
    lane.put(chunk(5, 6))
    lane.put(chunk(7, 9))
    await settle()
    assert worker.told == ["take over 3", "begin 5", "take 5-6", "take 7-9"]


async def test_a_full_queue_pauses_its_partition_until_half_is_judged(worker: FakeWorker, lane: Lane) -> None:
    worker.partition.may_go_on.clear()
    await settle()
    for offset in range(CHUNKS_FULL + 1):  # One is at hand.
        lane.put(chunk(offset, offset))
        await settle()
    assert worker.told[-1] == "full"
    worker.partition.may_go_on.set()
    await settle()
    # 8 wait and one is at hand; when 4 are left the partition goes on.
    assert worker.told[3:] == [f"take {n}-{n}" for n in range(5)] + ["drop"] + [f"take {n}-{n}" for n in range(5, 9)]


async def test_what_has_to_be_delivered_again_is_and_what_was_under_way_is_passed_over(
    worker: FakeWorker, lane: Lane, clock: ManualClock
) -> None:
    worker.partition.again = [5]
    await settle()
    lane.put(chunk(8, 9))
    lane.put(chunk(10, 11))
    await settle()
    lane.put(chunk(12, 13))  # Fetched before the seek.
    await settle()
    assert worker.told[2:] == ["take 8-9", "begin 5"]
    lane.put(chunk(5, 7))
    lane.put(chunk(8, 9))
    await settle()
    assert worker.told[4:] == ["take 5-7", "take 8-9"]
    assert clock.monotonic() == 0


async def test_a_gap_that_stays_is_shown_to_the_partition_again(
    worker: FakeWorker, lane: Lane, clock: ManualClock
) -> None:
    worker.partition.again = [5]
    await settle()
    lane.put(chunk(8, 9))
    await settle()
    clock.advance(SEEK_WAIT)
    lane.put(chunk(8, 9))
    await settle()
    assert worker.told[2:] == ["take 8-9", "begin 5", "take 8-9"]


async def test_stopping_finishes_the_chunk_at_hand_drops_the_others_and_releases(
    worker: FakeWorker, lane: Lane
) -> None:
    worker.partition.may_go_on.clear()
    await settle()
    lane.put(chunk(5, 5))
    lane.put(chunk(6, 6))
    await settle()
    stopping = asyncio.ensure_future(lane.stop())
    await settle()
    assert not stopping.done()
    worker.partition.may_go_on.set()
    await stopping
    assert worker.told[2:] == ["take 5-5", "release"]


async def test_stopping_does_not_wait_for_a_flow_that_will_not_come(worker: FakeWorker, clock: ManualClock) -> None:
    worker.flow.clear()
    lane = Lane(HERE, PLACE, source=worker, host=worker, clock=clock)
    await settle()
    assert not lane.is_flowing
    await lane.stop()
    assert worker.told == ["take over 3", "begin 5", "release"]


async def test_a_tick_comes_between_two_chunks(worker: FakeWorker, lane: Lane) -> None:
    worker.partition.may_go_on.clear()
    await settle()
    lane.put(chunk(5, 5))
    await settle()
    lane.put(chunk(6, 6))
    lane.tick()
    lane.tick()
    worker.partition.may_go_on.set()
    await settle()
    assert worker.told[2:] == ["take 5-5", "tick", "take 6-6"]


async def test_an_unexpected_error_ends_the_process(worker: FakeWorker, lane: Lane) -> None:
    worker.partition.error = ConnectionError("not acknowledged")
    await settle()
    lane.put(chunk(5, 5))
    await settle()
    assert worker.told[2:] == ["die: feeds.hydrology/3 could not be judged"]


async def test_the_worker_hears_of_control_records_once_they_are_judged(worker: FakeWorker, lane: Lane) -> None:
    await settle()
    lane.put([Raw(5), Raw(6, timestamp=7 * SECOND, key=None, value=b"", headers=[("control", b"canary")])])
    await settle()
    assert [(one.offset, one.record.at, one.record.headers) for one in worker.controls] == [
        (6, 7 * SECOND, {"control": b"canary"})
    ]
