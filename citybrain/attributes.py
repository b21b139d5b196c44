"""Attributes: what a site or zone says of itself: quantities, words, hours; quantities also by season and hour."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from citybrain.calendar import Calendar, CalendarEntry, calendar_of, parse_hours
from citybrain.faults import Fault
from citybrain.metrics import HOURS, WORD
from citybrain.units import Quantity, parse_quantity


class DatedEntry(CalendarEntry):
    """One value of a dated attribute, and when it counts."""

    value: str


def _form(written: Any) -> str:
    is_dated = isinstance(written, list | tuple) and any(isinstance(item, Mapping | DatedEntry) for item in written)
    return "dated" if is_dated else "plain"


AttributeEntry = Annotated[
    Annotated[str | list[str], Tag("plain")] | Annotated[tuple[DatedEntry, ...], Tag("dated")], Discriminator(_form)
]
"""An attribute as written: `4.5 m`, `centre`, `[upper, lower]`, or a list of `{dates: ..., value: 182.0 m}`."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the day, as (start, end) in minutes; an end before its start lies on the next day."""

    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Dated:
    """A quantity by season and hour. The first entry that holds counts; where none does there is no value."""

    entries: tuple[tuple[Calendar, Quantity], ...]

    def place_at(self, instant: int) -> int | None:
        """Return which entry counts at the instant."""
        return next((place for place, (when, _) in enumerate(self.entries) if when.holds(instant)), None)

    def turns_after(self, instant: int) -> int | None:
        """Return the first instant after one at which another value may count; None where it never does."""
        turns = (when.turns_after(instant) for when, _ in self.entries)
        return min((turn for turn in turns if turn is not None), default=None)

    def at(self, instant: int) -> Quantity | None:
        """Return the value at the instant, None where there is none then."""
        place = self.place_at(instant)
        return None if place is None else self.entries[place][1]


Attribute = Quantity | tuple[str, ...] | Hours | Dated


def parse_attribute(written: str | list[str] | tuple[DatedEntry, ...], unit: str) -> Attribute:
    """Return the attribute that an author wrote for a declared unit (or `word`, or `hours`).

    Raises ValueError for what is none; the unit itself is the caller's to compare.
    """
    if isinstance(written, tuple):
        if unit in (WORD, HOURS):
            raise Fault("dated_words", unit=unit)
        return Dated(tuple((calendar_of(entry), parse_quantity(entry.value)) for entry in written))
    words = (written,) if isinstance(written, str) else tuple(written)
    if unit == WORD:
        return words
    if unit == HOURS:
        return Hours(tuple(parse_hours(text) for text in words))
    return parse_quantity(str(written))


def quantities_of(attribute: Attribute) -> Iterator[Quantity]:
    """Yield every quantity that an attribute may stand for."""
    if isinstance(attribute, Quantity):
        yield attribute
    elif isinstance(attribute, Dated):
        yield from (quantity for _, quantity in attribute.entries)


def attributes_at(attributes: Mapping[str, Attribute], instant: int) -> dict[str, Attribute]:
    """Return the attributes as of an instant: of dated ones the value that counts; without one it is left out."""
    known: dict[str, Attribute] = {}
    for name, attribute in attributes.items():
        value = attribute.at(instant) if isinstance(attribute, Dated) else attribute
        if value is not None:
            known[name] = value
    return known
