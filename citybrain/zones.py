"""Zones: named areas with a kind, from `citybrain/catalog/zones/` (YAML circles and boxes, GeoJSON polygons)."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from citybrain.faults import Fault
from citybrain.geometry import Area
from citybrain.metrics import Entry, KindName
from citybrain.model import Words
from citybrain.sites import LonLat, SiteId


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
    note: str | None = None

    @model_validator(mode="after")
    def _has_one_outline(self) -> "ZoneEntry":
        given = [name for name in ("circle", "box", "polygon") if getattr(self, name) is not None]
        if len(given) != 1:
            raise Fault("outline", found=given)
        return self


class ZoneFile(Entry):
    """One YAML file of `citybrain/catalog/zones/`: zones of one kind."""

    kind: KindName
    crs: Annotated[str, Field(pattern="^(wgs84|cgcs2000)$")]
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
    """A named area of one kind."""

    id: str
    kind: str
    words: Words
    area: Area
