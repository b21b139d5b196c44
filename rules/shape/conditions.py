"""Conditions: one measure against one value, and several of them together."""

from typing import Annotated

from pydantic import Field

from citybrain.instants import Duration
from citybrain.metrics import Entry, Name
from rules.shape.values import AnyValue, Band, Compared, RepeatedText, Value


class ConditionEntry(Compared):
    """One measure against one value."""

    measure: Name
    at_least: AnyValue | None = None
    above: AnyValue | None = None
    at_most: AnyValue | None = None
    below: AnyValue | None = None
    outside: Band | None = None
    hold: Duration | None = Field(None, alias="for")
    repeated: RepeatedText | None = None

    @property
    def values(self) -> tuple[Value, ...]:
        """Return what the measure is compared with: one value, or the two of `outside`."""
        if self.outside is not None:
            return self.outside
        value: Value = getattr(self, self.word)
        return (value,)


class ConditionList(Entry):
    """Conditions of which any one is enough; a plain list means all."""

    any: Annotated[tuple[ConditionEntry, ...], Field(min_length=1)]


ConditionsEntry = tuple[ConditionEntry, ...] | ConditionList


class TightenEntry(Entry):
    """All limits times a factor while conditions hold, as wet ground makes every rain limit smaller."""

    times: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    conditions: Annotated[tuple[ConditionEntry, ...], Field(alias="while", min_length=1)]
