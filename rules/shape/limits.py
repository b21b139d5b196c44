"""Limits: one measure against one value per level."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from citybrain.instants import Duration
from citybrain.metrics import Entry, Name
from citybrain.model import Level
from rules.shape.conditions import ConditionEntry
from rules.shape.values import AnyQuorum, AnyValue, Compared, QuantityText, RepeatedText


class LevelEntry(Entry):
    """The limit of one level, with what this level asks for on its own."""

    value: AnyValue
    hold: Duration | None = Field(None, alias="for")
    repeated: RepeatedText | None = None
    conditions: Annotated[tuple[ConditionEntry, ...], Field(alias="and")] = ()
    sites: AnyQuorum | None = None  # In rules over several sites.


def _as_level_entry(written: Any) -> Any:
    is_entry = isinstance(written, LevelEntry) or (isinstance(written, dict) and "value" in written)
    return written if is_entry else {"value": written}


Ladder = dict[Level, Annotated[LevelEntry, BeforeValidator(_as_level_entry)]]


class LimitEntry(Compared):
    """One measure against one value per level."""

    measure: Name
    at_least: Ladder | None = None
    above: Ladder | None = None
    at_most: Ladder | None = None
    below: Ladder | None = None
    hold: Duration | None = Field(None, alias="for")
    repeated: RepeatedText | None = None
    clear: AnyValue | None = None
    deadband: QuantityText | None = None
    sites: AnyQuorum | None = None  # In rules over several sites.

    @property
    def ladder(self) -> Ladder:
        """Return the levels of the comparison that was written."""
        ladder: Ladder = getattr(self, self.comparison.value)
        return ladder
