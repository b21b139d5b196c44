"""Groups: what an alert of an area rule is about, and which sites and alerts belong to each."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from citybrain.alerts import Subject, SubjectKind
from citybrain.geometry import AreaIndex, inner_point, widened
from citybrain.model import Words
from citybrain.registry import CITY, CITY_WORDS, COUNTY, Registry
from citybrain.sites import Site
from citybrain.units import parse_quantity
from citybrain.zones import Zone
from rules.binding.units import metres_of
from rules.shape.area import GroupEntry

_METRES_PER_DEGREE = 111_195.0
_CELL_LAT = 28.2  # Squares are drawn true to scale here: 1 % too wide or narrow at the prefecture's edges.


@dataclass(frozen=True, slots=True)
class Group:
    """One thing that alerts of a rule may be about."""

    id: str
    kind: SubjectKind
    words: Words
    county: str
    position: tuple[float, float]
    zones: tuple[str, ...] = ()
    origin: Site | Zone | None = None  # From where places are looked for; None: nowhere in particular.

    @property
    def subject(self) -> Subject:
        """Return it as the subject of an alert."""
        if self.kind is SubjectKind.SITE:
            return Subject(self.kind, self.id, None, self.words, self.position)
        return Subject(self.kind, None, self.id, self.words, self.position)


class Grouping:
    """The groups of one rule."""

    def __init__(self, group_by: GroupEntry, registry: Registry, sites: Iterable[Site]) -> None:
        self._registry = registry
        self._group_by = group_by
        self._counties = AreaIndex((zone.id, zone.area) for zone in registry.zones.values() if zone.kind == COUNTY)
        self._index: AreaIndex | None = None
        self._cell_m = 0.0
        self.groups: Mapping[str, Group] = self._made(sites)

    def containing(self, position: tuple[float, float], *, county: str, site: str | None) -> frozenset[str]:
        """Return the ids of the groups that something at a position, or a site, belongs to."""
        if self._group_by.whole == COUNTY:
            found = frozenset({county})
        elif self._group_by.whole is not None:
            found = frozenset({CITY})
        elif self._index is not None:
            found = self._index.containing(position)
        elif self._cell_m:
            found = frozenset({self._cell(position)})
        else:
            found = frozenset({site}) if site is not None else frozenset()
        return found & self.groups.keys()

    def of(self, site: Site) -> frozenset[str]:
        """Return the ids of the groups that a site belongs to."""
        return self.containing(site.position, county=site.county, site=site.id)

    def _made(self, sites: Iterable[Site]) -> dict[str, Group]:
        group_by = self._group_by
        if group_by.zone:
            return self._zones(group_by)
        if group_by.cell is not None:
            self._cell_m = metres_of(parse_quantity(group_by.cell))
            return {cell: self._cell_group(cell) for cell in sorted({self._cell(site.position) for site in sites})}
        if group_by.site is not None:
            named = [site for site in self._registry.sites.values() if site.kind == group_by.site]
            return {site.id: _site_group(site) for site in named}
        counties = [zone for zone in self._registry.zones.values() if zone.kind == COUNTY]
        if group_by.whole == COUNTY:
            return {
                zone.id: Group(zone.id, SubjectKind.COUNTY, zone.words, zone.id, inner_point(zone.area), origin=zone)
                for zone in counties
            }
        points = [inner_point(zone.area) for zone in counties]
        middle = (math.fsum(lon for lon, _ in points) / len(points), math.fsum(lat for _, lat in points) / len(points))
        return {CITY: Group(CITY, SubjectKind.CITY, CITY_WORDS, CITY, middle)}

    def _zones(self, group_by: GroupEntry) -> dict[str, Group]:
        zones = [zone for zone in self._registry.zones.values() if zone.kind in group_by.zone]
        by_m = metres_of(parse_quantity(group_by.within)) if group_by.within is not None else 0.0
        self._index = AreaIndex((zone.id, widened(zone.area, by_m=by_m) if by_m else zone.area) for zone in zones)
        groups = {}
        for zone in zones:
            point = inner_point(zone.area)
            county = self._county_of(point)
            groups[zone.id] = Group(zone.id, SubjectKind.ZONE, zone.words, county, point, (zone.id,), zone)
        return groups

    def _county_of(self, position: tuple[float, float]) -> str:
        return min(self._counties.containing(position), default=CITY)

    def _scale(self) -> tuple[float, float]:
        """Return the degrees of longitude and latitude that a square is wide and high."""
        high = self._cell_m / _METRES_PER_DEGREE
        return high / math.cos(math.radians(_CELL_LAT)), high

    def _cell(self, position: tuple[float, float]) -> str:
        wide, high = self._scale()
        return f"cell-{math.floor(position[0] / wide)}-{math.floor(position[1] / high)}"

    def _cell_group(self, cell: str) -> Group:
        wide, high = self._scale()
        _, column, row = cell.split("-")
        centre = (round((int(column) + 0.5) * wide, 6), round((int(row) + 0.5) * high, 6))
        at = f"{centre[0]:.3f}, {centre[1]:.3f}"
        words = Words(f"网格（{at}）", f"Grid square ({at})")
        return Group(cell, SubjectKind.CELL, words, self._county_of(centre), centre)


def _site_group(site: Site) -> Group:
    return Group(site.id, SubjectKind.SITE, site.words, site.county, site.position, origin=site)
