"""Place words over a small map: two rivers that meet, sites along them, and zones around."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from citybrain.geometry import box, circle, gap_m, point
from citybrain.model import Feed, Words
from citybrain.places import PlaceWord, centre_of, in_sector, sites_from, steady_wind, zones_from
from citybrain.registry import load_registry
from citybrain.rivers import Reach, RiverPoint, run_m
from citybrain.sites import Site
from citybrain.zones import Zone

NAME = Words("某", "Some")
#   left  (10 km) ---+
#                    +--- main (20 km) --- sea
#   right (30 km) ---+                                 pond: a lake of its own
REACHES = {
    "left": Reach(name=NAME, length="10 km", next="main"),
    "right": Reach(name=NAME, length="30 km", next="main"),
    "main": Reach(name=NAME, length="20 km"),
    "pond": Reach(name=NAME, length="1 km"),
}
KM = 0.0089932  # Degrees of latitude in a kilometre.


def site(site_id, north_km, *, kind="gauge", reach=None, chainage_km=0.0, east_km=0.0):
    position = (120 + east_km * KM / 0.8829, 28 + north_km * KM)
    river = RiverPoint(reach, chainage_km * 1000) if reach is not None else None
    return Site(site_id, NAME, Feed.HYDROLOGY, kind, "331102", position, 1, (), {}, river=river)


SITES = [
    site("a", 0, reach="left", chainage_km=4),
    site("b", 1, reach="right", chainage_km=3),
    site("c", -1, reach="main", chainage_km=15),
    site("d", -3, reach="main", chainage_km=5),
    site("e", 4, reach="pond", chainage_km=1),
    site("f", 2, kind="rain"),
    site("g", -2, kind="rain"),
    site("h", 0, kind="rain", east_km=6),
]
ZONES = [
    Zone("near", "town", NAME, circle((120, 28 + 2 * KM), radius_m=500)),
    Zone("around", "town", NAME, box(119.9, 27.9, 120.1, 28.1)),
    Zone("bank", "plain", NAME, circle((120, 28 - 6 * KM), radius_m=500), river=RiverPoint("main", 2_000)),
    Zone("fair", "venue", NAME, circle((120, 28 + 9 * KM), radius_m=1000), span=(0, 1)),
]


@pytest.fixture(scope="module")
def registry():
    return replace(
        load_registry(),
        sites={one.id: one for one in SITES},
        zones={one.id: one for one in ZONES},
        reaches=REACHES,
    )


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [
        pytest.param(("left", 4), ("left", 1), 3, id="on one reach"),
        pytest.param(("left", 4), ("left", 4), 0, id="the same place"),
        pytest.param(("left", 1), ("left", 4), None, id="water does not run up"),
        pytest.param(("left", 4), ("main", 15), 9, id="over a mouth"),
        pytest.param(("left", 0), ("main", 20), 0, id="at the mouth itself"),
        pytest.param(("main", 15), ("left", 4), None, id="over a mouth, upward"),
        pytest.param(("left", 4), ("right", 3), None, id="from one arm into the other"),
        pytest.param(("pond", 1), ("main", 1), None, id="from another water"),
    ],
)
def test_the_run_of_the_water(above, below, expected):
    points = [RiverPoint(reach, km * 1000) for reach, km in (above, below)]
    assert run_m(REACHES, *points) == (None if expected is None else expected * 1000)


@pytest.mark.parametrize(
    ("origin", "place", "expected"),
    [
        pytest.param("a", {"within": "1 km"}, "b c", id="within"),
        pytest.param("a", {"within": "2 km", "kind": "rain"}, "f g", id="within, of a kind"),
        pytest.param("a", {"kind": ["gauge", "rain"]}, "b c d e f g h", id="of kinds, and never itself"),
        pytest.param("d", {"nearest": "rain"}, "g", id="nearest"),
        pytest.param("a", {"nearest": "rain"}, "f", id="nearest of two at one distance: the first by id"),
        pytest.param("e", {"nearest": "rain", "within": "1 km"}, "", id="nearest, but too far"),
        pytest.param("c", {"upstream": "8 km"}, "b", id="upstream: 8 km reach over the mouth to b"),
        pytest.param("c", {"upstream": "9 km"}, "a b", id="upstream: 9 km reach a"),
        pytest.param("c", {"upstream": "7.9 km"}, "", id="upstream: less reaches none"),
        pytest.param("a", {"downstream": "19 km"}, "c d", id="downstream"),
        pytest.param("a", {"downstream": "18 km"}, "c", id="downstream, shorter"),
        pytest.param("a", {"downstream": "19 km", "within": "2 km"}, "c", id="both lines must hold"),
        pytest.param("f", {"upstream": "99 km"}, "", id="off the river nothing is upstream"),
        pytest.param("a", {"upwind": "1.5 km"}, "b c", id="upwind: the full circle"),
        pytest.param("a", {"downwind": "1.5 km", "spread": "60 deg"}, "b c", id="downwind: the full circle"),
    ],
)
def test_sites_from_a_site(registry, origin, place, expected):
    assert " ".join(sites_from(registry, registry.sites[origin], PlaceWord(**place))) == expected


@pytest.mark.parametrize(
    ("origin", "place", "expected"),
    [
        pytest.param("near", {"within": "600 m"}, "b f", id="from the edge"),
        pytest.param("around", {"within": "1 m", "kind": "rain"}, "f g h", id="inside is at no distance"),
        pytest.param("bank", {"upstream": "4 km"}, "d", id="upstream of a zone"),
        pytest.param("near", {"upstream": "4 km"}, "", id="of a zone off the river"),
    ],
)
def test_sites_from_a_zone(registry, origin, place, expected):
    assert " ".join(sites_from(registry, registry.zones[origin], PlaceWord(**place))) == expected


@pytest.mark.parametrize(
    ("origin", "place", "expected"),
    [
        pytest.param("b", {"within": "500 m"}, "around near", id="within: to the edge"),
        pytest.param("b", {"within": "490 m"}, "around", id="within: short of the edge"),
        pytest.param("b", {"nearest": "town"}, "around", id="nearest: the one it stands in"),
        pytest.param("b", {"kind": "venue"}, "fair", id="a temporary zone, whatever the time"),
        pytest.param("a", {"downstream": "23 km"}, "bank", id="downstream"),
        pytest.param("a", {"downstream": "21 km"}, "", id="downstream, shorter"),
    ],
)
def test_zones_from_a_site(registry, origin, place, expected):
    assert " ".join(zones_from(registry, registry.sites[origin], PlaceWord(**place))) == expected


def test_a_zone_does_not_find_itself(registry):
    assert zones_from(registry, registry.zones["near"], PlaceWord(kind="town")) == ("around",)


@pytest.mark.parametrize(
    ("wind", "other", "downwind", "expected"),
    [
        # The wind comes from the north; the sector opens 60 degrees, 30 to each side.
        pytest.param(0, (0, 1), False, True, id="north of it: upwind"),
        pytest.param(0, (0, -1), False, False, id="south of it: not upwind"),
        pytest.param(0, (0, -1), True, True, id="south of it: downwind"),
        pytest.param(0, (0, 1), True, False, id="north of it: not downwind"),
        pytest.param(0, (0.57, 1), False, True, id="29 degrees aside"),
        pytest.param(0, (0.59, 1), False, False, id="31 degrees aside"),
        pytest.param(350, (0.3, 1), False, True, id="across north"),
        pytest.param(10, (-0.3, 1), False, True, id="across north, the other way"),
        pytest.param(270, (1, 0), True, True, id="a west wind blows east"),
        pytest.param(None, (0, -1), False, True, id="no wind: the full circle"),
        pytest.param(0, (0, 0), False, True, id="at the same place"),
    ],
)
def test_the_wind_sector(wind, other, downwind, expected):
    east, north = other
    position = (120 + east * KM / 0.8829, 28 + north * KM)
    assert in_sector((120, 28), position, wind, 60, downwind=downwind) is expected


@pytest.mark.parametrize(
    ("direction", "speed", "expected"),
    [(90.0, 0.5, 90.0), (90.0, 0.49, None), (None, 3.0, None), (90.0, None, None)],
)
def test_calm_air_and_an_unknown_wind_have_no_direction(direction, speed, expected):
    assert steady_wind(direction, speed) == expected


def test_a_bearing_is_taken_from_the_middle(registry):
    assert centre_of(registry.sites["a"]) == (120, 28)
    assert centre_of(registry.zones["around"]) == pytest.approx((120, 28))


def test_a_sector_opens_sixty_degrees_unless_it_says_otherwise():
    assert PlaceWord(upwind="5 km").spread_deg == 60
    assert PlaceWord(upwind="5 km", spread="90 deg").spread_deg == 90


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({}, "one or more place words"),
        ({"nearest": "rain", "kind": "rain"}, "cannot stand beside"),
        ({"upstream": "1 km", "downstream": "1 km"}, "cannot both"),
        ({"upwind": "1 km", "downwind": "1 km"}, "cannot both"),
        ({"within": "1 km", "spread": "60 deg"}, "opening"),
        ({"within": "1 mm"}, "the unit is mm"),
        ({"within": "1km"}, "no space"),
        ({"within": "0 km"}, "greater than 0"),
        ({"upwind": "1 km", "spread": "361 deg"}, "less than or equal to 360"),
    ],
)
def test_a_place_word_that_says_nothing_or_too_much_is_refused(place, text):
    with pytest.raises(ValidationError, match=text):
        PlaceWord(**place)


@pytest.mark.parametrize("zone", ["zn-floodplain-bihu", "zn-shelter-shuige", "zn-forest-dayang"])
def test_among_the_sites_of_a_whole_city_all_within_the_distance_are_found_and_no_others(zone):
    city = load_registry()
    origin = city.zones[zone]
    near = {site.id for site in city.sites.values() if gap_m(origin.area, point(site.position)) <= 5000}
    assert near
    assert set(sites_from(city, origin, PlaceWord(within="5 km"))) == near
    overlap = {other.id for other in city.zones.values() if gap_m(origin.area, other.area) <= 5000} - {zone}
    assert set(zones_from(city, origin, PlaceWord(within="5 km"))) == overlap
