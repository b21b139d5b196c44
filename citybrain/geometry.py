"""Areas on the map: the only module that knows shapely.

Positions are `(lon, lat)` in degrees WGS 84; CGCS2000 equals it for our purpose. Distances are metres.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import shapely
from shapely.geometry import mapping, shape

Area: TypeAlias = shapely.Geometry
Box = tuple[float, float, float, float]  # West, south, east, north.

_METRES_PER_DEGREE = 111_195.0  # Of latitude, on a sphere of 6,371 km.
_CIRCLE_QUARTER_SEGMENTS = 16


def circle(centre: tuple[float, float], *, radius_m: float) -> Area:
    """Return a round area, as a polygon of 64 corners; good to 0.5 % for radii below 50 km in China.

    Raises ValueError for a radius that is not above 0.
    """
    if not radius_m > 0:
        raise ValueError(f"the radius is {radius_m:g} m, expected more than 0")
    lon, lat = centre
    east = radius_m / (_METRES_PER_DEGREE * math.cos(math.radians(lat)))
    north = radius_m / _METRES_PER_DEGREE
    unit = shapely.Point(0, 0).buffer(1.0, quad_segs=_CIRCLE_QUARTER_SEGMENTS)
    return shapely.transform(unit, lambda points: points * [east, north] + [lon, lat])


def box(west: float, south: float, east: float, north: float) -> Area:
    """Return the area between two meridians and two parallels. Raises ValueError for an empty one."""
    if west >= east or south >= north:
        raise ValueError(f"box {[west, south, east, north]} is empty, expected west < east and south < north")
    return shapely.box(west, south, east, north)


def widened(area: Area, *, by_m: float) -> Area:
    """Return an area with everything within a distance in metres of it; good to 1 % for a few kilometres."""
    lat = area.centroid.y
    scale = [_METRES_PER_DEGREE * math.cos(math.radians(lat)), _METRES_PER_DEGREE]
    in_metres = shapely.transform(area, lambda points: points * scale)
    return shapely.transform(in_metres.buffer(by_m), lambda points: points / scale)


def inner_point(area: Area) -> tuple[float, float]:
    """Return a position that surely lies inside the area, to 1e-6 degree."""
    point = area.representative_point()
    return round(point.x, 6), round(point.y, 6)


def polygon(points: Sequence[tuple[float, float]]) -> Area:
    """Return the area inside a ring of points. Raises ValueError if the ring crosses itself or is too short."""
    if len(points) < 3:
        raise ValueError(f"the outline has {len(points)} points, expected at least 3")
    area = shapely.Polygon(points)
    if not area.is_valid:
        raise ValueError(f"the outline is not valid: {shapely.is_valid_reason(area)}")
    return area


def from_geojson(geometry: Mapping[str, Any]) -> Area:
    """Return the area of a GeoJSON geometry. Raises ValueError for anything but a valid (multi)polygon."""
    if geometry.get("type") not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"found a {geometry.get('type')}, expected a Polygon or MultiPolygon")
    try:
        area = shape(geometry)
    except (KeyError, TypeError, AttributeError, IndexError, shapely.errors.ShapelyError) as error:
        raise ValueError(f"the geometry is not whole: {error!r}") from error
    if area.is_empty:
        raise ValueError("the outline is empty")
    if not area.is_valid:
        raise ValueError(f"the outline is not valid: {shapely.is_valid_reason(area)}")
    return area


def to_geojson(area: Area) -> dict[str, Any]:
    """Return the GeoJSON geometry of an area, coordinates rounded to 1e-6 degree (about 0.1 m)."""
    return dict(mapping(shapely.set_precision(area, 1e-6)))


def outlines(area: Area) -> list[list[tuple[float, float]]]:
    """Return the outer rings of an area, each with its first point again at the end; holes are filled."""
    parts = [part for part in getattr(area, "geoms", [area]) if part.geom_type == "Polygon"]
    return [[(lon, lat) for lon, lat, *_ in part.exterior.coords] for part in parts]


def distance_m(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Return the distance in metres between two positions less than a few hundred kilometres apart."""
    lat = math.radians((first[1] + second[1]) / 2)
    east = (second[0] - first[0]) * math.cos(lat)
    north = second[1] - first[1]
    return math.hypot(east, north) * _METRES_PER_DEGREE


def point(position: tuple[float, float]) -> Area:
    """Return a position as an area without extent."""
    return shapely.Point(position)


def reach_box(area: Area, *, by_m: float) -> Box:
    """Return a box that surely holds everything within a distance in metres of an area, below a hundred kilometres."""
    west, south, east, north = area.bounds
    high = by_m * 1.02 / _METRES_PER_DEGREE
    wide = high / math.cos(math.radians(max(abs(south - high), abs(north + high))))
    return west - wide, south - high, east + wide, north + high


def boxes_meet(first: Box, second: Box) -> bool:
    """Tell whether two boxes have a point in common."""
    return first[0] <= second[2] and second[0] <= first[2] and first[1] <= second[3] and second[1] <= first[3]


def gap_m(first: Area, second: Area) -> float:
    """Return the distance in metres from edge to edge, 0 where they touch; good to 1 % below a hundred kilometres."""
    lat = (first.centroid.y + second.centroid.y) / 2
    scale = [_METRES_PER_DEGREE * math.cos(math.radians(lat)), _METRES_PER_DEGREE]
    one, other = (shapely.transform(area, lambda points: points * scale) for area in (first, second))
    return float(shapely.distance(one, other))


def size_of(area: Area) -> float:
    """Return a number by which areas of one city can be ordered by their extent: square degrees."""
    return float(area.area)


def bearing_deg(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Return the direction from one position to another, degrees clockwise from north; good to 1 deg below 100 km."""
    east = (second[0] - first[0]) * math.cos(math.radians((first[1] + second[1]) / 2))
    return math.degrees(math.atan2(east, second[1] - first[1])) % 360


class AreaIndex:
    """Answers which of many areas a position lies in, in about the same time for ten areas and ten thousand.

    Source: shapely's STRtree, a packed R-tree. The edge of an area counts as inside.
    """

    def __init__(self, areas: Iterable[tuple[str, Area]]) -> None:
        pairs = list(areas)
        self._ids = [area_id for area_id, _ in pairs]
        self._areas = [area for _, area in pairs]
        shapely.prepare(self._areas)
        self._tree = shapely.STRtree(self._areas)

    def containing(self, position: tuple[float, float]) -> frozenset[str]:
        """Return the ids of all areas that the position lies in or on the edge of."""
        if not self._ids:
            return frozenset()
        found = self._tree.query(shapely.Point(position), predicate="intersects")
        return frozenset(self._ids[place] for place in found)
