"""When a rule is armed: by the calendar, by holidays, by the hours of a site, and by temporary zones."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from citybrain.attributes import Hours
from citybrain.calendar import Calendar, DaysEntry, HolidayWord, HoursText, parse_hours
from citybrain.faults import Fault
from citybrain.holidays import Holidays
from citybrain.metrics import Entry, Name
from citybrain.sites import Site
from rules.spans import EdgeText, Spans, parse_edge


class HoursEntry(Entry):
    """Hours of the day: written out, or an attribute of the site."""

    text: HoursText | None = None
    site: Name | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "HoursEntry":
        if (self.text is None) == (self.site is None):
            raise Fault("active_hours")
        return self


def _as_hours(written: Any) -> Any:
    return {"text": written} if isinstance(written, str) else written


class SpanEntry(Entry):
    """From when until when temporary zones arm a rule, counted from their start or end."""

    since: EdgeText | None = Field(None, alias="from")
    until: EdgeText | None = None

    @model_validator(mode="after")
    def _runs_forward(self) -> "SpanEntry":
        begin, end = parse_edge(self.since or "start"), parse_edge(self.until or "end")
        if begin.is_end >= end.is_end and begin.shift >= end.shift:
            raise Fault("span_order", since=self.since or "start", until=self.until or "end")
        return self

    @property
    def names_zones(self) -> bool:
        """Tell whether it counts from temporary zones."""
        return self.since is not None or self.until is not None


class ActiveEntry(DaysEntry, SpanEntry):
    """When a rule is armed; every line that is written must hold. Times are Beijing time."""

    hours: Annotated[HoursEntry, BeforeValidator(_as_hours)] | None = None
    holidays: HolidayWord | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "ActiveEntry":
        if not (self.names_days or self.hours or self.holidays or self.names_zones):
            raise Fault("active")
        return self


@dataclass(frozen=True, slots=True)
class Armed:
    """A calendar and the spans of temporary zones together."""

    calendar: Calendar | None
    spans: Spans

    def holds(self, instant: int) -> bool:
        """Tell whether the rule is armed at the instant."""
        return self.spans.holds(instant) and (self.calendar is None or self.calendar.holds(instant))

    def turns_after(self, instant: int) -> int | None:
        """Return the first instant after one at which it may begin or end; None where it does no more."""
        turns = (
            self.calendar.turns_after(instant) if self.calendar is not None else None,
            self.spans.turns_after(instant),
        )
        return min((turn for turn in turns if turn is not None), default=None)


def armed_at(entry: ActiveEntry | None, site: Site, holidays: Holidays, spans: Spans | None) -> Calendar | Armed | None:
    """Return when a rule is armed at a site; None: always. The site has the hours that the entry names."""
    calendar = _calendar(entry, site, holidays) if entry is not None else None
    return calendar if spans is None else Armed(calendar, spans)


def _calendar(entry: ActiveEntry, site: Site, holidays: Holidays) -> Calendar | None:
    hours: tuple[tuple[int, int], ...] = ()
    if entry.hours is not None and entry.hours.text is not None:
        hours = (parse_hours(entry.hours.text),)
    elif entry.hours is not None and entry.hours.site is not None:
        attribute = site.attributes[entry.hours.site]
        assert isinstance(attribute, Hours), "the check has looked at its unit"
        hours = attribute.spans
    if not (entry.names_days or hours or entry.holidays):
        return None
    return entry.calendar(hours, holidays, entry.holidays)


def armed_as_group(entry: ActiveEntry | None, holidays: Holidays, spans: Spans | None) -> Calendar | Armed | None:
    """Return when a rule is armed at a group of sites; None: always. Hours of a site are none of a group."""
    calendar = None
    if entry is not None and (entry.names_days or entry.hours is not None or entry.holidays is not None):
        hours = (parse_hours(entry.hours.text),) if entry.hours is not None and entry.hours.text is not None else ()
        calendar = entry.calendar(hours, holidays, entry.holidays)
    return calendar if spans is None else Armed(calendar, spans)
