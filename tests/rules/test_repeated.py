"""`repeated: N of M`: words, the counting of samples, hours, days and nights, and rules that use it."""

import pytest

from citybrain.instants import HOUR, parse_instant
from rules.repeated import Repeated, Tally, Unit, parse_repeated

NOON = parse_instant("2026-06-20T12:00:00+08:00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 of 7 nights", Repeated(3, 7, Unit.NIGHT)),
        ("2 of 2 samples", Repeated(2, 2, Unit.SAMPLE)),
        ("1 of 1 day", Repeated(1, 1, Unit.DAY)),
        ("10 of 24 hours", Repeated(10, 24, Unit.HOUR)),
    ],
)
def test_a_count_is_read(text, expected):
    assert parse_repeated(text) == expected


@pytest.mark.parametrize(
    "text", ["3 in 7 nights", "0 of 7 nights", "3 of 7", "8 of 7 nights", "3 of 7 weeks", "", "３ of 7 days"]
)
def test_anything_else_is_no_count(text):
    with pytest.raises(ValueError, match=r"found "):
        parse_repeated(text)


@pytest.mark.parametrize(
    ("unit", "first", "second", "is_same"),
    [
        (Unit.HOUR, "12:00", "12:59", True),
        (Unit.HOUR, "12:59", "13:00", False),
        (Unit.DAY, "00:00", "23:59", True),
        (Unit.NIGHT, "22:00", "23:59", True),
        # 23:00 and 05:59 of the next day are one night; 06:00 begins another.
        (Unit.NIGHT, "23:00", "29:59", True),
        (Unit.NIGHT, "23:00", "30:00", False),
    ],
)
def test_two_instants_lie_in_the_same_unit_or_not(unit, first, second, is_same):
    def at(text):
        hour, minute = text.split(":")
        return NOON - 12 * HOUR + int(hour) * HOUR + int(minute) * HOUR // 60

    assert (unit.number(at(first)) == unit.number(at(second))) is is_same


@pytest.mark.parametrize(
    ("unit", "label", "other", "is_same"),
    [
        # A value that stands for a time ends with its stamp: 22:00 is of the evening, 06:00 of the night.
        (Unit.HOUR, "12:05", "13:00", True),
        (Unit.HOUR, "13:00", "13:05", False),
        (Unit.DAY, "01:00", "24:00", True),
        (Unit.DAY, "24:00", "25:00", False),
        (Unit.NIGHT, "23:00", "30:00", True),
        (Unit.NIGHT, "22:00", "23:00", False),
        (Unit.SAMPLE, "12:00", "12:00", True),
    ],
)
def test_two_hourly_means_lie_in_the_same_unit_or_not(unit, label, other, is_same):
    def number(text):
        hour, minute = text.split(":")
        at = NOON - 12 * HOUR + int(hour) * HOUR + int(minute) * HOUR // 60
        return Repeated(1, 1, unit, is_stamped_at_end=True).number(at)

    assert (number(label) == number(other)) is is_same


def test_what_is_no_night_has_no_number():
    nights = Repeated(1, 1, Unit.NIGHT, is_stamped_at_end=True)
    assert nights.number(NOON + 10 * HOUR) is None
    assert nights.number(NOON + 10 * HOUR + 1) is not None
    assert nights.number(NOON + 18 * HOUR) is not None
    assert nights.number(NOON + 18 * HOUR + 1) is None


def tally(words: str, repeated: Repeated) -> str:
    """One sample an hour: `1` met, `0` not, `?` unknown, `=`/`!` the last one judged again; `y` where it is enough."""
    counted, at, told = Tally(), NOON, ""
    for word in words:
        if word not in "=!":
            at += HOUR
        counted.note(None if word == "?" else word in "1=", at, repeated)
        told += "y" if counted.is_enough(repeated) else "-"
    return told


@pytest.mark.parametrize(
    ("words", "repeated", "expected"),
    [
        ("10101", Repeated(3, 5, Unit.SAMPLE), "----y"),
        ("110011", Repeated(3, 5, Unit.SAMPLE), "----yy"),
        # What is not met now is not raised now, however often it was.
        ("1110", Repeated(3, 5, Unit.SAMPLE), "--y-"),
        # Unknown neither counts nor resets.
        ("1?1?1", Repeated(3, 3, Unit.SAMPLE), "----y"),
        ("11!1", Repeated(2, 2, Unit.SAMPLE), "-y--"),
        ("1!=1", Repeated(2, 2, Unit.SAMPLE), "---y"),
        # A day counts when it was met at any sample in it: 13:00 to 23:00, then the next day.
        ("1" + "0" * 10 + "1", Repeated(2, 2, Unit.DAY), "-" * 11 + "y"),
    ],
)
def test_it_is_enough_when_it_was_met_often_enough(words, repeated, expected):
    assert tally(words, repeated) == expected


def test_since_is_the_first_that_is_counted():
    counted, repeated = Tally(), Repeated(2, 2, Unit.SAMPLE)
    for number, is_met in enumerate([True, True, True]):
        counted.note(is_met, NOON + number, repeated)
    assert counted.since == NOON + 1
    other = Tally()
    other.load(counted.dump())
    assert other.dump() == counted.dump()


def test_three_of_five_samples_raise_and_survive_a_restart(rig):
    #  minute  0 5 10 15 20 25 30      limit 4, three of five
    driven = rig(at_least={"red": "4 m"}, repeated="3 of 5 samples")
    driven.series("5 1 5 1")
    driven.restart()
    driven.series("5 1 1", start=20)
    assert driven.seen == ["20 red firing", "25 red cleared"]


def test_three_nights_of_seven_count_only_in_the_hours_of_the_rule(rig):
    # One value an hour: 60 at noon, which is out of hours, and above the limit in the nights named.
    driven = rig(at_least={"blue": "4 m"}, repeated="3 of 7 nights", active={"hours": "22:00-06:00"}, min_life="0s")
    loud = {1, 3, 4}
    for hour in range(6 * 24):
        night, clock = divmod(hour + 8, 24)  # The rig starts at 08:00.
        is_loud = clock == 12 or (clock == 23 and night in loud)
        driven.send(hour * 60, 5.0 if is_loud else 1.0)
    # Day 4 at 23:00 is 4 * 24 + 23 - 8 = 111 hours after the start.
    # The gauge is expected every five minutes, so that hourly values come with marks of missing data in between.
    assert driven.seen[0] == "6660 blue firing"
    assert {event.identifier for event in driven.events} == {driven.events[0].identifier}
    assert driven.events[-1].state == "cleared"


def hourly(driven, values):
    """Send hourly means of PM2.5 from 09:00 on: `20*3 150`."""
    minute = 0
    for word in values.split():
        value, _, times = word.partition("*")
        for _ in range(int(times or 1)):
            minute += 60
            driven.send(minute, {"pm25_1h": float(value)}, site="aq-a")


BAD_AIR = {
    "where": {"site": ["aq-a"]},
    "measure": {"metric": "pm25_1h"},
    "at_least": {"blue": "100 µg/m3"},
    "min_life": "0s",
}


@pytest.mark.parametrize(
    ("repeated", "values", "expected"),
    [
        pytest.param("2 of 2 days", "20*14 150*2 20*20", [], id="23:00 and 24:00 are one day"),
        pytest.param("2 of 2 days", "20*15 150*2 20*6", ["1020 blue firing"], id="24:00 and 01:00 are two"),
        pytest.param("1 of 2 nights", "20*13 150 20*6", [], id="22:00 is the evening"),
        pytest.param("1 of 2 nights", "20*21 150 20*6", ["1320 blue firing"], id="06:00 is the night"),
        pytest.param("1 of 2 nights", "20*22 150 20*6", [], id="07:00 is the day"),
    ],
)
def test_an_hourly_mean_belongs_to_the_day_and_the_night_that_it_is_of(rig, repeated, values, expected):
    driven = rig(**BAD_AIR, repeated=repeated)
    hourly(driven, values)
    assert driven.seen == expected


def test_a_day_and_a_window_over_the_day_begin_at_the_same_instant(rig):
    # The stage is 5 m on one day, from 12:00 to 18:00. At midnight its greatest of the day is that of the day before.
    driven = rig(measure={"metric": "stage", "over": "day", "take": "max"}, repeated="2 of 2 days")
    driven.series("1*48 5*72 1*288")
    assert driven.seen == []


def test_the_stage_of_midnight_is_of_the_day_that_begins(rig):
    driven = rig(repeated="2 of 2 days")
    driven.series("1*190 5*3", start=0)
    assert driven.seen == ["960 blue firing"]
