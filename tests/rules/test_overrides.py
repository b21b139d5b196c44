"""Overrides: other figures for some sites of a rule. Gauges A and B speak every 5 minutes from 08:00 on."""

import pytest

BOTH = {"where": {"site": ["hs-a", "hs-b"]}}
FOR_B = {"where": {"site": ["hs-b"]}}


def seen_at(driven, site):
    return [told for told, event in zip(driven.seen, driven.events, strict=True) if event.subject.site == site]


@pytest.mark.parametrize(
    ("fields", "override", "at_a", "at_b"),
    [
        pytest.param(
            {},
            {"at_least": {"yellow": "6 m"}},
            ["5 blue firing", "15 blue cleared"],
            ["10 yellow firing", "15 yellow cleared"],
            id="the whole ladder",
        ),
        pytest.param(
            {"for_": "5min"},
            {"for": "0s"},
            ["10 blue firing", "15 blue cleared"],
            ["5 blue firing", "15 blue cleared"],
            id="for",
        ),
        pytest.param(
            {},
            {"keep_firing_for": "10min"},
            ["5 blue firing", "15 blue cleared"],
            ["5 blue firing", "25 blue cleared"],
            id="keep_firing_for",
        ),
        pytest.param(
            {},
            {"min_life": "20min"},
            ["5 blue firing", "15 blue cleared"],
            ["5 blue firing", "25 blue cleared"],
            id="min_life",
        ),
        pytest.param(
            {}, {"clear": "0.5 m"}, ["5 blue firing", "15 blue cleared"], ["5 blue firing"], id="the clear side"
        ),
        pytest.param(
            {
                "measure": None,
                "measures": {"stage": {"metric": "stage"}},
                "limits": [{"measure": "stage", "at_least": {"blue": "4 m"}}],
            },
            {"limits": [{"measure": "stage", "at_least": {"blue": "6 m"}}]},
            ["5 blue firing", "15 blue cleared"],
            ["10 blue firing", "15 blue cleared"],
            id="the limits",
        ),
    ],
)
def test_a_field_is_replaced_where_it_says_so(rig, fields, override, at_a, at_b):
    driven = rig(**BOTH, **fields, overrides=[{**FOR_B, **override}])
    for minute, stage in zip(range(0, 30, 5), (1, 4, 6, 1, 1, 1), strict=True):
        for site in ("hs-a", "hs-b"):
            driven.send(minute, float(stage), site=site)
    assert seen_at(driven, "hs-a") == at_a
    assert seen_at(driven, "hs-b") == at_b


def test_a_silence_is_replaced(rig):
    silence = {"type": "no_data", "measure": None, "silent_for": {"blue": "10min"}}
    driven = rig(**BOTH, **silence, overrides=[{**FOR_B, "silent_for": {"red": "20min"}}])
    for site in ("hs-a", "hs-b"):
        driven.send(0, 1.0, site=site)
    driven.wait(30)
    assert driven.seen == ["10 blue firing", "20 red firing"]


def test_the_first_that_matches_counts(rig):
    overrides = [
        {**FOR_B, "at_least": {"blue": "5 m"}},
        {"where": {"kind": ["river-gauge"]}, "at_least": {"blue": "2 m"}},
    ]
    driven = rig(**BOTH, overrides=overrides)
    for site in ("hs-a", "hs-b"):
        driven.send(0, 3.0, site=site)
    assert [event.subject.site for event in driven.events] == ["hs-a"]


def test_a_change_of_an_override_is_a_change_of_the_rule(rules_of, rule):
    def fingerprint(limit):
        rules = rules_of(rule(**BOTH, overrides=[{**FOR_B, "at_least": {"blue": limit}}]))
        return rules.rules["aa-01"].rule.fingerprint

    assert fingerprint("5 m") == fingerprint("5 m") != fingerprint("6 m")


def test_a_rule_that_waits_for_a_zone_keeps_its_overrides(rules_of, rule):
    # No venue is declared today, so that no site is concerned yet.
    rules = rules_of(rule(where={"zone": "venue"}, overrides=[{**FOR_B, "for": "1h"}]))
    assert len(rules.rules["aa-01"].entry.overrides) == 1
