"""Public holidays and the days worked in exchange, from `citybrain/catalog/holidays.yaml`."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from citybrain.faults import Fault
from citybrain.metrics import Entry


def _checked_days(text: str) -> str:
    first, _, last = text.partition("..")
    for day in (first, last or first):
        try:
            date.fromisoformat(f"2024-{day}")  # A leap year, so that 29 February is a date.
        except ValueError as error:
            raise Fault("holiday", found=repr(text)) from error
    return text


Days = Annotated[str, AfterValidator(_checked_days), Field(examples=["01-01", "10-01..10-07"])]


class HolidayYear(Entry):
    """The days of one year, as `01-01` or `10-01..10-07`."""

    holidays: Annotated[tuple[Days, ...], Field(min_length=1)]
    workdays: tuple[Days, ...] = ()  # Saturdays and Sundays that are worked.


class HolidayFile(Entry):
    """`citybrain/catalog/holidays.yaml`: the years that have been announced."""

    source: str
    years: dict[int, HolidayYear]

    @model_validator(mode="after")
    def _has_real_days(self) -> "HolidayFile":
        for year, written in self.years.items():
            for text in (*written.holidays, *written.workdays):
                if not _days(year, text):
                    raise Fault("holiday", found=repr(f"{year}: {text}"))
        return self


@dataclass(frozen=True, slots=True)
class Holidays:
    """The public holidays of the years that are known, and the days worked in exchange."""

    years: frozenset[int] = frozenset()
    days: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def is_holiday(self, day: date) -> bool | None:
        """Tell whether a day is a public holiday; None in a year that is not known."""
        return day in self.days if day.year in self.years else None


def holidays_of(file: HolidayFile) -> Holidays:
    """Return the days that a file names."""
    return Holidays(
        frozenset(file.years),
        frozenset(
            day for year, written in file.years.items() for text in written.holidays for day in _days(year, text)
        ),
        frozenset(
            day for year, written in file.years.items() for text in written.workdays for day in _days(year, text)
        ),
    )


def _days(year: int, text: str) -> list[date]:
    """Return the days from the first to the last; none where the last comes first or the year lacks one of them."""
    first, _, last = text.partition("..")
    try:
        begin, end = (date.fromisoformat(f"{year:04d}-{day}") for day in (first, last or first))
    except ValueError:
        return []
    return [begin + timedelta(days=number) for number in range((end - begin).days + 1)]
