"""Traces cut, merged and compressed: nothing is lost but what was asked for, and all are traces again."""

from itertools import pairwise

import orjson
import pytest
from typer.testing import CliRunner

from citybrain.cli.main import app
from citybrain.errors import SnapshotError
from citybrain.instants import MINUTE, SECOND, format_instant, parse_instant
from citybrain.model import Feed, Reset
from simulators.cutting import contents_of, cut
from simulators.trace import TraceHeader, TraceRecord, read_trace, write_trace

START = parse_instant("2026-06-20T08:00:00+08:00")


def reading(site):
    return orjson.dumps({"site": site, "observed_at": format_instant(START), "values": {"stage": 1.0}})


def records(feed, site, *, shift=0, minutes=10):
    for minute in range(minutes):
        at = START + minute * MINUTE + shift
        yield TraceRecord(at)
        yield TraceRecord(at + SECOND, feed, site, reading(site))
    yield TraceRecord(START + minutes * MINUTE)


@pytest.fixture
def river(tmp_path):
    path = tmp_path / "river.jsonl"
    header = TraceHeader("0.1.0", START, 7, "s", "one", ("hs-a",), "c0")
    write_trace(path, header, records(Feed.HYDROLOGY, "hs-a"))
    return path


@pytest.fixture
def cars(tmp_path):
    path = tmp_path / "cars.jsonl.gz"
    header = TraceHeader("0.1.0", START, 7, "s", "two", ("pk-b",), "c1")
    write_trace(path, header, records(Feed.PARKING, "pk-b", shift=30 * SECOND, minutes=12))
    return path


def run(*words):
    return CliRunner().invoke(app, ["trace", *map(str, words)])


def test_a_compressed_trace_is_the_same_trace_and_the_same_bytes(river, tmp_path):
    packed, again, plain = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz", tmp_path / "c.jsonl"
    for target in (packed, again):
        assert run("convert", river, target).exit_code == 0
    assert run("convert", packed, plain).exit_code == 0
    assert packed.read_bytes() == again.read_bytes()
    assert packed.stat().st_size < river.stat().st_size / 2
    assert plain.read_bytes() == river.read_bytes()


def test_a_torn_compressed_trace_is_refused(cars):
    cars.write_bytes(cars.read_bytes()[:-20])
    with pytest.raises(SnapshotError, match=r"cars\.jsonl\.gz"):
        list(read_trace(cars))


def test_what_is_not_compressed_at_all_is_refused(tmp_path, river):
    path = tmp_path / "d.jsonl.gz"
    path.write_bytes(river.read_bytes())
    with pytest.raises(SnapshotError, match=r"d\.jsonl\.gz"):
        read_trace(path)


def test_a_span_is_cut_from_its_first_instant_to_before_its_last(river, tmp_path):
    out = tmp_path / "cut.jsonl"
    since, until = format_instant(START + 2 * MINUTE), format_instant(START + 4 * MINUTE + SECOND)
    assert run("cut", river, "--from", since, "--to", until, "--out", out).exit_code == 0
    trace = read_trace(out)
    found = list(trace)
    assert trace.header.start == START + 2 * MINUTE
    assert trace.header.sites == ("hs-a",)
    assert [record.at - START for record in found if record.reading] == [2 * MINUTE + SECOND, 3 * MINUTE + SECOND]
    assert found[-1] == TraceRecord(START + 4 * MINUTE + SECOND)


@pytest.mark.parametrize(("option", "sites"), [(["--feed", "parking"], ()), (["--site", "pk-b"], ("pk-b",))])
def test_feeds_and_sites_are_cut_out_and_clocks_stay(river, cars, tmp_path, option, sites):
    both, out = tmp_path / "both.jsonl", tmp_path / "out.jsonl"
    assert run("merge", river, cars, "--out", both).exit_code == 0
    assert run("cut", both, *option, "--out", out).exit_code == 0
    found = list(read_trace(out))
    assert {record.site for record in found if record.reading} == {"pk-b"}
    assert sum(record.is_clock for record in found) >= 20
    assert read_trace(out).header.sites == sites


def test_a_span_without_a_record_is_refused(river, tmp_path):
    result = run("cut", river, "--from", format_instant(START + 99 * MINUTE), "--out", tmp_path / "x.jsonl")
    assert "no record in that span" in str(result.exception) or "没有记录" in str(result.exception)


def test_nothing_before_the_first_record_is_cut_out(river):
    assert list(cut(read_trace(river), until=START)) == []


def test_a_trace_cut_nowhere_is_the_same(river):
    assert list(cut(read_trace(river))) == list(read_trace(river))


def test_a_reset_stays_in_a_part(tmp_path):
    path, out = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    order = TraceRecord(START + SECOND, reset=Reset("aa-01", "hs-a"))
    write_trace(path, TraceHeader("0.1.0", START), [TraceRecord(START), order, TraceRecord(START + MINUTE)])
    assert run("cut", path, "--site", "hs-b", "--out", out).exit_code == 0
    assert order in list(read_trace(out))


def test_traces_are_merged_in_the_order_of_time(river, cars, tmp_path):
    out = tmp_path / "both.jsonl"
    assert run("merge", river, cars, "--out", out).exit_code == 0
    trace = read_trace(out)
    found = list(trace)
    assert all(before.at <= after.at for before, after in pairwise(found))
    assert sum(record.reading is not None for record in found) == 22
    assert not any(before == after for before, after in pairwise(found))
    assert trace.header == TraceHeader("0.1.0", START, 7, "s", "one; two", ("hs-a", "pk-b"), None)


def test_the_contents_are_told(river, cars):
    result = run("info", cars, "--json")
    data = orjson.loads(result.stdout)
    assert data["readings"] == {"parking": 12}
    assert data["sites"] == {"parking": 1}
    assert (data["catalog"], data["clocks"], data["resets"]) == ("c1", 13, 0)
    assert (data["first"], data["last"]) == (format_instant(START + 30 * SECOND), format_instant(START + 12 * MINUTE))
    assert "hydrology: 10 readings of 1 sites" in run("info", river, "--lang", "en").stdout
    assert contents_of(read_trace(river)).readings == {Feed.HYDROLOGY: 10}
