"""Limits and operands by the attributes of sites and zones, by season and hour. Minute 0 is 08:00 on 20 June."""

from dataclasses import replace

import pytest

from citybrain.attributes import DatedEntry, parse_attribute
from citybrain.geometry import box, circle
from citybrain.model import Words
from citybrain.zones import Zone, ZoneKind

HERE = (119.5, 28.5)  # Gauge A.
MINUTE = 60_000


def dated(*entries, unit="m"):
    return parse_attribute(tuple(DatedEntry(**entry) for entry in entries), unit)


def zone(zone_id, kind="dam", *, radius_m=1000, at=HERE, span=None, **attributes):
    written = {
        name: value if not isinstance(value, str) else parse_attribute(value, "m") for name, value in attributes.items()
    }
    return Zone(zone_id, kind, Words("某", zone_id), circle(at, radius_m=radius_m), written, span)


@pytest.fixture
def town(city):
    """Return what makes the city with attributes of gauge A and zones of its own."""

    def make(*zones, **attributes):
        site = city.sites["hs-a"]
        is_dated = any(not isinstance(value, str) for value in attributes.values())
        written = {
            name: parse_attribute(value, "m") if isinstance(value, str) else value for name, value in attributes.items()
        }
        kept = {name: value for name, value in {**site.attributes, **written}.items() if value is not None}
        site = replace(site, attributes=kept, is_dated=is_dated)
        kinds = {
            **city.zone_kinds,
            **{
                kind: ZoneKind(name=Words("某", "Some"), attributes={"pool_limit": "m", "noise_limit": "dB"})
                for kind in ("dam", "scenic", "tea")
            },
        }
        return replace(
            city,
            sites={**city.sites, "hs-a": site},
            zones={**city.zones, **{one.id: one for one in zones}},
            zone_kinds=kinds,
        )

    return make


@pytest.fixture
def drive(rules_of, rule, Rig):
    def make(registry, **fields):
        return Rig(rules_of(rule(**fields), registry=registry))

    return make


#  limit    4 m until 09:00 (60), 5 m until 10:00 (120), none then
TWO_SEASONS = dated({"hours": "08:00-09:00", "value": "4 m"}, {"hours": "09:00-10:00", "value": "5 m"})
BLUE = {"blue": {"site": "warning_stage"}}


@pytest.mark.parametrize(
    ("stages", "start", "expected"),
    [
        pytest.param("3 4.5 4.5", 50, ["55 blue firing", "60 blue cleared"], id="the limit rises under the alert"),
        pytest.param("4.5 4.5", 60, [], id="what was over the first limit is not over the second"),
        pytest.param("5 6", 60, ["60 blue firing"], id="the second limit"),
        pytest.param("6*2 6 6", 110, ["110 blue firing", "120 blue cleared"], id="without a limit nothing is held"),
        pytest.param("9*5", 120, [], id="without a limit nothing is raised"),
    ],
)
def test_a_limit_goes_by_season(town, drive, stages, start, expected):
    driven = drive(town(warning_stage=TWO_SEASONS), at_least=BLUE)
    driven.series(stages, start=start)
    assert driven.seen == expected


def test_a_higher_level_is_seen_even_where_its_attribute_is_the_lower_one(town, drive):
    ladder = {"blue": {"site": "guarantee_stage"}, "yellow": {"site": "warning_stage"}}
    driven = drive(town(warning_stage="4 m", guarantee_stage="6 m"), at_least=ladder)
    driven.series("5")
    assert driven.seen == ["0 yellow firing"]


def test_a_limit_that_falls_is_seen_at_its_first_sample(town, drive):
    limit = dated({"hours": "08:00-09:00", "value": "5 m"}, {"hours": "09:00-10:00", "value": "4 m"})
    driven = drive(town(warning_stage=limit), at_least=BLUE)
    driven.series("4.5*4", start=50)
    assert driven.seen == ["60 blue firing"]
    assert driven.events[0].evidence.limit == 4


def test_for_begins_with_the_season(town, drive):
    driven = drive(town(warning_stage=dated({"hours": "09:00-10:00", "value": "4 m"})), at_least=BLUE, for_="10min")
    driven.series("5*6", start=50)
    assert driven.seen == ["70 blue firing"]


#   blue by season, 4 m until 10:00 (120); yellow 7 m always
#   stage   8  8 | 8  6.5 6.5  4     one each 5 min, | is 10:00
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, ["110 yellow firing", "125 yellow cleared"], id="then clear is the lowest level judged"),
        pytest.param({"clear": "5 m"}, ["110 yellow firing", "135 yellow cleared"], id="with a clear of its own"),
    ],
)
def test_a_level_out_of_season_holds_no_alert_and_the_others_are_judged(town, drive, fields, expected):
    limit = dated({"hours": "08:00-10:00", "value": "4 m"})
    driven = drive(town(warning_stage=limit), at_least={**BLUE, "yellow": "7 m"}, **fields)
    driven.series("8 8 8 6.5 6.5 4", start=110)
    assert driven.seen == expected


def test_in_season_the_same_alert_steps_down_to_the_dated_level(town, drive):
    limit = dated({"hours": "08:00-12:00", "value": "4 m"})
    driven = drive(town(warning_stage=limit), at_least={**BLUE, "yellow": "7 m"})
    driven.series("8 8 8 6.5 6.5 3", start=110)
    assert driven.seen == ["110 yellow firing", "125 blue firing", "135 blue cleared"]


def test_a_measure_is_set_against_the_value_of_the_hour(town, drive):
    # Over the limit by 1 m: 5 m before 09:00, 6 m after, nothing at all from 10:00 on.
    measure = {"metric": "stage", "minus": {"site": "warning_stage"}}
    driven = drive(town(warning_stage=TWO_SEASONS), measure=measure, at_least={"blue": "1 m"})
    driven.series("5.5*3", start=50)
    assert driven.seen == ["50 blue firing", "60 blue cleared"]
    driven.series("6*2 6", start=110)
    assert driven.seen[2:] == ["110 blue firing", "120 blue cleared"]


def test_a_condition_without_a_value_is_unknown(town, drive):
    # A gate that nobody can judge blocks nothing; an `and` of a level is not met.
    gate = [{"measure": "stage", "above": {"site": "warning_stage"}}]
    registry = town(warning_stage=TWO_SEASONS)
    fields = {"measure": None, "measures": {"stage": {"metric": "stage"}}}
    limits = [{"measure": "stage", "at_least": {"blue": "1 m"}}]
    driven = drive(registry, **fields, limits=limits, only_while=gate)
    driven.series("3*2", start=115)
    assert driven.seen == ["120 blue firing"]
    limits = [{"measure": "stage", "at_least": {"blue": {"value": "1 m", "and": gate}}}]
    driven = drive(registry, **fields, limits=limits)
    driven.series("6 6", start=115)
    assert driven.seen == ["115 blue firing", "120 blue cleared"]


def test_what_is_repeated_is_not_counted_out_of_season(town, drive):
    # Two hours of three; the hour from 09:00 has no limit and leaves no trace.
    limit = dated({"hours": "08:00-09:00", "value": "4 m"}, {"hours": "10:00-12:00", "value": "4 m"})
    driven = drive(town(warning_stage=limit), at_least=BLUE, repeated="2 of 2 hours")
    driven.series("5 1 5", every=60)
    assert driven.seen == ["120 blue firing"]


def test_a_snapshot_at_any_sample_changes_nothing(town, drive):
    stages = [3.0, 4.5, 4.5, 4.5, 5, 6, 6, 6, 6, 1, 1, 1, 9, 9, 9, 9, 9]
    fields = {"at_least": {**BLUE, "yellow": "7 m"}, "for_": "5min", "keep_firing_for": "10min"}
    whole = drive(town(warning_stage=TWO_SEASONS), **fields)
    for minute, stage in zip(range(50, 135, 5), stages, strict=True):
        whole.send(minute, float(stage))
    assert whole.seen == ["75 blue firing", "105 blue cleared", "115 yellow firing"]
    for split in range(55, 130, 5):
        driven = drive(town(warning_stage=TWO_SEASONS), **fields)
        for minute, stage in zip(range(50, 135, 5), stages, strict=True):
            driven.send(minute, float(stage))
            if minute == split:
                before = driven.engine.snapshot()
                driven.restart()
                assert driven.engine.snapshot() == before
        assert driven.events == whole.events


def test_what_was_repeated_often_enough_holds_nothing_out_of_season(town, drive):
    limit = dated({"hours": "08:00-10:00", "value": "4 m"})
    driven = drive(town(warning_stage=limit), at_least=BLUE, repeated="2 of 2 hours")
    driven.series("5*26")
    assert driven.seen == ["60 blue firing", "120 blue cleared"]


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({"guarantee_stage": "6 m", "warning_stage": TWO_SEASONS}, id="the same levels, one by season now"),
        pytest.param({"warning_stage": "3 m", "guarantee_stage": None}, id="a level less"),
    ],
)
def test_after_a_restart_a_site_may_have_other_attributes(town, rules_of, rule, Rig, attributes):
    ladder = {**BLUE, "yellow": {"site": "guarantee_stage"}}
    driven = Rig(rules_of(rule(at_least=ladder, for_="10min"), registry=town()))
    driven.series("1 5 5 5")
    assert driven.seen == ["15 blue firing"]
    changed = town(**attributes)
    driven.restart(rules_of(rule(at_least=ladder, for_="10min"), registry=changed))
    driven.series("5 5 5 1", start=20)
    assert driven.seen == ["15 blue firing", "35 blue cleared"]


SMALL = zone("zn-small", radius_m=500, pool_limit="4 m")
LARGE = zone("zn-large", radius_m=5000, pool_limit="2 m")
ELSEWHERE = zone("zn-elsewhere", radius_m=100, at=(119.6, 28.6), pool_limit="1 m")
BARE = zone("zn-bare", radius_m=100)
OF_ZONE = {"blue": {"zone": "pool_limit"}}


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        pytest.param([LARGE], 2, id="one zone"),
        pytest.param([LARGE, SMALL], 4, id="of two the smaller"),
        pytest.param([SMALL, LARGE, ELSEWHERE], 4, id="not one elsewhere"),
        pytest.param([LARGE, BARE], 2, id="not one without the attribute"),
        pytest.param([ELSEWHERE, BARE], None, id="none"),
    ],
)
def test_a_limit_of_a_zone_is_that_of_the_smallest_that_has_it(town, rules_of, rule, Rig, zones, expected):
    other = rule(id="aa-02")
    rules = rules_of(rule(at_least={**OF_ZONE, "red": "9 m"}), other, registry=town(*zones))
    driven = Rig(rules.only("aa-01"))
    driven.series("1 1.5 3 5")
    seen = [event.evidence.limit for event in driven.events if event.level == "blue"]
    assert seen == ([expected] if expected else [])


def test_a_limit_of_a_zone_may_be_moved_and_a_measure_set_against_it(town, drive):
    driven = drive(town(LARGE), at_least={"blue": {"zone": "pool_limit", "plus": "0.5 m", "times": 2}})
    driven.series("4.4 4.5")
    assert driven.seen == ["5 blue firing"]
    driven = drive(town(LARGE), measure={"metric": "stage", "minus": {"zone": "pool_limit"}}, at_least={"blue": "1 m"})
    driven.series("2.9 3")
    assert driven.seen == ["5 blue firing"]


def test_the_smallest_zone_without_a_value_now_is_not_replaced_by_a_larger_one(town, drive):
    small = zone("zn-small", radius_m=500, pool_limit=dated({"hours": "09:00-10:00", "value": "4 m"}))
    driven = drive(town(small, LARGE), at_least=OF_ZONE)
    driven.series("3*2 5*2", start=50)
    assert driven.seen == ["60 blue firing"]


def test_a_temporary_zone_lends_its_limit_while_it_is_in_force(town, drive, Rig):
    start = Rig.start + 60 * MINUTE
    fair = zone("zn-fair", "venue", radius_m=500, span=(start, start + 60 * MINUTE), pool_limit="4 m")
    driven = drive(town(fair, LARGE), at_least=OF_ZONE)
    driven.series("3 3 3 3", start=50)
    driven.series("3 3 3", start=115)
    assert driven.seen == ["50 blue firing", "60 blue cleared", "120 blue firing"]


FARM = zone("zn-farm", "scenic", radius_m=1000, at=(119.5, 28.52))  # Its edge is about 1.2 km from gauge A.


@pytest.mark.parametrize(
    ("where", "is_armed"),
    [
        pytest.param({"kind": ["scenic", "dam"]}, True, id="one of two kinds"),
        pytest.param({"kind": ["scenic", "tea"]}, False, id="neither of two kinds"),
        pytest.param({"kind": "scenic"}, False, id="not in the zone"),
        pytest.param({"kind": "scenic", "within": "1 km"}, False, id="not near enough"),
        pytest.param({"kind": "scenic", "within": "1.5 km"}, True, id="near enough"),
        pytest.param({"id": "zn-farm", "within": "1.5 km"}, True, id="near a zone by its id"),
        pytest.param({"kind": ["venue", "scenic"], "within": "1.5 km"}, True, id="near one of two kinds"),
    ],
)
def test_where_takes_several_kinds_and_a_distance(town, rules_of, rule, where, is_armed):
    registry = town(LARGE, FARM)
    rules = rules_of(rule(where={"zone": where}), rule(id="aa-02"), registry=registry) if is_armed else None
    if rules is None:
        with pytest.raises(AssertionError, match="R217"):
            rules_of(rule(where={"site": ["hs-a"], "zone": where}), registry=registry)
    else:
        assert "hs-a" in {site.id for site in rules.sites_of("aa-01")}


def test_a_zone_that_where_finds_at_a_distance_lends_its_attributes(town, drive):
    near = zone("zn-near", "scenic", radius_m=800, at=(119.5, 28.52), pool_limit="4 m")
    driven = drive(town(near, LARGE), where={"zone": {"kind": "scenic", "within": "3 km"}}, at_least=OF_ZONE)
    driven.series("3 4")
    assert driven.seen == ["5 blue firing"]


def test_a_box_and_a_circle_are_ordered_by_their_size(town, drive):
    wide = Zone(
        "zn-wide",
        "dam",
        Words("某", "Some"),
        box(119.0, 28.0, 120.0, 29.0),
        {"pool_limit": parse_attribute("1 m", "m")},
    )
    driven = drive(town(wide, LARGE), at_least=OF_ZONE)
    driven.series("1.5 2")
    assert driven.seen == ["5 blue firing"]
