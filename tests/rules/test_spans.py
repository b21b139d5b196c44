"""Rules that temporary zones arm. Minute 0 is 08:00; unless it says otherwise a zone is in force from 60 to 120.

Gauge A says 5 m every five minutes, the limit is 4 m: what is raised, and when, depends on the zone alone.
"""

from dataclasses import replace

import pytest

from citybrain.alerts import Ending
from citybrain.geometry import box, circle
from citybrain.instants import HOUR, MINUTE
from citybrain.model import Words
from citybrain.units import Quantity
from citybrain.zones import Zone
from rules.spans import Edge, Spans, parse_edge, spans_of

HERE = (119.5, 28.5)  # Gauge A.
VENUE = {"zone": {"kind": "venue"}}


@pytest.fixture
def zone(Rig):
    def make(zone_id="zn-fair", begin=60, end=120, *, kind="venue", area=None, **attributes):
        span = (Rig.start + begin * MINUTE, Rig.start + end * MINUTE) if begin is not None else None
        return Zone(zone_id, kind, Words("某", "Fair"), area or circle(HERE, radius_m=500), attributes, span)

    return make


@pytest.fixture
def drive(rules_of, rule, Rig, city):
    """Return what makes a rig under one rule over zones."""

    def make(*zones, **fields):
        registry = replace(city, zones={**city.zones, **{one.id: one for one in zones}})
        return Rig(rules_of(rule(**{"where": VENUE, **fields}), registry=registry))

    return make


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("start", Edge(False)),
        ("end", Edge(True)),
        ("start - 3h", Edge(False, -3 * HOUR)),
        ("end + 1h30min", Edge(True, 90 * MINUTE)),
    ],
)
def test_an_edge_is_counted_from_the_start_or_the_end(text, edge):
    assert parse_edge(text) == edge


@pytest.mark.parametrize("text", ["begin", "start-3h", "end + 2", "end + 5m", "3h", "start - 3h + 1h", ""])
def test_anything_else_is_no_edge(text):
    with pytest.raises(ValueError, match=r"expected|unclear"):
        parse_edge(text)


def test_spans_that_touch_are_one():
    spans = Spans((("a", 0, 10), ("b", 5, 20), ("c", 20, 30), ("d", 40, 50)))
    assert [spans.end_after(at) for at in (0, 9, 10, 25, 30, 45)] == [30, 30, 30, 30, 30, 50]
    assert [spans.holds(at) for at in (0, 29, 30, 39, 40, 50)] == [True, True, False, False, True, False]
    assert spans.armed_at(6) == ("a", "b")
    assert spans.begins_after(5) == [20, 40]


def test_one_zone_that_is_always_there_arms_a_rule_for_ever(zone):
    assert spans_of([zone(), zone("zn-dam", None, kind="dam")], None, None) is None
    assert spans_of([], None, None) is None


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        pytest.param(None, ["60 blue firing", "120 blue cleared"], id="from its start to its end"),
        pytest.param(
            {"from": "start - 30min", "until": "end + 10min"}, ["30 blue firing", "130 blue cleared"], id="longer"
        ),
        pytest.param({"from": "end", "until": "end + 20min"}, ["120 blue firing", "140 blue cleared"], id="after it"),
        pytest.param({"until": "start + 10min"}, ["60 blue firing", "70 blue cleared"], id="its beginning"),
        pytest.param({"from": "start + 20min"}, ["80 blue firing", "120 blue cleared"], id="its remainder"),
        pytest.param(
            {"from": "start - 30min", "hours": "09:30-12:00"}, ["90 blue firing", "120 blue cleared"], id="with hours"
        ),
    ],
)
def test_a_rule_is_armed_over_the_span_of_its_zone(drive, zone, active, expected):
    driven = drive(zone(), active=active)
    driven.series("5*32")
    assert driven.seen == expected
    assert driven.events[-1].ending is Ending.ZONE_ENDED
    assert "is over" in driven.events[-1].headline.en


def test_an_alert_that_recovers_inside_the_span_ends_as_ever(drive, zone):
    driven = drive(zone())
    driven.series("5*15 1*15")
    assert driven.seen == ["60 blue firing", "75 blue cleared"]
    assert driven.events[-1].ending is Ending.RECOVERED


def test_measures_are_warm_when_the_zone_begins(drive, zone):
    driven = drive(zone(), measure={"metric": "stage", "over": "1h", "take": "mean"}, for_="0s")
    driven.series("5*13")
    assert driven.seen == ["60 blue firing"]


def test_for_begins_with_the_zone(drive, zone):
    driven = drive(zone(), for_="10min")
    driven.series("5*20")
    assert driven.seen == ["70 blue firing"]


def test_the_end_comes_at_its_time_though_nothing_is_heard(drive, zone):
    driven = drive(zone(), keep_firing_for="3h", min_life="5h")
    driven.series("5*22")
    assert driven.seen == ["60 blue firing"]
    driven.skip(200)
    assert driven.seen == ["60 blue firing", "120 blue cleared"]
    assert driven.events[-1].sent == driven.start + 120 * MINUTE
    assert driven.engine.open_alerts == 0


def test_a_late_reading_of_a_zone_that_is_over_raises_nothing(drive, zone):
    driven = drive(zone())
    driven.series("1*20")
    driven.send(125, 5.0, observed=118)
    driven.wait(140)
    assert driven.seen == []


def test_two_zones_that_overlap_are_one_span(drive, zone):
    driven = drive(zone(), zone("zn-other", 110, 150))
    driven.series("5*40")
    assert driven.seen == ["60 blue firing", "150 blue cleared"]


def test_the_next_zone_is_the_next_alert(drive, zone):
    driven = drive(zone(), zone("zn-other", 140, 150))
    driven.series("5*40")
    assert driven.seen == ["60 blue firing", "120 blue cleared", "140 blue firing", "150 blue cleared"]
    first, _, second, _ = driven.events
    assert first.identifier != second.identifier
    assert [event.sequence for event in driven.events] == [1, 2, 1, 2]


def test_a_zone_that_is_always_there_keeps_the_rule_armed(drive, zone):
    driven = drive(zone(), zone("zn-hall", None, kind="scenic"), where={"zone": {"kind": ["venue", "scenic"]}})
    driven.series("5*30")
    assert driven.seen == ["0 blue firing"]


def test_an_event_names_the_zones_in_force_and_those_that_arm_the_rule(drive, zone):
    fair, other = zone(), zone("zn-other", 100, 300)
    driven = drive(fair, other, active={"from": "start - 30min"}, where={"zone": {"id": "zn-fair"}})
    driven.series("5*6 5*9 1*5 5 5")
    assert [(event.zones, event.state.value) for event in driven.events] == [
        (("zn-fair",), "firing"),
        (("zn-fair",), "cleared"),
        (("zn-fair", "zn-other"), "firing"),
    ]
    always = drive(fair, where={"site": ["hs-a"]})
    always.series("5 1*13 5 1*13 5")
    assert [event.zones for event in always.events if event.state == "firing"] == [(), ("zn-fair",), ()]


def test_a_rule_over_temporary_zones_waits_for_one(drive, city):
    assert not any(zone.kind == "venue" for zone in city.zones.values())
    driven = drive()
    driven.series("5*3")
    assert driven.seen == []


def test_a_zone_lends_its_attributes_over_the_span_of_the_rule(drive, zone):
    fair = zone(pool_limit=Quantity(4, "m"))
    later = zone("zn-later", 300, 400, area=circle(HERE, radius_m=100), pool_limit=Quantity(1, "m"))
    driven = drive(fair, later, at_least={"blue": {"zone": "pool_limit"}}, active={"from": "end", "until": "end + 1h"})
    driven.series("3*26 4*4")
    assert driven.seen == ["130 blue firing"]


def test_what_speaks_only_on_change_is_judged_when_the_zone_begins(drive, zone, city):
    detector = next(site for site in city.sites.values() if site.kind == "smoke-detector")
    fair = zone(area=circle(detector.position, radius_m=200))
    metric = detector.metrics[0]
    driven = drive(fair, measure={"metric": metric}, at_least={"blue": "1 state"}, for_="10min")
    driven.send(10, {metric: 1.0}, site=detector.id)
    driven.wait(200)
    assert driven.seen == ["70 blue firing", "120 blue cleared"]
    assert driven.events[-1].ending is Ending.ZONE_ENDED


def test_silence_is_raised_inside_the_span_only(drive, zone):
    fields = {"type": "no_data", "measure": None, "silent_for": {"blue": "20min", "yellow": "50min"}}
    driven = drive(zone(), **fields)
    driven.send(20, 1.0)
    driven.wait(200)
    assert driven.seen == ["70 yellow firing", "120 yellow cleared"]


def test_a_snapshot_at_any_minute_changes_nothing(drive, zone):
    zones = zone(), zone("zn-other", 130, 150)
    fields = {"at_least": {"blue": "4 m", "red": "6 m"}, "keep_firing_for": "10min", "for_": "5min"}
    stages = [1.0] * 10 + [5.0, 7.0, 7.0, 7.0, 1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0] + [5.0] * 10
    whole = drive(*zones, **fields)
    for place, stage in enumerate(stages):
        whole.send(place * 5, stage)
    assert len(whole.events) >= 6
    for split in range(50, 160, 5):
        driven = drive(*zones, **fields)
        for place, stage in enumerate(stages):
            driven.send(place * 5, stage)
            if place * 5 == split:
                before = driven.engine.snapshot()
                driven.restart()
                assert driven.engine.snapshot() == before
        assert driven.events == whole.events, split


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        pytest.param(120, "120 blue cleared", id="the same end"),
        pytest.param(110, "110 blue cleared", id="an earlier end"),
        pytest.param(90, "100 blue cleared", id="an end that has passed: at the restart"),
        pytest.param(150, "150 blue cleared", id="a later end"),
    ],
)
def test_after_a_restart_the_zone_may_end_at_another_time(drive, zone, end, expected):
    driven = drive(zone())
    driven.series("5*21")
    moved = drive(zone(end=end)).engine._rules
    driven.restart(moved)
    driven.series("5*12", start=105)
    assert driven.seen == ["60 blue firing", expected]
    assert driven.events[-1].ending is Ending.ZONE_ENDED


def test_a_zone_that_has_left_the_catalog_takes_its_alerts_along(drive, zone):
    driven = drive(zone())
    driven.series("5*15")
    driven.restart(drive().engine._rules)
    assert driven.seen == ["60 blue firing", "70 blue cleared"]
    assert driven.events[-1].ending is Ending.RULE_ENDED


# A boat and a fair on the water from 60 to 120, between 119.4 and 119.5 east; positions come every minute.
WATER = box(119.4, 28.3, 119.5, 28.4)
IN, OUT = (119.45, 28.35), (119.6, 28.35)


@pytest.fixture
def sail(drive, zone, city):
    boat = next(site for site in city.sites.values() if site.moves)

    def make(*track, **fields):
        driven = drive(
            zone(area=WATER),
            type="geofence",
            measure=None,
            where={"kind": [boat.kind]},
            **{"level": "blue", **fields},
        )
        for begin, end, position in track:
            for minute in range(begin, end):
                driven.send(minute, {boat.metrics[0]: 1.0}, site=boat.id, position=position)
        return driven

    return make


PLACE = {"zone": {"kind": "venue"}}


@pytest.mark.parametrize(
    ("fields", "track", "expected"),
    [
        pytest.param(
            {"inside": PLACE}, [(50, 130, IN)], ["60 blue firing", "120 blue cleared"], id="inside, while it lasts"
        ),
        pytest.param({"enter": PLACE}, [(50, 130, IN)], [], id="who is there before it begins has not entered"),
        pytest.param(
            {"enter": PLACE},
            [(50, 70, OUT), (70, 130, IN)],
            ["70 blue firing", "120 blue cleared"],
            id="who comes while it lasts has",
        ),
        pytest.param({"enter": PLACE}, [(50, 55, OUT), (55, 59, IN)], [], id="entered and gone before it begins"),
        pytest.param(
            {"exit": PLACE},
            [(50, 70, IN), (70, 130, OUT)],
            ["70 blue firing", "120 blue cleared"],
            id="who leaves while it lasts",
        ),
        pytest.param(
            {"outside": PLACE}, [(50, 130, OUT)], ["60 blue firing", "120 blue cleared"], id="outside, while it lasts"
        ),
        pytest.param({"outside": PLACE}, [(50, 130, IN)], [], id="not outside"),
        pytest.param(
            {"inside": PLACE, "active": {"from": "start - 5min", "until": "end + 5min"}},
            [(50, 130, IN)],
            ["55 blue firing", "125 blue cleared"],
            id="longer than the zone",
        ),
        pytest.param(
            {"inside": PLACE, "level": None, "dwell": {"yellow": "5min"}},
            [(50, 130, IN)],
            ["65 yellow firing", "120 yellow cleared"],
            id="the stay counts from its start",
        ),
    ],
)
def test_a_geofence_around_a_temporary_zone(sail, fields, track, expected):
    driven = sail(*track, **{"min_life": "0s", **fields})
    assert driven.seen == expected
    if expected:
        assert driven.events[-1].ending is Ending.ZONE_ENDED


def test_a_zone_that_is_over_no_longer_shelters_from_outside(drive, zone, city):
    boat = next(site for site in city.sites.values() if site.moves)
    driven = drive(
        zone(area=WATER),
        zone("zn-far", 60, 300, area=box(119.8, 28.3, 119.9, 28.4)),
        type="geofence",
        measure=None,
        where={"kind": [boat.kind]},
        outside={"zone": {"kind": "venue"}},
        level="blue",
    )
    for minute in range(50, 125):
        driven.send(minute, {boat.metrics[0]: 1.0}, site=boat.id, position=IN)
    assert driven.seen == ["120 blue firing"]


def test_the_end_of_one_zone_is_no_position_for_another(drive, zone, city):
    # Two fairs; at the end of the first at 120 the boat has not been heard since 118, when it had stayed 8 min.
    boat = next(site for site in city.sites.values() if site.moves)
    driven = drive(
        zone(area=WATER),
        zone("zn-long", 60, 300, area=WATER),
        type="geofence",
        measure=None,
        where={"kind": [boat.kind]},
        inside={"zone": {"kind": "venue"}},
        dwell={"yellow": "5min", "orange": "10min"},
        urgent=True,
        min_life="0s",
    )
    for minute in range(110, 119):
        driven.send(minute, {boat.metrics[0]: 1.0}, site=boat.id, position=IN)
    driven.wait(121)
    assert driven.seen == ["115 yellow firing", "115 yellow firing", "120 yellow cleared"]
    assert driven.engine.open_alerts == 1
