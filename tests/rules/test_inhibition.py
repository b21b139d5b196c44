"""Which alerts are inhibited by which: gauges A and B lie in one county, C in another."""

from dataclasses import replace

import pytest

from citybrain.alerts import State
from citybrain.model import Level, Status
from rules.inhibition import Inhibition, Within, inhibited
from rules.ruleset import read_rules

YELLOW = Inhibition("bb-01", Level.YELLOW, Within.COUNTY)


@pytest.fixture
def alert(rig, rule):
    """Return what gives the last event of an open alert of a rule at a site; its identifier is `rule/site`."""
    driven = rig(rule(where={}))
    for site in ("hs-a", "hs-b", "hs-c"):
        driven.send(0, 9.0, site=site)
    by_site = {event.subject.site: event for event in driven.events}

    def make(rule_id, site, level=Level.BLUE, **fields):
        event = by_site[site]
        reference = replace(event.rule, id=rule_id)
        return replace(event, rule=reference, identifier=f"{rule_id}/{site}", level=level, **fields)

    return make


@pytest.mark.parametrize(
    ("source", "target", "inhibition", "is_marked"),
    [
        pytest.param({}, {}, YELLOW, True, id="in the same county"),
        pytest.param({"site": "hs-c"}, {}, YELLOW, False, id="in another county"),
        pytest.param({}, {"level": Level.YELLOW}, YELLOW, True, id="at the level"),
        pytest.param({}, {"level": Level.ORANGE}, YELLOW, False, id="above it"),
        pytest.param({}, {}, replace(YELLOW, within=Within.SITE), False, id="at another site"),
        pytest.param({"site": "hs-b"}, {}, replace(YELLOW, within=Within.SITE), True, id="at the same site"),
        pytest.param({}, {}, replace(YELLOW, rule="cc-01"), False, id="of a rule that is not named"),
        pytest.param({"state": State.CLEARED}, {}, YELLOW, False, id="by one that is cleared"),
        pytest.param({}, {"state": State.CLEARED}, YELLOW, False, id="when it is cleared"),
        pytest.param({"state": State.RECOVERING}, {}, YELLOW, True, id="by one that recovers"),
        pytest.param({"no_data": True}, {}, YELLOW, True, id="by one without data"),
        pytest.param({"trial": True}, {}, YELLOW, False, id="by one on trial"),
        pytest.param({"trial": True}, {"trial": True}, YELLOW, True, id="both on trial"),
        pytest.param({}, {"trial": True}, YELLOW, True, id="when it is on trial"),
        pytest.param({"status": Status.EXERCISE}, {}, YELLOW, False, id="by one of a drill"),
    ],
)
def test_an_alert_is_marked(alert, source, target, inhibition, is_marked):
    events = [alert("aa-01", **{"site": "hs-a", **source}), alert("bb-01", **{"site": "hs-b", **target})]
    found = inhibited(events, {"aa-01": (inhibition,)})
    assert found == ({"bb-01/hs-b": (events[0].identifier,)} if is_marked else {})


def test_all_that_inhibit_are_named_and_an_inhibited_alert_inhibits_still(alert):
    events = [alert("aa-01", "hs-b"), alert("aa-01", "hs-a"), alert("bb-01", "hs-b"), alert("cc-01", "hs-a")]
    inhibitions = {"aa-01": (YELLOW, YELLOW), "bb-01": (replace(YELLOW, rule="cc-01"),)}
    assert inhibited(reversed(events), inhibitions) == {
        "bb-01/hs-b": ("aa-01/hs-a", "aa-01/hs-b"),
        "cc-01/hs-a": ("bb-01/hs-b",),
    }


def test_events_are_sent_whoever_inhibits_them(rig, rule):
    driven = rig(rule(id="aa-01", inhibits=[{"rule": "bb-01", "level": "red"}]), rule(id="bb-01"))
    driven.series("4")
    assert [event.rule.id for event in driven.events] == ["aa-01", "bb-01"]
    events = driven.events
    assert inhibited(events, driven.engine._rules.inhibitions()) == {events[1].identifier: (events[0].identifier,)}


def test_a_draft_inhibits_nothing(rules_of, rule):
    inhibits = [{"rule": "bb-01", "level": "red"}]
    assert rules_of(rule(status="draft", inhibits=inhibits), rule(id="bb-01")).inhibitions() == {}


TEXT = """scenario: {scenario}
rules:
  - id: {id}
    type: threshold
    name: {{zh: 某, en: Something}}
    hazard: flood
    where: {{site: [hs-a]}}
    measure: {{metric: stage}}
    at_least: {{blue: 4 m}}
    inhibits: [{inhibits}]
    source: ["a test [E]"]
    cause: {{zh: 某, en: Something.}}
    consequence: {{zh: 某, en: Something.}}
    action: {{zh: 某, en: Something.}}
    respond_within: 10min
    false_positives: {{zh: 某, en: Something.}}
"""


@pytest.mark.parametrize(
    ("read", "named", "codes"),
    [
        pytest.param(".", "bb-01", [], id="in another file"),
        pytest.param(".", "bb-02", ["R253"], id="in no file"),
        pytest.param("fire-rescue/a.yaml", "bb-02", [], id="one file alone knows no other"),
        pytest.param("fire-rescue", "bb-02", [], id="nor one scenario"),
    ],
)
def test_the_rules_that_are_named_are_looked_for_in_all_files(city, monkeypatch, tmp_path, read, named, codes):
    monkeypatch.setattr("rules.ruleset.read_registry", lambda _folder: (city, []))
    entry = f"{{rule: {named}, level: red}}"
    for scenario, name, inhibits in (("fire-rescue", "aa-01", entry), ("flood-drought-command", "bb-01", "")):
        path = tmp_path / scenario / f"{name[0]}.yaml"
        path.parent.mkdir()
        path.write_text(TEXT.format(scenario=scenario, id=name, inhibits=inhibits), "utf-8")
    _, problems = read_rules(tmp_path / read, tmp_path)
    assert [(problem.code, problem.line, problem.values["hint"]) for problem in problems] == [
        (code, 10, "bb-01") for code in codes
    ]


def test_a_file_that_cannot_be_read_is_not_blamed_twice(city, monkeypatch, tmp_path):
    monkeypatch.setattr("rules.ruleset.read_registry", lambda _folder: (city, []))
    entry = "{rule: bb-01, level: red}"
    (tmp_path / "a.yaml").write_text(TEXT.format(scenario="fire-rescue", id="aa-01", inhibits=entry), "utf-8")
    (tmp_path / "b.yaml").write_text("", "utf-8")
    assert [problem.code for problem in read_rules(tmp_path, tmp_path)[1]] == ["R102"]
