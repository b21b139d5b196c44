"""Measures set against a quantity, an attribute or another measure, and limits that conditions tighten."""

import pytest


def test_a_stage_above_the_base_is_judged_by_the_difference(rig):
    # A has a base stage of its own; the attribute is taken off every value.
    driven = rig(
        measure={"metric": "stage", "minus": {"site": "warning_stage"}}, at_least={"blue": "0 m", "yellow": "1 m"}
    )
    base = driven.engine._rules.registry.sites["hs-a"].attributes["warning_stage"].number
    driven.series(f"{base - 0.1} {base} {base + 1}")
    assert driven.seen == ["5 blue firing", "10 yellow firing"]
    assert driven.events[-1].evidence.value == pytest.approx(1.0)


def test_a_share_may_be_limited_in_percent_or_as_a_ratio(rig):
    for limits in ({"blue": "70 %", "yellow": "100 %"}, {"blue": "0.7 x", "yellow": "1 x"}):
        driven = rig(measure={"metric": "inflow", "divided_by": "200 m³/s"}, at_least=limits)
        for minute, inflow in ((0, 139.0), (5, 140.0), (10, 200.0)):
            driven.send(minute, {"inflow": inflow})
        assert driven.seen == ["5 blue firing", "10 yellow firing"]


def test_one_measure_is_set_against_another(rig):
    two = {
        "share": {"metric": "stage", "divided_by": {"measure": "full"}},
        "full": {"metric": "stage", "over": "1h", "take": "max"},
    }
    driven = rig(measure=None, measures=two, limits=[{"measure": "share", "below": {"blue": "0.5 x"}}])
    driven.series("4*13 2.1 1.9")
    assert driven.seen == ["70 blue firing"]


def test_what_a_measure_is_set_against_may_be_set_against_a_plain_one(rig):
    #  minute   0  5 10  15  20     whichever stands first
    three = {
        "drift": {"metric": "stage", "minus": {"measure": "net"}},
        "net": {"metric": "stage", "over": "10min", "take": "mean", "minus": {"measure": "least"}},
        "least": {"metric": "stage", "over": "10min", "take": "min"},
    }
    for names in (list(three), list(reversed(three))):
        measures = {name: three[name] for name in names}
        driven = rig(measure=None, measures=measures, limits=[{"measure": "drift", "at_least": {"blue": "4 m"}}])
        driven.series("2 3 4 4.4 4.4")
        # Minute 10: 4 - (3.5 - 3) = 3.5; minute 15: 4.4 - (4.2 - 4) = 4.2.
        assert driven.seen == ["15 blue firing"]


def test_a_divisor_of_zero_is_unknown(rig):
    two = {
        "share": {"metric": "stage", "divided_by": {"measure": "inflow"}},
        "inflow": {"metric": "stage", "minus": "0 m"},
    }
    del two["inflow"]["minus"]
    driven = rig(measure=None, measures=two, limits=[{"measure": "share", "at_least": {"blue": "1 x"}}])
    driven.series("0 0 0")
    assert driven.seen == []
    driven.series("3", start=15)
    assert driven.seen == ["15 blue firing"]


def test_a_site_without_the_attribute_is_not_judged(rules_of, rule):
    rules = rules_of(
        rule(where={"kind": ["river-gauge"]}, measure={"metric": "stage", "minus": {"site": "warning_stage"}})
    )
    armed = {site.id for site in rules.sites_of("aa-01")}
    having = {
        site.id
        for site in rules.registry.sites.values()
        if site.kind == "river-gauge" and "warning_stage" in site.attributes
    }
    assert armed == having


def test_conditions_tighten_every_limit_and_loosen_it_again(rig):
    #  minute   0  5  10 15     stage; the limit of 4 m is 3.2 m while the inflow is above 100 m³/s
    driven = rig(
        measure=None,
        measures={"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}},
        limits=[{"measure": "stage", "at_least": {"blue": "4 m", "yellow": "5 m"}}],
        tighten={"times": 0.8, "while": [{"measure": "inflow", "above": "100 m³/s"}]},
    )
    for minute, stage, inflow in ((0, 3.5, 50.0), (5, 3.5, 150.0), (10, 3.9, 150.0), (15, 3.5, 50.0)):
        driven.send(minute, {"stage": stage, "inflow": inflow})
    assert driven.seen == ["5 blue firing", "15 blue cleared"]
    assert driven.events[0].evidence.limit == pytest.approx(3.2)


def test_an_unknown_condition_tightens_nothing(rig):
    driven = rig(
        measure=None,
        measures={"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}},
        limits=[{"measure": "stage", "at_least": {"blue": "4 m"}}],
        tighten={"times": 0.8, "while": [{"measure": "inflow", "above": "100 m³/s"}]},
    )
    driven.series("3.5 3.5 4")
    assert driven.seen == ["10 blue firing"]
