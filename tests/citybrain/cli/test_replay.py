"""A part of a trace, a trace moved to the present, and a trace in which no silence can be seen."""

import orjson
import pytest
from typer.testing import CliRunner

from citybrain.cli.main import app
from citybrain.cli.replay import shift_of
from citybrain.instants import HOUR, MINUTE, SECOND, format_instant, parse_instant
from citybrain.model import Feed
from simulators.cutting import shifted
from simulators.trace import TraceHeader, TraceRecord, write_trace

START = parse_instant("2026-06-20T08:00:00+08:00")
NOW = parse_instant("2026-11-24T10:00:17.500+08:00")


def reading(at, observed_at=None):
    seen = {"site": "hs-hecheng", "observed_at": format_instant(observed_at or at), "values": {"stage": 1.2}}
    return TraceRecord(at, Feed.HYDROLOGY, "hs-hecheng", orjson.dumps(seen))


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "a.jsonl"
    records = [
        one for n in range(10) for one in (reading(START + n * MINUTE), TraceRecord(START + n * MINUTE + SECOND))
    ]
    write_trace(path, TraceHeader("0.1.0", START), records)
    return str(path)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ([], 10),
        (["--from", format_instant(START + 3 * MINUTE)], 7),
        (["--to", format_instant(START + 3 * MINUTE)], 3),
        (["--from", format_instant(START + 3 * MINUTE), "--to", format_instant(START + 5 * MINUTE)], 2),
    ],
)
def test_a_part_of_a_trace_is_replayed(trace, options, count):
    result = CliRunner().invoke(app, ["replay", trace, "--lang", "en", *options])
    assert result.exit_code == 0
    assert f"{count} readings" in result.stderr


@pytest.mark.parametrize(("options", "says"), [(["--from", "8 h"], "--from: "), (["--shift-to-now"], "--shift-to-now")])
def test_a_wrong_span_or_a_present_offline_is_refused(trace, options, says):
    result = CliRunner().invoke(app, ["replay", trace, *options])
    assert result.exception is not None
    assert says in str(result.exception)


#   at 60x a trace of 2 h is sent within 2 min: its last record is then due at now + 2 min
@pytest.mark.parametrize(
    ("factor", "expected"), [(None, NOW), (1.0, NOW + 2 * HOUR), (60.0, NOW + 2 * MINUTE)], ids=["max", "1x", "60x"]
)
def test_the_last_record_is_due_when_it_is_sent(factor, expected):
    last = START + 2 * HOUR + shift_of(START, START + 2 * HOUR, factor, now=NOW)
    assert expected - MINUTE < last <= expected
    assert last % MINUTE == START % MINUTE


def test_a_shift_moves_both_times_and_nothing_else():
    records = [reading(START + SECOND, START), TraceRecord(START + MINUTE)]
    assert list(shifted(records, by=HOUR)) == [
        reading(START + SECOND + HOUR, START + HOUR),
        TraceRecord(START + MINUTE + HOUR),
    ]


@pytest.mark.parametrize("text", [b"{", b'{"site":"a"}', b'{"site":"a","observed_at":7}', b"[]"])
def test_a_reading_without_a_time_of_its_own_stays_as_it_is(text):
    (found,) = shifted([TraceRecord(START, Feed.HYDROLOGY, "a", text)], by=HOUR)
    assert (found.at, found.reading) == (START + HOUR, text)


@pytest.mark.parametrize(
    ("seconds", "language", "expected"),
    [
        pytest.param([0, 30, 60], "en", "", id="as far apart as may be"),
        pytest.param([0, 31, 60, 180], "en", "2 times two records of the trace lie more than 30 s apart", id="too far"),
        pytest.param([0, 31, 60, 180], "zh", "2 处相邻记录相隔超过 30 秒（最长 2min）", id="too far, in Chinese"),
    ],
)
def test_a_trace_in_which_no_silence_can_be_seen_is_warned_of(tmp_path, seconds, language, expected):
    path = tmp_path / "some.jsonl"
    write_trace(path, TraceHeader("0", START), [TraceRecord(START + second * SECOND) for second in seconds])
    result = CliRunner().invoke(app, ["replay", str(path), "--lang", language])
    assert result.exit_code == 0
    said = " ".join(result.stderr.split())
    assert expected in said if expected else "apart" not in said
