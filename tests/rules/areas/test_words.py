"""What an operator reads of an alert about several sites."""

import pytest

GAS = {"metric": "combustible_gas"}


@pytest.mark.parametrize(
    ("fields", "zh", "en"),
    [
        pytest.param(
            {"measure": GAS, "at_least": {"blue": "10 %LEL"}},
            "13 %LEL ≥ 10 %LEL（经开区四号可燃气体探测器(模拟)、经开区一号可燃气体探测器(模拟)等 3 个站点）",
            "≥ 10 %LEL at ETDZ gas detector 4 (simulated), ETDZ gas detector 1 (simulated) and others (3 sites)",
            id="sites",
        ),
        pytest.param(
            {"measure": {**GAS, "across": "mean"}, "at_least": {"blue": "9 %LEL"}},
            "（各站平均） 9.25 %LEL ≥ 9 %LEL",
            " (mean of the sites) 9.25 %LEL ≥ 9 %LEL",
            id="mean",
        ),
        pytest.param(
            {
                "measure": {**GAS, "across": "share", "sites_where": {"at_least": "10 %LEL"}},
                "at_least": {"blue": "50 %"},
            },
            "（站点占比） 75 % ≥ 50 %",
            " (share of sites) 75 % ≥ 50 %",
            id="share",
        ),
        pytest.param(
            {
                "measure": {**GAS, "across": "count", "sites_where": {"at_least": "10 %LEL"}},
                "at_least": {"blue": "2 sites"},
            },
            "（站点数） 3 个站点 ≥ 2 个站点",
            " (number of sites) 3 sites ≥ 2 sites",
            id="count",
        ),
    ],
)
def test_the_headline_says_how_many_sites_and_which(rig, fields, zh, en):
    driven = rig(**fields)
    driven.gas(0, 12, 11, 1, 13)
    assert driven.seen == ["0 blue firing"]
    headline = driven.events[0].headline
    assert headline.zh.endswith(zh)
    assert headline.en.endswith(en)


def test_a_county_is_not_named_twice_and_a_level_by_its_name(rig):
    leak = {
        "id": "bb-01",
        "type": "threshold",
        "where": {"kind": ["combustible-gas-detector"]},
        "measure": GAS,
        "at_least": {"orange": {"value": "10 %LEL", "repeated": "1 of 1 samples"}},
    }
    driven = rig(
        leak,
        group_by="county",
        measure={"alerts": ["bb-01"], "across": "max_level"},
        at_least={"yellow": "yellow"},
    )
    driven.gas(0, 12)
    (event,) = [event for event in driven.areas.finish() + driven.events if event.rule.id == "aa-01"]
    assert event.headline.en == "Liandu District: Something., yellow (Ⅲ): Alerts orange (Ⅱ) ≥ yellow (Ⅲ)"
    assert event.headline.zh == "莲都区 某黄色Ⅲ级：报警 橙色Ⅱ级 ≥ 黄色Ⅲ级"
