"""Binding of a rule, whatever its type, with its overrides."""

from collections.abc import Callable, Sequence

from citybrain.registry import Registry
from rules.binding.geofence import GeofenceBinder
from rules.binding.ground import Ground
from rules.binding.no_data import bind_silence
from rules.binding.quality import QualityBinder
from rules.binding.threshold import ThresholdBinder
from rules.rule import Rule, SiteJudge
from rules.shape.file import AnyRule
from rules.shape.forecast import ForecastRule
from rules.shape.geofence import GeofenceRule
from rules.shape.limited import LimitedRule
from rules.shape.no_data import NoDataRule
from rules.shape.threshold import ThresholdRule

Bind = Callable[[Ground], Sequence[SiteJudge]]


def binders(entry: AnyRule, rule: Rule, registry: Registry) -> list[Bind]:
    """Return what binds each override of a rule, in their order, and last the rule as it stands.

    Each makes the judges of the rule at a site: none or one, or one for each metric of it.
    """
    entries = [*(entry.overridden(override) for override in entry.overrides), entry]
    return [_binder(one, rule, registry) for one in entries]


def measuring(entry: AnyRule) -> LimitedRule | None:
    """Return a rule as one that compares measures with limits; None where it does something else."""
    if isinstance(entry, ForecastRule):
        return entry.as_threshold()
    return entry if isinstance(entry, LimitedRule) else None


def _binder(entry: AnyRule, rule: Rule, registry: Registry) -> Bind:
    bind: Callable[[Ground], SiteJudge | None]
    if isinstance(entry, ThresholdRule) and entry.is_of_any_metric:
        return QualityBinder(entry, rule, registry).bind
    if isinstance(entry, ThresholdRule):
        bind = ThresholdBinder(entry, rule, registry).bind
    elif isinstance(entry, ForecastRule):
        bind = ThresholdBinder(entry.as_threshold(), rule, registry).bind
    elif isinstance(entry, NoDataRule):
        return lambda ground: _listed(bind_silence(entry, rule, ground.site, registry))
    elif isinstance(entry, GeofenceRule):
        geofence = GeofenceBinder(entry, rule, registry)
        return lambda ground: _listed(geofence.bind(ground.site))
    else:
        return lambda _ground: ()  # A rule over several sites is bound to groups.
    return lambda ground: _listed(bind(ground))


def _listed(judge: SiteJudge | None) -> Sequence[SiteJudge]:
    return () if judge is None else (judge,)
