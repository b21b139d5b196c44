"""`citybrain rules check`: what it says of rules that are right."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from citybrain.cli.main import app

WORDS = {"zh": "某", "en": "Something."}
RULE = {
    "id": "aa-01",
    "type": "threshold",
    "name": WORDS,
    "hazard": "smoke",
    "where": {"kind": ["air-station"]},
    "at_least": {"blue": "30 µg/m3"},
    "source": ["a test [E]"],
    "cause": WORDS,
    "consequence": WORDS,
    "action": WORDS,
    "respond_within": "1h",
    "false_positives": WORDS,
}
PLAIN = {"metric": "pm25_1h"}
PAST = {**PLAIN, "minus": {"own": "median", "over": "3d", "at": "same_hour"}}


@pytest.mark.parametrize(
    ("measure", "lang", "waits"),
    [
        pytest.param(PLAIN, "en", None, id="without a history"),
        pytest.param(PAST, "en", "aa-01 arms itself at a site once it has 1d12h of data there", id="with one"),
        pytest.param(PAST, "zh", "aa-01 需在站点积累 1d12h 数据后方可生效", id="with one, in Chinese"),
    ],
)
def test_it_names_the_rules_that_wait_for_their_history(tmp_path: Path, measure, lang, waits) -> None:
    path = tmp_path / "rule.yaml"
    rules = {"scenario": "ecological-protection", "rules": [{**RULE, "measure": measure}]}
    path.write_text(json.dumps(rules, ensure_ascii=False), encoding="utf-8")
    result = CliRunner().invoke(app, ["rules", "check", str(path), "--lang", lang], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert (waits in said) if waits else ("aa-01" not in said)
