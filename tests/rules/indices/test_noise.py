import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.instants import DAY, HOUR, MINUTE, parse_instant
from rules.indices.noise import Period, ZoneClass, noise_limit, period_of

# GB 3096-2008 table 1, dB(A): class, day, night.
TABLE = [("0", 50, 40), ("1", 55, 45), ("2", 60, 50), ("3", 65, 55), ("4a", 70, 55), ("4b", 70, 60)]


def local(time: str) -> int:
    return parse_instant(f"2026-06-20T{time}+08:00")


@pytest.mark.parametrize(("zone_class", "by_day", "by_night"), TABLE)
def test_the_limit_of_a_zone(zone_class, by_day, by_night):
    assert noise_limit(ZoneClass(zone_class), local("12:00:00")) == by_day
    assert noise_limit(ZoneClass(zone_class), local("00:00:00")) == by_night


def test_every_class_has_its_row():
    assert [row[0] for row in TABLE] == list(ZoneClass)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("05:59:59.999", "night"),
        ("06:00:00", "day"),
        ("21:59:59.999", "day"),
        ("22:00:00", "night"),
        ("00:00:00", "night"),
        ("12:00:00", "day"),
    ],
)
def test_the_day_is_from_6_until_22(time, expected):
    assert period_of(local(time)) == expected


@pytest.mark.parametrize(
    ("time", "covers", "expected"),
    [
        pytest.param("06:00:00", HOUR, "night", id="the last hour of the night"),
        pytest.param("07:00:00", HOUR, "day", id="the first hour of the day"),
        pytest.param("22:00:00", HOUR, "day", id="the last hour of the day"),
        pytest.param("23:00:00", HOUR, "night", id="the first hour of the night"),
        pytest.param("06:00:00", MINUTE, "night", id="the last minute of the night"),
        pytest.param("22:30:00", HOUR, "night", id="half and half belongs to what begins"),
        pytest.param("22:29:59", HOUR, "day", id="rather of the day"),
    ],
)
def test_a_mean_belongs_to_the_period_in_its_middle(time, covers, expected):
    assert period_of(local(time), covers=covers) == expected


def test_local_time_decides_and_not_utc():
    assert period_of(parse_instant("2026-06-20T21:00:00Z")) is Period.NIGHT
    assert period_of(parse_instant("2026-06-20T22:00:00Z")) is Period.DAY


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="covers is -1, expected a span >= 0 in milliseconds"):
        noise_limit(ZoneClass.CLASS_1, 0, covers=-1)
    with pytest.raises(ValueError, match="'5' is not a valid ZoneClass"):
        ZoneClass("5")


@settings(derandomize=True)
@given(st.sampled_from(ZoneClass), st.integers(-(10**12), 10**13))
def test_the_night_is_never_louder_and_a_quieter_class_never_laxer(zone_class, at):
    limits = [noise_limit(other, at) for other in ZoneClass]
    assert limits == sorted(limits)
    assert noise_limit(zone_class, at) == noise_limit(zone_class, at + 7 * DAY)
    by_day, by_night = noise_limit(zone_class, local("12:00:00")), noise_limit(zone_class, local("00:00:00"))
    assert by_night < by_day
    assert noise_limit(zone_class, at) in (by_day, by_night)
