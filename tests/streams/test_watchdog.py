"""The watchdog: what ends a process, and a look at a log that comes and goes."""

import threading
import time
from collections.abc import Callable, Iterable

import pytest

import streams.watchdog
from citybrain.clock import ManualClock, SystemClock
from citybrain.instants import SECOND
from citybrain.model import Feed
from streams.clients import Broker, Producer
from streams.health import Pulse, Standing
from streams.log import Place
from streams.telemetry import Telemetry
from streams.topics import Names, Topic, topics_for
from streams.watchdog import HUNG_MAX, STOP_MAX, Watchdog

NOWHERE = Broker("127.0.0.1:1")
SESSION = 10 * SECOND
HERE = Place(Feed.PARKING, 1)


class EndedError(Exception):
    """In place of the end of the process."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000 * SECOND)


@pytest.fixture
def pulse(clock: ManualClock) -> Pulse:
    pulse = Pulse(clock)
    pulse.beat()
    return pulse


@pytest.fixture
def watchdog(pulse: Pulse, monkeypatch: pytest.MonkeyPatch) -> Watchdog:
    def end(text: str) -> None:
        raise EndedError(text)

    monkeypatch.setattr(streams.watchdog, "die", end)
    return Watchdog(pulse, Telemetry(), NOWHERE, Names("t."), frozen_max=SESSION)


def test_a_loop_that_stood_still_longer_than_the_session_sends_nothing_more(
    watchdog: Watchdog, clock: ManualClock
) -> None:
    clock.advance(SESSION)
    watchdog.require_awake()
    clock.advance(1)
    with pytest.raises(EndedError, match="the loop stood still for 10 s"):
        watchdog.require_awake()


def test_a_worker_that_starts_is_left_alone(pulse: Pulse, watchdog: Watchdog, clock: ManualClock) -> None:
    pulse.beat_at = 0
    clock.advance(10 * SESSION)
    watchdog.require_awake()  # Raises for a worker that stands still.
    assert pulse.beat_at == 0


def test_a_stop_that_takes_too_long_ends_the_process(watchdog: Watchdog, pulse: Pulse, clock: ManualClock) -> None:
    watchdog.look_at_it()
    watchdog.expect_end()
    clock.advance(STOP_MAX)
    pulse.beat()
    watchdog.look_at_it()
    clock.advance(1)
    with pytest.raises(EndedError, match="did not stop within 7 s"):
        watchdog.look_at_it()


def test_a_partition_that_hangs_while_the_broker_answers_ends_the_process(
    watchdog: Watchdog, pulse: Pulse, clock: ManualClock
) -> None:
    pulse.standings = {HERE: Standing(7, clock.monotonic(), 7, clock.monotonic(), clock.monotonic())}
    clock.advance(HUNG_MAX + 1)
    pulse.beat()
    pulse.broker_at, pulse.ends = clock.monotonic(), {HERE: 7}
    watchdog.look_at_it()  # At the end of its log.
    pulse.ends = {HERE: 8}
    with pytest.raises(EndedError, match="parking/1 has records and none was judged for 120 s"):
        watchdog.look_at_it()


@pytest.mark.embedded
def test_it_sees_the_ends_of_the_logs_by_itself(
    embedded: Callable[[Iterable[Topic]], Broker], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams.watchdog, "LOOK_EVERY_S", 0.1)
    broker, names = embedded(topics_for(prefix, simulated=True, feed_partitions=2)), Names(prefix)
    with Producer(broker) as producer:
        producer.send(names.feed(Feed.PARKING), b"{}", key=None, partition=1)
    pulse, telemetry = Pulse(SystemClock()), Telemetry()
    pulse.standings = {HERE: Standing(0, 0, 0, 0, 0)}
    with Watchdog(pulse, telemetry, broker, names, frozen_max=SESSION).on_guard():
        until = time.monotonic() + 20
        while pulse.broker_at is None and time.monotonic() < until:
            time.sleep(0.05)
    for thread in threading.enumerate():
        if thread.name.startswith("watchdog"):
            thread.join(10)  # It closes its client.
    assert pulse.ends[HERE] == 1
    assert pulse.ends[Place(Feed.PARKING, 0)] == 0
    assert 'citybrain_lag_records{feed="parking"} 1.0' in telemetry.text().decode()
