"""`citybrain worker`: what it hands to the worker."""

import logging

import pytest
from typer.testing import CliRunner

import citybrain.cli.worker
from citybrain.cli.main import app


@pytest.fixture
def handed(monkeypatch):
    """Return the playbooks that were handed to workers; none of them runs."""
    found = []

    class Idle:
        def __init__(self, rules, playbook, settings, **rest):
            found.append(playbook)

        def run(self, say_started):
            say_started()

    monkeypatch.setattr(citybrain.cli.worker, "Worker", Idle)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)  # What it sets would outlive the test.
    monkeypatch.setattr(citybrain.cli.worker.signal, "signal", lambda *_: None)
    return found


def test_bulletins_are_sent_by_whom_the_settings_say(handed, monkeypatch):
    monkeypatch.setenv("CITYBRAIN_SENDER", "emergency@lishui.example")
    result = CliRunner().invoke(app, ["worker", "--any-port"])
    assert result.exit_code == 0, result.exception
    assert [playbook.sender for playbook in handed] == ["emergency@lishui.example"]
