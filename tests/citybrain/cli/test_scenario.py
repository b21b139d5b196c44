"""`citybrain scenario` and `citybrain incidents`: what they print, and how they end."""

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from citybrain.alerts import Tier
from citybrain.cli.main import app
from citybrain.errors import CatalogError, MissingError, UsageError
from citybrain.model import Scenario
from citybrain.registry import SHIPPED
from rules.ruleset import SHIPPED_RULES, load_rules
from scenarios.scripts import SHIPPED_SCRIPTS
from scenarios.states import INCIDENTS
from simulators.fleet import simulate
from simulators.storyline import SHIPPED as SHIPPED_STORYLINES
from simulators.storyline import load_storyline
from simulators.trace import TraceHeader, write_trace


def run(*words: str):
    return CliRunner().invoke(app, list(words))


def lines(*words: str) -> list:
    return [json.loads(line) for line in run(*words, "--json").stdout.splitlines()]


def test_the_list_has_all_scenarios_with_a_script_or_without():
    text = run("scenario", "list", "--lang", "zh").stdout
    assert all(scenario.value in text for scenario in Scenario if scenario is not Scenario.SYSTEM)
    assert "system" not in text
    assert "市消防支队" in text
    assert {one["id"]: one["lead"] for one in lines("scenario", "list")}["fire-rescue"] == "fire-rescue"


@pytest.mark.parametrize(("language", "words"), [("zh", "设置300米警戒区"), ("en", "Cordon off 300 m")])
def test_a_script_is_shown_with_all_its_steps(language, words):
    text = run("scenario", "show", "fire-rescue", "--lang", language).stdout
    assert f"≤ 20min  {words}" in text
    (shown,) = lines("scenario", "show", "fire-rescue")
    # Those of the ladder stand before its own.
    blue = [step["id"] for step in shown["steps"]["blue"]]
    assert (blue[0], blue[-1]) == ("on-duty", "owner-call")


def test_a_scenario_without_a_script_is_a_wrong_use():
    result = run("scenario", "show", "no-such")
    assert isinstance(result.exception, UsageError)
    assert "fire-rescue" in str(result.exception)


def test_the_check_passes_and_there_is_nothing_to_do():
    result = run("scenario", "check", "--lang", "en")
    assert result.exit_code == 0
    assert "13 scripts, no problem" in result.stderr
    assert result.stdout == ""


def test_the_check_of_a_folder_finds_the_rules_that_no_script_names(tmp_path):
    for name in ("common.yaml", "fire-rescue.yaml"):
        (tmp_path / name).write_bytes((SHIPPED_SCRIPTS / name).read_bytes())
    result = run("scenario", "check", str(tmp_path), "--lang", "zh")
    assert result.exit_code == 1
    assert ": R308 “fd-03”产生 flood-drought-command 的告警，但该场景没有预案" in result.stdout
    assert "fr-01" not in result.stdout


def test_the_check_of_one_script_tells_its_faults(tmp_path):
    path = tmp_path / "fire.yaml"
    text = (SHIPPED_SCRIPTS / "fire-rescue.yaml").read_text("utf-8")
    path.write_text(text.replace("lead: fire", "lead: fir"), "utf-8")
    result = run("scenario", "check", str(path), "--lang", "en")
    assert result.exit_code == 1
    assert result.stdout == f"{path}:10:1: R301 there is no unit “fir-rescue”; did you mean “fire-rescue”?\n"
    assert isinstance(run("scenario", "check", str(tmp_path / "none.yaml")).exception, UsageError)


def catalog_of(folder: Path) -> Path:
    """Return a catalog of its own, without scripts."""
    (folder / "rules").symlink_to(SHIPPED_RULES)
    for name in ("feeds", "sites", "zones", "zone-kinds.yaml", "rivers.yaml", "holidays.yaml"):
        (folder / name).symlink_to(Path("citybrain/catalog").resolve() / name)
    return folder


def test_a_catalog_may_have_scripts_of_its_own(tmp_path):
    catalog = catalog_of(tmp_path)
    assert len(lines("scenario", "list", "--catalog", str(catalog))) >= 2
    scripts = catalog / "scenarios"
    scripts.mkdir()
    for name in ("common.yaml", "fire-rescue.yaml"):
        (scripts / name).write_bytes((SHIPPED_SCRIPTS / name).read_bytes())
    assert [one["id"] for one in lines("scenario", "list", "--catalog", str(catalog))] == ["fire-rescue"]
    (scripts / "common.yaml").write_text("", "utf-8")
    result = run("scenario", "list", "--catalog", str(catalog))
    assert isinstance(result.exception, CatalogError)
    assert "R102" in str(result.exception)


@pytest.fixture(scope="module")
def trace(tmp_path_factory) -> Path:
    rules = load_rules()
    story = load_storyline("first-light", rules.registry.sites)
    path = tmp_path_factory.mktemp("trace") / "trace.jsonl"
    records = simulate(rules.registry, story, seed=7, start=story.start, hours=2)
    write_trace(path, TraceHeader("0", story.start), records)
    return path


def test_the_incidents_of_a_trace_are_printed_with_their_checklists(trace):
    found = [INCIDENTS.validate_python(one) for one in lines("incidents", "replay", str(trace))]
    assert len({one.key for one in found}) == len(found)
    flood = [one for one in found if one.scenario is Scenario.FLOOD_DROUGHT_COMMAND]
    assert flood
    assert all({"on-duty", "gates-pumps"} <= {item.step for item in one.checklist} for one in flood)
    text = run("incidents", "replay", str(trace), "--lang", "zh").stdout
    members = text.count("成员事件  防汛抗旱指挥")
    assert text.count("防汛抗旱指挥") == len(flood) + members
    assert members == sum(one.id in other.members for one in flood for other in found) > 0
    assert text.count("应急单兵") == sum(brief.tier is Tier.RESPONDER for one in found for brief in one.briefs) > 0
    assert text.count("☐") == sum(len(one.checklist) for one in found)


def test_a_replay_gives_the_same_incidents_again(trace):
    first, second = (run("incidents", "replay", str(trace), "--json").stdout for _ in range(2))
    assert first == second


# --- `scenario run`.


@pytest.fixture
def own_catalog(tmp_path) -> Path:
    """Return a copy of the shipped catalog with storylines of its own."""
    for name, source in (("rules", SHIPPED_RULES), ("scenarios", SHIPPED_SCRIPTS), ("storylines", SHIPPED_STORYLINES)):
        shutil.copytree(source, tmp_path / name)
    shutil.copytree(SHIPPED, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_drill_that_does_as_expected_is_told_in_both_languages():
    for language, words in (("zh", "情景全部达到预期：2"), ("en", "all storylines did as expected: 2")):
        result = run("scenario", "run", "disease-control", "--lang", language)
        assert result.exit_code == 0
        assert words in result.stderr
        assert "chlorine-fails" in result.stdout
        assert "✗" not in result.stdout


def test_a_drill_is_told_as_json():
    found = lines("scenario", "run", "disease-control", "food-safety-incident", "--seed", "2")
    assert [(one["storyline"], one["met"]) for one in found] == [
        ("chlorine-fails", True),
        ("chlorine-low", True),
        ("canteen-power-cut", True),
        ("defrosting", True),
    ]


def test_an_alert_that_does_not_come_ends_the_run_with_code_1(own_catalog):
    path = own_catalog / "storylines" / "expected" / "chlorine-fails.yaml"
    path.write_text(path.read_text().replace("from: 3h, until: 4h", "from: 1h, until: 2h"))
    result = run("scenario", "run", "disease-control", "--catalog", str(own_catalog), "--lang", "en")
    assert result.exit_code == 1
    assert "✗ late  red Ⅰ  dc-01" in result.stdout
    assert "storylines that did not do as expected: 1" in result.stderr


def test_a_drill_that_nobody_wrote_is_missing(own_catalog):
    (own_catalog / "storylines" / "expected" / "chlorine-fails.yaml").unlink()
    result = run("scenario", "run", "disease-control", "--catalog", str(own_catalog))
    assert isinstance(result.exception, MissingError)
    assert "expected/chlorine-fails.yaml" in str(result.exception)
    path = own_catalog / "scenarios" / "disease-control.yaml"
    path.write_text(re.sub("(?m)^drill:.*\n", "", path.read_text()))
    result = run("scenario", "run", "disease-control", "--catalog", str(own_catalog))
    assert isinstance(result.exception, MissingError)
    assert "disease-control" in str(result.exception)


def test_a_scenario_that_nobody_knows_is_a_wrong_use():
    assert isinstance(run("scenario", "run", "no-such").exception, UsageError)
