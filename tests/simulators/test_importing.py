"""A table and its map become a trace; what is wrong with either is told with its line."""

from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from citybrain.cli.main import app
from citybrain.instants import SECOND
from citybrain.registry import load_registry
from simulators import importing
from simulators.importing import Importer, read_map
from simulators.sorting import in_order
from simulators.trace import read_trace

DATA = Path(__file__).resolve().parent.parent / "data" / "traces"
HEAD = "time: {column: t}\nsite: hs-longquan\nmetrics:\n  stage: {column: h}\n"


@pytest.fixture(scope="module")
def city():
    return load_registry()


def importer(tmp_path, city, table, mapping=HEAD):
    path = tmp_path / "a.csv"
    path.write_bytes(table if isinstance(table, bytes) else table.encode())
    (tmp_path / "a.map.yaml").write_text(mapping, encoding="utf-8")
    found, problems = read_map(tmp_path / "a.map.yaml", city)
    assert found is not None, [problem.line_of_report("en") for problem in problems]
    return Importer(path, found, city)


def readings(records):
    return [orjson.loads(record.reading) for record in records if record.reading is not None]


def test_the_example_of_the_manual_is_imported(tmp_path):
    out = tmp_path / "river.jsonl.gz"
    command = ["trace", "import", str(DATA / "river.csv"), "--map", str(DATA / "river.map.yaml"), "--out", str(out)]
    result = CliRunner().invoke(app, [*command, "--lang", "en"])
    assert result.exit_code == 1
    told = [line for line in result.stderr.splitlines() if "river.csv:" in line]
    assert [line.partition("river.csv:")[2].partition(":")[0] for line in told] == ["4", "6", "7"]
    assert "lines left out: 3" in result.stderr
    trace = read_trace(out)
    assert trace.header.note == "Invented record of two gauges"
    assert trace.header.catalog == load_registry().content_hash
    records = list(trace)
    assert [(one["site"], one["observed_at"][11:16], one["values"], one["flags"]) for one in readings(records)] == [
        ("hs-yunhe", "07:55", {"stage": 0.8825}, {"stage": "N"}),
        ("hs-longquan", "08:00", {"stage": 4.125}, {"stage": "N"}),
        ("hs-longquan", "08:05", {"stage": 4.13}, {"stage": "N"}),
        ("hs-longquan", "08:25", {"stage": 4.16}, {"stage": "M"}),
    ]
    assert records[-1].is_clock
    clocks = [record.at for record in records if record.is_clock]
    assert max(after - before for before, after in pairwise(clocks)) <= 30 * SECOND


def test_the_manual_shows_the_files_themselves():
    manual = (DATA.parents[2] / "docs" / "traces.md").read_text(encoding="utf-8")
    assert (DATA / "river.map.yaml").read_text(encoding="utf-8") in manual
    assert "\n".join((DATA / "river.csv").read_text(encoding="utf-8").splitlines()[:4]) in manual


@pytest.mark.parametrize(
    ("time", "written", "expected"),
    [
        ("{column: t}", "2024-06-20 08:00:00", "2024-06-20T08:00:00+08:00"),
        ("{column: t}", "2024-06-20T00:00:00Z", "2024-06-20T08:00:00+08:00"),
        ('{column: t, zone: "-05:30"}', "2024-06-20T08:00", "2024-06-20T21:30:00+08:00"),
        ("{column: t, format: unix}", "1718841600", "2024-06-20T08:00:00+08:00"),
        ("{column: t, format: unix-ms}", "1718841600500", "2024-06-20T08:00:00.500+08:00"),
        ('{column: t, format: "%d.%m.%Y %H"}', "20.06.2024 08", "2024-06-20T08:00:00+08:00"),
        ("{column: t, shift: 1h}", "2024-06-20 07:00", "2024-06-20T08:00:00+08:00"),
    ],
)
def test_times_are_read_as_the_map_says(tmp_path, city, time, written, expected):
    made = importer(tmp_path, city, f"t,h\n{written},1.0\n", HEAD.replace("{column: t}", time))
    (one,) = readings(made.records())
    assert one["observed_at"] == expected
    assert not made.complaints


@pytest.mark.parametrize(
    ("column", "written", "expected"),
    [
        ("{column: h}", "1.25", 1.25),
        ("{column: h, unit: m}", "1.25", 1.25),
        ("{column: h, unit: mm}", "1250", 1.25),
        ("{column: h, factor: 0.3048}", "10", 3.048),
        ("{column: h, unit: km}", "0.1", 100.0),
    ],
)
def test_units_become_ours(tmp_path, city, column, written, expected):
    made = importer(tmp_path, city, f"t,h\n2024-06-20 08:00,{written}\n", HEAD.replace("{column: h}", column))
    (one,) = readings(made.records())
    assert one["values"] == {"stage": expected}


def test_a_table_of_a_spreadsheet_or_of_an_old_office_is_read(tmp_path, city):
    marked = importer(tmp_path, city, "\ufefft,h\r\n2024-06-20 08:00,1\r\n".encode())
    assert len(readings(marked.records())) == 1
    mapping = HEAD.replace("column: h", "column: 水位") + 'encoding: gb18030\ndelimiter: ";"\n'
    old = importer(tmp_path, city, "t;水位\n2024-06-20 08:00;1\n".encode("gb18030"), mapping)
    assert len(readings(old.records())) == 1


def test_rows_in_any_order_come_out_in_the_order_of_time_whatever_fits_into_memory(tmp_path, city, monkeypatch):
    minutes = [(minute * 37) % 60 for minute in range(60)]
    table = "t,h\n" + "".join(f"2024-06-20 08:{minute:02},{minute}\n" for minute in minutes)
    at_once = list(importer(tmp_path, city, table).records())
    monkeypatch.setattr(importing, "in_order", lambda rows, stack: in_order(rows, stack, at_once=7))
    in_parts = list(importer(tmp_path, city, table).records())
    assert in_parts == at_once
    assert [one["values"]["stage"] for one in readings(in_parts)] == [float(minute) for minute in range(60)]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("2024-06-20 08:00,x", "column h: found 'x', expected a number"),
        ("2024-06-20 08:00,inf", "column h: found 'inf', expected a number"),
        ("yesterday,1", "found 'yesterday', expected a time such as the map's `format: iso`"),
        (",1", "found '', expected a time"),
    ],
)
def test_a_bad_line_is_told_and_left_out(tmp_path, city, row, says):
    made = importer(tmp_path, city, f"t,h\n2024-06-20 07:00,1\n{row}\n2024-06-20 09:00,2\n")
    assert [one["values"]["stage"] for one in readings(made.records())] == [1.0, 2.0]
    (complaint,) = made.complaints
    assert complaint.in_language("en").startswith(f"{tmp_path / 'a.csv'}:3: {says}")
    assert "a.csv:3: " in complaint.in_language("zh")
    assert made.refused == 1


def test_a_site_without_a_catalog_needs_its_feed(tmp_path, city):
    mapping = HEAD.replace("site: hs-longquan", "site: {column: s}") + "feed: hydrology\n"
    made = importer(tmp_path, city, "t,h,s\n2024-06-20 08:00,1,hs-elsewhere\n", mapping)
    (one,) = readings(made.records())
    assert one["site"] == "hs-elsewhere"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("{column: h}", "{column: h, unit: ℃}", "4:22: R280 ℃ is not turned into m by itself"),
        ("{column: h}", "{column: h, unit: m, factor: 2}", "a column has a `unit` or a `factor`, not both"),
        ("stage:", "stages:", "4:3: R201 no feed declares the metric “stages”"),
        ("hs-longquan", "hs-nowhere", "2:1: R203 no site has the id “hs-nowhere”"),
        ("time:", "times:", "R104"),
    ],
)
def test_a_wrong_map_is_told_with_its_place(tmp_path, city, old, new, says):
    path = tmp_path / "a.map.yaml"
    path.write_text(HEAD.replace(old, new), encoding="utf-8")
    found, problems = read_map(path, city)
    assert found is None
    assert any(says in problem.line_of_report("en") for problem in problems)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (b"t,x\n2024-06-20 08:00,1\n", "no column h"),
        (b"t,h\n", "no line that could be read"),
        ("t,h\n2024-06-20 08:00,丽水位\n".encode("gb18030"), "is no utf-8"),
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path, table, says):
    (tmp_path / "a.csv").write_bytes(table)
    (tmp_path / "a.map.yaml").write_text(HEAD, encoding="utf-8")
    out = tmp_path / "a.jsonl"
    command = ["trace", "import", str(tmp_path / "a.csv"), "--map", str(tmp_path / "a.map.yaml"), "--out", str(out)]
    result = CliRunner().invoke(app, [*command, "--lang", "en"])
    assert says in str(result.exception)
    assert not out.exists()
