"""Rules about any metric: each metric of a site by itself. Gauge A speaks every 5 minutes."""

import pytest

from citybrain.alerts import identify
from citybrain.codec import encode_event

STUCK = {
    "type": "quality",
    "measure": {"metric": "any", "over": "1h", "take": "range"},
    "at_most": {"blue": 0},
    "clear": 0.05,
}


@pytest.fixture
def stuck(Rig, rules_of, rule):
    """Return what makes a rig under the rule in the scenario of the system."""
    return lambda **fields: Rig(rules_of(rule(**{**STUCK, **fields}), scenario="system"))


def send(driven, rows, start=0):
    for number, (stage, inflow) in enumerate(rows, start=start):
        driven.send(5 * number, {"stage": float(stage), "inflow": float(inflow)})


def told(driven):
    return [(event.subject.metric, event.state.value) for event in driven.events]


def test_each_metric_is_judged_by_itself(stuck):
    driven = stuck()
    send(driven, [(1, number) for number in range(10)])
    assert told(driven) == [("stage", "firing")]
    send(driven, [(number, 5) for number in range(10, 24)], start=10)
    assert told(driven) == [("stage", "firing"), ("stage", "cleared"), ("inflow", "firing")]


def test_alerts_of_two_metrics_have_identifiers_of_their_own(stuck):
    driven = stuck()
    send(driven, [(1, 1)] * 10)
    one, other = driven.events
    assert told(driven) == [("inflow", "firing"), ("stage", "firing")]
    assert (one.rule.id, other.rule.id) == ("aa-01", "aa-01")
    assert one.onset == other.onset
    assert one.identifier != other.identifier
    assert other.identifier == identify(other.status, None, "aa-01", other.subject, other.onset)
    assert other.subject.key == "hs-a:stage"
    assert (other.evidence.measure, other.evidence.unit) == ("stage", "m")
    assert "Gauge A, Stage" in other.headline.en
    assert other.scenario.value == "system"


def test_an_alert_of_a_rule_about_one_metric_names_none(rig):
    driven = rig(type="quality", measure={"metric": "stage"}, at_least={"blue": "4 m"})
    driven.series("4")
    assert driven.events[0].subject.metric is None
    assert driven.events[0].subject.key == "hs-a"


def test_metrics_for_which_it_has_no_meaning_are_left_out(rules_of, rule):
    known = {"metric": "any", "over": "1h", "take": "coverage"}
    rules = rules_of(
        rule(**{**STUCK, "measure": known, "where": {}, "at_most": None, "below": {"blue": "75 %"}, "clear": None})
    )
    judges = {
        site: [judge.rule.metric for judge in rules.plan_for(rules.registry.sites[site]).judges]
        for site in ("hs-a", "pk-a")
    }
    assert judges == {"hs-a": ["inflow", "stage"], "pk-a": []}


@pytest.mark.parametrize("cut", [0, 5, 10, 12, 20])
def test_a_restart_keeps_the_metrics_apart(stuck, cut):
    rows = [(1, max(0, number - 4)) for number in range(12)] + [(number, 7) for number in range(12)]
    whole, parted = stuck(), stuck()
    send(whole, rows)
    send(parted, rows[:cut])
    before = parted.engine.snapshot()
    parted.restart()
    assert parted.engine.snapshot() == before
    send(parted, rows[cut:], start=cut)
    assert [encode_event(event) for event in parted.events] == [encode_event(event) for event in whole.events]
    assert len(whole.events) > 1
    assert parted.engine.snapshot() == whole.engine.snapshot()


def test_the_alert_of_a_metric_that_is_no_longer_judged_is_ended(stuck, rules_of, rule):
    driven = stuck()
    send(driven, [(1, 1)] * 10)
    stage_only = rule(
        **{
            **STUCK,
            "measure": {"metric": "stage", "over": "1h", "take": "range"},
            "at_most": {"blue": "0 m"},
            "clear": None,
        }
    )
    events = driven.restart(rules_of(stage_only, scenario="system")).events
    assert sorted((event.subject.metric, event.ending.value) for event in events) == [
        ("inflow", "rule_ended"),
        ("stage", "rule_ended"),
    ]
