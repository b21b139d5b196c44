"""What `citybrain rules` says of the status of rules, and that a watch shows no rule on trial."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from citybrain.cli import alerts
from citybrain.cli.main import app
from citybrain.codec import encode_event
from rules.ruleset import SHIPPED_RULES, load_rules
from rules.trial import play

ROADS = SHIPPED_RULES / "road-transport-safety"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A rule file of the shipped catalog with its first rule deprecated."""
    path = tmp_path / "some.yaml"
    text = sorted(ROADS.glob("*.yaml"))[0].read_text("utf-8")
    path.write_text(text.replace("    type:", "    status: deprecated\n    type:", 1), "utf-8")
    return path


def test_a_check_warns_of_what_is_deprecated_and_passes(file):
    result = CliRunner().invoke(app, ["rules", "check", str(file), "--lang", "en"])
    assert result.exit_code == 0
    assert "R250" in result.stdout
    assert "deprecated 1" in result.stderr


def test_without_any_status_a_check_says_nothing_of_it():
    result = CliRunner().invoke(app, ["rules", "check", str(ROADS), "--lang", "en"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "draft" not in result.stderr


def test_a_list_has_the_status():
    result = CliRunner().invoke(app, ["rules", "list", "--json"])
    assert {json.loads(line)["status"] for line in result.stdout.splitlines()} == {"active"}


def test_a_watch_shows_no_rule_on_trial():
    rules = load_rules()
    test = next(test for test in rules.rules["fd-03"].entry.tests if test.expect)
    event = play(rules.only("fd-03"), test)[0]
    assert alerts._event(SimpleNamespace(value=encode_event(event), headers=())) == event
    assert alerts._event(SimpleNamespace(value=encode_event(replace(event, trial=True)), headers=())) is None
