"""Public holidays: the shipped years, and files that are not right."""

from datetime import date

import pytest
from pydantic import ValidationError

from citybrain.holidays import HolidayFile, holidays_of
from citybrain.registry import load_registry


@pytest.fixture(scope="module")
def shipped():
    return load_registry().holidays


@pytest.mark.parametrize(
    ("day", "is_holiday"),
    [
        ("2026-01-01", True),
        ("2026-01-04", False),
        ("2026-02-14", False),
        ("2026-02-15", True),
        ("2026-02-23", True),
        ("2026-02-24", False),
        ("2026-10-07", True),
        ("2025-10-08", True),
        ("2024-10-01", None),
    ],
)
def test_a_holiday_is_known_in_the_years_that_were_announced(shipped, day, is_holiday):
    assert shipped.is_holiday(date.fromisoformat(day)) is is_holiday


def test_what_is_worked_in_exchange_is_a_weekend_and_no_holiday(shipped):
    assert {day.year for day in shipped.workdays} == shipped.years
    for day in shipped.workdays:
        assert day.weekday() >= 5, day
        assert day not in shipped.days, day


@pytest.mark.parametrize(
    "year",
    [
        {"holidays": []},
        {"holidays": ["1-1"]},
        {"holidays": ["02-30"]},
        {"holidays": ["10-07..10-01"]},
        {"holidays": ["02-29"]},
        {"holidays": ["01-01"], "workdays": ["sat"]},
        {"holiday": ["01-01"]},
    ],
)
def test_a_file_that_is_not_right_is_refused(year):
    with pytest.raises(ValidationError):
        HolidayFile(source="invented", years={"2026": year})


def test_a_leap_day_may_be_a_holiday_in_its_year():
    file = HolidayFile(source="invented", years={"2028": {"holidays": ["02-29..03-01"]}})
    assert holidays_of(file).days == {date(2028, 2, 29), date(2028, 3, 1)}
