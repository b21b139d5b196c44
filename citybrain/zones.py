"""Zones: named areas with a kind, from `citybrain/catalog/zones/` (YAML circles and boxes, GeoJSON polygons).

The kinds, and what zones of each may carry, are declared in `citybrain/catalog/zone-kinds.yaml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from citybrain.attributes import Attribute, AttributeEntry
from citybrain.coordinates import Crs
from citybrain.faults import Fault
from citybrain.geometry import Area
from citybrain.instants import Instant
from citybrain.metrics import AttributeUnit, Entry, KindName, Name
from citybrain.model import Words
from citybrain.rivers import RiverPoint
from citybrain.sites import LonLat, SiteId


class ZoneKind(Entry):
    """A kind of zone: which attributes its zones may carry, each with its unit (or `word`, or `hours`)."""

    words: Words = Field(alias="name")
    attributes: dict[Name, AttributeUnit] = {}
    temporary: bool = False  # Its zones have a start and an end.


class ZoneKindFile(Entry):
    """`citybrain/catalog/zone-kinds.yaml`: the kinds of zone; `attributes` are common to all of them."""

    source: str
    attributes: dict[Name, AttributeUnit] = {}
    kinds: dict[KindName, ZoneKind]


class Circle(Entry):
    """A round area: centre lon, lat and a radius such as `500 m` or `3 km`."""

    centre: LonLat
    radius: str


class ZoneEntry(Entry):
    """One zone as its author wrote it; exactly one of circle, box and polygon says where it lies."""

    id: SiteId
    words: Words = Field(alias="name")
    circle: Circle | None = None
    box: Annotated[tuple[float, float, float, float], Field(description="west, south, east, north")] | None = None
    polygon: tuple[LonLat, ...] | None = None
    start: Instant | None = None
    end: Instant | None = None
    attributes: dict[Name, AttributeEntry] = {}
    note: str | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> "ZoneEntry":
        if (self.start is None) != (self.end is None) or (self.start or 0) > (self.end or 0):
            raise Fault("zone_span")
        given = [name for name in ("circle", "box", "polygon") if getattr(self, name) is not None]
        if len(given) != 1:
            raise Fault("outline", found=given)
        return self


class ZoneFile(Entry):
    """One YAML file of `citybrain/catalog/zones/`: zones of one kind."""

    kind: KindName
    crs: Annotated[Crs, Field(description="coordinate system of the outlines")]
    source: str
    zones: Annotated[tuple[ZoneEntry, ...], Field(min_length=1)]


class CountyProperties(Entry):
    """The properties of one county outline."""

    adcode: Annotated[str, Field(pattern=r"^\d{6}$")]
    name_zh: str
    name_en: str
    seat: LonLat
    schematic: bool
    polygon_area_km2: float


class CountyFeature(Entry):
    """One county outline in GeoJSON."""

    type: Literal["Feature"]
    id: str
    properties: CountyProperties
    bbox: tuple[float, float, float, float]
    geometry: dict[str, Any]


class CountyFile(Entry):
    """The GeoJSON file of the county outlines."""

    type: Literal["FeatureCollection"]
    name: str
    features: tuple[CountyFeature, ...]


@dataclass(frozen=True, slots=True)
class Zone:
    """A named area of one kind; a temporary one is in force from `start` until just before `end`."""

    id: str
    kind: str
    words: Words
    area: Area
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    span: tuple[int, int] | None = None  # Start and end of a temporary zone.
    river: RiverPoint | None = None  # Where `reach` and `chainage` say that it is.

    def is_in_force(self, instant: int) -> bool:
        """Tell whether the zone is there at the instant."""
        return self.span is None or self.span[0] <= instant < self.span[1]
