"""`citybrain bulletins`: drafts or the whole chain of a trace, on the screen or as files."""

import json

import pytest
from cap_tools import Alert
from typer.testing import CliRunner
from xsdata.formats.dataclass.parsers import XmlParser

from citybrain.cli.main import app
from citybrain.errors import MissingError
from citybrain.registry import load_registry
from simulators.fleet import simulate
from simulators.storyline import load_storyline
from simulators.trace import TraceHeader, write_trace


def run(*words: str):
    return CliRunner().invoke(app, list(words))


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    registry = load_registry()
    story = load_storyline("building-fire", registry.sites)
    path = tmp_path_factory.mktemp("trace") / "fire.jsonl"
    header = TraceHeader("test", story.start, 1, story.storyline, sites=())
    write_trace(path, header, simulate(registry, story, seed=1, start=story.start, hours=4))
    return str(path)


def test_without_a_release_all_bulletins_are_drafts(trace):
    result = run("bulletins", "show", trace, "--json")
    sent = [json.loads(line) for line in result.stdout.splitlines()]
    assert {one["status"] for one in sent} == {"Draft"}
    assert "fire-rescue" in {one["scenario"] for one in sent}
    assert {one["msgType"] for one in sent} <= {"Alert", "Update"}


@pytest.mark.parametrize(
    ("language", "drill", "said"),
    [("zh", False, "已发布 解除 "), ("en", True, "exercise cancel [EXERCISE] Liandu District")],
)
def test_a_whole_chain_is_shown_in_both_languages(trace, language, drill, said):
    result = run("bulletins", "show", trace, "--released", "--lang", language, *(["--exercise"] if drill else []))
    assert result.exit_code == 0
    assert said in result.stdout


def test_every_bulletin_is_written_as_xml_and_as_json(trace, tmp_path, monkeypatch):
    monkeypatch.setenv("CITYBRAIN_SENDER", "emergency@lishui.example")
    result = run("bulletins", "export", trace, "--released", "--out", str(tmp_path / "cap"), "--lang", "en")
    assert result.exit_code == 0
    files = sorted((tmp_path / "cap").glob("*.xml"))
    assert f"{len(files)} bulletins written" in result.stderr
    assert len(files) > 3
    for path in files:
        alert = XmlParser().parse(path, Alert)
        told = json.loads(path.with_suffix(".json").read_bytes())
        assert (alert.identifier, alert.sender) == (path.stem, "emergency@lishui.example")
        assert (told["identifier"], told["sender"]) == (alert.identifier, alert.sender)


def test_a_folder_that_cannot_be_made_is_said(trace, tmp_path):
    (tmp_path / "cap").write_text("a file")
    result = run("bulletins", "export", trace, "--out", str(tmp_path / "cap"))
    assert isinstance(result.exception, MissingError)
