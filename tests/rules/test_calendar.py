"""`active`: dates over the turn of the year, hours across midnight, weekdays and months, in Beijing time."""

from dataclasses import replace
from datetime import date

import pytest
from pydantic import ValidationError

from citybrain.attributes import parse_attribute
from citybrain.calendar import CalendarEntry, calendar_of
from citybrain.holidays import Holidays
from citybrain.instants import parse_instant
from rules.calendar import ActiveEntry, armed_at

HOLIDAYS = Holidays(
    frozenset({2026}), frozenset(date(2026, 10, day) for day in range(1, 8)), frozenset({date(2026, 10, 10)})
)


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
def test_a_rule_is_armed_when_every_line_holds(city, written, at, is_active):
    assert calendar_of(CalendarEntry(**written)).holds(parse_instant(at)) is is_active
    armed = armed_at(ActiveEntry(**written), city.sites["hs-a"], Holidays(), None)
    assert armed.holds(parse_instant(at)) is is_active


# 2026: holiday 1 to 7 October (Thu to Wed), worked Saturday 10 October. 2027 is not known.
@pytest.mark.parametrize(
    ("written", "day", "is_active"),
    [
        pytest.param({"holidays": "only"}, "2026-10-01", True, id="only: a holiday"),
        pytest.param({"holidays": "only"}, "2026-10-08", False, id="only: the day after"),
        pytest.param({"holidays": "only"}, "2026-10-11", False, id="only: a Sunday is no holiday"),
        pytest.param({"holidays": "never"}, "2026-10-01", False, id="never: a holiday"),
        pytest.param({"holidays": "never"}, "2026-10-08", True, id="never: the day after"),
        pytest.param({"holidays": "never", "weekdays": ["mon", "thu"]}, "2026-10-05", False, id="a Monday off"),
        pytest.param({"holidays": "never", "weekdays": ["mon", "thu"]}, "2026-10-12", True, id="a Monday"),
        pytest.param({"holidays": "never", "weekdays": ["mon", "thu"]}, "2026-10-10", True, id="worked: as mon to fri"),
        pytest.param({"holidays": "never", "weekdays": ["sat"]}, "2026-10-10", False, id="worked: no Saturday"),
        pytest.param({"holidays": "never", "weekdays": ["sat"]}, "2026-10-17", True, id="a Saturday"),
        pytest.param({"weekdays": ["sat"]}, "2026-10-10", True, id="without the line it is a Saturday"),
        pytest.param({"holidays": "only"}, "2027-10-20", True, id="only, in a year unknown: as if it held"),
        pytest.param({"holidays": "never"}, "2027-10-01", True, id="never, in a year unknown: as if it held"),
    ],
)
def test_holidays_and_the_days_worked_in_exchange(city, written, day, is_active):
    armed = armed_at(ActiveEntry(**written), city.sites["hs-a"], HOLIDAYS, None)
    assert armed.holds(parse_instant(f"{day}T12:00:00+08:00")) is is_active


OPEN = {"hours": {"site": "serving_hours"}}


@pytest.fixture
def store(city):
    """Return the city with serving hours for noon and across midnight at gauge A."""
    site = city.sites["hs-a"]
    hours = parse_attribute(["09:00-09:30", "23:00-01:00"], "hours")
    site = replace(site, attributes={**site.attributes, "serving_hours": hours})
    kind = city.kinds["river-gauge"].model_copy(update={"attributes": {"serving_hours": "hours", "warning_stage": "m"}})
    return replace(city, sites={**city.sites, "hs-a": site}, kinds={**city.kinds, "river-gauge": kind})


def test_a_rule_is_armed_in_the_hours_of_its_site(store, rules_of, rule, Rig):
    driven = Rig(rules_of(rule(active=OPEN, where={"kind": ["river-gauge"]}), registry=store))
    driven.series("5*10 5*9 1")
    assert driven.seen == ["60 blue firing", "95 blue cleared"]
    driven = Rig(rules_of(rule(active=OPEN), registry=store))
    driven.series("5 5", start=895)
    assert driven.seen == ["900 blue firing"]


def test_a_site_without_the_hours_is_not_armed(store, rules_of, rule):
    rules = rules_of(rule(active=OPEN, where={"kind": ["river-gauge"]}), registry=store)
    assert [site.id for site in rules.sites_of("aa-01")] == ["hs-a"]


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"holidays": "sometimes"},
        {"hours": {}},
        {"hours": {"site": "serving_hours", "text": "08:00-09:00"}},
        {"from": "3h before"},
        {"from": "end", "until": "start"},
        {"from": "start + 2h", "until": "start + 1h"},
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
