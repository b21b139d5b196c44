"""Kill tests on a real Kafka, short enough for every change; `make chaos` is the long form."""

import subprocess
import sys
from pathlib import Path

import pytest

from streams.clients import Broker


@pytest.mark.kafka
@pytest.mark.timeout(900)
def test_kills_rebalances_and_broker_restarts_lose_and_invent_nothing(kafka: Broker) -> None:
    # `kafka` is asked for only so that the jars are there: a broker that is restarted is the run's own.
    command = [sys.executable, str(Path(__file__).with_name("chaos.py")), "--seed", "20"]
    plan = ["--kills", "20", "--rebalances", "10", "--brokers", "3", "--workers", "2", "--every", "5"]
    ended = subprocess.run([*command, *plan], capture_output=True, text=True, timeout=840, check=False)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-5000:]
    assert "0 lost, 0 spurious" in ended.stdout
