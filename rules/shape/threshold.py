"""The shape of `threshold` rules, and of `quality` rules, which are the same about readings themselves."""

from typing import Literal

from rules.shape.limited import LimitedRule
from rules.silence import ANY_METRIC


class ThresholdRule(LimitedRule):
    """One site's measures against limits per level.

    With `type: quality` a measure may be of `any` metric: each metric of the site is then judged by itself.
    """

    type: Literal["threshold", "quality"]

    @property
    def is_of_any_metric(self) -> bool:
        """Tell whether it judges each metric of a site by itself."""
        return self.type == "quality" and any(measure.metric == ANY_METRIC for measure in self.all_measures().values())

    def of_metric(self, metric: str) -> "ThresholdRule":
        """Return the rule with one metric in the place of `any`."""
        measures = {
            name: measure.model_copy(update={"metric": metric}) if measure.metric == ANY_METRIC else measure
            for name, measure in self.all_measures().items()
        }
        return self.model_copy(update={"measure": measures["value"]} if self.measure else {"measures": measures})
