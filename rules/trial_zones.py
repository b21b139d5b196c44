"""The temporary zones of a rule's test, put into the catalog for as long as the test runs."""

from collections.abc import Mapping
from dataclasses import replace

from citybrain.attributes import parse_attribute
from citybrain.geometry import circle
from citybrain.model import Words
from citybrain.zones import Zone
from rules.ruleset import RuleSet
from rules.shape.trial_zones import TrialZone


def with_zones(rules: RuleSet, zones: Mapping[str, TrialZone], *, start: int) -> RuleSet:
    """Return the rules over a catalog that has the zones of a test too; the test begins at `start`."""
    if not zones:
        return rules
    kinds = rules.registry.zone_kinds
    made = {}
    for name, zone in zones.items():
        units = kinds[zone.kind].attributes
        attributes = {key: parse_attribute(value, units[key]) for key, value in zone.attributes.items()}
        span = (start + zone.begin, start + zone.until)
        area = circle(zone.centre, radius_m=zone.radius)
        made[name] = Zone(name, zone.kind, Words(name, name), area, attributes, span)
    registry = replace(rules.registry, zones={**rules.registry.zones, **made})
    return RuleSet(registry, rules.rules.values())
