"""From bytes to judgements. Nothing that stands in a record raises."""

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.instants import MINUTE, SECOND, format_instant, parse_instant
from citybrain.model import Feed, Reason, Status
from rules.engine import Engine
from rules.intake import FeedRecord, Intake

START = parse_instant("2026-06-20T08:00:00+08:00")
CLOCK = {"control": b"clock"}


def reading(site="hs-a", minute=0.0, stage=9.0, **more) -> dict:
    return {
        "site": site,
        "observed_at": format_instant(START + round(minute * MINUTE)),
        "values": {"stage": stage},
        **more,
    }


def record(value, *, at=START, key=b"hs-a", feed=Feed.HYDROLOGY, headers=None) -> FeedRecord:
    raw = value if isinstance(value, bytes | None) else orjson.dumps(value)
    return FeedRecord(feed, at, key, raw, headers or {})


@pytest.fixture(scope="module")
def rules(rules_of, rule):
    silence = rule(id="zz-01", type="no_data", measure=None, where={}, silent_for={"blue": "3.5 periods"})
    return rules_of(rule(), silence)


@pytest.fixture
def intake(rules):
    return Intake(Engine(rules))


def reasons(output) -> list[Reason]:
    return [rejection.reason for rejection in output.rejections]


def test_a_reading_is_judged(intake):
    output = intake.accept(record(reading()))
    assert [event.rule.id for event in output.events] == ["aa-01"]
    assert (output.readings, output.rejections) == (1, ())


def test_a_frame_is_judged_reading_by_reading(intake):
    output = intake.accept(record([reading(minute=-10, stage=1), reading(minute=-5), reading(stage=1)], at=START))
    assert [event.state.value for event in output.events] == ["firing", "cleared"]
    assert output.readings == 3


@pytest.mark.parametrize(
    ("own", "found", "is_taken"),
    [
        (Status.ACTUAL, None, True),
        (Status.ACTUAL, "actual", True),
        (Status.ACTUAL, "exercise", False),
        (Status.ACTUAL, "test", False),
        (Status.EXERCISE, None, True),
        (Status.EXERCISE, "exercise", True),
        (Status.EXERCISE, "actual", False),
        (Status.EXERCISE, "test", False),
    ],
)
def test_the_log_decides_the_status(rules, own, found, is_taken):
    intake = Intake(Engine(rules, status=own), status=own)
    output = intake.accept(record(reading() if found is None else reading(status=found)))
    assert reasons(output) == ([] if is_taken else [Reason.STATUS])
    assert [event.status for event in output.events] == ([own] if is_taken else [])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"value": reading(), "key": b"hs-b"}, Reason.WRONG_KEY, id="key of another site"),
        pytest.param({"value": reading(), "key": None}, Reason.WRONG_KEY, id="no key"),
        pytest.param({"value": reading(), "key": b"\xff"}, Reason.WRONG_KEY, id="key of bytes"),
        pytest.param({"value": reading(), "feed": Feed.PARKING}, Reason.WRONG_FEED, id="feed"),
        pytest.param({"value": reading(site="no"), "key": b"no"}, Reason.UNKNOWN_SITE, id="site"),
        pytest.param({"value": reading(minute=6)}, Reason.CLOCK, id="clock"),
        pytest.param({"value": None}, Reason.SCHEMA, id="no value"),
        pytest.param({"value": b""}, Reason.SCHEMA, id="empty"),
        pytest.param({"value": b"[]"}, Reason.SCHEMA, id="empty frame"),
        pytest.param({"value": [reading(), reading(site="hs-b")]}, Reason.SCHEMA, id="frame of two sites"),
        pytest.param({"value": b" " * 1_000_001}, Reason.TOO_LARGE, id="too large"),
        pytest.param({"value": None, "headers": {"control": b"stop"}}, Reason.SCHEMA, id="unknown control"),
        pytest.param({"value": None, "headers": {"control": b"\xff"}}, Reason.SCHEMA, id="control of bytes"),
        pytest.param({"value": reading(owner="x")}, Reason.SCHEMA, id="unknown field"),
    ],
)
def test_a_bad_record_is_rejected_with_its_reason_and_moves_the_time(intake, given, reason):
    #  minute   -17.5  -17  ...  -0.5   0        the silence of 17.5 min is due at the bad record
    intake.accept(record(reading(minute=-17.5, stage=1), at=START - round(17.5 * MINUTE)))
    for tick in range(-34, 0):
        assert intake.accept(record(None, at=START + tick * 30 * SECOND, headers=CLOCK)).events == ()
    output = intake.accept(record(**given))
    assert reasons(output) == [reason]
    assert [event.rule.id for event in output.events] == ["zz-01"], "the silence that is due at this record"


def test_a_control_record_moves_the_time_alone(intake):
    intake.accept(record(reading(stage=1)))
    output = intake.accept(record(b"ignored", at=START + 20 * SECOND, headers=CLOCK, feed=None))
    assert (output.events, output.rejections, output.readings) == ((), (), 0)
    assert intake.engine.at == START + 20 * SECOND


def test_a_rejection_is_no_longer_than_a_person_reads(intake):
    # A rejection is published and logged; a megabyte of one record must not become a megabyte of text.
    for wrong in (
        {"value": reading(values={"x" * 100_000: 1.0})},
        {"value": reading(), "key": b"k" * 100_000},
        {"value": None, "headers": {"control": b"c" * 100_000}},
    ):
        output = intake.accept(record(**wrong))
        assert output.rejections
        assert max(len(rejection.text) for rejection in output.rejections) <= 2000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SITES = st.sampled_from(["hs-a", "hs-b", "bt-a", "pk-a", "aq-a", "gd-a", "no-one", ""])
METRICS = st.sampled_from(["stage", "inflow", "rain", "occupied", "combustible_gas", "battery_voltage", "pm25_1h", "x"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "site": SITES | JSON,
        "observed_at": st.integers(-(10**5), 10**5).map(lambda s: format_instant(START + s * SECOND)) | JSON,
        "values": st.dictionaries(METRICS, st.floats() | st.integers() | JSON, max_size=4) | JSON,
        "flags": st.dictionaries(METRICS, st.sampled_from(["N", "T", "D", "", "XYZ"]), max_size=2) | JSON,
        "position": st.tuples(st.floats(), st.floats()) | JSON,
        "status": st.sampled_from(["actual", "exercise", "test", "real"]) | JSON,
        "owner": JSON,
    },
)


def as_json(value) -> bytes:
    # Python's own writer lets NaN, infinity and whole numbers of any size through, as a careless sender does.
    return json.dumps(value).encode("utf-8", "surrogatepass")


VALUES = st.binary(max_size=60) | JSON.map(as_json) | FIELDS.map(as_json) | st.lists(FIELDS, max_size=3).map(as_json)
HEADERS = st.just({}) | st.dictionaries(
    st.just("control"), st.binary(max_size=6) | st.sampled_from([b"clock", b"reset"]), max_size=1
)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.lists(st.tuples(VALUES | st.none(), st.none() | SITES.map(str.encode), HEADERS), min_size=1, max_size=4))
def test_no_bytes_make_the_intake_raise(rules, records):
    intake = Intake(Engine(rules))
    for number, (value, key, headers) in enumerate(records):
        output = intake.accept(FeedRecord(None, START + number * 20 * SECOND, key, value, headers))
        assert output.readings or output.rejections or headers.get("control") in (b"clock", b"reset")
    intake.engine.restore(intake.engine.snapshot())


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.data())
def test_no_broken_reading_makes_the_intake_raise(rules, data):
    good = orjson.dumps(reading())
    at = data.draw(st.integers(0, len(good) - 1))
    broken = good[:at] + data.draw(st.binary(max_size=3)) + good[at + data.draw(st.integers(0, 4)) :]
    output = Intake(Engine(rules)).accept(record(broken))
    assert output.readings or output.rejections


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"[" * 100_000, id="deep list"),
        pytest.param(b'{"site":' * 100_000, id="deep object"),
        pytest.param(b'{"site":"\\ud800"}', id="half a character"),
        pytest.param(b'{"site":"hs-a","observed_at":"2026-06-20T08:00:00Z","values":{"stage":1e999}}', id="1e999"),
        pytest.param(
            b'{"site":"hs-a","observed_at":"2026-06-20T08:00:00Z","values":{"stage":' + b"9" * 6000 + b"}}",
            id="6000 nines",
        ),
        pytest.param(b'{"site":"hs-a","observed_at":"2026-06-20T08:00:00Z","values":{"stage":NaN}}', id="NaN"),
        pytest.param(b"\xff\xfe{\x00}\x00", id="UTF-16"),
        pytest.param(b"null", id="null"),
        pytest.param(b"1", id="number"),
    ],
)
def test_hostile_json_is_a_schema_rejection(intake, value):
    assert reasons(intake.accept(record(value))) == [Reason.SCHEMA]
