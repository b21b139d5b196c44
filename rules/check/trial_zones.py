"""The check of the temporary zones that the tests of a rule declare."""

from collections.abc import Iterator, Mapping

from citybrain.attributes import parse_attribute, quantities_of
from citybrain.documents import Document
from citybrain.faults import said_by
from citybrain.problems import Problem
from citybrain.registry import ZONE_KINDS, Registry
from rules.check.base import Loc
from rules.shape.trial_zones import TrialZone


def zone_problems(
    document: Document, loc: Loc, zones: Mapping[str, TrialZone], registry: Registry
) -> Iterator[Problem]:
    """Yield what is wrong with the zones of a test: a kind that does not come and go, attributes it does not have."""
    for name, zone in zones.items():
        kind = registry.zone_kinds.get(zone.kind)
        if name in registry.zones:
            yield document.problem((*loc, name), "R121", key=name)
        if kind is None or not kind.temporary:
            yield document.problem(
                (*loc, name, "kind"), "R230" if kind is None else "R232", key=zone.kind, file=ZONE_KINDS
            )
            continue
        for key, value in zone.attributes.items():
            place = (*loc, name, "attributes", key)
            unit = kind.attributes.get(key)
            if unit is None:
                yield document.problem(place, "R124", key=key, known=", ".join(kind.attributes))
                continue
            try:
                found = {quantity.unit for quantity in quantities_of(parse_attribute(value, unit))}
            except ValueError as error:
                yield document.problem(place, "R110", **said_by(error))
                continue
            for other in sorted(found - {unit}):
                yield document.problem(place, "R125", found=other, expected=unit)
