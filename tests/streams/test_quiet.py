"""A log that stays readable while its libraries repeat themselves."""

import logging

import pytest

from citybrain.clock import ManualClock
from streams.quiet import LINES_MAX, WINDOW, Bounded


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(0)


def line(number: int, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", level, "client.py", number, "cannot reach %s", ("node 1",), None)


def test_a_line_that_repeats_is_written_three_times_a_minute_and_then_counted(clock: ManualClock) -> None:
    bounded = Bounded(clock)
    assert [bounded.filter(line(1)) for _ in range(100)] == [True] * LINES_MAX + [False] * (100 - LINES_MAX)
    assert bounded.filter(line(2)), "another place in the code"
    clock.advance(WINDOW)
    record = line(1)
    assert bounded.filter(record)
    assert record.getMessage() == "cannot reach node 1 (97 more of these were left out)"


def test_what_is_critical_is_always_written(clock: ManualClock) -> None:
    bounded = Bounded(clock)
    assert all(bounded.filter(line(1, logging.CRITICAL)) for _ in range(10))


def test_few_lines_are_left_as_they_are(clock: ManualClock) -> None:
    bounded = Bounded(clock)
    bounded.filter(line(1))
    clock.advance(WINDOW)
    record = line(1)
    assert bounded.filter(record)
    assert record.getMessage() == "cannot reach node 1"
