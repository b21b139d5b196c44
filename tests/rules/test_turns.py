"""Hours, dates and dated limits that begin or end while what speaks only on change holds its value.

Minute 0 is 08:00 on 20 June 2026, a Saturday. The detector says 1 at minute 10 and then nothing any more.
"""

from dataclasses import replace

import pytest

from citybrain.attributes import Dated, DatedEntry, parse_attribute
from citybrain.calendar import Calendar, parse_hours
from citybrain.instants import DAY, HOUR, MINUTE, parse_instant

START = parse_instant("2026-06-20T08:00:00+08:00")
SMOKE = {"measure": {"metric": "smoke_alarm"}, "at_least": {"blue": "1 state"}}


@pytest.fixture
def drive(rig, city):
    detector = next(site for site in city.sites.values() if site.kind == "smoke-detector")

    def make(until, **fields):
        driven = rig(**{**SMOKE, "where": {"site": [detector.id]}, **fields})
        driven.send(10, {"smoke_alarm": 1.0}, site=detector.id)
        driven.wait(until)
        return driven.seen

    return make


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        pytest.param({"hours": "09:00-10:00"}, ["60 blue firing"], id="hours"),
        pytest.param({"weekdays": ["sun"]}, ["960 blue firing"], id="a weekday"),
        pytest.param({"dates": "06-21..06-30"}, ["960 blue firing"], id="dates"),
        pytest.param({"weekdays": ["sun"], "hours": "06:00-07:00"}, ["1320 blue firing"], id="hours of a weekday"),
        pytest.param({"hours": "08:00-08:05"}, ["1440 blue firing"], id="tomorrow"),
    ],
)
def test_a_rule_is_judged_when_its_time_begins(drive, active, expected):
    assert drive(1500, active=active) == expected


def test_for_does_not_run_through_the_time_out_of_hours(drive):
    # In force 08:10 to 08:30 and from 06:00 on: an hour is full at 07:00, not at 06:10 as if the night counted.
    assert drive(1500, active={"hours": "06:00-08:30"}, for_="1h") == ["1380 blue firing"]


def test_a_dated_limit_is_judged_when_it_begins(rules_of, rule, Rig, city):
    park = next(site for site in city.sites.values() if site.kind == "car-park")
    entries = ({"hours": "08:00-09:00", "value": "100 vehicles"}, {"hours": "09:00-10:00", "value": "50 vehicles"})
    dated = parse_attribute(tuple(DatedEntry.model_validate(entry) for entry in entries), "vehicles")
    attributes = {**park.attributes, "capacity": dated}
    site = replace(park, attributes=attributes, is_dated=True)
    registry = replace(city, sites={**city.sites, park.id: site}, content_hash="dated")
    fields = {"where": {"site": [park.id]}, "measure": {"metric": "occupied"}}
    driven = Rig(rules_of(rule(**fields, at_least={"blue": {"site": "capacity"}}), registry=registry))
    driven.send(10, {"occupied": 60.0}, site=park.id)
    driven.wait(59.5)
    assert driven.seen == []
    driven.wait(200)
    assert driven.seen == ["60 blue firing", "120 blue cleared"]


@pytest.mark.parametrize(
    ("words", "after", "expected"),
    [
        pytest.param({"hours": ("22:00-06:00",)}, 0, 14 * HOUR, id="the begin of the night"),
        pytest.param({"hours": ("22:00-06:00",)}, 14 * HOUR, 22 * HOUR, id="its end, not the instant itself"),
        pytest.param({"weekdays": frozenset({6})}, 0, 16 * HOUR, id="midnight"),
        pytest.param({"hours": ("08:00-24:00",)}, 0, 16 * HOUR, id="midnight as an hour"),
        pytest.param({}, 0, None, id="always"),
    ],
)
def test_a_calendar_says_when_it_may_turn(words, after, expected):
    hours = tuple(parse_hours(text) for text in words.get("hours", ()))
    calendar = Calendar(None, frozenset(), words.get("weekdays", frozenset()), hours)
    found = calendar.turns_after(START + after)
    assert (found if found is None else found - START) == expected


def test_a_calendar_never_turns_between_two_of_its_turns():
    calendar = Calendar(
        (620, 622), frozenset(), frozenset({5, 6, 0}), (parse_hours("22:30-06:15"), parse_hours("12:00-13:00"))
    )
    turn = START
    for minute in range(0, 4 * DAY // MINUTE):
        at = START + minute * MINUTE
        if at >= turn:
            turn, holds = calendar.turns_after(at), calendar.holds(at)
        assert calendar.holds(at) is holds


def test_a_dated_attribute_turns_with_any_of_its_values():
    entries = ({"hours": "08:00-09:00", "value": "1 m"}, {"hours": "08:30-10:00", "value": "2 m"})
    dated = parse_attribute(tuple(DatedEntry.model_validate(entry) for entry in entries), "m")
    assert isinstance(dated, Dated)
    assert [dated.turns_after(START + minute * MINUTE) - START for minute in (0, 30, 60)] == [
        30 * MINUTE,
        60 * MINUTE,
        120 * MINUTE,
    ]


def test_a_value_that_meets_no_limit_waits_for_no_hours(rig, city):
    detector = next(site for site in city.sites.values() if site.kind == "smoke-detector")
    driven = rig(**{**SMOKE, "where": {"site": [detector.id]}, "active": {"hours": "09:00-10:00"}})
    driven.send(10, {"smoke_alarm": 1.0}, site=detector.id)
    driven.send(20, {"smoke_alarm": 0.0}, site=detector.id)
    driven.wait(61)
    (standing,) = driven.engine._sites[detector.id].standings
    assert standing.wake_at is None


@pytest.mark.parametrize(
    ("burst", "expected"),
    [
        # It was over after five minutes: judged after the first record alone it would be raised.
        pytest.param([(0, 1.0), (5, 0.0)], [], id="over long ago"),
        pytest.param([(0, 1.0), (5, 0.0), (10, 1.0)], ["60.17 blue firing"], id="on again, and no word since"),
        pytest.param([(0, 1.0)], ["60.1667 blue firing"], id="one late value"),
        pytest.param([(0, 1.0), (50, 1.0), (55, 0.0)], ["50 blue firing", "55 blue cleared"], id="as it was live"),
    ],
)
def test_a_burst_of_old_values_is_judged_when_it_has_come(rig, city, burst, expected):
    detector = next(site for site in city.sites.values() if site.kind == "smoke-detector")
    driven = rig(**SMOKE, where={"site": [detector.id]}, for_="30min")
    for number, (minute, value) in enumerate(burst):
        driven.send(60 + number / 600, {"smoke_alarm": value}, site=detector.id, observed=minute)
    driven.wait(90)
    assert driven.seen == expected
