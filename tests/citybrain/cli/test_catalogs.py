"""`citybrain rules publish`: what it refuses, before it asks any broker. What it publishes is in tests/streams."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from citybrain.cli.main import app
from citybrain.errors import CatalogError, UsageError
from scenarios.published import Folders, gather

SCRIPT = Path("scenarios") / "flood-drought-command.yaml"
RIVER = Path("rules") / "flood-drought-command" / "river.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in gather(Folders()).texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        pytest.param(RIVER, "deadband: 0.1 m", "deadbanb: 0.1 m", "river.yaml:19:9: R104", id="a-rule"),
        pytest.param(SCRIPT, "\nlead: ", "\nlead: no-", "R301", id="a-script"),
        pytest.param(RIVER, "id: fd-03\n", "id: fd-03x\n", "R302", id="a-script-that-names-no-rule"),
        pytest.param(SCRIPT, " fd-03,", "", "R309", id="a-rule-that-no-script-names"),
    ],
)
def test_what_does_not_check_is_not_published(folder: Path, file: Path, old: str, new: str, said: str):
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), "utf-8")
    arguments = ["rules", "publish", "--catalog", str(folder), "--by", "duty-07", "--broker", "127.0.0.1:1"]
    result = CliRunner().invoke(app, [*arguments, "--lang", "en"])
    assert isinstance(result.exception, CatalogError)
    assert result.exception.exit_code == 4
    assert said in result.output.replace("\n", "")


def test_only_an_account_publishes():
    result = CliRunner().invoke(app, ["rules", "publish", "--by", "Zhang", "--broker", "127.0.0.1:1"])
    assert isinstance(result.exception, UsageError)
    assert "--by" in str(result.exception)
