"""The batch transport: chunks, where a partition is read from, what is committed, and no second of sleep."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import faust
import pytest
from faust.types import TP
from yarl import URL

from streams.transport import CHUNK_RECORDS_MAX, ChunkConsumer, ChunkScheduler, Transport

HERE, THERE = TP("t", 0), TP("t", 1)


@dataclass
class Raw:
    """A record as aiokafka has it."""

    offset: int
    topic: str = "t"
    partition: int = 0
    timestamp: int = 0
    timestamp_type: int = 1
    headers: Any = ()
    key: bytes | None = None
    value: bytes | None = b"v"
    checksum: None = None
    serialized_key_size: int = 0
    serialized_value_size: int = 1


def raws(first: int, count: int) -> list[Raw]:
    return [Raw(offset) for offset in range(first, first + count)]


@pytest.fixture
async def consumer(monkeypatch: pytest.MonkeyPatch) -> Any:
    address = URL("kafka://127.0.0.1:1")
    app = faust.App("transport", broker=str(address), topic_allow_declare=False, ConsumerScheduler=ChunkScheduler)
    app.transport = Transport([address], app)
    app.consumer_generation_id = 7
    app.topics.acking_topics.add("t")
    consumer = app.consumer
    monkeypatch.setattr(consumer, "assignment", lambda: {HERE, THERE})
    monkeypatch.setattr(consumer, "highwater", lambda _: 0)
    consumer._set_active_tps({HERE, THERE})
    yield consumer
    consumer._thread.thread_loop.close()  # Made with the consumer, and never run here.


def fetching(consumer: ChunkConsumer, monkeypatch: pytest.MonkeyPatch, records: dict[TP, list[Raw]]) -> None:
    async def fetch(active: set[TP], timeout: float) -> dict[TP, list[Raw]]:
        return {tp: records[tp] for tp in records if tp in active}

    monkeypatch.setattr(consumer._thread, "getmany", fetch)


def spans(chunks: Iterator[tuple[TP, Sequence[Any]]]) -> list[tuple[int, int, int]]:
    return [(tp.partition, chunk[0].offset, chunk[-1].offset) for tp, chunk in chunks]


def test_a_fetch_is_cut_into_chunks_the_partitions_in_turn() -> None:
    records = {HERE: raws(0, CHUNK_RECORDS_MAX + 1), THERE: raws(90, 2)}
    found = spans(ChunkScheduler().iterate(records))
    assert found == [(0, 0, 499), (1, 90, 91), (0, 500, 500)]
    assert spans(ChunkScheduler().iterate({})) == []


async def test_a_chunk_is_one_message_with_the_offset_of_its_last_record(
    consumer: ChunkConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching(consumer, monkeypatch, {HERE: raws(5, 3)})
    ((tp, message),) = [each async for each in consumer.getmany(0.1)]
    assert (tp, message.offset, [one.offset for one in message.value], message.generation_id) == (HERE, 7, [5, 6, 7], 7)


async def test_records_that_no_decoder_takes_come_through_whole(consumer: ChunkConsumer) -> None:
    # As a channel of the agent decodes it: what is torn is for the judge to reject, not for Faust to acknowledge.
    chunk = [Raw(5, key=b"\xff", value=b"\xff\xfe not json"), Raw(6, value=None)]
    topic = consumer.app.topic("t", key_serializer="raw", value_serializer="raw")
    event = await topic.decode(consumer._to_message(HERE, chunk), propagate=True)
    assert event.message.value is chunk


async def test_a_rebalance_holds_every_partition_until_it_has_begun_anew(
    consumer: ChunkConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sought: list[tuple[TP, int]] = []

    async def seek_wait(places: dict[TP, int]) -> None:
        sought.extend(places.items())

    async def hear(*_: Any) -> None:
        pass

    monkeypatch.setattr(consumer, "seek_wait", seek_wait)
    monkeypatch.setattr(consumer, "_on_partitions_assigned", hear)
    monkeypatch.setattr(consumer.app, "on_rebalance_return", lambda: None)
    fetching(consumer, monkeypatch, {HERE: raws(5, 1)})
    consumer.checkpointed[HERE] = 99
    await consumer.on_partitions_assigned({HERE, THERE}, 8)
    assert consumer.checkpointed == {}
    assert not consumer.flow_active
    consumer.pause_partitions({HERE, THERE})  # As Faust does,
    begun = asyncio.ensure_future(consumer.begin(HERE, 5))
    await asyncio.sleep(0.01)
    consumer.resume_partitions({HERE, THERE})  # and then this, before it has sought.
    assert (sought, consumer._active_partitions) == ([(HERE, 5)], set())
    consumer.resume_flow()
    await begun
    assert consumer._active_partitions == {HERE}


async def test_a_partition_that_is_no_longer_ours_is_not_resumed(
    consumer: ChunkConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def seek_wait(_: dict[TP, int]) -> None:
        monkeypatch.setattr(consumer, "assignment", set)

    monkeypatch.setattr(consumer, "seek_wait", seek_wait)
    consumer.resume_flow()
    await consumer.begin(HERE, 5)
    assert consumer._active_partitions == {THERE}


async def test_a_full_partition_does_not_hold_up_the_others_and_none_sleeps_a_second(
    consumer: ChunkConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching(consumer, monkeypatch, {HERE: raws(0, 1), THERE: raws(0, 1)})
    consumer.on_buffer_full(HERE)
    assert [tp async for tp, _ in consumer.getmany(0.1)] == [THERE]
    consumer.on_buffer_full(THERE)
    asyncio.get_running_loop().call_later(0.05, consumer.on_buffer_drop, HERE)
    start = time.monotonic()
    assert [tp async for tp, _ in consumer.getmany(0.1)] == [HERE]
    assert time.monotonic() - start < 0.9


async def test_what_is_committed_is_what_the_checkpoint_says_and_what_faust_noted_is_dropped(
    consumer: ChunkConsumer,
) -> None:
    consumer._acked[HERE] = [3, 4, 5]
    consumer._acked_index[HERE] = {3, 4, 5}
    assert consumer._new_offset(HERE) is None
    consumer._acked[HERE] = [6]
    consumer.checkpointed[HERE] = 4
    assert consumer._new_offset(HERE) == 4
    assert (consumer._acked[HERE], consumer._acked_index[HERE]) == ([], set())


async def test_no_record_is_dropped_for_an_offset_that_faust_has_noted(consumer: ChunkConsumer) -> None:
    consumer._read_offset[HERE] = 1_000
    assert consumer._read_offset[HERE] is None
