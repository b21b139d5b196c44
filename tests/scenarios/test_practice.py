"""Storylines held against what is expected of them, and the drills of all 13 scenarios."""

import pytest

from citybrain.alerts import State
from citybrain.errors import CatalogError
from citybrain.instants import MINUTE, parse_instant
from citybrain.model import Level, Scenario
from rules.ruleset import load_rules
from scenarios.expected import ExpectedAlert, load_expected
from scenarios.playbook import playbook_of
from scenarios.practice import Goal, Verdict, finding, practise
from scenarios.practice_report import data_of, lines
from scenarios.scripts import load_scripts
from simulators.storyline import load_storyline

START = parse_instant("2026-06-20T08:00:00+08:00")
SCENARIOS = [scenario for scenario in Scenario if scenario is not Scenario.SYSTEM]
SEEDS = (1, 2)


@pytest.fixture(scope="module")
def rules():
    return load_rules()


@pytest.fixture(scope="module")
def shipped(rules):
    return playbook_of(rules, load_scripts(rules))


@pytest.fixture(scope="module")
def run(rules, shipped):
    def of(scenario, goal, storyline, *, seed=1, expected=None):
        story = load_storyline(storyline, rules.registry.sites, metrics=rules.registry.metrics)
        expected = expected or load_expected(storyline, rules)
        return practise(scenario, goal, story, expected, rules=rules, playbook=shipped, seed=seed)

    return of


# --- One expected alert.


def wanted(**fields) -> ExpectedAlert:
    return ExpectedAlert.model_validate(
        {"rule": "fd-03", "level": "orange", "from": "10min", "until": "20min", **fields}
    )


@pytest.mark.parametrize(
    ("events", "verdict", "minute"),
    [
        pytest.param([], Verdict.MISSING, None, id="nothing"),
        pytest.param([(12, "orange")], Verdict.SEEN, 12, id="in time"),
        pytest.param([(10, "orange")], Verdict.SEEN, 10, id="at the first instant"),
        pytest.param([(20, "orange")], Verdict.SEEN, 20, id="at the last instant"),
        pytest.param([(12, "red")], Verdict.SEEN, 12, id="higher"),
        pytest.param([(12, "yellow")], Verdict.MISSING, None, id="lower"),
        pytest.param([(2, "yellow"), (12, "orange")], Verdict.SEEN, 12, id="lower first"),
        pytest.param([(9, "orange"), (12, "red")], Verdict.EARLY, 9, id="too early"),
        pytest.param([(21, "orange")], Verdict.LATE, 21, id="too late"),
    ],
)
def test_what_becomes_of_an_expected_alert(alert, events, verdict, minute):
    told = [
        alert(sequence=number + 1, level=Level(level), sent=START + at * MINUTE)
        for number, (at, level) in enumerate(events)
    ]
    found = finding(wanted(), told, start=START)
    assert (found.verdict, found.at) == (verdict, START + minute * MINUTE if minute is not None else None)


@pytest.mark.parametrize(
    ("at", "event", "verdict"),
    [
        ("hs-a", {}, Verdict.SEEN),
        ("hs-b", {}, Verdict.MISSING),
        ("331102", {}, Verdict.SEEN),
        ("331121", {}, Verdict.MISSING),
        (None, {"site": "hs-b"}, Verdict.SEEN),
        (None, {"rule": "fd-01"}, Verdict.MISSING),
        (None, {"state": State.CLEARED}, Verdict.MISSING),
    ],
)
def test_it_is_of_its_rule_at_its_place_and_open(alert, at, event, verdict):
    told = [alert(level=Level.RED, sent=START + 12 * MINUTE, **event)]
    assert finding(wanted(at=at), told, start=START).verdict is verdict


# --- Files.


def written(folder, text):
    (folder / "expected").mkdir()
    (folder / "expected" / "some.yaml").write_text(text)
    return folder


def test_a_storyline_of_which_nobody_expects_anything_has_no_file(rules, tmp_path):
    assert load_expected("some", rules, tmp_path) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("storyline: other", "some.yaml:1:1: R110"),
        ("storyline: some\nlimits: []", "some.yaml:2:1: R104"),
        ("storyline: some\nalerts:\n  - {rule: zz-01, level: red, from: 1h, until: 2h}", "some.yaml:3:6: R302"),
        ("storyline: some\nalerts:\n  - {rule: fd-03, level: red, at: hs-x, from: 1h, until: 2h}", "R110"),
        ("storyline: some\nalerts:\n  - {rule: fd-03, level: red, from: 2h, until: 2h}", "some.yaml:3:5: R1"),
        (
            "storyline: some\nzones:\n  zn-a: {kind: scenic, centre: [119, 28], radius: 1 km, until: 2h}",
            "some.yaml:3:10: R110",
        ),
    ],
    ids=["another name", "unknown field", "unknown rule", "unknown place", "no span", "no temporary zone"],
)
def test_what_is_wrong_in_a_file_is_told_at_its_place(rules, tmp_path, text, problem):
    with pytest.raises(CatalogError) as error:
        load_expected("some", rules, written(tmp_path, text))
    assert problem in str(error.value)


# --- Runs.


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_the_drill_of_a_scenario_does_as_expected(run, shipped, scenario, seed):
    drill = shipped.scripts.scripts[scenario].drill
    reached = run(scenario, Goal.REACHES, drill.reaches, seed=seed)
    assert [(one.expected.rule, one.verdict) for one in reached.findings if one.verdict is not Verdict.SEEN] == []
    assert reached.findings
    assert reached.highest is Level.RED  # Every scenario has a rule that reaches red.
    quiet = run(scenario, Goal.QUIET, drill.quiet, seed=seed)
    assert [(alarm.rule, alarm.subject) for alarm in quiet.surplus] == []
    assert (quiet.highest, quiet.records > 500) == (None, True)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_drill_expects_red_of_a_rule_of_the_scenario(rules, shipped, scenario):
    script = shipped.scripts.scripts[scenario]
    expected = load_expected(script.drill.reaches, rules)
    assert any(one.level is Level.RED and one.rule in script.rules for one in expected.alerts)


def test_no_two_scenarios_have_a_storyline_of_their_drills_in_common(shipped):
    drills = [script.drill for script in shipped.scripts.scripts.values()]
    named = [name for drill in drills for name in (drill.reaches, drill.quiet)]
    assert len(set(named)) == len(named) == 26


def test_a_scenario_that_is_to_stay_quiet_and_does_not_is_not_met(run):
    found = run(Scenario.TOURISM_SAFETY_CONTROL, Goal.QUIET, "crush-at-xiandu")
    assert not found.is_met
    assert {alarm.rule for alarm in found.surplus} == {"ts-01", "ts-02", "ts-04"}
    assert found.findings == ()


def test_what_is_missing_and_what_is_surplus_is_told(run, rules):
    expected = load_expected("tea-frost", rules)
    alerts = (expected.alerts[0], wanted(rule="ad-05"))
    scenario = Scenario.AGRICULTURAL_DISASTER_RESPONSE
    found = run(scenario, Goal.REACHES, "tea-frost", expected=expected.model_copy(update={"alerts": alerts}))
    assert [one.verdict for one in found.findings] == [Verdict.SEEN, Verdict.MISSING]
    assert not found.is_met
    assert {(alarm.rule, alarm.subject) for alarm in found.surplus} > {("ad-01", "ws-tea-sandu")}
    assert ("ad-01", "ws-tea-huiming") not in {(alarm.rule, alarm.subject) for alarm in found.surplus}
    for language, missing in (("zh", "✗ 未出现  橙Ⅱ  ad-05"), ("en", "✗ missing  orange Ⅱ  ad-05")):
        text = "\n".join(lines(found, rules.registry, language))
        assert missing in text
        assert text.count("ad-02") == 4
    data = data_of(found)
    assert (data["met"], data["highest"], data["goal"]) == (False, "red", "reaches")
    assert [one["verdict"] for one in data["expected"]] == ["seen", "missing"]
    assert data["expected"][1]["came"] is None


def test_alarms_of_other_scenarios_are_counted_only(run):
    found = run(Scenario.POLICE_INCIDENT_RESPONSE, Goal.REACHES, "gas-wind-turns")
    assert found.is_met
    assert found.surplus == ()
    assert found.others > 5


def test_the_same_seed_gives_the_same_run(run):
    first, second = (run(Scenario.DISEASE_CONTROL, Goal.REACHES, "chlorine-fails", seed=5) for _ in range(2))
    assert data_of(first) == data_of(second)
