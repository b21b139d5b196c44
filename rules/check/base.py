"""What the checks of all types of rule share: places, names and values."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from citybrain.documents import Document
from citybrain.faults import Fault
from citybrain.model import Scenario
from citybrain.problems import Problem
from citybrain.registry import COUNTY, Registry
from citybrain.units import parse_quantity
from rules.binding.units import number_in
from rules.shape.places import Where, ZoneWhere
from rules.shape.values import Value

OWN_UNIT = ""  # Of a measure of any metric: that of each.

Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks what stands in a rule; `loc` is where the rule stands in its document."""

    document: Document
    registry: Registry
    scenario: Scenario
    loc: Loc

    def _where(self, where: Where, loc: Loc) -> Iterator[Problem]:
        for kind in where.kind:
            if kind not in self.registry.kinds:
                yield self._unknown((*loc, "kind"), "R204", kind, self.registry.kinds)
        for site in where.site:
            if site not in self.registry.sites:
                yield self._unknown((*loc, "site"), "R203", site, self.registry.sites)
        counties = [zone.id for zone in self.registry.zones.values() if zone.kind == COUNTY]
        for county in where.county:
            if county not in counties:
                yield self._unknown((*loc, "county"), "R205", county, counties)
        attributes = {name for kind in self.registry.kinds.values() for name in kind.attributes}
        for name in where.attribute:
            if name not in attributes:
                yield self._unknown((*loc, "attribute", name), "R213", name, attributes)
        if where.zone is not None:
            yield from self._zone((*loc, "zone"), where.zone)

    def _zone(self, loc: Loc, where: ZoneWhere) -> Iterator[Problem]:
        known = {*self.registry.zone_kinds, COUNTY}
        for kind in where.kind:
            if kind not in known:
                yield self._unknown((*loc, "kind"), "R206", kind, known)
        if where.id is not None and where.id not in self.registry.zones:
            yield self._unknown((*loc, "id"), "R205", where.id, self.registry.zones)

    def _value(self, loc: Loc, value: Value, unit: str) -> Iterator[Problem]:
        if unit == OWN_UNIT and value.number is None:
            yield self.document.problem(loc, "R246", found=value.quantity or value.site)
            return
        if unit != OWN_UNIT and value.number is not None:
            bare = f"{value.number:g}"
            yield self.document.problem(loc, "R110", fault=Fault("no_unit", found=repr(bare), number=bare))
        for text in (value.quantity, value.plus):
            if text is None:
                continue
            try:
                number_in(parse_quantity(text), unit)
            except ValueError:
                yield self.document.problem(loc, "R211", found=text, expected=unit)
        if value.site is not None:
            declared = [kind.attributes for kind in self.registry.kinds.values()]
            yield from self._attribute(loc, "R213", value.site, declared, unit)
        if value.zone is not None:
            declared = [kind.attributes for kind in self.registry.zone_kinds.values()]
            yield from self._attribute(loc, "R236", value.zone, declared, unit)

    def _attribute(
        self, loc: Loc, code: str, name: str, declared: Sequence[Mapping[str, str]], unit: str
    ) -> Iterator[Problem]:
        """Check that some kind declares the attribute, and in a unit that fits."""
        units = {attributes[name] for attributes in declared if name in attributes}
        if not units:
            yield self._unknown(loc, code, name, {known for attributes in declared for known in attributes})
        elif unit not in units:
            found = f"{name} ({', '.join(sorted(units))})"
            yield self.document.problem(loc, "R211", found=found, expected=unit)

    def _number(self, loc: Loc, value: Value, unit: str) -> float | None:
        """Return the number of a value in the unit; None where it is an attribute, or wrong."""
        if value.site is not None or any(True for _ in self._value(loc, value, unit)):
            return None
        return value.number if value.quantity is None else number_in(parse_quantity(value.quantity), unit)

    def _rising(self, loc: Loc, spans: Mapping[str, int]) -> Iterator[Problem]:
        """Check that a higher level asks for a longer time."""
        for (low, first), (high, second) in pairwise(spans.items()):
            if second < first:
                yield self.document.problem((*loc, high), "R209", low=low, high=high, sign="<")

    def _unknown(self, loc: Loc, code: str, found: str, known: Iterable[str]) -> Problem:
        near = difflib.get_close_matches(found, sorted(known), n=1)
        return self.document.problem(loc, code, key=found, hint=near[0] if near else "")
