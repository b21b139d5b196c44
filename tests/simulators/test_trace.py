import re
import tracemalloc
from dataclasses import replace

import pytest

from citybrain.codec import decode
from citybrain.errors import MissingError, SnapshotError
from citybrain.instants import SECOND, parse_instant
from citybrain.model import Control, ControlKind, Feed, Reason, Rejection, Reset
from simulators.trace import TraceHeader, TraceRecord, read_trace, write_trace

START = parse_instant("2026-06-20T08:00:00+08:00")
HEADER = TraceHeader("0.1.0", START, seed=7, storyline="first-light", note="试")
READING = b'{"site":"hs-a","observed_at":"2026-06-20T08:00:00+08:00","values":{"stage":4.5}}'
RECORDS = [
    TraceRecord(START),
    TraceRecord(START + 1500, Feed.HYDROLOGY, "hs-a", READING),
    TraceRecord(START + 30 * SECOND),
]
LINE_1 = (
    '{"trace":1,"seed":7,"version":"0.1.0","start":"2026-06-20T08:00:00+08:00","storyline":"first-light","note":""}'
)
CLOCK = '{"at":"2026-06-20T08:00:30+08:00","control":"clock"}'


def test_a_trace_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "a.jsonl"
    assert write_trace(path, HEADER, iter(RECORDS)) == 3
    trace = read_trace(path)
    assert trace.header == HEADER
    assert list(trace) == RECORDS
    assert list(trace) == RECORDS, "a trace can be read again"
    assert path.read_text(encoding="utf-8").splitlines()[1:] == [
        '{"at":"2026-06-20T08:00:00+08:00","control":"clock"}',
        f'{{"at":"2026-06-20T08:00:01.500+08:00","feed":"hydrology","reading":{READING.decode()}}}',
        CLOCK,
    ]


def test_a_reset_stands_in_a_trace(tmp_path):
    path = tmp_path / "a.jsonl"
    order = TraceRecord(START, reset=Reset("aa-01", "hs-a"))
    write_trace(path, HEADER, [order, RECORDS[2]])
    assert list(read_trace(path)) == [order, RECORDS[2]]
    assert path.read_bytes().splitlines()[1] == (
        b'{"at":"2026-06-20T08:00:00+08:00","control":"reset","reset":{"rule":"aa-01","subject":"hs-a"}}'
    )
    assert decode(order.value, {"control": b"reset"}) == Control(ControlKind.RESET, order.reset)


def test_the_sites_that_should_speak_stand_in_the_header(tmp_path):
    path = tmp_path / "a.jsonl"
    write_trace(path, replace(HEADER, sites=("hs-a", "hs-b")), RECORDS)
    assert read_trace(path).header.sites == ("hs-a", "hs-b")
    assert b'"sites":["hs-a","hs-b"]}' in path.read_bytes()
    write_trace(path, HEADER, RECORDS)
    assert read_trace(path).header.sites == ()
    assert b'"sites"' not in path.read_bytes(), "a trace that names none is as it was"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_what_is_no_number_spoils_its_own_record_only(tmp_path, number):
    path = tmp_path / "a.jsonl"
    write_trace(
        path, HEADER, [RECORDS[0], replace(RECORDS[1], reading=READING.replace(b"4.5", number.encode())), *RECORDS[1:]]
    )
    records = list(read_trace(path))
    assert [record.reading for record in records[2:]] == [READING, None]
    assert records[1].reading is not None
    found = decode(records[1].reading, {})
    assert isinstance(found, Rejection)
    assert found.reason is Reason.SCHEMA


def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("old", encoding="utf-8")

    def broken():
        yield RECORDS[0]
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_trace(path, HEADER, broken())
    assert path.read_text(encoding="utf-8") == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "1: found '' without a line end, expected a whole line; the file is torn"),
        (["{}"], "1: found `trace` None"),
        (['{"trace":2}'], "1: found `trace` 2"),
        (['{"trace":1}'], "1: found trace, expected the header fields note, seed"),
        ([LINE_1.replace("7", '"7"')], "1: found .* expected a whole seed"),
        ([LINE_1.replace("+08:00", "")], "1: .* has no offset, expected one such as"),
        ([LINE_1.replace('""}', '"","sites":"all"}')], "1: found `sites` .*, expected a list of site ids"),
        ([LINE_1.replace('""}', '"","sites":[7]}')], "1: found `sites` .*, expected a list of site ids"),
        ([LINE_1, CLOCK.replace("clock", "reset")], "2: found `control` 'reset'"),
        ([LINE_1, CLOCK.replace('"clock"', '"reset","reset":{"rule":"a"}')], "2: found `reset` .* expected its `rule`"),
        ([LINE_1, CLOCK.replace('"clock"', '"reset","reset":7')], "2: found `reset` '7', expected its `rule`"),
        ([LINE_1], "1: found the end of the file, expected a clock record"),
        ([LINE_1, "", CLOCK], "2: found '', expected one JSON object"),
        ([LINE_1, "[]", CLOCK], r"2: found '\[\]', expected one JSON object"),
        ([LINE_1, '{"at":"2026-06-20T08:00:00+08:00"}', CLOCK], "2: found the fields at"),
        ([LINE_1, CLOCK.replace("clock", "stop"), CLOCK], "2: found `control` 'stop', expected `control` 'clock'"),
        ([LINE_1, CLOCK.replace("+08:00", ""), CLOCK], "2: .* has no offset, expected one such as"),
        ([LINE_1, CLOCK, CLOCK.replace(":30+", ":29+")], "3: found `at` .*:29.*, expected .*:30.* or later"),
        ([LINE_1, CLOCK.replace("2026", "2025")], "2: found `at` 2025"),
        (
            [LINE_1, '{"at":"2026-06-20T08:00:00+08:00","feed":"gas","reading":{"site":"a"}}', CLOCK],
            "2: found `feed` 'gas'",
        ),
        (
            [LINE_1, '{"at":"2026-06-20T08:00:00+08:00","feed":[],"reading":{"site":"a"}}', CLOCK],
            r"2: found `feed` \[\]",
        ),
        (
            [LINE_1, '{"at":"2026-06-20T08:00:00+08:00","feed":"parking","reading":{}}', CLOCK],
            "2: found `reading` '{}'",
        ),
        (
            [LINE_1, CLOCK, '{"at":"2026-06-20T08:01:00+08:00","feed":"parking","reading":{"site":"a"}}'],
            "3: found the end",
        ),
    ],
)
def test_a_wrong_line_is_named_with_what_was_found_and_expected(tmp_path, lines, says):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with pytest.raises(SnapshotError) as raised:
        list(read_trace(path))
    assert re.search(f"a.jsonl:{says}", str(raised.value))
    assert raised.value.exit_code == 3


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_torn_file_is_found_at_its_last_line(tmp_path, cut):
    path = tmp_path / "a.jsonl"
    write_trace(path, HEADER, RECORDS)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(SnapshotError, match=r"a\.jsonl:\d: found .*expected"):
        list(read_trace(path))


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(MissingError, match=r"none\.jsonl"):
        read_trace(tmp_path / "none.jsonl")


def test_reading_holds_one_line_at_a_time(tmp_path):
    path = tmp_path / "long.jsonl"
    long = (TraceRecord(START + number, Feed.HYDROLOGY, "hs-a", READING) for number in range(20_000))
    write_trace(path, HEADER, (record for part in (long, [TraceRecord(START + 20_000)]) for record in part))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_trace(path)) == 20_001
        assert tracemalloc.get_traced_memory()[1] < 1_000_000 < path.stat().st_size
    finally:
        tracemalloc.stop()
