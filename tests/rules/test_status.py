"""Rules that are drafts, on trial, active or deprecated. Gauge A speaks every 5 minutes from 08:00 on."""

import pytest

from citybrain.alerts import Ending, State
from rules import lint
from rules.trial import run_trials


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("draft", []),
        ("trial", ["5 blue firing", "10 blue cleared"]),
        ("active", ["5 blue firing", "10 blue cleared"]),
        ("deprecated", ["5 blue firing", "10 blue cleared"]),
    ],
)
def test_a_draft_is_not_judged_and_all_others_are(rig, status, expected):
    driven = rig(status_=status)
    driven.series("1 4 1")
    assert driven.seen == expected
    assert {event.trial for event in driven.events} == ({status == "trial"} if expected else set())


def test_what_is_on_trial_is_for_no_tier_and_in_no_count(rig, rule):
    driven = rig(rule(id="aa-01", status="trial", at_least={"red": "4 m"}, urgent=True), rule(id="bb-01"))
    driven.series("4 4")
    assert [(event.rule.id, event.tiers != ()) for event in driven.events] == [("bb-01", True), ("aa-01", False)]
    assert driven.engine.open_alerts == 1


def test_a_draft_may_concern_no_site_and_costs_none(rules_of, rule, city):
    rules = rules_of(rule(status="draft", where={"site": ["hs-a"], "county": ["331102"], "kind": ["boat"]}))
    assert all(rules.plan_for(site).judges == () for site in city.sites.values())
    assert rules.in_force == []


@pytest.mark.parametrize("status", ["draft", "trial", "deprecated"])
def test_the_tests_of_a_rule_run_whatever_its_status(rules_of, rule, status):
    fired = {"at": "5min", "level": "blue", "state": "firing"}
    test = {"name": "one", "site": "hs-a", "values": {"stage": "1 4"}, "expect": [fired]}
    (result,) = run_trials(rules_of(rule(status=status, tests=[test])), "aa-01")
    assert result.has_passed


def test_authors_are_warned_of_what_is_deprecated(rules_of, rule):
    rules = rules_of(rule(id="aa-01", status="deprecated"), rule(id="bb-01"), rule(id="cc-01", status="trial"))
    (warning,) = lint.warnings(rules)
    assert (warning.code, warning.values["key"]) == ("R250", "aa-01")
    assert "待弃用" in warning.text("zh")


@pytest.mark.parametrize(
    ("before", "after", "ends"),
    [
        ("trial", "active", True),
        ("active", "trial", True),
        ("active", "draft", True),
        ("active", "deprecated", False),
        ("trial", "trial", False),
    ],
)
def test_an_open_alert_is_told_to_all_or_to_nobody(rig, rule, rules_of, before, after, ends):
    #  open since 5; at 7 the status changes; at 10 the limit is met still
    driven = rig(status_=before, for_="5min")
    driven.series("4 4")
    judged = driven.restart(rules_of(rule(status=after, for_="5min")))
    assert [(event.ending, event.trial) for event in judged.events] == (
        [(Ending.RULE_ENDED, before == "trial")] if ends else []
    )
    driven.events.clear()
    driven.series("4", start=10)
    again = [(event.state, event.sequence, event.trial) for event in driven.events]
    assert again == ([(State.FIRING, 1, after == "trial")] if ends and after != "draft" else [])
    snapshot = driven.engine.snapshot()
    driven.restart()
    assert driven.engine.snapshot() == snapshot
