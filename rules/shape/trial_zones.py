"""Temporary zones as the tests of a rule declare them, there for one test only."""

from pydantic import Field, model_validator

from citybrain.attributes import AttributeEntry
from citybrain.faults import Fault
from citybrain.instants import Duration
from citybrain.metrics import Entry, KindName, Name
from citybrain.sites import LonLat
from citybrain.units import Length


class TrialZone(Entry):
    """A round temporary zone of one test, in force `from` a time after the start of the test `until` another."""

    kind: KindName
    centre: LonLat
    radius: Length
    begin: Duration = Field(0, alias="from")
    until: Duration
    attributes: dict[Name, AttributeEntry] = {}

    @model_validator(mode="after")
    def _has_a_span(self) -> "TrialZone":
        if self.begin >= self.until:
            raise Fault("trial_span")
        return self
