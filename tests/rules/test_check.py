"""Rule files of tests/data/rules: `*.good.yaml` has no problem, `*.bad.yaml` those of `*.bad.expected`, no other.

A line of an expected file is `line:column: CODE`, and behind it, where it matters, a piece of the English text.
"""

import re
from pathlib import Path

import pytest

from citybrain.i18n import LANGUAGES, messages
from citybrain.problems import Problem
from citybrain.registry import COUNTY

DATA = Path(__file__).parents[1] / "data" / "rules"
GOOD = sorted(DATA.glob("*.good.yaml"))
BAD = sorted(DATA.glob("*.bad.yaml"))
# R100, R12x and R230 to R235 are about files and catalogs (tests/citybrain), R216 about a folder (below), R280 about a
# map of a table (tests/simulators/test_importing.py), R300 to R317 about scripts (tests/scenarios/test_scripts.py).
# R250, R268 and R269 are warnings (test_lint.py, test_status.py), and R253 needs a whole folder (test_inhibition).
ELSEWHERE = {
    "R100",
    "R120",
    "R121",
    "R122",
    "R123",
    "R124",
    "R125",
    "R126",
    "R216",
    "R230",
    "R231",
    "R232",
    "R233",
    "R234",
    "R235",
    "R280",
    "R250",
    "R253",
    "R268",
    "R269",
    *(f"R{number}" for number in range(300, 318)),
}


def named(path: Path) -> str:
    return path.name.partition(".")[0]


def expected_of(path: Path) -> list[tuple[str, str]]:
    lines = path.with_suffix("").with_suffix(".bad.expected").read_text("utf-8").splitlines()
    parts = [re.fullmatch(r"(\d+:\d+: R\d+) ?(.*)", line) for line in lines]
    assert all(parts), "each line is `line:column: CODE text`"
    return [(part[1], part[2]) for part in parts if part is not None]


@pytest.mark.parametrize("path", GOOD, ids=named)
def test_a_good_file_has_no_problem(city, read_set, path):
    rules, problems = read_set(city, path)
    assert [problem.line_of_report("en") for problem in problems] == []
    assert rules is not None


@pytest.mark.parametrize("path", BAD, ids=named)
def test_a_bad_file_has_the_problems_it_should_have(city, read_set, path):
    rules, problems = read_set(city, path)
    assert rules is None
    expected = expected_of(path)
    assert [f"{one.line}:{one.column}: {one.code}" for one in problems] == [place for place, _ in expected]
    for problem, (_, text) in zip(problems, expected, strict=True):
        assert text in problem.text("en")


@pytest.mark.parametrize("path", BAD, ids=named)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_problem_is_told_in_both_languages(city, read_set, path, language):
    for problem in read_set(city, path)[1]:
        line = problem.line_of_report(language)
        assert line.startswith(f"{path}:{problem.line}:{problem.column}: {problem.code} ")
        assert not re.search(r"\{\w*\}", line.replace("{{", "")) or "{" in str(problem.values)


def test_every_code_has_a_bad_file():
    codes = {key.split(".")[1] for key in messages("en") if key.startswith("problem.")}
    shown = {place.split()[1] for path in BAD for place, _ in expected_of(path)}
    assert codes == shown | ELSEWHERE


@pytest.mark.parametrize("path", [*GOOD, *BAD], ids=lambda path: path.name)
def test_the_place_of_a_problem_is_in_the_file(city, read_set, path):
    lines = path.read_text("utf-8").splitlines()
    for problem in read_set(city, path)[1]:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


@pytest.mark.parametrize(("folder", "is_right"), [("fire-rescue", False), ("flood-drought-command", True)])
def test_a_file_lies_in_the_folder_of_its_scenario(city, read_set, tmp_path, folder, is_right):
    place = tmp_path / "catalog" / folder / "some.yaml"
    place.parent.mkdir(parents=True)
    place.write_bytes((DATA / "other-types.good.yaml").read_bytes())
    codes = [problem.code for problem in read_set(city, place)[1]]
    assert codes == ([] if is_right else ["R216"])


def test_a_folder_without_rules_is_a_problem(city, read_set, tmp_path):
    assert [problem.code for problem in read_set(city, tmp_path)[1]] == ["R120"]


def test_a_rule_id_may_not_stand_in_two_files(city, read_set, tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_bytes((DATA / "threshold.good.yaml").read_bytes())
    (problem,) = read_set(city, tmp_path)[1]
    assert (problem.code, problem.path) == ("R215", tmp_path / "b.yaml")
    assert str(tmp_path / "a.yaml") in problem.text("en")


def test_an_unknown_name_of_no_likeness_has_no_hint(tmp_path):
    problem = Problem(tmp_path, 1, 1, "R201", {"key": "zzz", "hint": ""})
    assert problem.text("en") == "no feed declares the metric “zzz”"
    assert "？" not in problem.text("zh")


def test_a_zone_that_is_no_county_is_no_county(city, rules_of, rule):
    assert city.zones["zn-scenic"].kind != COUNTY
    with pytest.raises(AssertionError, match="R205"):
        rules_of(rule(where={"county": ["zn-scenic"]}))


def test_the_catalog_hash_changes_with_everything_that_is_quoted(rules_of, rule):
    hashes = [
        rules_of(rule()).catalog,
        rules_of(rule(), scenario="fire-rescue").catalog,
        rules_of(rule(cause={"zh": "另", "en": "Another."})).catalog,
        rules_of(rule(at_least={"blue": "5 m"})).catalog,
    ]
    assert len(set(hashes)) == len(hashes)
    assert rules_of(rule()).catalog == hashes[0]


def test_the_fingerprint_changes_only_with_what_decides(rules_of, rule):
    def fingerprint(**fields):
        return rules_of(rule(**fields)).rules["aa-01"].rule.fingerprint

    assert fingerprint(cause={"zh": "另", "en": "Another."}) == fingerprint()
    for fields in ({"at_least": {"blue": "5 m"}}, {"for_": "1min"}, {"keep_firing_for": "1min"}, {"urgent": True}):
        assert fingerprint(**fields) != fingerprint()


TWO = {"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}}
LIMITS = [{"measure": "stage", "at_least": {"red": "9 m"}}]
FENCE = {"type": "geofence", "measure": None, "where": {"kind": ["boat"]}, "inside": {"zone": "dam"}}
SILENCE = {"type": "no_data", "measure": None}


def trial(**fields):
    return {"tests": [{"name": "quiet", "site": "hs-a", "expect": [], **fields}]}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(
            {"measure": None, "measures": TWO, "limits": LIMITS, "at_least": {"blue": "4 m"}},
            id="a limit beside `limits`",
        ),
        pytest.param({"measures": {"flow": {"metric": "inflow"}}}, id="`measures` beside `measure`"),
        pytest.param({"measure": {"metric": "stage", "edition": "2026"}}, id="an edition of a metric"),
        pytest.param({**SILENCE, "silent_for": {"blue": "3h", "yellow": "60min"}}, id="silences in the wrong order"),
        pytest.param({**SILENCE, "silent_for": {"blue": "0 periods"}}, id="no silence at all"),
        pytest.param({**FENCE, "dwell": {"yellow": "5min", "orange": "2min"}}, id="dwell times in the wrong order"),
        pytest.param({"deadband": "-1 m"}, id="a deadband on the bad side"),
        pytest.param({"at_least": {"blue": {"site": "warning_stage", "times": float("nan")}}}, id="times nan"),
        pytest.param({"where": {"attribute": {"raech": ["upper"]}}}, id="an attribute that no kind has"),
        pytest.param({"where": {"kind": ["rain-gauge"]}}, id="a metric that the kind does not measure"),
        pytest.param(trial(values={"stge": "9*9"}), id="a test of an unknown metric"),
        pytest.param(trial(values={"stage": "4 m"}), id="a test series that cannot be read"),
        pytest.param(trial(positions=[[119.4, 28.1]]), id="a test whose positions have no values"),
    ],
)
def test_what_has_no_effect_is_not_taken_without_a_word(rules_of, rule, fields):
    # An author who writes this believes that it does something.
    with pytest.raises(AssertionError, match=r"R\d\d\d"):
        rules_of(rule(**fields))
