"""The one place where a wall clock is read."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for spans; both in milliseconds."""

    def now(self) -> int:
        """Return the present instant."""
        ...

    def monotonic(self) -> int:
        """Return milliseconds that never run back, from an arbitrary start."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        """Return the present instant."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> int:
        """Return milliseconds since some fixed moment of this machine."""
        return time.monotonic_ns() // 1_000_000


class ManualClock:
    """A clock that moves only when told to; for tests."""

    def __init__(self, at: int) -> None:
        self._at = at

    def now(self) -> int:
        """Return the instant it was last set to."""
        return self._at

    def monotonic(self) -> int:
        """Return the same as `now`: both move together here."""
        return self._at

    def advance(self, span: int) -> None:
        """Move on by the milliseconds, which may not be negative."""
        assert span >= 0, "a clock does not run back"
        self._at += span
