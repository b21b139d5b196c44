import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from citybrain.instants import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Duration,
    Instant,
    format_clock_time,
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
)

EIGHT = 1_781_913_600_000  # 2026-06-20T08:00:00+08:00


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-20T08:00:00+08:00", EIGHT),
        ("2026-06-20T00:00:00Z", EIGHT),
        ("2026-06-20 08:00:00+08:00", EIGHT),
        ("2026-06-19T18:30:00-05:30", EIGHT),
        ("2026-06-20T08:00:00.5+08:00", EIGHT + 500),
        ("2026-06-20T08:00:00.123999+08:00", EIGHT + 123),
        ("1969-12-31T23:59:59.999Z", -1),
        pytest.param("2026-06-20t00:00:00z", EIGHT, id="RFC 3339 allows small letters"),
    ],
)
def test_an_instant_is_read(text, expected):
    assert parse_instant(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2026-06-20T08:00:00", id="no offset"),
        pytest.param("2026-06-20T08:00:00.000", id="no offset, but milliseconds"),
        pytest.param("2026-06-20", id="a date"),
        pytest.param("08:00:00+08:00", id="a time of day"),
        pytest.param("20260620T080000+0800", id="basic format"),
        pytest.param("2026-W25-6T08:00:00Z", id="week date"),
        pytest.param("2026-06-20T080000+08:00", id="basic time"),
        pytest.param("2026-06-20T08:00:00,5+08:00", id="comma"),
        pytest.param("2026-06-20x08:00:00+08:00", id="another letter between"),
        pytest.param("2026-06-20T25:00:00+08:00", id="hour 25"),
        pytest.param("2026-02-30T08:00:00+08:00", id="30 February"),
        pytest.param("", id="empty"),
        pytest.param(1_781_913_600_000, id="number"),
        pytest.param(None, id="nothing"),
        pytest.param(True, id="bool"),
    ],
)
def test_anything_else_is_no_instant(text):
    with pytest.raises(ValueError, match=r"."):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "later"),
    [
        ("2026-06-20T08:01:07+08:00", 67_000),
        ("2026-06-20T08:01:59.25+08:00", 119_250),
        ("2026-06-20T00:01:59Z", 119_000),
    ],
)
def test_the_seconds_of_a_minute_that_is_known_count(text, later):
    assert [parse_instant("2026-06-20T08:01:00+08:00"), parse_instant(text)] == [EIGHT + 60_000, EIGHT + later]


@pytest.mark.parametrize("second", ["60", "7 ", "٠٧", "+7", "-1", "0x"])
def test_what_is_no_second_is_refused_in_a_minute_that_is_known(second):
    parse_instant("2026-06-20T08:01:00+08:00")
    with pytest.raises(ValueError, match=r"."):
        parse_instant(f"2026-06-20T08:01:{second}+08:00")


def test_a_missing_offset_is_named():
    with pytest.raises(ValueError, match=r"has no offset, expected one such as \+08:00 or Z"):
        parse_instant("2026-06-20T08:00:00.000")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (EIGHT, "2026-06-20T08:00:00+08:00"),
        (EIGHT + 5, "2026-06-20T08:00:00.005+08:00"),
        (-1, "1970-01-01T07:59:59.999+08:00"),
    ],
)
def test_an_instant_is_written_in_the_citys_zone(at, expected):
    assert format_instant(at) == expected


def test_a_clock_time_is_short():
    assert format_clock_time(EIGHT + 5 * MINUTE) == "06-20 08:05:00"


# Every instant that `parse_instant` takes: 0001-01-01T00:00:00+14:00 to 9999-12-31T23:59:59-14:00.
@settings(max_examples=200, derandomize=True)
@given(st.integers(-62_135_647_200_000, 253_402_351_199_000))
def test_every_instant_comes_back_from_its_text(at):
    assert parse_instant(format_instant(at)) == at


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", 0),
        ("250ms", 250),
        ("30s", 30 * SECOND),
        ("10min", 10 * MINUTE),
        ("2h", 2 * HOUR),
        ("3d", 3 * DAY),
        ("1h30min", 90 * MINUTE),
        ("1.5h", 90 * MINUTE),
        ("0.1s", 100),
    ],
)
def test_a_duration_is_read(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "5", "min", "5 min", "5minutes", "-5min", "5M", "5min 3s", "1h30", "h1", "５m"])
def test_anything_else_is_no_duration(text):
    with pytest.raises(ValueError, match=r"is no duration|is unclear"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["5m", "1.5m"])
def test_the_unclear_m_has_a_hint(text):
    number = text[:-1]
    with pytest.raises(ValueError, match=f"'{text}' is unclear: minutes are `{number}min`, metres are `{number} m`"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("span", "expected"),
    [(0, "0s"), (1500, "1s500ms"), (90 * MINUTE, "1h30min"), (DAY + SECOND, "1d1s"), (25 * HOUR, "1d1h")],
)
def test_a_duration_is_written_in_the_largest_units(span, expected):
    assert format_duration(span) == expected


@settings(max_examples=100, derandomize=True)
@given(st.integers(0, 400 * DAY))
def test_every_duration_comes_back_from_its_text(span):
    assert parse_duration(format_duration(span)) == span


@pytest.mark.parametrize("value", [300, 5.0, None, ["5min"], "5m"])
def test_a_duration_in_a_file_is_a_text(value):
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(value)


def test_instants_and_durations_are_texts_outside():
    assert TypeAdapter(Instant).dump_python(EIGHT) == "2026-06-20T08:00:00+08:00"
    assert TypeAdapter(Duration).dump_python(90 * MINUTE) == "1h30min"
    assert TypeAdapter(Instant).json_schema()["type"] == "string"
