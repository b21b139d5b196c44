"""What `citybrain rules check` tells of rules that have no fault: where they are judged in part only."""

import pytest

from rules import lint


def said(rules):
    return [(one.code, one.text("en")) for one in lint.warnings(rules)]


def test_sites_that_lack_an_attribute_are_named(rules_of, rule):
    rules = rules_of(
        rule(where={"kind": ["river-gauge"]}, at_least={"blue": "1 m", "yellow": {"site": "guarantee_stage"}})
    )
    having = {
        site.id
        for site in rules.registry.sites.values()
        if site.kind == "river-gauge" and "guarantee_stage" in site.attributes
    }
    armed = {site.id for site in rules.sites_of("aa-01")}
    ((code, text),) = said(rules)
    assert code == "R268"
    assert f"{len(armed - having)} sites" in text
    assert not any(site in text.split() for site in having)


def test_the_sites_of_a_band_are_named_once_for_its_two_sides(rules_of, rule):
    low, high = {"site": "guarantee_stage", "plus": "-3 m"}, {"site": "guarantee_stage"}
    banded = rule(where={"kind": ["river-gauge"]}, at_least=None, outside={"blue": ["0 m", "9 m"], "red": [low, high]})
    ((code, text),) = said(rules_of(banded))
    assert code == "R268"
    assert "red" in text


def test_a_rule_that_is_whole_everywhere_says_nothing(rules_of, rule):
    assert said(rules_of(rule())) == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_measure_that_no_site_of_a_group_has_is_named(rules_of, rule, language):
    measures = {
        "stage": {"metric": "stage"},
        "wet": {"metric": "rain", "from": {"kind": "rain-gauge", "within": "1 m"}},
    }
    rules = rules_of(
        rule(
            type="area",
            where=None,
            group_by={"zone": "dam"},
            measure=None,
            measures={**measures, "stage": {"metric": "stage", "from": {"kind": "river-gauge", "within": "200 km"}}},
            limits=[{"measure": "stage", "at_least": {"blue": "4 m"}}],
            only_while=[{"measure": "wet", "above": "1 mm"}],
        )
    )
    found = list(lint.warnings(rules))
    assert [one.code for one in found] == ["R269"]
    assert "wet" in found[0].text(language)
