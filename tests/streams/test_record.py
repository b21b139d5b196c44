"""What lies on the topics comes back as a trace that gives the same alerts."""

import orjson
import pytest
from typer.testing import CliRunner

from citybrain.cli.main import app
from citybrain.instants import MINUTE, SECOND, format_instant, parse_instant
from citybrain.model import Feed, Reset
from rules.ruleset import load_rules
from scenarios.runner import replay
from simulators.fleet import simulate
from simulators.storyline import load_storyline
from simulators.trace import TraceRecord, read_trace
from streams.clients import Producer, Record
from streams.publish import publish
from streams.record import Recorder
from streams.topics import Names, topics_for

START = parse_instant("2026-06-20T08:00:00+08:00")
NAMES = Names("t.")
CLOCK = (("control", b"clock"),)


def raw(offset, at, *, key=b"hs-a", value=None, feed=Feed.HYDROLOGY, partition=0, headers=()):
    if value is None:
        value = orjson.dumps({"site": key.decode(), "observed_at": format_instant(at), "values": {"stage": 1.0}})
    return Record(NAMES.feed(feed), partition, offset, at, key, value, tuple(headers))


def sites(records):
    return [record.site or "-" for record in records]


def test_partitions_are_put_together_by_time_and_a_clock_comes_once():
    log = [
        raw(0, START + 2 * SECOND),
        raw(1, START + 3 * SECOND, key=None, value=b"", headers=CLOCK),
        raw(0, START + 1 * SECOND, key=b"hs-b", partition=1),
        raw(1, START + 3 * SECOND, key=None, value=b"", partition=1, headers=CLOCK),
        raw(2, START + 3 * SECOND, key=b"hs-c", partition=1),
    ]
    found = list(Recorder(NAMES).records(log))
    assert sites(found) == ["hs-b", "hs-a", "hs-c", "-"]
    assert found[-1] == TraceRecord(START + 3 * SECOND)


def test_time_does_not_run_back_within_a_partition():
    found = list(Recorder(NAMES).records([raw(0, START + MINUTE), raw(1, START), raw(0, START, partition=1)]))
    assert [record.at - START for record in found] == [0, MINUTE, MINUTE, MINUTE]


def test_a_frame_becomes_its_readings_in_their_order():
    frame = [
        {"site": "hs-a", "observed_at": format_instant(START + n * MINUTE), "values": {"stage": n}} for n in (1, 0)
    ]
    found = list(Recorder(NAMES).records([raw(0, START + 5 * MINUTE, value=orjson.dumps(frame))]))
    assert [orjson.loads(record.reading)["values"]["stage"] for record in found if record.reading] == [1, 0]


def test_a_reset_is_recorded_once():
    order = Reset("aa-01", "hs-a")
    value, headers = orjson.dumps({"rule": "aa-01", "subject": "hs-a"}), (("control", b"reset"),)
    log = [raw(n, START, key=None, value=value, partition=n, headers=headers) for n in range(3)]
    assert list(Recorder(NAMES).records(log)) == [TraceRecord(START, reset=order), TraceRecord(START)]


def test_what_a_trace_cannot_hold_is_counted():
    recorder = Recorder(NAMES)
    log = [
        raw(0, START, value=b"{"),
        raw(1, START, key=b"hs-b", value=b'{"site":"hs-a"}'),
        raw(2, START, key=None, value=b"", headers=(("control", b"what"),)),
    ]
    assert list(recorder.records(log)) == []
    assert recorder.left_out == {"no JSON": 1, "no reading of its key": 1, "control": 1}


@pytest.mark.embedded
def test_a_recorded_run_gives_the_same_alerts(embedded, prefix, tmp_path, monkeypatch):
    rules = load_rules()
    story = load_storyline("first-light", rules.registry.sites)
    sent = list(simulate(rules.registry, story, seed=7, start=story.start, hours=1.2))
    broker = embedded(topics_for(prefix, simulated=True, feed_partitions=4))
    with Producer(broker, linger_ms=5) as producer:
        for _ in publish(sent, producer, Names(prefix), feed_partitions=4):
            pass
    monkeypatch.setenv("CITYBRAIN_EMBEDDED", "true")
    monkeypatch.setenv("CITYBRAIN_PREFIX", prefix)
    out = tmp_path / "recorded.jsonl.gz"
    result = CliRunner().invoke(app, ["record", "--out", str(out), "--broker", broker.bootstrap])
    assert result.exit_code == 0, result.output
    recorded = list(read_trace(out))
    assert sorted(r.reading for r in recorded if r.reading) == sorted(r.reading for r in sent if r.reading)
    assert keys(recorded, rules) == keys(sent, rules)
    assert keys(sent, rules)


def keys(records, rules):
    return {event.key for output in replay(records, rules) for event in output.events}
