"""Place words: which sites and zones lie near a site or zone, along its river, or where the wind comes from or goes."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, model_validator

from citybrain.faults import Fault
from citybrain.geometry import Box, bearing_deg, boxes_meet, gap_m, point, reach_box
from citybrain.metrics import Entry, KindName
from citybrain.registry import Registry
from citybrain.rivers import run_m
from citybrain.sites import Site
from citybrain.units import Angle, Length
from citybrain.zones import Zone

CALM_BELOW_MS = 0.5  # A vane in weaker wind points nowhere [K].
SPREAD_DEG = 60.0  # The whole opening of a wind sector where the author gives none [E].

Origin = Site | Zone
_Place = TypeVar("_Place", Site, Zone)


def _as_list(written: Any) -> Any:
    return (written,) if isinstance(written, str) else written


class PlaceWord(Entry):
    """Where others are looked for, seen from a site or zone; every line that is written must hold.

    Distances are metres inside, `5 km` in a file; `spread` is the whole opening of the wind sector in degrees.
    """

    kind: Annotated[tuple[KindName, ...], BeforeValidator(_as_list)] = ()
    within: Length | None = None
    nearest: KindName | None = None
    upstream: Length | None = None
    downstream: Length | None = None
    upwind: Length | None = None
    downwind: Length | None = None
    spread: Angle | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> "PlaceWord":
        if not self.model_fields_set:
            raise Fault("place")
        if self.nearest is not None and self.kind:
            raise Fault("place_kind")
        if self.upstream is not None and self.downstream is not None:
            raise Fault("one_way", first="upstream", second="downstream")
        if self.upwind is not None and self.downwind is not None:
            raise Fault("one_way", first="upwind", second="downwind")
        if self.spread is not None and self.upwind is None and self.downwind is None:
            raise Fault("spread")
        return self

    @property
    def spread_deg(self) -> float:
        """Return the opening of the wind sector, written or not."""
        return SPREAD_DEG if self.spread is None else self.spread

    @property
    def reach_m(self) -> float | None:
        """Return the distance as the crow flies that nothing found may exceed, None for no bound."""
        bounds = [bound for bound in (self.within, self.upwind, self.downwind) if bound is not None]
        return min(bounds, default=None)


def sites_from(registry: Registry, origin: Origin, place: PlaceWord) -> tuple[str, ...]:
    """Return the ids of the sites that a place word finds from an origin, sorted; never the origin itself.

    The wind is not asked: `upwind` and `downwind` give the full circle, of which `in_sector` keeps a part.
    """
    return _found(registry, origin, place, registry.sites.values(), lambda site: point(site.position))


def zones_from(registry: Registry, origin: Origin, place: PlaceWord) -> tuple[str, ...]:
    """Return the ids of the zones that a place word finds from an origin, sorted; never the origin itself.

    Distances are from edge to edge, 0 where the two overlap. Temporary zones are found at all times.
    """
    return _found(registry, origin, place, registry.zones.values(), lambda zone: zone.area)


def centre_of(origin: Origin) -> tuple[float, float]:
    """Return the position from which a bearing is taken."""
    if isinstance(origin, Site):
        return origin.position
    return origin.area.centroid.x, origin.area.centroid.y


def steady_wind(from_deg: float | None, speed_ms: float | None) -> float | None:
    """Return the direction that the wind comes from, or None where it is unknown or the air is calm."""
    return None if speed_ms is None or speed_ms < CALM_BELOW_MS else from_deg


def in_sector(
    origin: tuple[float, float],
    other: tuple[float, float],
    wind_from_deg: float | None,
    spread_deg: float,
    *,
    downwind: bool,
) -> bool:
    """Tell whether a position lies upwind (or downwind) of the origin, in a sector of so many degrees.

    Without a wind it is the full circle: who may be hit cannot be told, so everybody may.
    """
    if wind_from_deg is None or origin == other:
        return True
    axis = wind_from_deg + 180 if downwind else wind_from_deg
    aside = abs((bearing_deg(origin, other) - axis + 180) % 360 - 180)
    return aside <= spread_deg / 2


def _found(
    registry: Registry, origin: Origin, place: PlaceWord, among: Iterable[_Place], area_of: Callable[[_Place], Any]
) -> tuple[str, ...]:
    kinds = (place.nearest,) if place.nearest is not None else place.kind
    start = point(origin.position) if isinstance(origin, Site) else origin.area
    # Most of a city is far away, which its boxes tell at once.
    near = reach_box(start, by_m=place.reach_m) if place.reach_m is not None else None
    found = []
    for other in among:
        if (
            other.id == origin.id
            or (kinds and other.kind not in kinds)
            or (near is not None and not boxes_meet(near, _box_of(other)))
            or not _is_along(registry, origin, place, other)
        ):
            continue
        needs_gap = place.reach_m is not None or place.nearest is not None
        gap = gap_m(start, area_of(other)) if needs_gap else 0.0
        if place.reach_m is None or gap <= place.reach_m:
            found.append((gap, other.id))
    if place.nearest is not None:
        return (min(found)[1],) if found else ()
    return tuple(sorted(other_id for _, other_id in found))


def _box_of(place: Origin) -> Box:
    if isinstance(place, Site):
        return (*place.position, *place.position)
    west, south, east, north = place.area.bounds
    return west, south, east, north


def _is_along(registry: Registry, origin: Origin, place: PlaceWord, other: Origin) -> bool:
    """Tell whether another place lies on the river where the word says. Off any river nothing is up or down it."""
    if place.upstream is None and place.downstream is None:
        return True
    if origin.river is None or other.river is None:
        return False
    if place.upstream is not None:
        run = run_m(registry.reaches, other.river, origin.river)
        return run is not None and run <= place.upstream
    assert place.downstream is not None, "one of the two was written"
    run = run_m(registry.reaches, origin.river, other.river)
    return run is not None and run <= place.downstream
