import math
import random

import pytest

from citybrain.geometry import (
    AreaIndex,
    box,
    boxes_meet,
    circle,
    distance_m,
    from_geojson,
    gap_m,
    outlines,
    point,
    polygon,
    reach_box,
    to_geojson,
)

HERE = (119.9, 28.4)
METRES_PER_DEGREE = 111_195


def inside(area, position) -> bool:
    return AreaIndex([("a", area)]).containing(position) == {"a"}


@pytest.mark.parametrize("bearing", range(0, 360, 15))
@pytest.mark.parametrize("radius_m", [300, 5_000, 50_000])
def test_a_circle_is_good_to_half_a_percent(bearing, radius_m):
    area = circle(HERE, radius_m=radius_m)
    for factor, expected in ((0.994, True), (1.006, False)):
        north = factor * radius_m * math.cos(math.radians(bearing)) / METRES_PER_DEGREE
        lat = HERE[1] + north
        east = factor * radius_m * math.sin(math.radians(bearing)) / METRES_PER_DEGREE
        lon = HERE[0] + east / math.cos(math.radians(HERE[1]))
        assert inside(area, (lon, lat)) is expected


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ((119.5, 28.5), True),
        ((119.0, 28.5), True),
        ((120.0, 29.0), True),
        ((118.999, 28.5), False),
        ((119.5, 29.001), False),
    ],
)
def test_the_edge_of_a_box_is_inside(position, expected):
    assert inside(box(119, 28, 120, 29), position) is expected


@pytest.mark.parametrize("sides", [(120, 28, 119, 29), (119, 29, 120, 28), (119, 28, 119, 29)])
def test_an_empty_box_is_refused(sides):
    with pytest.raises(ValueError, match="is empty, expected west < east and south < north"):
        box(*sides)


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ([(0, 0), (1, 1)], "has 2 points, expected at least 3"),
        ([(0, 0), (1, 1), (1, 0), (0, 1)], "the outline is not valid: Self-intersection"),
        ([(0, 0), (1, 1), (2, 2)], "the outline is not valid"),
    ],
)
def test_a_bad_outline_is_refused(points, says):
    with pytest.raises(ValueError, match=says):
        polygon(points)


def test_a_polygon_takes_its_hole_out():
    ring = [[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]]
    hole = [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]
    area = from_geojson({"type": "Polygon", "coordinates": [ring, hole]})
    assert inside(area, (0.5, 0.5))
    assert not inside(area, (1.5, 1.5))


@pytest.mark.parametrize(
    "geometry",
    [
        pytest.param({"type": "Point", "coordinates": [0, 0]}, id="point"),
        pytest.param({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, id="line"),
        pytest.param({}, id="nothing"),
        pytest.param({"type": "Polygon"}, id="no coordinates"),
        pytest.param({"type": "Polygon", "coordinates": []}, id="empty"),
        pytest.param({"type": "Polygon", "coordinates": "abc"}, id="a text"),
        pytest.param({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, id="two points"),
        pytest.param({"type": "MultiPolygon", "coordinates": [[1]]}, id="numbers in place of rings"),
        pytest.param({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}, id="crossing"),
    ],
)
def test_anything_but_a_polygon_is_a_value_error(geometry):
    with pytest.raises(ValueError, match=r"."):
        from_geojson(geometry)


def test_geojson_comes_back():
    area = box(119, 28, 120, 29)
    assert from_geojson(to_geojson(area)).equals(area)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((119, 28), (119, 29), METRES_PER_DEGREE),
        ((119, 0), (120, 0), METRES_PER_DEGREE),
        ((119, 60), (120, 60), METRES_PER_DEGREE / 2),
        (HERE, HERE, 0),
    ],
)
def test_a_distance_is_in_metres(first, second, expected):
    assert distance_m(first, second) == pytest.approx(expected, rel=1e-9)
    assert distance_m(second, first) == distance_m(first, second)


@pytest.mark.parametrize("by_m", [0, 300, 20_000, 90_000])
def test_a_reach_box_holds_all_that_is_within_reach(by_m):
    dice = random.Random(7)
    area = circle(HERE, radius_m=2000)
    near = reach_box(area, by_m=by_m)
    held = 0
    for _ in range(2000):
        position = (HERE[0] + dice.uniform(-1.2, 1.2), HERE[1] + dice.uniform(-1.2, 1.2))
        if gap_m(area, point(position)) <= by_m:
            held += 1
            assert boxes_meet(near, (*position, *position)), position
    assert held or by_m < 20_000
    assert not boxes_meet(near, (HERE[0], HERE[1] + 1.5, HERE[0], HERE[1] + 2))


def test_an_index_without_areas_contains_nothing():
    assert AreaIndex([]).containing(HERE) == frozenset()


def test_an_index_agrees_with_asking_every_area():
    dice = random.Random(5)
    boxes = {}
    for number in range(300):
        west, south = dice.uniform(118, 121), dice.uniform(27, 29)
        boxes[f"z{number}"] = (west, south, west + dice.uniform(0.01, 0.5), south + dice.uniform(0.01, 0.5))
    index = AreaIndex((name, box(*sides)) for name, sides in boxes.items())
    for _ in range(300):
        lon, lat = dice.uniform(118, 121), dice.uniform(27, 29)
        expected = {name for name, (w, s, e, n) in boxes.items() if w <= lon <= e and s <= lat <= n}
        assert index.containing((lon, lat)) == expected


def test_outlines_are_closed_outer_rings_of_all_parts():
    hole = [[0.5, 0.1], [0.6, 0.1], [0.6, 0.2], [0.5, 0.1]]
    first, second = [[0, 0], [1, 0], [1, 1], [0, 0]], [[5, 5], [6, 5], [6, 6], [5, 5]]
    area = from_geojson({"type": "MultiPolygon", "coordinates": [[first], [second]]})
    assert [ring[0] == ring[-1] for ring in outlines(area)] == [True, True]
    (ring,) = outlines(from_geojson({"type": "Polygon", "coordinates": [first, hole[::-1]]}))
    assert ring == [(0, 0), (1, 0), (1, 1), (0, 0)]
