"""The shape of `no_data` rules."""

from typing import Literal

from citybrain.instants import Duration
from citybrain.metrics import Name
from citybrain.model import Level
from rules.shape.rule import RuleEntry


class NoDataRule(RuleEntry):
    """A site, or one metric of it, that says nothing for longer than its period allows."""

    type: Literal["no_data"]
    metric: Name = "any"
    silent_for: dict[Level, str]
    min_life: Duration = 0
