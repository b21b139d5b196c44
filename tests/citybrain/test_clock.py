import pytest

from citybrain.clock import ManualClock, SystemClock


def test_a_manual_clock_moves_only_when_told():
    clock = ManualClock(1000)
    assert [clock.now(), clock.monotonic(), clock.now()] == [1000] * 3
    clock.advance(500)
    assert (clock.now(), clock.monotonic()) == (1500, 1500)


def test_a_manual_clock_does_not_run_back():
    with pytest.raises(AssertionError, match="does not run back"):
        ManualClock(0).advance(-1)


def test_the_system_clock_counts_milliseconds():
    clock = SystemClock()
    first, later = clock.monotonic(), clock.monotonic()
    assert later >= first
    assert clock.now() > 1_700_000_000_000, "milliseconds since 1970, not seconds"
    assert clock.now() < 10_000_000_000_000
