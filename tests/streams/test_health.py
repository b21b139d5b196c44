"""Health: what makes a worker dead or not ready, and the port at which it is asked."""

import socket
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from citybrain.clock import ManualClock
from citybrain.errors import MissingError
from citybrain.instants import SECOND
from citybrain.model import Feed
from streams.health import Pulse, Standing, served
from streams.log import Place
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


HERE = Place(Feed.HYDROLOGY, 3)
NOW = 1_000 * SECOND
WELL = Standing(judged=7, judged_at=NOW, committed=7, committed_at=NOW, canary_at=NOW)


def worker(**changes: object) -> Pulse:
    """Return a worker that is well but for some changes."""
    well = Pulse(ManualClock(NOW), NOW, 1, {HERE: WELL}, {HERE: 7}, NOW)
    return replace(well, **changes)


@pytest.mark.parametrize(
    ("pulse", "death", "hindrance"),
    [
        pytest.param(worker(), "", "", id="well"),
        pytest.param(
            worker(beat_at=0, owned=0, standings={}, broker_at=None),
            "",
            "it is starting\nit owns no partitions",
            id="starting",
        ),
        pytest.param(worker(beat_at=NOW - 10 * SECOND), "", "", id="loop-at-the-limit"),
        pytest.param(
            worker(beat_at=NOW - 11 * SECOND), *["the loop has not turned for 11 s"] * 2, id="loop-stands-still"
        ),
        pytest.param(worker(broker_at=NOW - 16 * SECOND), "", "the broker does not answer", id="broker-gone"),
        pytest.param(
            worker(broker_at=NOW - 61 * SECOND),
            "the broker has not answered for 61 s",
            "the broker has not answered for 61 s\nthe broker does not answer",
            id="broker-gone-for-long",
        ),
        pytest.param(worker(owned=0, standings={}), "", "it owns no partitions", id="no-partitions"),
        pytest.param(worker(owned=4), "", "3 of 4 partitions are being taken over", id="restoring"),
        pytest.param(
            worker(standings={HERE: replace(WELL, canary_at=NOW - 31 * SECOND)}),
            "",
            "no canary came through 1 of 1 partitions for up to 31 s",
            id="canary-missing",
        ),
        pytest.param(
            worker(standings={HERE: replace(WELL, committed=6, committed_at=NOW - 61 * SECOND)}),
            "",
            "nothing was committed for 61 s although records were judged",
            id="commit-is-old",
        ),
        pytest.param(
            worker(standings={HERE: replace(WELL, committed_at=NOW - 61 * SECOND)}), "", "", id="nothing-to-commit"
        ),
        pytest.param(
            worker(ends={HERE: 8}, standings={HERE: replace(WELL, judged_at=NOW - 61 * SECOND)}),
            *["hydrology/3 has records and none was judged for 60 s"] * 2,
            id="alive-and-silent",
        ),
        pytest.param(
            worker(standings={HERE: replace(WELL, judged_at=NOW - 61 * SECOND)}), "", "", id="at-the-end-of-the-log"
        ),
    ],
)
def test_a_worker_is_dead_or_not_ready_for_a_reason(pulse: Pulse, death: str, hindrance: str) -> None:
    assert "\n".join(pulse.death()) == death
    assert "\n".join(pulse.hindrances()) == hindrance


def test_a_stall_while_the_broker_is_silent_is_the_brokers() -> None:
    standings = {HERE: replace(WELL, judged_at=NOW - 300 * SECOND)}
    assert worker(ends={HERE: 8}, standings=standings).stalled(120 * SECOND) == [HERE]
    assert worker(ends={HERE: 8}, standings=standings, broker_at=NOW - 20 * SECOND).stalled(120 * SECOND) == []


def test_the_reason_is_the_answer() -> None:
    with (
        served(Telemetry(), worker(owned=0, standings={}), host=HOST, ports=(0,)) as port,
        pytest.raises(urllib.error.HTTPError) as refused,
    ):
        urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=5)
    with refused.value as answer:
        assert (answer.code, answer.read()) == (503, b"it owns no partitions\n")
