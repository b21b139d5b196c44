import pytest

from citybrain.clock import ManualClock
from simulators.pacing import Pace, paced
from simulators.trace import TraceRecord

RECORDS = [TraceRecord(at) for at in (0, 1_000, 61_000, 61_000, 121_000)]


def instants(clock, **settings):
    return [clock.now() for _ in paced(RECORDS, clock=clock, wait=clock.advance, **settings)]


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        (1.0, [5_000, 6_000, 66_000, 66_000, 126_000]),
        (60.0, [5_000, 5_017, 6_017, 6_017, 7_017]),
        (None, [5_000] * 5),
    ],
)
def test_records_come_at_the_speed(speed, expected):
    assert instants(ManualClock(5_000), speed=speed) == expected


def test_records_before_the_fast_end_come_at_once():
    assert instants(ManualClock(0), speed=1.0, fast_until=61_000) == [0, 0, 0, 0, 60_000]


def test_the_pace_starts_at_the_fast_end_itself():
    assert instants(ManualClock(0), speed=1.0, fast_until=31_000) == [0, 0, 30_000, 30_000, 90_000]


def test_a_slow_receiver_is_not_waited_for_twice():
    clock = ManualClock(0)
    seen = []
    for _ in paced(RECORDS, speed=1.0, clock=clock, wait=clock.advance):
        seen.append(clock.now())
        clock.advance(20_000)  # The receiver takes its time.
    assert seen == [0, 20_000, 61_000, 81_000, 121_000]


def test_a_pace_tells_an_asynchronous_caller_how_long_to_sleep():
    clock = ManualClock(0)
    pace = Pace(speed=10.0, clock=clock)
    assert pace.wait_ms(0) == 0
    assert pace.wait_ms(10_000) == 1_000
    clock.advance(400)
    assert pace.wait_ms(10_000) == 600
