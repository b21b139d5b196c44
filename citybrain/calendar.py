"""Seasons and hours: dates, months, weekdays and times of day of the city's own calendar, across midnight too."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from citybrain.faults import Fault
from citybrain.holidays import Holidays
from citybrain.instants import DAY, LOCAL, LOCAL_OFFSET, MINUTE
from citybrain.metrics import Entry

_DATES = re.compile(r"(?P<m1>\d\d)-(?P<d1>\d\d)\.\.(?P<m2>\d\d)-(?P<d2>\d\d)")
_HOURS = re.compile(r"(?P<h1>\d\d):(?P<m1>\d\d)-(?P<h2>\d\d):(?P<m2>\d\d)")
_LEAP_YEAR = 2024  # So that 29 February is a date.

NO_HOLIDAYS = Holidays()
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse_dates(text: str) -> tuple[int, int]:
    """Return (first, last) of `02-20..04-10` as month * 100 + day. Raises ValueError for what is no date."""
    found = _DATES.fullmatch(text)
    if found is None:
        raise Fault("dates", found=repr(text))
    first, last = (int(found["m1"]), int(found["d1"])), (int(found["m2"]), int(found["d2"]))
    for month, day in (first, last):
        try:
            datetime(_LEAP_YEAR, month, day, tzinfo=LOCAL)
        except ValueError as error:
            raise Fault("no_date", found=repr(text), date=f"{month:02d}-{day:02d}") from error
    return first[0] * 100 + first[1], last[0] * 100 + last[1]


def parse_hours(text: str) -> tuple[int, int]:
    """Return (start, end) of `22:00-06:00` in minutes of the day. Raises ValueError for what is no time."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise Fault("hours", found=repr(text))
    start = int(found["h1"]) * 60 + int(found["m1"])
    end = int(found["h2"]) * 60 + int(found["m2"])
    if int(found["m1"]) > 59 or int(found["m2"]) > 59 or start >= 24 * 60 or end > 24 * 60 or start == end:
        raise Fault("hours_range", found=repr(text))
    return start, end


def _checked_dates(text: str) -> str:
    parse_dates(text)
    return text


def _checked_hours(text: str) -> str:
    parse_hours(text)
    return text


Weekday = Annotated[str, Field(pattern=f"^({'|'.join(WEEKDAYS)})$")]


HoursText = Annotated[str, AfterValidator(_checked_hours), Field(examples=["22:00-06:00"])]


class HolidayWord(StrEnum):
    """How a calendar stands to public holidays."""

    ONLY = "only"
    NEVER = "never"


class DaysEntry(Entry):
    """Days of the year and the week; every line that is written must hold."""

    dates: Annotated[str, AfterValidator(_checked_dates)] | None = None
    months: tuple[Annotated[int, Field(ge=1, le=12)], ...] = ()
    weekdays: tuple[Weekday, ...] = ()

    @property
    def names_days(self) -> bool:
        """Tell whether any line about days is written."""
        return bool(self.dates or self.months or self.weekdays)

    def calendar(
        self, hours: tuple[tuple[int, int], ...], holidays: Holidays = NO_HOLIDAYS, word: HolidayWord | None = None
    ) -> "Calendar":
        """Return the calendar of these days with hours, as (start, end) in minutes, and with holidays."""
        return Calendar(
            parse_dates(self.dates) if self.dates is not None else None,
            frozenset(self.months),
            frozenset(WEEKDAYS.index(day) for day in self.weekdays),
            hours,
            holidays,
            word,
        )


class CalendarEntry(DaysEntry):
    """A part of the year, the week or the day; every line that is written must hold. Times are Beijing time."""

    hours: HoursText | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "CalendarEntry":
        if not (self.names_days or self.hours):
            raise Fault("calendar")
        return self


@dataclass(frozen=True, slots=True)
class Calendar:
    """A compiled part of the year, the week or the day."""

    dates: tuple[int, int] | None
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Monday.
    hours: tuple[tuple[int, int], ...]  # Any of them; none means the whole day.
    holidays: Holidays = NO_HOLIDAYS
    holiday_word: HolidayWord | None = None

    def holds(self, instant: int) -> bool:
        """Tell whether the instant lies in it. Starts count, ends do not; the last date counts whole.

        What runs across midnight, or across the turn of the year, begins on one day and ends on the next.
        """
        local = datetime.fromtimestamp(instant // 1000, LOCAL)
        if self.months and local.month not in self.months:
            return False
        if self.holiday_word is not None and not self._is_right_day(local.date()):
            return False
        if self.weekdays and not self._is_weekday(local.date()):
            return False
        if self.dates is not None:
            first, last = self.dates
            date_number = local.month * 100 + local.day
            is_between = first <= date_number <= last
            if not (is_between if first <= last else date_number >= first or date_number <= last):
                return False
        minute = local.hour * 60 + local.minute
        return not self.hours or any(
            start <= minute < end if start < end else minute >= start or minute < end for start, end in self.hours
        )

    def turns_after(self, instant: int) -> int | None:
        """Return the first instant after one at which it may begin or end; None where it always holds."""
        minutes = {minute for hours in self.hours for minute in hours}
        if self.dates or self.months or self.weekdays or self.holiday_word is not None:
            minutes.add(0)
        midnight = (instant + LOCAL_OFFSET) // DAY * DAY - LOCAL_OFFSET
        turns = (midnight + day * DAY + minute * MINUTE for day in (0, 1) for minute in minutes)
        return min((turn for turn in turns if turn > instant), default=None)

    def _is_right_day(self, day: date) -> bool:
        """Tell whether the line about holidays holds. In a year that nobody has announced yet it counts as met."""
        is_holiday = self.holidays.is_holiday(day)
        return is_holiday is None or is_holiday is (self.holiday_word is HolidayWord.ONLY)

    def _is_weekday(self, day: date) -> bool:
        """Tell whether a weekday is one of them; with a line about holidays, a day worked in exchange is mon to fri."""
        if self.holiday_word is not None and day in self.holidays.workdays:
            return not self.weekdays.isdisjoint(range(5))
        return day.weekday() in self.weekdays


def calendar_of(entry: CalendarEntry) -> Calendar:
    """Return the calendar that an author wrote."""
    return entry.calendar((parse_hours(entry.hours),) if entry.hours is not None else ())
