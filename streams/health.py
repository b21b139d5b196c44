"""`/metrics`, `/livez` and `/readyz`, served by a thread of their own so that a blocked loop cannot silence them."""

import contextlib
import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from citybrain.clock import Clock
from citybrain.errors import MissingError
from citybrain.instants import SECOND
from streams.telemetry import Telemetry

HEARTBEAT_MAX = 10 * SECOND


@dataclass(slots=True)
class Pulse:
    """What the worker says about itself; read by the health thread."""

    clock: Clock
    beat_at: int = 0  # Monotonic time of the loop's last turn; 0 before the first.
    owns_partitions: bool = False

    def beat(self) -> None:
        """Say that the loop turns."""
        self.beat_at = self.clock.monotonic()

    @property
    def is_alive(self) -> bool:
        """Tell whether the loop has turned lately; before its first turn the benefit of the doubt."""
        return self.beat_at == 0 or self.clock.monotonic() - self.beat_at <= HEARTBEAT_MAX

    @property
    def is_ready(self) -> bool:
        """Tell whether it is alive and has partitions to judge."""
        return self.is_alive and self.beat_at > 0 and self.owns_partitions


@contextlib.contextmanager
def served(telemetry: Telemetry, pulse: Pulse, *, host: str, ports: Sequence[int]) -> Iterator[int]:
    """Serve health and metrics for the length of the `with` block, on the first port that is free; yield it.

    Raises MissingError if all are taken or the host is not one to listen on.
    """
    answers: dict[str, Callable[[], tuple[HTTPStatus, bytes]]] = {
        "/metrics": lambda: (HTTPStatus.OK, telemetry.text()),
        "/livez": lambda: _verdict(pulse.is_alive),
        "/readyz": lambda: _verdict(pulse.is_ready),
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


def _verdict(is_good: bool) -> tuple[HTTPStatus, bytes]:
    return (HTTPStatus.OK, b"ok\n") if is_good else (HTTPStatus.SERVICE_UNAVAILABLE, b"not ok\n")
