"""Binding of a rule, whatever its type, with its overrides."""

from collections.abc import Callable

from citybrain.registry import Registry
from rules.binding.geofence import GeofenceBinder
from rules.binding.ground import Ground
from rules.binding.no_data import bind_silence
from rules.binding.threshold import ThresholdBinder
from rules.rule import Judge, Rule
from rules.shape.file import AnyRule
from rules.shape.geofence import GeofenceRule
from rules.shape.no_data import NoDataRule
from rules.shape.threshold import ThresholdRule


def binders(entry: AnyRule, rule: Rule, registry: Registry) -> list[Callable[[Ground], Judge | None]]:
    """Return what binds each override of a rule, in their order, and last the rule as it stands."""
    entries = [*(entry.overridden(override) for override in entry.overrides), entry]
    return [_binder(one, rule, registry) for one in entries]


def _binder(entry: AnyRule, rule: Rule, registry: Registry) -> Callable[[Ground], Judge | None]:
    if isinstance(entry, ThresholdRule):
        return ThresholdBinder(entry, rule, registry).bind
    if isinstance(entry, NoDataRule):
        return lambda ground: bind_silence(entry, rule, ground.site, registry)
    if isinstance(entry, GeofenceRule):
        geofence = GeofenceBinder(entry, rule, registry)
        return lambda ground: geofence.bind(ground.site)
    return lambda _ground: None  # A rule over several sites is bound to groups.
