"""Binding of rules about any metric: one judge for each metric of the site."""

from dataclasses import replace

from citybrain.registry import Registry
from rules.binding.ground import Ground
from rules.binding.meaning import has_meaning
from rules.binding.threshold import ThresholdBinder
from rules.rule import Rule
from rules.shape.threshold import ThresholdRule
from rules.silence import ANY_METRIC
from rules.threshold import ThresholdJudge


class QualityBinder:
    """Binds one rule about any metric to sites."""

    def __init__(self, entry: ThresholdRule, rule: Rule, registry: Registry) -> None:
        self._entry = entry
        self._rule = rule
        self._registry = registry
        self._binders: dict[str, ThresholdBinder] = {}  # By metric; made on first sight.

    def bind(self, ground: Ground) -> list[ThresholdJudge]:
        """Return the judges of the rule at the site, in the order of its metrics; those left out have no meaning."""
        judges = (self._binder_of(metric).bind(ground) for metric in sorted(ground.site.metrics) if self._suits(metric))
        return [judge for judge in judges if judge is not None]

    def _binder_of(self, metric: str) -> ThresholdBinder:
        binder = self._binders.get(metric)
        if binder is None:
            rule = replace(self._rule, metric=metric)
            binder = self._binders[metric] = ThresholdBinder(self._entry.of_metric(metric), rule, self._registry)
        return binder

    def _suits(self, metric: str) -> bool:
        """Tell whether what is asked of any metric has a meaning for this one."""
        shape, entries = self._registry.metrics[metric].shape, self._entry.all_measures().values()
        return all(has_meaning(entry, shape) for entry in entries if entry.metric == ANY_METRIC)
