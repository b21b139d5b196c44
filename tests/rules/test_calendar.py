"""`active`: dates over the turn of the year, hours across midnight, weekdays and months, in Beijing time."""

import pytest
from pydantic import ValidationError

from citybrain.calendar import calendar_of
from citybrain.instants import parse_instant
from rules.calendar import ActiveEntry


@pytest.mark.parametrize(
    ("written", "at", "is_active"),
    [
        ({"hours": "15:00-23:00"}, "2026-06-20T15:00:00+08:00", True),
        ({"hours": "15:00-23:00"}, "2026-06-20T14:59:59+08:00", False),
        ({"hours": "15:00-23:00"}, "2026-06-20T23:00:00+08:00", False),
        ({"hours": "15:00-23:00"}, "2026-06-20T07:00:00Z", True),
        ({"hours": "22:00-06:00"}, "2026-06-20T23:30:00+08:00", True),
        ({"hours": "22:00-06:00"}, "2026-06-21T05:59:00+08:00", True),
        ({"hours": "22:00-06:00"}, "2026-06-21T06:00:00+08:00", False),
        ({"hours": "00:00-24:00"}, "2026-06-21T23:59:00+08:00", True),
        ({"dates": "02-20..04-10"}, "2026-02-20T00:00:00+08:00", True),
        ({"dates": "02-20..04-10"}, "2026-04-10T23:59:00+08:00", True),
        ({"dates": "02-20..04-10"}, "2026-04-11T00:00:00+08:00", False),
        ({"dates": "11-15..03-15"}, "2026-12-31T12:00:00+08:00", True),
        ({"dates": "11-15..03-15"}, "2026-01-01T12:00:00+08:00", True),
        ({"dates": "11-15..03-15"}, "2026-06-01T12:00:00+08:00", False),
        ({"months": [5, 6]}, "2026-06-30T23:00:00+08:00", True),
        ({"months": [5, 6]}, "2026-06-30T23:00:00Z", False),
        ({"weekdays": ["sat", "sun"]}, "2026-06-20T12:00:00+08:00", True),
        ({"weekdays": ["sat", "sun"]}, "2026-06-22T12:00:00+08:00", False),
        ({"weekdays": ["sat"], "hours": "08:00-09:00"}, "2026-06-20T12:00:00+08:00", False),
    ],
)
def test_a_rule_is_armed_when_every_line_holds(written, at, is_active):
    assert calendar_of(ActiveEntry(**written)).holds(parse_instant(at)) is is_active


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"hours": "22:00"},
        {"hours": "25:00-06:00"},
        {"hours": "08:00-08:00"},
        {"dates": "02-30..04-10"},
        {"dates": "2-20..4-10"},
        {"months": [13]},
        {"weekdays": ["monday"]},
        {"hour": "08:00-09:00"},
    ],
)
def test_anything_else_is_refused(written):
    with pytest.raises(ValidationError):
        ActiveEntry(**written)


def test_out_of_its_calendar_a_rule_raises_nothing_and_still_clears(rig):
    #  08:00 is minute 0; armed from 09:00 to 10:00
    driven = rig(active={"hours": "09:00-10:00"}, at_least={"blue": "4 m"})
    driven.series("5*11 5*14 1*3")
    assert driven.seen == ["60 blue firing", "125 blue cleared"]
