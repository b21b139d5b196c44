"""What `citybrain replay` says of a trace besides its alerts."""

import pytest
from typer.testing import CliRunner

from citybrain.cli.main import app
from citybrain.instants import SECOND, parse_instant
from simulators.trace import TraceHeader, TraceRecord, write_trace

START = parse_instant("2026-06-20T08:00:00+08:00")


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
