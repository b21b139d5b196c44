"""Overrides: other figures of a rule for some of its sites."""

from typing import Any

from pydantic import Field, model_validator

from citybrain.faults import Fault
from citybrain.instants import Duration
from citybrain.metrics import Entry
from citybrain.model import Level
from rules.shape.limits import Ladder, LimitEntry
from rules.shape.places import Where
from rules.shape.values import AnyValue


class OverrideEntry(Entry):
    """What stands here replaces the field of that name for the sites of `where`."""

    where: Where
    at_least: Ladder | None = None
    above: Ladder | None = None
    at_most: Ladder | None = None
    below: Ladder | None = None
    limits: tuple[LimitEntry, ...] | None = None
    hold: Duration | None = Field(None, alias="for")
    clear: AnyValue | None = None
    keep_firing_for: Duration | None = None
    min_life: Duration | None = None
    silent_for: dict[Level, str] | None = None

    @model_validator(mode="after")
    def _replaces_something(self) -> "OverrideEntry":
        if not self.replaced:
            raise Fault("override")
        return self

    @property
    def replaced(self) -> dict[str, Any]:
        """Return the fields that are replaced, by their names in the rule's shape."""
        values = {name: getattr(self, name) for name in type(self).model_fields if name != "where"}
        return {name: value for name, value in values.items() if value is not None}
