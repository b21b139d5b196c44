"""Which sites a rule concerns, and the ground under it there."""

from collections.abc import Iterable

from citybrain.geometry import AreaIndex, size_of, widened
from citybrain.registry import Registry
from citybrain.sites import Site
from rules.binding.ground import Ground
from rules.shape.file import AnyRule
from rules.shape.forecast import ForecastRule
from rules.shape.places import Where, ZoneNear
from rules.shape.threshold import ThresholdRule
from rules.spans import spans_of


class Whereabouts:
    """Tells which sites and zones the words of an author mean."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._index = AreaIndex((zone.id, zone.area) for zone in registry.zones.values())
        self._sizes = {zone.id: size_of(zone.area) for zone in registry.zones.values()}
        self._near: dict[ZoneNear, AreaIndex] = {}
        self._around: dict[str, frozenset[str]] = {}  # Site -> the zones it stands in; every rule asks for them.

    def zones_at(self, position: tuple[float, float]) -> frozenset[str]:
        """Return the ids of all zones around a position."""
        return self._index.containing(position)

    def zones_of(self, site: Site) -> frozenset[str]:
        """Return the ids of all zones that a site stands in."""
        zones = self._around.get(site.id)
        if zones is None:
            zones = self._around[site.id] = self.zones_at(site.position)
        return zones

    def concerns(self, where: Where, site: Site) -> bool:
        """Tell whether a site is meant."""
        if where.kind and site.kind not in where.kind:
            return False
        if where.county and site.county not in where.county:
            return False
        if where.site and site.id not in where.site:
            return False
        if where.zone is not None and not self._found(where.zone, site):
            return False
        return all(_has(site, name, words) for name, words in where.attribute.items())

    def standing_ground(self, site: Site) -> Ground:
        """Return the site and the zones around it, for rules that are not its own alone."""
        counting = sorted(self.zones_of(site), key=lambda zone: (self._sizes[zone], zone))
        return Ground(site, tuple(self._registry.zones[zone] for zone in counting))

    def ground(self, entry: AnyRule, site: Site) -> Ground:
        """Return the site as a rule finds it: the zones that count there, and when they arm it."""
        found = self._found(entry.where.zone, site) if entry.where.zone is not None else frozenset()
        counting = sorted(self.zones_of(site) | found, key=lambda zone: (self._sizes[zone], zone))
        active = entry.active if isinstance(entry, ThresholdRule | ForecastRule) else None
        since, until = (active.since, active.until) if active is not None else (None, None)
        spans = spans_of([self._registry.zones[zone] for zone in found], since, until)
        return Ground(site, tuple(self._registry.zones[zone] for zone in counting), spans)

    def _found(self, where: ZoneNear, site: Site) -> frozenset[str]:
        """Return the zones that a rule's `where` finds at the site, as far as it stands in or near them."""
        if where.within is not None:
            return self._widened(where).containing(site.position)
        return frozenset(zone for zone in self.zones_of(site) if where.names(self._registry.zones[zone]))

    def _widened(self, where: ZoneNear) -> AreaIndex:
        """Return the index of the zones that are meant, each with the distance around it; made on first use."""
        index = self._near.get(where)
        if index is None:
            assert where.within is not None, "without a distance nothing is widened"
            meant = [zone for zone in self._registry.zones.values() if where.names(zone)]
            index = AreaIndex((zone.id, widened(zone.area, by_m=where.within)) for zone in meant)
            self._near[where] = index
        return index


def _has(site: Site, name: str, words: Iterable[str]) -> bool:
    attribute = site.attributes.get(name)
    return isinstance(attribute, tuple) and bool(set(attribute) & set(words))
