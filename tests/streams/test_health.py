"""The port of health and metrics: which one is taken, and what is said when none can be."""

import socket
import urllib.request

import pytest

from citybrain.clock import ManualClock
from citybrain.errors import MissingError
from streams.health import Pulse, served
from streams.telemetry import Telemetry

HOST = "127.0.0.1"


@pytest.fixture
def pulse() -> Pulse:
    return Pulse(ManualClock(0))


def test_it_takes_the_next_port_when_the_first_is_taken(pulse: Pulse) -> None:
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        with served(Telemetry(), pulse, host=HOST, ports=(taken, 0)) as port:
            assert port != taken
            with urllib.request.urlopen(f"http://{HOST}:{port}/livez", timeout=5) as answer:
                assert answer.read() == b"ok\n"


def test_a_taken_port_is_called_taken(pulse: Pulse) -> None:
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        with (
            pytest.raises(MissingError, match=f"port {taken} on {HOST} is taken; set CITYBRAIN_METRICS_PORT"),
            served(Telemetry(), pulse, host=HOST, ports=(taken,)),
        ):
            pass


def test_a_host_to_which_nothing_listens_is_not_called_taken(pulse: Pulse) -> None:
    # An address for documentation (RFC 5737), which no machine has.
    with (
        pytest.raises(MissingError, match=r"^cannot listen on 192\.0\.2\.1:9999: "),
        served(Telemetry(), pulse, host="192.0.2.1", ports=(9999, 0)),
    ):
        pass
