"""One rule file of an author: a scenario and its rules."""

from typing import Annotated

from pydantic import BaseModel, Discriminator, Field

from citybrain.metrics import Entry
from citybrain.model import Scenario
from rules.shape.area import AreaRule, CouplingRule, SequenceRule
from rules.shape.forecast import ForecastRule
from rules.shape.geofence import GeofenceRule
from rules.shape.no_data import NoDataRule
from rules.shape.threshold import ThresholdRule

AnyRule = Annotated[
    ThresholdRule | ForecastRule | NoDataRule | GeofenceRule | AreaRule | CouplingRule | SequenceRule,
    Discriminator("type"),
]


class RuleFile(BaseModel):
    """One file of `rules/catalog/<scenario>/`."""

    model_config = Entry.model_config

    scenario: Scenario
    rules: Annotated[tuple[AnyRule, ...], Field(min_length=1)]
