"""Simulated readings never reach the topics of real ones."""

import pytest

from citybrain.cli.publishing import publish_paced
from citybrain.errors import MissingError, UsageError

NOBODY = "127.0.0.1:1"


def test_live_topics_take_no_simulated_readings(monkeypatch):
    monkeypatch.delenv("CITYBRAIN_SIMULATED", raising=False)
    monkeypatch.delenv("CITYBRAIN_EMBEDDED", raising=False)
    with pytest.raises(UsageError, match="CITYBRAIN_SIMULATED=true"):
        publish_paced([], "max", broker=NOBODY, language="en")


@pytest.mark.parametrize("setting", ["CITYBRAIN_SIMULATED", "CITYBRAIN_EMBEDDED"])
def test_simulated_topics_do(monkeypatch, setting):
    monkeypatch.setenv(setting, "true")
    with pytest.raises(MissingError, match="no Kafka broker answers"):
        publish_paced([], "max", broker=NOBODY, language="en")
