"""Starts a worker again whenever it ends, until told to stop."""

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Final

from citybrain.clock import Clock
from citybrain.instants import SECOND

# The first restart is at once: it is what the alerts wait for. It never gives up; nobody else would start a worker
# at night when the broker is back.
DELAYS_S: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STEADY: Final = 60 * SECOND  # A worker that ran for so long is started again at once.
# What another start cannot mend: a wrong setting, rules that do not compile.
FINAL_CODES: Final = frozenset({2, 4})


class Supervisor:
    """Keeps one worker running. To be used from the main thread, which takes the signals."""

    def __init__(self, command: Sequence[str], *, clock: Clock, say: Callable[[int, float], None]) -> None:
        """`say` hears of each end: the exit code, negative for a signal, and the seconds until the next start."""
        self._command = command
        self._clock = clock
        self._say = say
        self._is_told = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, which the worker gets too; return the exit code of the last worker."""
        failures = 0
        with self._heeding():
            while True:
                started_at = self._clock.monotonic()
                code = self._run_once()
                if self._is_told.is_set() or code in FINAL_CODES:
                    return code
                failures = 0 if self._clock.monotonic() - started_at >= STEADY else failures
                delay = DELAYS_S[min(failures, len(DELAYS_S) - 1)]
                failures += 1
                self._say(code, delay)
                if self._is_told.wait(delay):
                    return code

    def _run_once(self) -> int:
        # The worker ends when its input does, so that it does not outlive a supervisor that is killed; in a session of
        # its own it gets Ctrl-C from here alone, once.
        with subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True) as child:  # noqa: S603 - ours.
            self._child = child
            if self._is_told.is_set():  # Between two workers.
                child.terminate()
            code = child.wait()
        self._child = None
        return code

    @contextlib.contextmanager
    def _heeding(self) -> Iterator[None]:
        def heed(_number: int, _frame: FrameType | None) -> None:
            self._is_told.set()
            if self._child is not None:
                self._child.terminate()

        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        old = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            if old[number] is not signal.SIG_IGN:
                signal.signal(number, heed)
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)
