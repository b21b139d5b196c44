"""The watchdog: threads beside the loop that look at the log themselves, and end a process that is past helping."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Final

from citybrain.instants import SECOND
from streams.clients import Broker, Ends
from streams.health import Pulse
from streams.log import Place
from streams.telemetry import Telemetry
from streams.topics import SOURCES, Names

logger = logging.getLogger(__name__)

FAILED: Final = 70  # The exit code of a worker that met something it does not expect (EX_SOFTWARE).
HUNG_MAX: Final = 120 * SECOND  # A partition that has stood still for so long, with records waiting, is past waiting.
STOP_MAX: Final = 7 * SECOND
LOOK_EVERY_S: Final = 5.0
WATCH_EVERY_S: Final = 0.5


def die(text: str) -> None:
    """End the process at once: whatever state it is in, the log is right."""
    logger.critical(text, exc_info=sys.exc_info()[0] is not None)
    logging.shutdown()
    os._exit(FAILED)


class Watchdog:
    """Looks at a worker from outside its loop."""

    def __init__(self, pulse: Pulse, telemetry: Telemetry, broker: Broker, names: Names, *, frozen_max: int) -> None:
        """`frozen_max` is the group's session: a loop that stood still for longer owns nothing any more."""
        self._frozen_max = frozen_max
        self._pulse = pulse
        self._telemetry = telemetry
        self._broker = broker
        self._names = names
        self._stop = threading.Event()
        self._stop_by: int | None = None

    @contextlib.contextmanager
    def on_guard(self) -> Iterator[None]:
        """Watch for the length of the `with` block."""
        for target in (self._watch, self._look_around):
            # Daemons: a client that waits for a broker must not keep the process.
            threading.Thread(target=target, name=f"watchdog{target.__name__}", daemon=True).start()
        try:
            yield
        finally:
            self._stop.set()

    def expect_end(self) -> None:
        """End the process unless it does so itself in time."""
        self._stop_by = self._pulse.clock.monotonic() + STOP_MAX

    def require_awake(self) -> None:
        """End the process if the loop, which calls this, has stood still: somebody else owns its partitions by now."""
        if self._pulse.silence > self._frozen_max:
            die(f"the loop stood still for {self._pulse.silence // SECOND} s")

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_EVERY_S):
            self.look_at_it()

    def look_at_it(self) -> None:
        """End the process if it is past helping."""
        if self._stop_by is not None and self._pulse.clock.monotonic() > self._stop_by:
            die(f"the worker did not stop within {STOP_MAX // SECOND} s")
        self.require_awake()
        for place in self._pulse.stalled(HUNG_MAX):
            die(f"{place.source}/{place.partition} has records and none was judged for {HUNG_MAX // SECOND} s")

    def _look_around(self) -> None:
        """Ask the broker where the logs of our partitions end, by a client that the loop knows nothing of."""
        topics = {self._names.source(source): source for source in SOURCES}
        while not self._stop.is_set():
            try:
                with contextlib.closing(Ends(self._broker, topics)) as ends:
                    while not self._stop.is_set():
                        found = ends.look()
                        self._saw({Place(topics[topic], number): end for (topic, number), end in found.items()})
                        self._stop.wait(LOOK_EVERY_S)
            except Exception as error:
                # The edge of this thread: whatever a client does when its broker goes, the next one is a new one.
                logger.warning("the watchdog's client has no answer: %r", error)
                self._stop.wait(LOOK_EVERY_S)

    def _saw(self, ends: Mapping[Place, int]) -> None:
        pulse = self._pulse
        pulse.ends, pulse.broker_at = ends, pulse.clock.monotonic()
        waiting = dict.fromkeys(SOURCES, 0)
        for place, standing in pulse.standings.items():
            waiting[place.source] += max(0, ends.get(place, 0) - standing.judged)
        for source, count in waiting.items():
            self._telemetry.lag(source, count)
