"""Pacing: how fast the records of a simulation or a trace are handed on."""

from collections.abc import Callable, Iterable, Iterator

from citybrain.clock import Clock
from simulators.trace import TraceRecord


class Pace:
    """Tells how long to wait before a record. Both clocks start together at the first record that is paced."""

    def __init__(self, *, speed: float | None, clock: Clock, fast_until: int | None = None) -> None:
        assert speed is None or speed > 0, "a speed is positive; None is as fast as it goes"
        self._speed = speed
        self._clock = clock
        self._fast_until = fast_until
        self._began: tuple[int, int] | None = None  # (monotonic, at) of the first paced record.

    def wait_ms(self, at: int) -> int:
        """Return the milliseconds to wait before the record of that `at`; 0 when it is due or overdue."""
        if self._speed is None or (self._fast_until is not None and at < self._fast_until):
            return 0
        now = self._clock.monotonic()
        if self._began is None:
            # From `fast_until` itself, so that a trace without a record there starts no earlier.
            self._began = (now, at if self._fast_until is None else self._fast_until)
        wall, first = self._began
        return max(0, wall + round((at - first) / self._speed) - now)


def paced(
    records: Iterable[TraceRecord],
    *,
    speed: float | None,
    clock: Clock,
    wait: Callable[[int], object],
    fast_until: int | None = None,
) -> Iterator[TraceRecord]:
    """Yield the records at a speed: 60.0 is sixty times as fast as they came, None as fast as it goes.

    Records before `fast_until` are yielded at once. `wait` sleeps for milliseconds; an asynchronous caller takes
    `Pace` and sleeps in its own way. Falling behind is made up for: the schedule is that of the first record.
    """
    pace = Pace(speed=speed, clock=clock, fast_until=fast_until)
    for record in records:
        span = pace.wait_ms(record.at)
        if span > 0:
            wait(span)
        yield record
