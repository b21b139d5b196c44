"""Keeps a log readable: a broker that goes makes its clients write a hundred lines a second, all the same."""

import logging
import threading
from typing import Final

from citybrain.clock import Clock
from citybrain.instants import MINUTE

WINDOW: Final = 1 * MINUTE
LINES_MAX: Final = 3  # Of one place in the code, in one window.
PLACES_MAX: Final = 1_000


class Bounded(logging.Filter):
    """Lets a few lines of each place in the code through, and then says how many were left out."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, int], tuple[int, int]] = {}  # Since when, and how many lines.

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is to be written. What is critical always is."""
        if record.levelno >= logging.CRITICAL:
            return True
        place, now = (record.pathname, record.lineno), self._clock.monotonic()
        with self._lock:
            if len(self._seen) >= PLACES_MAX:
                self._seen.clear()
            since, count = self._seen.get(place, (now, 0))
            if now - since < WINDOW:
                self._seen[place] = since, count + 1
                return count < LINES_MAX
            self._seen[place] = now, 1
        if count > LINES_MAX:
            record.msg = f"{record.getMessage()} ({count - LINES_MAX} more of these were left out)"
            record.args = ()
        return True
