"""Scripts of tests/data/scenarios, as those of rules: `*.good.yaml` has no problem, `*.bad.yaml` those expected."""

import re
from pathlib import Path

import pytest

from citybrain.errors import CatalogError
from citybrain.i18n import messages
from citybrain.instants import HOUR
from citybrain.model import Level, Scenario
from rules.ruleset import load_rules
from scenarios.playbook import playbook_of
from scenarios.script_check import unscripted
from scenarios.scripts import COMMON, SHIPPED_SCRIPTS, load_scripts, read_scripts, without_drill

DATA = Path(__file__).parents[1] / "data" / "scenarios"
GOOD = sorted(DATA.glob("*.good.yaml"))
BAD = sorted(DATA.glob("*.bad.yaml"))
# These have tests of their own below: they need a folder, a common file, or are warnings.
BELOW = {"R300", "R307", "R308", "R309", "R310", "R315", "R317"}


def named(path: Path) -> str:
    return path.name.partition(".")[0]


def expected_of(path: Path) -> list[tuple[str, str]]:
    lines = path.with_suffix("").with_suffix(".bad.expected").read_text("utf-8").splitlines()
    parts = [re.fullmatch(r"(\d+:\d+: R\d+) ?(.*)", line) for line in lines]
    assert all(parts), "each line is `line:column: CODE text`"
    return [(part[1], part[2]) for part in parts if part is not None]


@pytest.fixture(scope="module")
def rules():
    return load_rules()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a copy of the shipped folder that a test may spoil."""
    copy = tmp_path / "catalog"
    copy.mkdir()
    for path in SHIPPED_SCRIPTS.glob("*.yaml"):
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.parametrize("path", GOOD, ids=named)
def test_a_good_script_has_no_problem(rules, path):
    scripts, problems = read_scripts(path, rules)
    assert [problem.line_of_report("en") for problem in problems] == []
    assert scripts is not None


@pytest.mark.parametrize("path", BAD, ids=named)
def test_a_bad_script_has_the_problems_it_should_have(rules, path):
    scripts, problems = read_scripts(path, rules)
    assert scripts is None
    expected = expected_of(path)
    assert [f"{one.line}:{one.column}: {one.code}" for one in problems] == [place for place, _ in expected]
    for problem, (_, text) in zip(problems, expected, strict=True):
        assert text in problem.text("en")
        assert re.search("[一-鿿]", problem.text("zh"))


def test_every_code_of_scripts_has_a_test():
    codes = {key.split(".")[1] for key in messages("en") if key.startswith("problem.R3")}
    shown = {place.split()[1] for path in BAD for place, _ in expected_of(path)}
    assert codes == {code for code in shown if code.startswith("R3")} | BELOW


def test_the_units_of_the_city_are_all_there(rules):
    # The 15 units of the document, and the two that own data.
    assert len(load_scripts(rules).common.units) == 17


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        pytest.param("fire-rescue.yaml", "scenario: fire-rescue", "scenario: disease-control", "R300", id="file name"),
        pytest.param(COMMON, 'county: "331121"', 'county: "331120"', "R307", id="county of a depot"),
        pytest.param(COMMON, "[120.290, 28.139]", "[119.290, 28.139]", "R317", id="position of a depot"),
        pytest.param(COMMON, "id: dp-qingtian", "id: dp-liandu", "R121", id="depot twice"),
        pytest.param(COMMON, "      sandbags, pumps,", "      sandbag, pumps,", "R304", id="resource of a depot"),
        pytest.param(COMMON, "  foam:", "  snow: {name: {zh: 雪, en: Snow}}\n  foam:", "R310", id="held nowhere"),
        pytest.param(COMMON, "id: verify", "id: on-duty", "R305", id="step twice in the ladder"),
        pytest.param(COMMON, "within: 15min", "within: 15min\n      hazards: [flood]", "R306", id="hazard there"),
    ],
)
def test_a_folder_with_a_fault_is_refused(rules, folder, name, old, new, code):
    spoil(folder / name, old, new)
    scripts, problems = read_scripts(folder, rules)
    assert scripts is None
    found = [problem for problem in problems if problem.code == code]
    assert found
    assert found[0].path == folder / name
    line = (folder / name).read_text("utf-8").splitlines()[found[0].line - 1]
    assert any(written.strip() in line for written in new.split("\n"))
    with pytest.raises(CatalogError, match=code):
        load_scripts(rules, folder)


def test_a_folder_needs_its_common_file_and_a_script(rules, folder):
    for path in folder.glob("*-*.yaml"):
        path.unlink()
    assert [problem.code for problem in read_scripts(folder, rules)[1]] == ["R120"]
    (folder / COMMON).unlink()
    assert [problem.code for problem in read_scripts(folder, rules)[1]] == ["R100"]


def test_all_faults_of_all_files_are_told_at_once(rules, folder):
    spoil(folder / COMMON, 'county: "331121"', 'county: "331120"')
    spoil(folder / "fire-rescue.yaml", "lead: fire-rescue", "lead: fire")
    spoil(folder / "flood-drought-command.yaml", "purpose:", "purposes:")
    assert {problem.path.name for problem in read_scripts(folder, rules)[1]} == {
        COMMON,
        "fire-rescue.yaml",
        "flood-drought-command.yaml",
    }


def test_a_rule_without_a_script_is_a_fault_at_its_place(rules, folder):
    (folder / "fire-rescue.yaml").unlink()
    spoil(folder / "flood-drought-command.yaml", "fd-03, ", "")
    scripts, _ = read_scripts(folder, rules)
    told = {(problem.code, problem.values["rule"]): problem for problem in unscripted(scripts.scripts, rules)}
    of_fire = {("R308", one.rule.id) for one in rules.in_force if one.rule.scenario is Scenario.FIRE_RESCUE}
    assert set(told) == {*of_fire, ("R309", "fd-03")}
    fault = told["R309", "fd-03"]
    checked = rules.rules["fd-03"]
    assert fault.path == checked.path
    assert fault.line == checked.problem("R308").line
    assert fault.text("en") == "“fd-03” is not among the rules that the script of flood-drought-command names"


def test_a_script_without_a_drill_is_to_do(rules, folder):
    path = folder / "fire-rescue.yaml"
    before = {problem.path.name for problem in without_drill(read_scripts(folder, rules)[0])}
    spoil(path, "drill: {reaches: building-fire, quiet: busy-kitchen}\n", "")
    found = list(without_drill(read_scripts(folder, rules)[0]))
    assert {problem.path.name for problem in found} == {*before, path.name}
    assert path.name not in before
    assert {problem.code for problem in found} == {"R315"}


def test_a_drill_may_name_storylines_of_another_folder(rules, folder, tmp_path):
    stories = tmp_path / "storylines"
    stories.mkdir()
    path = folder / "fire-rescue.yaml"
    assert {problem.code for problem in read_scripts(path, rules, stories)[1]} == {"R314"}
    for name in ("building-fire", "busy-kitchen"):
        (stories / f"{name}.yaml").touch()
    assert read_scripts(path, rules, stories)[1] == []


def test_the_hash_follows_from_all_that_scripts_say(rules, folder):
    first = load_scripts(rules, folder).catalog
    assert first == load_scripts(rules).catalog
    spoil(folder / COMMON, "within: 15min", "within: 16min")
    second = load_scripts(rules, folder).catalog
    spoil(folder / "fire-rescue.yaml", "within: 5min", "within: 6min")
    assert len({first, second, load_scripts(rules, folder).catalog}) == 3


def test_a_playbook_knows_the_hazard_of_each_rule(rules):
    playbook = playbook_of(rules, load_scripts(rules))
    assert playbook.hazard_of("fd-03") == "flood"
    assert playbook.hazard_of("zz-99") == "other"
    assert playbook.inhibitions == rules.inhibitions()


def test_a_scripts_own_times_come_before_those_of_all(playbook):
    scripts = playbook.scripts
    assert scripts.escalate_after(Scenario.FIRE_RESCUE, Level.RED) == 180_000
    assert scripts.escalate_after(Scenario.FLOOD_DROUGHT_COMMAND, Level.RED) == 600_000
    assert scripts.escalate_after(Scenario.DISEASE_CONTROL, Level.ORANGE) == 1_200_000
    assert scripts.escalate_after(Scenario.FIRE_RESCUE, Level.YELLOW) is None
    assert scripts.end_after(Scenario.FIRE_RESCUE) == 2 * HOUR
    assert scripts.end_after(Scenario.FLOOD_DROUGHT_COMMAND) == 1 * HOUR
    assert scripts.end_after(Scenario.DISEASE_CONTROL) == 1 * HOUR
