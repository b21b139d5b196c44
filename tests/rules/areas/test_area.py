"""Area rules: sites that meet a limit, numbers across sites, silence, what ends an alert and what does not."""

import pytest

from citybrain.alerts import SubjectKind
from citybrain.model import Reading, Scenario
from citybrain.places import zones_from

# A gas detector speaks every 30 s.


def test_one_site_of_the_group_is_enough_where_nothing_else_is_said(rig):
    driven = rig()
    driven.gas(0, 1, 1, 1, 1)
    driven.gas(0.5, 1, 10, 1, 1)
    driven.gas(1, 1, 9.4, 1, 1)
    assert driven.seen == ["0.5 blue firing", "1 blue cleared"]
    event = driven.events[0]
    assert (event.subject.kind, event.subject.zone, event.subject.site) == (SubjectKind.ZONE, "zn-chemical-etdz", None)
    assert (event.county, event.zones) == ("331102", ("zn-chemical-etdz",))
    assert event.evidence.sites == ("gd-etdz-2",)
    assert event.evidence.value == 10


def test_a_clear_needs_every_site_on_the_good_side(rig):
    driven = rig()
    driven.gas(0, 12, 12)
    driven.gas(0.5, 1, 12)
    driven.gas(1, 1, 9.8)  # Within the deadband of 5 %.
    assert driven.seen == ["0 blue firing"]
    driven.gas(1.5, 1, 9)
    assert driven.seen == ["0 blue firing", "1.5 blue cleared"]


@pytest.mark.parametrize(
    ("sites", "values", "is_met"),
    [
        pytest.param(2, (12, 1, 1, 1), False, id="one-of-two"),
        pytest.param(2, (12, 12, 1, 1), True, id="two-of-two"),
        pytest.param("50 %", (12, 1, 1, 1), False, id="a-quarter"),
        pytest.param("50 %", (12, 1, 1, 12), True, id="a-half"),
        pytest.param({"at_least": 2, "within": "100 m"}, (12, 1, 1, 12), False, id="two-far-apart"),
        pytest.param({"at_least": 2, "within": "100 m"}, (12, 12, 1, 1), True, id="two-close-together"),
    ],
)
def test_so_many_sites_must_meet_a_level(rig, sites, values, is_met):
    driven = rig(at_least={"blue": {"value": "10 %LEL", "sites": sites}}, where={"kind": ["combustible-gas-detector"]})
    driven.gas(0, *values)
    assert driven.seen == (["0 blue firing"] if is_met else [])


def test_a_level_may_ask_for_more_sites_than_the_one_below(rig):
    driven = rig(at_least={"orange": "50 %LEL", "red": {"value": "50 %LEL", "sites": 2}}, urgent=True)
    driven.gas(0, 60, 1)
    driven.gas(0.5, 60, 60)
    driven.gas(1, 60, 60)
    driven.gas(1.5, 60, 60)
    assert driven.seen == ["1 orange firing", "1.5 red firing"]


def test_orange_needs_two_samples_or_two_sensors(rig):
    # minute       0    0.5   1
    # detector 1   60   60    .      one sensor: the second sample confirms
    # detectors    .    .     60 60  two sensors: at once
    one = rig(at_least={"orange": "50 %LEL"})
    one.gas(0, 60, 1)
    assert one.seen == []
    one.gas(0.5, 60, 1)
    assert one.seen == ["0.5 orange firing"]
    two = rig(at_least={"orange": "50 %LEL"})
    two.gas(0, 60, 60)
    assert two.seen == ["0 orange firing"]


def test_a_reading_of_another_site_confirms_nothing(rig):
    driven = rig(at_least={"orange": "50 %LEL"})
    driven.gas(0, 60)
    driven.gas(0.25, None, 1)
    driven.gas(0.3, None, 1)
    assert driven.seen == []


def test_the_time_of_a_limit_is_counted_for_the_group(rig):
    # minute       0   0.5  1    1.5
    # detector 1   12  12   1    1
    # detector 2   1   12   12   12
    driven = rig(for_="1min30s")
    driven.gas(0, 12, 1)
    driven.gas(0.5, 12, 12)
    driven.gas(1, 1, 12)
    assert driven.seen == []
    driven.gas(1.5, 1, 12)
    assert driven.seen == ["1.5 blue firing"]


def test_a_condition_on_a_number_of_sites_is_asked_of_the_same_site(rig):
    fields = {
        "measure": None,
        "at_least": None,
        "measures": {"pm25": {"metric": "pm25_1h"}, "pm10": {"metric": "pm10_1h"}},
        "limits": [{"measure": "pm25", "at_least": {"blue": "100 µg/m3"}}],
        "only_while": [{"measure": "pm10", "at_least": "150 µg/m3"}],
        "group_by": "county",
    }
    apart = rig(**fields)
    apart.send(0, {"aq-liandu-1": {"pm25_1h": 120.0, "pm10_1h": 90.0}, "aq-liandu-2": {"pm25_1h": 40, "pm10_1h": 200}})
    assert apart.seen == []
    together = rig(**fields)
    together.send(0, {"aq-liandu-2": {"pm25_1h": 120.0, "pm10_1h": 160.0}})
    assert together.seen == ["0 blue firing"]


@pytest.mark.parametrize(
    ("across", "values", "limit", "is_met"),
    [
        pytest.param("mean", (10, 20, 30, 40), "25 %LEL", True, id="mean"),
        pytest.param("mean", (10, 20, 30, 39), "25 %LEL", False, id="mean-below"),
        pytest.param("mean", (90, None, None, None), "25 %LEL", False, id="mean-of-too-few"),
        pytest.param("max", (1, 2, 3, 26), "25 %LEL", True, id="max"),
        pytest.param("min", (26, 27, 30, 25), "25 %LEL", True, id="min"),
        pytest.param("min", (26, 27, 30, 24), "25 %LEL", False, id="min-below"),
    ],
)
def test_a_number_across_the_sites(rig, across, values, limit, is_met):
    driven = rig(measure={"metric": "combustible_gas", "across": across}, at_least={"blue": limit})
    driven.gas(0, *values)
    assert driven.seen == (["0 blue firing"] if is_met else [])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # What the three others say is above 20 already: with the silent one it cannot be below.
        pytest.param({"below": {"blue": "20 %LEL"}}, ["0 blue firing", "3 blue cleared"], id="a partial sum ends"),
        pytest.param({"at_least": {"red": "30 %LEL"}}, ["3 red firing"], id="a partial sum raises"),
        pytest.param({"below": {"blue": "60 %LEL"}}, ["0 blue firing"], id="a partial sum below is no sum"),
        pytest.param({"below": {"blue": "-40 %LEL"}, "minus": "30 %LEL"}, ["0 blue firing"], id="some take off"),
        pytest.param({"at_least": {"red": "20 %LEL"}, "change_over": "1min"}, [], id="changes may be negative"),
    ],
)
def test_a_sum_that_lacks_a_site_says_what_it_can(rig, fields, expected):
    steps = {name: value for name, value in fields.items() if name in ("minus", "change_over")}
    limits = {name: value for name, value in fields.items() if name not in steps}
    measure = {"metric": "combustible_gas", "across": "sum", **steps}
    driven = rig(measure=measure, **{"at_least": None, **limits}, urgent=True, for_="0s")
    driven.gas(0, 5, 5, 1, 1)
    for step in range(1, 6):
        driven.gas(step / 2, 5, 5, 1, None)
    driven.gas(3, 30, 5, 1, None)
    assert driven.seen == expected


def test_sites_are_counted_and_their_share_taken(rig):
    counted = {"metric": "combustible_gas", "sites_where": {"at_least": "10 %LEL"}}
    count = rig(measure={**counted, "across": "count"}, at_least={"blue": "2 sites", "yellow": "3 sites"})
    share = rig(measure={**counted, "across": "share"}, at_least={"blue": "50 %", "yellow": "75 %"})
    for driven in (count, share):
        driven.gas(0, 12, 1, 1, 1)
        driven.gas(0.5, 12, 12, 1, 1)
        driven.gas(1, 12, 12, 1, 12)
        assert driven.seen[-1] == "1 yellow firing"
        assert driven.events[-1].evidence.sites == ("gd-etdz-1", "gd-etdz-2", "gd-etdz-4")


def test_a_mean_may_be_weighted(rig):
    driven = rig(
        group_by="county",
        where={"kind": ["berth-section"]},
        measure={"derived": "occupancy", "across": "mean", "weight": "capacity"},
        at_least={"blue": "90 %"},
    )
    capacity = {
        site.id: site.attributes["capacity"].number
        for site in driven.rules.registry.sites.values()
        if site.kind == "berth-section"
    }
    driven.send(0, {site: {"occupied": number} for site, number in capacity.items()})
    assert driven.seen == ["0 blue firing"]
    assert driven.events[0].evidence.value == 100


def test_a_silent_site_that_was_bad_holds_the_alert_and_is_marked(rig):
    # Silent after 3.5 periods of 30 s.
    driven = rig()
    driven.gas(0, 12, 1)
    for half in range(1, 8):
        driven.gas(half / 2, None, 1)
    assert driven.seen == ["0 blue firing", "1.75 blue firing no_data"]
    driven.gas(4, 1, 1)
    assert driven.seen[2:] == ["4 blue cleared"]


def test_a_silent_site_that_was_good_neither_holds_nor_ends(rig):
    driven = rig()
    driven.gas(0, 12, 1)
    for half in range(1, 7):
        driven.gas(half / 2, 12, None)
    driven.gas(3.5, 1, None)
    assert driven.seen == ["0 blue firing", "3.5 blue cleared"]


def test_a_group_that_falls_silent_altogether_is_not_clear(rig):
    driven = rig(measure={"metric": "combustible_gas", "across": "max"})
    driven.gas(0, 12, 1, 1, 1)
    driven.wait(30)
    assert driven.seen == ["0 blue firing", "1.75 blue firing no_data"]


def test_a_group_whose_end_falls_silent_is_marked_and_for_its_gate_it_is_not(rig):
    # Gas is heard all the time; the station of the dust fell silent with its reading of minute 0 (3.5 periods of 1 h).
    fields = {
        "measure": None,
        "at_least": None,
        "measures": {
            "gas": {"metric": "combustible_gas", "across": "max"},
            "dust": {"metric": "pm10_1h", "from": {"kind": "air-station", "within": "50 km"}, "across": "max"},
        },
        "limits": [{"measure": "gas", "at_least": {"blue": "10 %LEL"}}],
    }
    condition = [{"measure": "dust", "below": "500 µg/m3"}]
    ended, gated = rig(**fields, clear_when=condition), rig(**fields, only_while=condition)
    for driven in (ended, gated):
        driven.send(0, {"aq-liandu-1": {"pm10_1h": 50.0}})
        for minute in range(1, 230):
            driven.gas(minute, 40, 40, 40, 40)
    assert ended.seen == ["1 blue firing", "210 blue firing no_data"]
    assert gated.seen == ["1 blue firing"]


def test_silence_is_a_measure_of_its_own(rig):
    driven = rig(
        measure={"silence": True, "across": "share", "sites_where": {"above": "3 periods"}},
        at_least={"blue": "30 %", "yellow": "50 %"},
        where={"kind": ["combustible-gas-detector"]},
        for_="10min",
        clear="20 %",
    )
    for half in range(4):
        driven.gas(half / 2, 1, 1, 1, 1)
    for half in range(4, 60):
        driven.gas(half / 2, 1, 1, None, None)
    # Heard last at 1.5, silent for more than 3 periods a moment after 3; ten minutes later it is told.
    assert driven.seen == ["13 yellow firing"]
    assert driven.events[0].evidence.sites == ("gd-etdz-3", "gd-etdz-4")
    driven.gas(30, 1, 1, 1, 1)
    assert driven.seen[1:] == ["30 yellow cleared"]


def test_a_small_group_is_not_judged(rig):
    driven = rig(minimum_sites=4)
    assert set(driven.rules.areas.plan.plans) == {"aa-01/zn-chemical-etdz"}


def test_groups_may_be_counties_the_city_squares_or_sites(rules_of):
    entries = [
        {"id": "aa-01", "group_by": "county"},
        {"id": "aa-02", "group_by": "city"},
        {"id": "aa-03", "group_by": {"cell": "1 km"}},
        {"id": "aa-04", "group_by": {"site": "combustible-gas-detector"}},
        {"id": "aa-05", "group_by": {"zone": "chemical", "within": "20 km"}},
    ]
    common = {"type": "area", "measure": {"metric": "combustible_gas"}, "at_least": {"blue": "10 %LEL"}}
    plan = rules_of(*({**common, **entry} for entry in entries)).areas.plan
    found = {
        rule_id: {key.partition("/")[2] for key in plan.plans if key.startswith(rule_id)}
        for rule_id in ("aa-01", "aa-02", "aa-03", "aa-04", "aa-05")
    }
    assert found["aa-01"] == {"331102"}
    assert found["aa-02"] == {"331100"}
    assert all(key.startswith("cell-") for key in found["aa-03"])
    assert len(found["aa-03"]) >= 2
    assert "gd-etdz-1" in found["aa-04"]
    (wide,) = [one for key, one in plan.plans.items() if key.startswith("aa-05")]
    assert len(wide.members[0]) > 4


def test_a_number_may_come_from_the_nearest_station(rig):
    driven = rig(
        measure=None,
        at_least=None,
        measures={
            "gas": {"metric": "combustible_gas"},
            "wind": {"metric": "wind_speed", "from": {"nearest": "weather-station"}},
        },
        limits=[
            {
                "measure": "gas",
                "at_least": {"blue": {"value": "10 %LEL", "and": [{"measure": "wind", "below": "2 m/s"}]}},
            }
        ],
    )
    driven.send(0, {"ws-liandu": {"wind_speed": 5.0}})
    driven.gas(0.5, 12)
    assert driven.seen == []
    driven.send(1, {"ws-liandu": {"wind_speed": 1.0}})
    assert driven.seen == ["1 blue firing"]


def test_a_condition_that_no_site_of_the_group_can_meet_is_left_out(rig):
    # No site of the chemical area measures rain, so that the end does not wait for it.
    driven = rig(
        measure=None,
        at_least=None,
        measures={
            "gas": {"metric": "combustible_gas"},
            "rain": {"metric": "rain", "over": "1h", "take": "sum", "across": "max"},
        },
        limits=[{"measure": "gas", "at_least": {"blue": "10 %LEL"}}],
        clear_when=[{"measure": "gas", "below": "5 %LEL"}, {"measure": "rain", "below": "1 mm"}],
    )
    driven.gas(0, 12, 1)
    driven.gas(0.5, 6, 1)
    driven.gas(1, 4, 1)
    assert driven.seen == ["0 blue firing", "1 blue cleared"]


def test_an_area_alert_may_belong_to_a_second_scenario(rig):
    driven = rig(
        also_in=[
            {"scenario": "social-stability", "row": "st-02"},
            {"scenario": "disease-control", "row": "dc-02", "where": {"county": ["331121"]}},
        ]
    )
    driven.gas(0, 12)
    assert driven.seen == ["0 blue firing"]
    assert driven.events[0].also_in == (Scenario.SOCIAL_STABILITY,)


def test_an_area_rule_sleeps_outside_its_calendar(rig):
    driven = rig(active={"hours": "09:00-10:00"})
    driven.gas(0, 12)
    driven.gas(60, 12)
    assert driven.seen == ["60 blue firing"]


def test_an_event_names_the_zones_that_may_be_affected(rig, rules_of, shipped):
    release = {
        "id": "fd-06",
        "type": "threshold",
        "where": {"kind": ["reservoir"]},
        "measure": {"metric": "outflow"},
        "at_least": {"blue": "50 m³/s"},
        "affects": {"downstream": "40 km"},
    }
    driven = rig(release, affects={"kind": "town", "within": "30 km"})
    rules = driven.rules
    judged = driven.engine.observe(Reading("dam-yuxi", driven.now, {"outflow": 60.0}), at=driven.now)
    reservoir = shipped.sites["dam-yuxi"]
    below = zones_from(shipped, reservoir, rules.rules["fd-06"].entry.affects)
    assert judged.events[0].affects == below
    assert below != ()
    driven.gas(1, 12)
    assert driven.seen == ["1 blue firing"]
    assert driven.events[0].affects == ("zn-town-liandu",)


def test_a_condition_on_a_number_of_the_group_may_count_time(rig):
    measures = {"gas": {"metric": "combustible_gas"}, "highest": {"metric": "combustible_gas", "across": "max"}}
    driven = rig(
        measure=None,
        at_least=None,
        measures=measures,
        limits=[{"measure": "gas", "at_least": {"blue": "10 %LEL"}}],
        clear_when=[{"measure": "highest", "below": "5 %LEL", "for": "1min"}],
    )
    driven.gas(0, 12, 1)
    for half in range(1, 4):
        driven.gas(half / 2, 4, 1)
    assert driven.seen == ["0 blue firing", "1.5 blue cleared"]


def test_a_number_of_each_site_may_lie_outside_a_band(rig):
    driven = rig(at_least=None, outside={"blue": ["5 %LEL", "20 %LEL"]}, sites=2)
    driven.gas(0, 4, 10)
    assert driven.seen == []
    driven.gas(0.5, 4, 3)
    assert driven.seen == ["0.5 blue firing"]


def test_the_past_of_a_site_outlives_the_limits_of_its_group(rig):
    rise = {"metric": "combustible_gas", "minus": {"own": "mean", "over": "7h"}}
    driven, other = (rig(measure=rise, at_least={"blue": limit}, sites=2) for limit in ("10 %LEL", "12 %LEL"))
    for hour in range(8):
        driven.gas(60 * hour, 3, 30, 3, 3)

    def pasts():
        states = driven.engine._sites.values()
        return [history.dump() for state in states for *_, past in state.all_pasts() for history in past.values()]

    before = pasts()
    assert any(slots for _, slots in before)
    driven.restart(other.rules)
    assert pasts() == before


def test_a_site_may_be_set_against_its_own_past_before_the_group_sees_it(rig):
    rise = {"metric": "combustible_gas", "minus": {"own": "median", "over": "10min"}}
    driven = rig(measure=rise, at_least={"blue": "10 %LEL"}, sites=2)
    for half in range(21):
        driven.gas(half / 2, 3, 30, 3, 3)
    driven.gas(10.5, 14, 30)
    assert driven.seen == []
    driven.restart()
    driven.gas(11, 14, 41)
    assert driven.seen == ["11 blue firing"]
    assert driven.events[0].evidence.value == 11
