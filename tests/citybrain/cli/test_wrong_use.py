"""What a user gets wrong ends in one message and an exit code, and what an author wrote is printed as written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from citybrain.cli.console import out
from citybrain.cli.rules import _print_result
from rules.trial import TrialResult

ROOT = Path(__file__).resolve().parents[3]
SIMULATE = ["simulate", "--hours", "0.01", "--out"]
NO_HOST = {"CITYBRAIN_METRICS_HOST": "nothere.invalid"}


def run(folder: Path, arguments: list[str], **variables: str) -> tuple[int, str]:
    """Run the command in a folder; return its exit code and all that it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CITYBRAIN_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **variables}
    command = [sys.executable, "-m", "citybrain.cli", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "message"),
    [
        pytest.param(
            [*SIMULATE, "/nothere/x.jsonl"], {}, 3, "cannot write /nothere/x.jsonl: No such file", id="no-folder"
        ),
        pytest.param([*SIMULATE, "x.jsonl", "--start", "9999-12-31T00:00:00Z"], {}, 2, "--start: 9999", id="far-start"),
        pytest.param(["topics", "list"], {"CITYBRAIN_CONFIG": "torn.toml"}, 2, "torn.toml: ", id="torn-toml"),
        pytest.param(["topics", "list"], {"CITYBRAIN_CONFIG": "torn.toml"}, 2, "line 2", id="torn-toml-line"),
        pytest.param(["topics", "list"], {"CITYBRAIN_CONFIG": "no.toml"}, 2, "cannot read no.toml", id="no-toml"),
        pytest.param(["doctor"], NO_HOST, 1, "nothere.invalid: ", id="unknown-host"),
        pytest.param(["topics", "list"], {}, 0, "citybrain.feeds.hydrology", id="whole-topics"),
        pytest.param(["rules", "list"], {}, 0, "tourism-safety-control", id="whole-rules"),
    ],
)
def test_one_message_and_its_exit_code(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], code: int, message: str
) -> None:
    (tmp_path / "torn.toml").write_text('lang = "en"\nprefix = \n', encoding="utf-8")
    found, text = run(tmp_path, arguments, **variables)
    assert "Traceback" not in text
    assert (found, message in text) == (code, True), text
    assert not arguments[1:] or arguments[1] != "list" or "…" not in text, text


@pytest.mark.parametrize("name", ["rises [/red] boom", "root:x:0"])
def test_a_test_is_printed_as_its_author_named_it(name: str) -> None:
    with out.capture() as captured:
        _print_result(TrialResult("rule", name, ()), "en", as_json=False)
    assert name in captured.get()
