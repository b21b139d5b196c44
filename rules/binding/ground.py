"""The ground under a rule at one site: the attributes of the site and of the zones around it, as of an instant."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from pydantic import BaseModel

from citybrain.attributes import Attribute, Dated, attributes_at, quantities_of
from citybrain.sites import Site
from citybrain.zones import Zone
from rules.shape.values import Operand, Value
from rules.spans import Spans


class Here(Protocol):
    """Where a limit is bound: what its attributes, and those of the zones around it, say as of an instant."""

    @property
    def attributes(self) -> Mapping[str, Attribute]:
        """Return the attributes of the site; none for a group of sites."""
        ...

    @property
    def zone_attributes(self) -> Mapping[str, Attribute]:
        """Return the attributes of the zones around it."""
        ...


@dataclass(frozen=True, slots=True)
class SiteHere(Site):
    """A site as of an instant: nothing of it is dated, and it knows what the zones around it say."""

    zone_attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupHere:
    """A group of sites as of an instant: no attributes but those of the zone that it is."""

    zone_attributes: Mapping[str, Attribute]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """The attributes that a rule names, of the site and of zones."""

    of_site: frozenset[str]
    of_zones: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ground:
    """A site and the zones that count for one rule there, the smallest first.

    `spans` say when temporary zones arm the rule, if they do; such a zone counts over its span. Any other counts while
    it is in force.
    """

    site: Site
    zones: tuple[Zone, ...] = ()
    spans: Spans | None = None

    def as_of(self, instant: int) -> SiteHere:
        """Return the site as it is at an instant."""
        names = {name for zone in self.zones for name in zone.attributes}
        around = {name: value for name in names if (value := self._of_zones(name, instant)) is not None}
        return self._here(attributes_at(self.site.attributes, instant), around)

    def key_at(self, named: Named, instant: int) -> tuple[Attribute | None, ...]:
        """Return the values of the named attributes at an instant: what distinguishes one season from another."""
        own = [_at(self.site.attributes.get(name), instant) for name in sorted(named.of_site)]
        return (*own, *(self._of_zones(name, instant) for name in sorted(named.of_zones)))

    def ever(self) -> SiteHere:
        """Return the site with every attribute that it has at any time, a dated one with any of its values."""
        around: dict[str, Attribute] = {}
        for zone in reversed(self.zones):
            around.update(zone.attributes)
        return self._here(_undated(self.site.attributes), _undated(around))

    def changes(self, named: Named) -> bool:
        """Tell whether anything that the rule names here goes by season or hour, or comes and goes with a zone."""
        return any(isinstance(self.site.attributes.get(name), Dated) for name in named.of_site) or any(
            isinstance(zone.attributes[name], Dated) or zone.span is not None
            for zone in self.zones
            for name in named.of_zones & zone.attributes.keys()
        )

    def turns_after(self, named: Named, instant: int) -> int | None:
        """Return the first instant after one at which anything that the rule names here may be otherwise, if any."""
        attributes = [self.site.attributes.get(name) for name in named.of_site]
        carriers = [zone for zone in self.zones if named.of_zones & zone.attributes.keys()]
        attributes += [zone.attributes.get(name) for zone in carriers for name in named.of_zones]
        edges = [edge for zone in carriers for edge in zone.span or () if edge > instant]
        edges += [turn for turn in (self.spans.turns_after(instant),) if turn is not None] if self.spans else []
        return min([*edges, *_turns_after(attributes, instant)], default=None)

    def _of_zones(self, name: str, instant: int) -> Attribute | None:
        """Return what the smallest zone that carries the attribute and counts at the instant says then, if anything."""
        armed = self.spans.armed_at(instant) if self.spans is not None else ()
        for zone in self.zones:
            if name in zone.attributes and (zone.id in armed or zone.is_in_force(instant)):
                return _at(zone.attributes[name], instant)
        return None

    def _here(self, attributes: Mapping[str, Attribute], around: Mapping[str, Attribute]) -> SiteHere:
        values = {one.name: getattr(self.site, one.name) for one in fields(self.site)}
        return SiteHere(**{**values, "attributes": attributes, "is_dated": False, "zone_attributes": around})


@dataclass(frozen=True, slots=True)
class GroupGround:
    """A group of sites, and the attributes of the zone that it is; none for a county, the city, a square or a site."""

    attributes: Mapping[str, Attribute]

    def as_of(self, instant: int) -> GroupHere:
        """Return the group as it is at an instant."""
        return GroupHere(attributes_at(self.attributes, instant))

    def ever(self) -> GroupHere:
        """Return the group with every attribute that it has at any time."""
        return GroupHere(_undated(self.attributes))

    def key_at(self, named: Named, instant: int) -> tuple[Attribute | None, ...]:
        """Return the values of the named attributes at an instant."""
        return tuple(_at(self.attributes.get(name), instant) for name in sorted(named.of_zones))

    def turns_after(self, named: Named, instant: int) -> int | None:
        """Return the first instant after one at which anything that the rule names may be otherwise, if any."""
        return min(_turns_after([self.attributes.get(name) for name in named.of_zones], instant), default=None)

    def changes(self, named: Named) -> bool:
        """Tell whether anything that the rule names goes by season or hour."""
        return any(isinstance(self.attributes.get(name), Dated) for name in named.of_zones)


def named_by(entry: BaseModel) -> Named:
    """Return the attributes that an author's entry names, wherever they stand in it."""
    values = list(_values_in(entry))
    return Named(
        frozenset(value.site for value in values if value.site is not None),
        frozenset(value.zone for value in values if value.zone is not None),
    )


def _values_in(entry: Any) -> Iterator[Value | Operand]:
    if isinstance(entry, Value | Operand):
        yield entry
    elif isinstance(entry, BaseModel):
        for name in type(entry).model_fields:
            yield from _values_in(getattr(entry, name))
    elif isinstance(entry, Mapping):
        for value in entry.values():
            yield from _values_in(value)
    elif isinstance(entry, Sequence) and not isinstance(entry, str):
        for value in entry:
            yield from _values_in(value)


def _at(attribute: Attribute | None, instant: int) -> Attribute | None:
    return attribute.at(instant) if isinstance(attribute, Dated) else attribute


def _turns_after(attributes: Iterable[Attribute | None], instant: int) -> Iterator[int]:
    for attribute in attributes:
        if isinstance(attribute, Dated) and (turn := attribute.turns_after(instant)) is not None:
            yield turn


def _undated(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {
        name: next(quantities_of(value)) if isinstance(value, Dated) else value for name, value in attributes.items()
    }
