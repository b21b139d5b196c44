"""`/metrics`, `/livez` and `/readyz`, served by a thread of their own so that a blocked loop cannot silence them.

Health is judged from outside the loop: on when it last turned, on what a client of the watchdog's own sees of the log,
and on canary records that have to come through. A worker can be alive, in its group, and silent.
"""

import contextlib
import errno
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from citybrain.clock import Clock
from citybrain.errors import MissingError
from citybrain.instants import SECOND
from streams.log import Place
from streams.telemetry import Telemetry

HEARTBEAT_MAX: Final = 10 * SECOND
BROKER_MAX: Final = 15 * SECOND  # Without an answer of the broker a worker is not ready,
BROKER_LOST_MAX: Final = 60 * SECOND  # and after this it counts as dead.
CANARY_MAX: Final = 30 * SECOND
COMMIT_MAX: Final = 60 * SECOND  # How old a commit may be while it is behind what is judged.
STALLED_MAX: Final = 60 * SECOND  # How long nothing may be judged while records wait.


@dataclass(frozen=True, slots=True)
class Standing:
    """How a partition of ours stands, by the loop's own word. Moments are of the monotonic clock."""

    judged: int  # The next offset to judge,
    judged_at: int  # and since when.
    committed: int
    committed_at: int
    canary_at: int  # When the last canary came through, or when the partition began to flow.


@dataclass(slots=True)
class Pulse:
    """What the worker says about itself and what the watchdog sees; each field is replaced whole, by one thread."""

    clock: Clock
    beat_at: int = 0  # Monotonic time of the loop's last turn; 0 before the first.
    owned: int = 0  # How many partitions are ours,
    standings: Mapping[Place, Standing] = field(default_factory=dict)  # and how those that flow stand.
    ends: Mapping[Place, int] = field(default_factory=dict)  # Of the partitions' logs, as the watchdog's client saw it.
    broker_at: int | None = None  # When the broker last answered that client.

    def beat(self) -> None:
        """Say that the loop turns."""
        self.beat_at = self.clock.monotonic()

    @property
    def silence(self) -> int:
        """Return for how long the loop has not turned; 0 before its first turn."""
        return self.clock.monotonic() - self.beat_at if self.beat_at else 0

    def stalled(self, span: int) -> list[Place]:
        """Return the partitions of which nothing was judged for a span although records wait and the broker answers."""
        now = self.clock.monotonic()
        if self.broker_at is None or now - self.broker_at > BROKER_MAX:
            return []
        return [
            place
            for place, standing in self.standings.items()
            if self.ends.get(place, 0) > standing.judged and now - standing.judged_at > span
        ]

    def death(self) -> Iterator[str]:
        """Yield why the worker counts as dead."""
        now = self.clock.monotonic()
        if self.silence > HEARTBEAT_MAX:
            yield f"the loop has not turned for {self.silence // SECOND} s"
        if self.broker_at is not None and now - self.broker_at > BROKER_LOST_MAX:
            yield f"the broker has not answered for {(now - self.broker_at) // SECOND} s"
        for place in self.stalled(STALLED_MAX):
            yield f"{place.source}/{place.partition} has records and none was judged for {STALLED_MAX // SECOND} s"

    def hindrances(self) -> Iterator[str]:
        """Yield why the worker is not ready."""
        yield from self.death()
        now = self.clock.monotonic()
        if not self.beat_at:
            yield "it is starting"
        elif self.broker_at is None or now - self.broker_at > BROKER_MAX:
            yield "the broker does not answer"
        if not self.owned:
            yield "it owns no partitions"
        elif len(self.standings) < self.owned:
            yield f"{self.owned - len(self.standings)} of {self.owned} partitions are being taken over"
        dead = [now - each.canary_at for each in self.standings.values() if now - each.canary_at > CANARY_MAX]
        if dead:
            yield f"no canary came through {len(dead)} of {self.owned} partitions for up to {max(dead) // SECOND} s"
        behind = [now - each.committed_at for each in self.standings.values() if each.committed < each.judged]
        if behind and max(behind) > COMMIT_MAX:
            yield f"nothing was committed for {max(behind) // SECOND} s although records were judged"


@contextlib.contextmanager
def served(telemetry: Telemetry, pulse: Pulse, *, host: str, ports: Sequence[int]) -> Iterator[int]:
    """Serve health and metrics for the length of the `with` block, on the first port that is free; yield it.

    Raises MissingError if all are taken or the host is not one to listen on.
    """
    answers: dict[str, Callable[[], tuple[HTTPStatus, bytes]]] = {
        "/metrics": lambda: (HTTPStatus.OK, telemetry.text()),
        "/livez": lambda: _verdict(pulse.death()),
        "/readyz": lambda: _verdict(pulse.hindrances()),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            status, body = answer() if answer is not None else (HTTPStatus.NOT_FOUND, b"not found\n")
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: a scrape every few seconds is no news."""

    server = _listening(host, ports, Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listening(host: str, ports: Sequence[int], handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Return a server on the first of the ports that nobody has; binding is the only test that cannot be overtaken."""
    assert ports, "somebody asks for at least one port"
    for port in ports:
        try:
            return ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise MissingError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    taken = f"port {ports[0]} on {host} is taken"
    raise MissingError(f"{taken}; set CITYBRAIN_METRICS_PORT to another one, or 0")


def _verdict(faults: Iterator[str]) -> tuple[HTTPStatus, bytes]:
    text = "\n".join(faults)
    return (HTTPStatus.SERVICE_UNAVAILABLE, f"{text}\n".encode()) if text else (HTTPStatus.OK, b"ok\n")
