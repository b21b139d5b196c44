"""Canaries: when they are sent, which are welcome, and that they move nothing."""

from collections.abc import Sequence

import orjson
import pytest

from citybrain.clock import ManualClock
from citybrain.codec import CONTROL_HEADER
from citybrain.instants import HOUR, SECOND
from citybrain.model import Feed
from rules.engine import Engine
from rules.intake import FeedRecord, Intake, Output
from rules.ruleset import load_rules
from streams.canary import Canaries
from streams.log import Outgoing, Place, SourceRecord
from streams.topics import Names

HERE, THERE = Place(Feed.HYDROLOGY, 3), Place(Feed.PARKING, 0)
NAMES = Names("t.")


class MemoryWriter:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        self.sent += records
        return list(range(len(records)))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000 * SECOND)


@pytest.fixture
def writer() -> MemoryWriter:
    return MemoryWriter()


@pytest.fixture
def canaries(writer: MemoryWriter, clock: ManualClock) -> Canaries:
    return Canaries(NAMES, writer, clock, worker="me")


def canary(worker: bytes, at: int = 0) -> FeedRecord:
    return FeedRecord(Feed.HYDROLOGY, at, None, worker, {CONTROL_HEADER: b"canary"})


async def test_each_partition_gets_one_every_ten_seconds(
    canaries: Canaries, writer: MemoryWriter, clock: ManualClock
) -> None:
    for _ in range(21):
        await canaries.send_due({HERE, THERE})
        clock.advance(SECOND)
    places = sorted((record.topic, record.partition) for record in writer.sent)
    assert places == [("t.feeds.hydrology", 3)] * 3 + [("t.feeds.parking", 0)] * 3
    assert {record.headers for record in writer.sent} == {((CONTROL_HEADER, b"canary"),)}


async def test_one_that_comes_through_is_told_on_status_feeds(
    canaries: Canaries, writer: MemoryWriter, clock: ManualClock
) -> None:
    await canaries.send_due({HERE})
    began = clock.monotonic()
    clock.advance(12 * SECOND)
    assert canaries.seen_at(HERE) == began
    await canaries.welcome(HERE, [SourceRecord(41, canary(b"me"))])
    assert canaries.seen_at(HERE) == clock.monotonic()
    told = writer.sent[-1]
    assert (told.topic, told.key) == ("t.status.feeds", b"hydrology")
    assert orjson.loads(told.value or b"") == {"partition": 3, "offset": 41, "at": clock.now()}


async def test_those_of_a_predecessor_show_nothing(
    canaries: Canaries, writer: MemoryWriter, clock: ManualClock
) -> None:
    await canaries.send_due({HERE})
    began, sent = clock.monotonic(), len(writer.sent)
    clock.advance(SECOND)
    await canaries.welcome(HERE, [SourceRecord(40, canary(b"another"))])
    assert (canaries.seen_at(HERE), len(writer.sent)) == (began, sent)


def test_a_canary_moves_neither_the_engine_nor_its_time() -> None:
    engine = Engine(load_rules())
    intake = Intake(engine)
    intake.accept(FeedRecord(Feed.HYDROLOGY, HOUR, None, b"", {CONTROL_HEADER: b"clock"}))
    before = engine.snapshot()
    assert intake.accept(canary(b"me", at=2 * HOUR)) == Output()
    assert engine.snapshot() == before
