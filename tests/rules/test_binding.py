"""What a rule becomes at one site: gauge A warns at 4 m and guarantees 6 m, B has no attribute, C only 6 m."""

from dataclasses import replace

import pytest

from citybrain.instants import HOUR, MINUTE, SECOND
from citybrain.units import Quantity
from rules.binding.units import number_in, silence_of
from rules.geofence import GeofenceJudge
from rules.route import PLACES_MAX, bits, places
from rules.silence import SilenceJudge
from rules.threshold import ThresholdJudge

WHERE = {"kind": ["river-gauge"]}


@pytest.fixture
def bound(city, rules_of, rule):
    """Return what binds one rule, given by its fields, to a site."""

    def bind(site="hs-a", **fields):
        rules = rules_of(rule(**{"where": {}, **fields}))
        judges = rules.plan_for(city.sites[site]).judges
        return judges[0] if judges else None

    return bind


def rungs_of(judge, limit=0):
    assert isinstance(judge, ThresholdJudge)
    return {rung.rank: rung.value for rung in judge.limits[limit].rungs}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("4.5 m", 4.5, id="quantity"),
        pytest.param({"quantity": "4.5 m"}, 4.5, id="quantity in full"),
        pytest.param({"site": "warning_stage"}, 4.0, id="attribute"),
        pytest.param({"site": "warning_stage", "plus": "-0.5 m"}, 3.5, id="attribute plus"),
        pytest.param({"site": "warning_stage", "times": 1.5}, 6.0, id="attribute times"),
        pytest.param({"site": "warning_stage", "times": 1.5, "plus": "1 m"}, 7.0, id="first times, then plus"),
        pytest.param({"site": "warning_stage", "times": 0.175, "plus": "0.2 m"}, 0.9, id="a sum to the last digit"),
    ],
)
def test_a_limit_becomes_a_number(bound, value, expected):
    assert rungs_of(bound(at_least={"blue": value})) == {1: expected}


LADDER = {"blue": {"site": "warning_stage"}, "red": {"site": "guarantee_stage"}}


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        pytest.param("hs-a", {1: 4.0, 4: 6.0}, id="all"),
        pytest.param("hs-c", {4: 6.0}, id="the level of the missing one is dropped"),
        pytest.param("hs-b", None, id="with none of them the rule is not armed"),
    ],
)
def test_a_missing_attribute_drops_its_level(bound, site, expected):
    judge = bound(site, at_least=LADDER)
    assert (None if judge is None else rungs_of(judge)) == expected


def test_the_lowest_level_is_the_lowest_that_is_judged(bound):
    assert bound("hs-a", at_least=LADDER).timing.lowest == 1
    assert bound("hs-c", at_least=LADDER).timing.lowest == 4


@pytest.mark.parametrize(
    ("fields", "leaves"),
    [
        pytest.param({"at_least": {"blue": "4 m"}}, [3.8], id="5 % of the value"),
        pytest.param({"at_least": {"blue": "-4 m"}}, [-4.2], id="5 % of its size, on the good side"),
        pytest.param({"at_most": {"blue": "4 m"}}, [4.2], id="falling: above"),
        pytest.param({"at_least": {"blue": "4 m"}, "deadband": "0.1 m"}, [3.9], id="as written"),
        pytest.param({"at_least": {"blue": "0 m", "red": "2 m"}}, [-0.1, 1.9], id="0: 5 % of the ladder's step"),
        pytest.param({"at_least": {"blue": "0 m"}}, [0.0], id="0 alone has none"),
    ],
)
def test_a_level_is_left_beyond_its_deadband(bound, fields, leaves):
    assert [rung.leave for rung in bound(**fields).limits[0].rungs] == pytest.approx(leaves)


@pytest.mark.parametrize(
    ("fields", "clear"),
    [
        pytest.param({}, 3.8, id="where the lowest level is left"),
        pytest.param({"clear": "3 m"}, 3.0, id="as written"),
        pytest.param({"clear": {"site": "warning_stage", "plus": "-1 m"}}, 3.0, id="from an attribute"),
    ],
)
def test_a_limit_is_clear_at_its_value(bound, fields, clear):
    assert bound(**fields).limits[0].clear == pytest.approx(clear)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # Hold in seconds and samples, for blue and for red.
        pytest.param({}, [(0, 1), (0, 2)], id="red wants a second sample"),
        pytest.param({"for_": "5min"}, [(300, 1), (300, 2)], id="the rule's `for`"),
        pytest.param({"urgent": True}, [(60, 1), (60, 1)], id="urgent: a minute in place of the gate"),
        pytest.param({"urgent": True, "for_": "10s"}, [(10, 1), (10, 1)], id="urgent with its own `for`"),
        pytest.param({"urgent": True, "for_": "0s"}, [(0, 1), (0, 1)], id="urgent at once"),
    ],
)
def test_holding_of_the_levels(bound, fields, expected):
    judge = bound(at_least={"blue": "4 m", "red": "6 m"}, **fields)
    assert [(rung.holding.hold // SECOND, rung.holding.samples) for rung in judge.limits[0].rungs] == expected


def test_the_nearest_for_counts(bound):
    judge = bound(
        measure=None,
        measures={"stage": {"metric": "stage"}},
        limits=[
            {
                "measure": "stage",
                "at_least": {"blue": {"value": "4 m", "for": "1min"}, "yellow": "5 m"},
                "for": "2min",
            },
            {"measure": "stage", "at_least": {"blue": "4 m"}},
        ],
        for_="3min",
    )
    holds = [rung.holding.hold // MINUTE for limit in judge.limits for rung in limit.rungs]
    assert holds == [1, 2, 3]


def test_what_speaks_on_change_needs_no_second_sample(bound):
    judge = bound("sd-a", measure={"metric": "smoke_alarm"}, at_least={"red": "1 state"})
    assert [rung.holding.samples for rung in judge.limits[0].rungs] == [1]
    assert judge.measures[0].silent_for is None


def test_an_hourly_mean_covers_its_hour(bound):
    judge = bound("aq-a", measure={"metric": "pm25_1h"}, at_least={"blue": "100 µg/m3"})
    measure = judge.measures[0]
    assert (measure.period, measure.covers, measure.silent_for) == (HOUR, HOUR, round(3.5 * HOUR))
    assert judge.limits[0].rungs[0].holding.covers == HOUR


def test_a_rule_is_not_armed_where_the_metric_is_not_offered(bound):
    assert bound("rg-a") is None
    assert bound("hs-a") is not None


def test_an_unknown_and_is_never_met(bound):
    # C has no normal inflow: its blue is dropped, its red stays.
    judge = bound(
        "hs-c",
        measure=None,
        measures={"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}},
        limits=[
            {
                "measure": "stage",
                "at_least": {
                    "blue": {"value": "4 m", "and": [{"measure": "inflow", "above": {"site": "normal_inflow"}}]},
                    "red": "6 m",
                },
            }
        ],
    )
    assert rungs_of(judge) == {4: 6.0}


def test_a_slope_may_be_written_per_minute(bound):
    judge = bound("hs-a", measure={"metric": "stage", "slope_over": "60min"}, at_least={"blue": "0.3 m/h"})
    assert (judge.measures[0].unit, rungs_of(judge)) == ("m/h", {1: 0.3})
    assert number_in(Quantity(0.5, "℃/min"), "℃/h") == 30
    with pytest.raises(ValueError, match="the unit is mm, expected m"):
        number_in(Quantity(1, "mm"), "m")


@pytest.mark.parametrize(
    ("where", "armed"),
    [
        ({"kind": ["river-gauge"]}, {"hs-a", "hs-b", "hs-c"}),
        ({"site": ["hs-a", "rg-a"]}, {"hs-a"}),
        ({"county": ["331121"]}, {"hs-c"}),
        ({"attribute": {"reach": ["lower", "middle"]}}, {"hs-c"}),
        ({"zone": {"kind": "county"}, "county": ["331102"]}, {"hs-a", "hs-b"}),
        ({}, {"hs-a", "hs-b", "hs-c"}),
    ],
)
def test_every_line_of_where_must_hold(rules_of, rule, where, armed):
    assert {site.id for site in rules_of(rule(where=where)).sites_of("aa-01")} == armed


@pytest.mark.parametrize("where", [{"attribute": {"reach": ["nowhere"]}}, {"zone": {"kind": "scenic"}}])
def test_a_rule_that_concerns_no_site_is_refused(rules_of, rule, where):
    with pytest.raises(AssertionError, match="R217"):
        rules_of(rule(where=where))


@pytest.mark.parametrize("zone", ["scenic", {"kind": "scenic"}, {"id": "zn-scenic"}])
def test_a_zone_is_named_by_kind_or_by_id(rules_of, rule, zone):
    written = rule(where={"zone": zone}, measure={"metric": "occupied"}, at_least={"blue": "5 vehicles"})
    assert {site.id for site in rules_of(written).sites_of("aa-01")} == {"pk-a"}


def test_a_sites_plan_does_not_depend_on_foreign_rules(city, rules_of, rule):
    alone = rules_of(rule()).plan_for(city.sites["hs-a"])
    foreign = [rule(id=f"bb-{number}", where={"site": ["hs-b"]}) for number in range(50)]
    assert rules_of(rule(), *foreign).plan_for(city.sites["hs-a"]) == alone


def test_like_sites_share_what_is_the_same_in_their_plans(city, rules_of, rule):
    # A million sites of a few kinds hold a few judges. The other one warns at another stage.
    first = city.sites["hs-a"]
    twin = replace(first, id="hs-twin")
    other = replace(first, id="hs-other", attributes={"warning_stage": Quantity(5.0, "m")})
    rules = rules_of(rule(where={}, at_least={"blue": {"site": "warning_stage"}}), rule(id="aa-02", where={}))
    one, same, unlike = (rules.plan_for(site) for site in (first, twin, other))
    assert [mine is yours for mine, yours in zip(one.judges, same.judges, strict=True)] == [True, True]
    assert [mine is yours for mine, yours in zip(one.judges, unlike.judges, strict=True)] == [False, True]
    assert one.silences is same.silences
    assert one.shelves is same.shelves


def test_a_set_of_places_is_one_number():
    assert [places(bits(some)) for some in ((), (0,), (2, 0, 2), (70, 3))] == [(), (0,), (0, 2), (3, 70)]
    for number in range(PLACES_MAX + 10):
        places(number)
    assert places.cache_info().currsize <= PLACES_MAX


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3.5 periods", 3.5 * 5 * MINUTE), ("1 period", 5 * MINUTE), ("60min", HOUR), ("1h30min", 1.5 * HOUR)],
)
def test_a_silence_is_a_duration_or_periods(text, expected):
    assert silence_of(text, 5 * MINUTE) == expected


@pytest.mark.parametrize("text", ["3.5", "periods", "-1 periods", ". periods", "5m", "3 days", "1.2.3 periods", ""])
def test_anything_else_is_no_silence(text):
    with pytest.raises(ValueError, match=r"is no duration|is unclear"):
        silence_of(text, 1)


def test_a_silence_counts_the_periods_of_the_site_or_of_the_mean(bound):
    rule = {"type": "no_data", "measure": None, "silent_for": {"blue": "2 periods", "red": "12h"}}
    judge = bound("aq-a", metric="pm25_1h", **rule)
    assert isinstance(judge, SilenceJudge)
    assert judge.spans == ((1, 2 * HOUR), (4, 12 * HOUR))
    assert bound("hs-a", **rule).spans == ((1, 10 * MINUTE), (4, 12 * HOUR))
    assert bound("hs-a", metric="pm25_1h", **rule) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"dwell": {"yellow": "2min", "orange": "5min"}}, [(2, 120, 1), (3, 300, 2)]),
        ({"dwell": {"orange": "5min"}, "urgent": True}, [(3, 300, 1)]),
        ({"level": "red"}, [(4, 0, 2)]),
        ({"level": "blue"}, [(1, 0, 1)]),
    ],
)
def test_a_geofence_has_a_rung_per_level(bound, fields, expected):
    judge = bound("bt-a", type="geofence", measure=None, inside={"zone": "dam"}, **fields)
    assert isinstance(judge, GeofenceJudge)
    assert [(rank, holding.hold // SECOND, holding.samples) for rank, holding in judge.rungs] == expected
    assert judge.zones == {"zn-dam-west", "zn-dam-east"}


def test_a_geofence_is_armed_only_where_things_move(bound):
    fields = {"type": "geofence", "measure": None, "inside": {"zone": "dam"}, "level": "blue"}
    assert bound("hs-a", **fields) is None


def test_an_any_gate_with_an_unknown_member_does_not_block(rig):
    # B has no normal inflow, so nobody knows whether that member is met: an unknown gate counts as met.
    driven = rig(
        where={"site": ["hs-b"]},
        measure=None,
        measures={"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}},
        limits=[{"measure": "stage", "at_least": {"blue": "4 m"}}],
        only_while={
            "any": [
                {"measure": "inflow", "above": {"site": "normal_inflow"}},
                {"measure": "inflow", "above": "100 m³/s"},
            ]
        },
    )
    driven.send(0, {"stage": 5.0, "inflow": 50.0}, site="hs-b")
    assert driven.seen == ["0 blue firing"]


def test_a_clear_condition_that_lacks_its_attribute_does_not_clear_above_the_limit(rig):
    # C has no warning stage. What remains of `clear_when` alone must not end an alert whose limit is still met.
    driven = rig(
        where={"site": ["hs-c"]},
        measure=None,
        measures={"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}},
        limits=[{"measure": "stage", "at_least": {"blue": {"site": "guarantee_stage"}}}],
        clear_when=[
            {"measure": "stage", "below": {"site": "warning_stage"}},
            {"measure": "inflow", "below": "10 m³/s"},
        ],
    )
    driven.send(0, {"stage": 7.0, "inflow": 5.0}, site="hs-c")
    driven.send(5, {"stage": 7.0, "inflow": 5.0}, site="hs-c")
    assert driven.seen == ["0 blue firing"]
