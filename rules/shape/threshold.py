"""The shape of `threshold` rules."""

from typing import Literal

from rules.shape.limited import LimitedRule


class ThresholdRule(LimitedRule):
    """One site's measures against limits per level."""

    type: Literal["threshold"]
