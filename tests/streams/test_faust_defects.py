"""The five defects of Faust that the worker is built around: each test fails on Faust as it is, and passes on ours.

Measured and read in faust-streaming 0.15.3. Should one of the tests for Faust itself pass some day, that defect is
mended, and what guards against it can go.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import faust
import pytest
from faust.events import Event
from faust.transport.drivers.aiokafka import Transport as FaustTransport
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from yarl import URL

from citybrain.clock import ManualClock
from citybrain.model import Feed
from streams.clients import Broker
from streams.kafka_log import KafkaWriter
from streams.lanes import Lane
from streams.log import Outgoing, Place
from streams.transport import Transport

HERE = TP("t", 0)
GENERATION = 7
NOWHERE = Broker("127.0.0.1:1")

on_faust = pytest.param("faust", marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason="Faust's defect"))
on_both = pytest.mark.parametrize("whose", [on_faust, "ours"])


@pytest.fixture
def app(whose: str) -> Iterator[faust.App]:
    """Return an app that is not started, on Faust's transport or on ours."""
    address = URL("kafka://127.0.0.1:1")
    app = faust.App("defects", broker=str(address), topic_allow_declare=False)
    app.transport = (FaustTransport if whose == "faust" else Transport)([address], app)
    app.consumer_generation_id = GENERATION
    app.consumer.assignment = lambda: {HERE}
    app.topics.acking_topics.add(HERE.topic)
    yield app
    app.consumer._thread.thread_loop.close()  # Made with the consumer, and never run here.


@on_both
async def test_1_a_partition_is_resumed_after_the_seek_and_after_the_queues_are_emptied(
    whose: str, app: faust.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, told = app.consumer, []

    def tell(what: str) -> None:
        told.append((what, HERE in consumer._active_partitions))

    async def seek_to_committed() -> dict[TP, int]:
        tell("seek")
        return {HERE: 0}

    async def seek_wait(_: object) -> None:
        tell("seek")

    async def start_nothing() -> None:
        pass

    resume = app.flow_control.resume
    monkeypatch.setattr(consumer, "seek_to_committed", seek_to_committed)
    monkeypatch.setattr(consumer, "seek_wait", seek_wait)
    monkeypatch.setattr(app.flow_control, "resume", lambda: (tell("empty"), resume()))
    monkeypatch.setattr(app._fetcher, "maybe_start", start_nothing)
    consumer.stop_flow()
    consumer._set_active_tps({HERE})
    consumer.pause_partitions({HERE})
    begun = asyncio.ensure_future(consumer.begin(HERE, 0)) if whose == "ours" else asyncio.sleep(0)
    await asyncio.sleep(0)
    await app.tables.recovery._resume_streams(GENERATION)
    await begun
    tell("flow")
    assert told == [("seek", False), ("empty", False), ("flow", True)]


class FailingProducer:
    """An aiokafka producer whose sends fail or never end."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def send(self, *_: Any, **__: Any) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._error is not None:
            future.set_exception(self._error)
        return future


def sender(whose: str, app: faust.App, client: FailingProducer) -> Callable[[], Awaitable[Any]]:
    """Return what sends one record by a client: as Faust's manual has it, or as ours does."""
    if whose == "faust":
        app.producer._producer = client  # type: ignore[attr-defined]
        return lambda: app.topic("out", value_serializer="raw").send(value=b"x")
    writer = KafkaWriter(NOWHERE)
    writer._producer = client
    return lambda: writer.send([Outgoing("out", None, b"x")])


@on_both
async def test_2_a_failed_send_is_raised_where_the_record_is_sent(
    whose: str, app: faust.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start_nothing() -> Any:
        return app.producer

    monkeypatch.setattr(app, "maybe_start_producer", start_nothing)
    send = sender(whose, app, FailingProducer(ConnectionError("no such luck")))
    raised = None
    try:
        await send()
        await asyncio.sleep(0)
    except ConnectionError as error:
        raised = error
    assert raised is not None


@on_both
async def test_3_the_committed_offset_never_passes_an_unfinished_record(whose: str, app: faust.App) -> None:
    consumer = app.consumer
    consumer._committed_offset[HERE] = 10  # The next to be read, which is not finished yet.
    if whose == "ours":
        consumer.checkpointed[HERE] = 10
    consumer._acked[HERE] = [11]
    assert consumer._new_offset(HERE) in (None, 10)


def message() -> ConsumerMessage:
    fixed = (None, b"x", None, 0, 1)  # Key, value, checksum and sizes.
    return ConsumerMessage(*HERE, 0, 0.0, 1, [], *fixed, HERE, generation_id=GENERATION)


class DyingHost:
    """A worker whose partitions cannot be judged."""

    def __init__(self) -> None:
        self.died: list[str] = []

    async def take_over(self, _: Place) -> Any:
        raise ZeroDivisionError

    async def taken(self, *_: Any) -> None:
        raise AssertionError("nothing was judged")

    def die(self, text: str) -> None:
        self.died.append(text)


@on_both
async def test_4_a_record_at_which_the_work_fails_is_not_committed(whose: str, app: faust.App) -> None:
    if whose == "faust":
        app.flow_control.resume()
        topic = app.topic("t", value_serializer="raw")
        stream = topic.stream()
        one = message()
        one.incref()
        await stream.channel.put(Event(app, None, b"x", [], one))
        with contextlib.suppress(ZeroDivisionError):
            async for _ in stream:
                raise ZeroDivisionError
        for _ in range(20):  # The generator is closed when the loop comes to it.
            await asyncio.sleep(0.01)
    else:
        host = DyingHost()
        lane = Lane(HERE, Place(Feed.HYDROLOGY, 0), source=app.consumer, host=host, clock=ManualClock(0))
        lane.put([message()])
        await asyncio.wait({lane._task})
        assert len(host.died) == 1
    assert app.consumer._new_offset(HERE) is None


@on_both
async def test_5_nothing_under_way_counts_as_sent(whose: str, app: faust.App) -> None:
    send = sender(whose, app, FailingProducer(None))
    if whose == "faust":
        buffer = app.producer.buffer
        buffer._started.set()
        buffer.put(object())  # Nothing takes it out.
        send = buffer.flush
    task = asyncio.ensure_future(send())
    done, _ = await asyncio.wait({task}, timeout=0.5)
    assert not done
    task.cancel()
