"""Kill tests on a real Kafka, short enough for every change; `make chaos` is the long form."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from streams.clients import Broker


@pytest.fixture
def chaos() -> ModuleType:
    spec = importlib.util.spec_from_file_location("citybrain_tests_chaos", Path(__file__).with_name("chaos.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Where its dataclasses look for their types.
    spec.loader.exec_module(module)
    return module


@pytest.mark.kafka
@pytest.mark.timeout(900)
def test_kills_rebalances_and_broker_restarts_lose_and_invent_nothing(
    kafka: Broker, chaos: ModuleType, tmp_path: Path
) -> None:
    # `kafka` is asked for only so that the jars are there: a broker that is restarted is the test's own.
    plan = chaos.Plan(kills=20, rebalances=10, broker_restarts=3, workers_max=2, seed=20)
    verdict = chaos.run(plan, tmp_path, every_s=5.0)
    print(verdict)
    assert verdict.events > 100
    assert (verdict.lost, verdict.spurious, verdict.differing_repeats, verdict.drifted_states) == (0, 0, 0, 0)
