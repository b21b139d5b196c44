"""Sites: the things that measure, from `citybrain/catalog/sites/*.yaml`, one file per kind."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from citybrain.attributes import Attribute, AttributeEntry
from citybrain.coordinates import Crs
from citybrain.instants import Duration
from citybrain.metrics import Entry, KindName, Name
from citybrain.model import Feed, Words
from citybrain.rivers import RiverPoint

# How many periods a periodic metric may stay silent before what it said is no longer known: two readings missing and
# the third half a period late on its way [E].
SILENT_PERIODS = 3.5

SiteId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
LonLat = tuple[Annotated[float, Field(ge=73, le=136)], Annotated[float, Field(ge=3, le=54)]]


class SiteEntry(Entry):
    """One site as its author wrote it."""

    id: SiteId
    words: Words = Field(alias="name")
    county: Annotated[str, Field(pattern=r"^\d{6}$", description="adcode of GB/T 2260")]
    position: Annotated[LonLat, Field(description="lon, lat in the file's coordinate system")]
    elevation: str | None = None
    period: Duration | None = None
    attributes: dict[Name, AttributeEntry] = {}
    note: str | None = None


class SiteFile(Entry):
    """One file of `citybrain/catalog/sites/`: sites of one kind."""

    kind: KindName
    crs: Annotated[Crs, Field(description="coordinate system of the positions")]
    period: Duration | None = None
    source: str
    sites: Annotated[tuple[SiteEntry, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Site:
    """A thing that measures, checked against its kind. `period` is the span between two readings."""

    id: str
    words: Words
    feed: Feed
    kind: str
    county: str
    position: tuple[float, float]  # (lon, lat), WGS 84.
    period: int
    metrics: tuple[str, ...]
    attributes: dict[str, Attribute]
    moves: bool = False
    river: RiverPoint | None = None  # Where `reach` and `chainage` say that it is.
    is_dated: bool = False  # Whether any attribute goes by season or hour.

    def silent_for(self, covers: int | None) -> int:
        """Return how old a value of this site may grow before it is unknown, given the span it covers, if any."""
        return round(SILENT_PERIODS * max(self.period, covers or 0))
