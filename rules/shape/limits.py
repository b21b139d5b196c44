"""Limits: one measure against one value per level."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from citybrain.faults import Fault
from citybrain.instants import Duration
from citybrain.metrics import Entry, Name
from citybrain.model import Level
from rules.shape.conditions import ConditionEntry
from rules.shape.values import (
    AnyQuorum,
    AnyValue,
    Band,
    Compared,
    QuantityText,
    RepeatedText,
    Value,
    ValueOrBand,
)

ConditionsOfLimit = Annotated[tuple[ConditionEntry, ...], Field(alias="and")]


class LevelTerms(Entry):
    """What a level asks for on its own, beside its value."""

    hold: Duration | None = Field(None, alias="for")
    repeated: RepeatedText | None = None
    conditions: ConditionsOfLimit = ()
    sites: AnyQuorum | None = None  # In rules over several sites.


class LevelEntry(LevelTerms):
    """The limit of one level, with what this level asks for on its own."""

    value: AnyValue


class BandEntry(LevelTerms):
    """The two values of one level of `outside`, with what this level asks for on its own."""

    value: Band

    def end(self, place: int) -> LevelEntry:
        """Return the level as if only one end of the pair had been written."""
        return LevelEntry.model_construct(
            value=self.value[place],
            hold=self.hold,
            repeated=self.repeated,
            conditions=self.conditions,
            sites=self.sites,
        )


def _as_level_entry(written: Any) -> Any:
    is_entry = isinstance(written, LevelTerms) or (isinstance(written, dict) and "value" in written)
    return written if is_entry else {"value": written}


Ladder = dict[Level, Annotated[LevelEntry, BeforeValidator(_as_level_entry)]]
Bands = dict[Level, Annotated[BandEntry, BeforeValidator(_as_level_entry)]]


class LimitEntry(Compared):
    """One measure against one value per level."""

    measure: Name
    at_least: Ladder | None = None
    above: Ladder | None = None
    at_most: Ladder | None = None
    below: Ladder | None = None
    outside: Bands | None = None
    hold: Duration | None = Field(None, alias="for")
    repeated: RepeatedText | None = None
    conditions: ConditionsOfLimit = ()
    clear: ValueOrBand | None = None
    deadband: QuantityText | None = None
    sites: AnyQuorum | None = None  # In rules over several sites.

    @model_validator(mode="after")
    def _clears_as_it_compares(self) -> "LimitEntry":
        if self.clear is not None and isinstance(self.clear, Value) is (self.outside is not None):
            raise Fault("clear_pair")
        return self

    @property
    def ladder(self) -> Ladder:
        """Return the levels of the comparison that was written; not of `outside`."""
        ladder: Ladder = getattr(self, self.word)
        return ladder

    @property
    def clear_value(self) -> Value | None:
        """Return what must be passed for the limit to be clear; not of `outside`."""
        assert not isinstance(self.clear, tuple), "a pair goes with `outside`"
        return self.clear

    def sides(self) -> tuple["LimitEntry", ...]:
        """Return the limit as limits of one value per level: itself, or what `outside` says as below and above."""
        if self.outside is None:
            return (self,)
        ends = []
        for place, word in enumerate(("below", "above")):
            clear = self.clear[place] if isinstance(self.clear, tuple) else None
            ladder = {level: band.end(place) for level, band in self.outside.items()}
            ends.append(self.model_copy(update={"outside": None, word: ladder, "clear": clear}))
        return tuple(ends)
