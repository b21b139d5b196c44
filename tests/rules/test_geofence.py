"""A boat that reports every minute. The west dam lies at 119.4 to 119.5 E, the east dam at 119.45 to 119.6 E."""

import pytest

OUT, WEST, BOTH, EAST = (119.1, 28.15), (119.42, 28.15), (119.47, 28.15), (119.55, 28.15)
PLACES = {".": OUT, "w": WEST, "b": BOTH, "e": EAST}
BATTERY = {"battery_voltage": 12.0}


@pytest.fixture
def boat(rig):
    def make(**fields):
        return rig(type="geofence", measure=None, where={"site": ["bt-a"]}, **fields)

    return make


def sail(driven, track: str, start: float = 0) -> list[str]:
    """Send a position a minute; `_` is a missing one. Return `minute zone level state` of each event."""
    told = len(driven.events)
    for minute, place in enumerate(track, start=int(start)):
        if place == "_":
            driven.wait(minute)
        else:
            driven.send(minute, BATTERY, site="bt-a", position=PLACES[place])
    seen = zip(driven.events[told:], driven.seen[told:], strict=True)
    return [f"{event.subject.zone.removeprefix('zn-dam-')} {text}" for event, text in seen]


WEST_ONLY = {"zone": {"id": "zn-dam-west"}}


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        # minute    0123456789
        pytest.param("..w..", ["west 2 blue firing", "west 3 blue cleared"], id="in and out"),
        pytest.param("w", ["west 0 blue firing"], id="inside from the first"),
        pytest.param("wwww.", ["west 0 blue firing", "west 4 blue cleared"], id="once for a stay"),
        pytest.param(
            "w.w",
            ["west 0 blue firing", "west 1 blue cleared", "west 2 blue firing"],
            id="a stay each is an alert each",
        ),
        pytest.param("..e..", [], id="another zone"),
        pytest.param("...", [], id="never there"),
    ],
)
def test_inside_lasts_as_long_as_it_is_inside(boat, track, expected):
    assert sail(boat(inside=WEST_ONLY, level="blue"), track) == expected


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        pytest.param(".w", ["west 1 blue firing"], id="seen outside, then inside"),
        pytest.param("www", [], id="inside from the first: nobody saw it enter"),
        pytest.param("w.w", ["west 2 blue firing"], id="left and entered"),
        pytest.param(".ww.", ["west 1 blue firing", "west 3 blue cleared"], id="until it is outside again"),
    ],
)
def test_enter_wants_to_have_seen_it_outside(boat, track, expected):
    assert sail(boat(enter=WEST_ONLY, level="blue"), track) == expected


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        pytest.param("...", [], id="outside from the first: nobody saw it leave"),
        pytest.param("w.", ["west 1 blue firing"], id="seen inside, then outside"),
        pytest.param("w..w", ["west 1 blue firing", "west 3 blue cleared"], id="until it is inside again"),
    ],
)
def test_exit_wants_to_have_seen_it_inside(boat, track, expected):
    assert sail(boat(exit=WEST_ONLY, level="blue"), track) == expected


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        # minute    012345678
        pytest.param(".www", ["west 3 yellow firing"], id="two minutes inside"),
        pytest.param(".ww.", [], id="one minute is nothing"),
        pytest.param(".ww.ww", [], id="stays do not add up"),
        pytest.param(".wwwwww", ["west 3 yellow firing", "west 6 orange firing"], id="five minutes escalate"),
        pytest.param(".w_w", ["west 3 yellow firing"], id="one position may be missing"),
        pytest.param(".w__w", [], id="after a longer gap it starts anew"),
    ],
)
def test_dwell_counts_the_time_inside(boat, track, expected):
    assert sail(boat(inside=WEST_ONLY, dwell={"yellow": "2min", "orange": "5min"}), track) == expected


def test_zones_of_one_kind_are_alerted_one_by_one(boat):
    #        minute  0 1 2 3 4     from the west dam through the overlap to the east dam
    assert sail(boat(inside={"zone": "dam"}, level="blue"), ".wbe.") == [
        "west 1 blue firing",
        "east 2 blue firing",
        "west 3 blue cleared",
        "east 4 blue cleared",
    ]


def test_the_edge_of_a_zone_is_inside(boat):
    driven = boat(inside=WEST_ONLY, level="blue")
    driven.send(0, BATTERY, site="bt-a", position=(119.4, 28.15))
    assert driven.seen == ["0 blue firing"]


def test_orange_wants_a_second_position(boat):
    assert sail(boat(inside=WEST_ONLY, level="orange"), ".w.") == []
    assert sail(boat(inside=WEST_ONLY, level="orange"), ".ww") == ["west 2 orange firing"]
    assert sail(boat(inside=WEST_ONLY, level="orange", urgent=True), ".w.")[0] == "west 1 orange firing"


def test_an_older_position_changes_nothing(boat):
    driven = boat(inside=WEST_ONLY, level="blue")
    sail(driven, "...")
    driven.send(3, BATTERY, site="bt-a", observed=1.5, position=WEST)
    driven.send(3, BATTERY, site="bt-a", observed=2, position=WEST)
    assert driven.seen == []


def test_the_alert_is_about_the_asset_in_the_zone(boat):
    driven = boat(inside=WEST_ONLY, level="blue")
    sail(driven, ".w")
    event = driven.events[0]
    assert (event.subject.kind.value, event.subject.key) == ("asset_in_zone", "bt-a@zn-dam-west")
    assert event.subject.words.zh == "甲船（西坝）"
    assert event.zones == ("zn-dam-west",)
    assert event.subject.position == WEST
    assert event.geometry == {"type": "Point", "coordinates": [*WEST]}
    assert (event.evidence.value, event.evidence.comparison, event.evidence.limit) == (1.0, "inside", None)


def test_a_silent_boat_is_marked_and_stays(boat):
    driven = boat(inside=WEST_ONLY, level="blue")
    sail(driven, ".w_____w")
    assert driven.seen == ["1 blue firing", "4.5 blue firing no_data", "7 blue firing"]


def test_a_position_of_a_site_that_does_not_move_is_ignored(rig):
    driven = rig(type="geofence", measure=None, where={}, inside={"zone": "dam"}, level="blue")
    driven.send(0, {"stage": 1.0}, position=WEST)
    assert driven.seen == []
    assert driven.rejections == []


def test_a_position_counts_even_when_its_metrics_are_refused(rig, rule):
    # The battery says 99 V, out of range; the boat is in the water of the dam all the same, and it is not silent.
    driven = rig(
        rule(type="geofence", measure=None, where={"site": ["bt-a"]}, inside=WEST_ONLY, level="blue"),
        rule(id="zz-01", type="no_data", measure=None, where={"site": ["bt-a"]}, silent_for={"blue": "3.5 periods"}),
    )
    driven.send(0, {"battery_voltage": 99.0}, site="bt-a", position=WEST)
    assert driven.refused == [("range", ("battery_voltage",))]
    assert driven.seen == ["0 blue firing"]


# outside, and zones widened by a buffer


def test_outside_is_about_the_site_and_all_zones_together(rig, rule):
    #  minute   0 1 2 3 4       o outside, w in the western zone; two minutes outside are yellow
    driven = rig(
        rule(type="geofence", measure=None, where={"site": ["bt-a"]}, outside={"zone": "dam"}, dwell={"yellow": "2min"})
    )
    outside = (119.9, 28.4)
    for minute, place in enumerate([WEST, outside, outside, outside, WEST]):
        driven.send(minute, {"battery_voltage": 12.0}, site="bt-a", position=place)
        if minute == 2:
            driven.restart()
    assert driven.seen == ["3 yellow firing", "4 yellow cleared"]
    assert {(event.subject.kind, event.subject.zone) for event in driven.events} == {("site", None)}
    assert [event.evidence.value for event in driven.events] == [0.0, 1.0]


@pytest.mark.parametrize(("buffer", "is_inside"), [(None, False), ("100 m", False), ("2 km", True)])
def test_a_buffer_widens_the_zones(rig, rule, city, buffer, is_inside):
    east_of_west = city.zones["zn-dam-west"].area.bounds[2]
    lat = (city.zones["zn-dam-west"].area.bounds[1] + city.zones["zn-dam-west"].area.bounds[3]) / 2
    a_kilometre_out = (east_of_west + 0.0102, lat)
    fields = {"buffer": buffer} if buffer else {}
    driven = rig(
        rule(type="geofence", measure=None, where={"site": ["bt-a"]}, inside=WEST_ONLY, level="blue", **fields)
    )
    driven.send(0, {"battery_voltage": 12.0}, site="bt-a", position=a_kilometre_out)
    assert driven.seen == (["0 blue firing"] if is_inside else [])
