import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.codec import FRAME_READINGS_MAX, RECORD_BYTES_MAX, decode, encode_reading
from citybrain.instants import parse_instant
from citybrain.model import Control, ControlKind, Reading, Reason, Rejection, Status

AT = parse_instant("2026-06-20T08:00:00+08:00")
ROW = {"site": "hs-a", "observed_at": "2026-06-20T08:00:00+08:00", "values": {"stage": 4.5}}


def raw(value) -> bytes:
    return orjson.dumps(value)


def rejected(value, headers=None) -> Rejection:
    found = decode(value, headers or {})
    assert isinstance(found, Rejection)
    return found


def test_a_reading_is_decoded():
    assert decode(raw(ROW), {}) == (Reading("hs-a", AT, {"stage": 4.5}),)


@pytest.mark.parametrize("text", [b" %s", b"\n\t%s"])
def test_white_space_before_a_frame_is_nothing(text):
    found = decode(text % raw([ROW, ROW]), {})
    assert not isinstance(found, Control | Rejection)
    assert len(found) == 2


@pytest.mark.parametrize(
    "reading",
    [
        Reading("hs-a", AT, {"stage": 4.5}),
        Reading("hs-a", AT + 1, {"stage": 4.0, "inflow": 0.1}, {"stage": "T"}, (119.5, 28.5), Status.TEST),
    ],
)
def test_a_reading_comes_back_from_its_bytes(reading):
    assert decode(encode_reading(reading), {}) == (reading,)


def test_what_is_not_given_is_not_written():
    assert orjson.loads(encode_reading(Reading("hs-a", AT, {"stage": 4.5}))) == ROW


@pytest.mark.parametrize(
    ("value", "reason", "says"),
    [
        pytest.param(None, Reason.SCHEMA, "has no value", id="no value"),
        pytest.param(b"", Reason.SCHEMA, "record: Invalid JSON", id="empty"),
        pytest.param(b"{", Reason.SCHEMA, "record: Invalid JSON", id="torn"),
        pytest.param(b"[]", Reason.SCHEMA, "one or more readings of one site", id="empty frame"),
        pytest.param(raw([ROW, {**ROW, "site": "b"}]), Reason.SCHEMA, "of one site", id="frame of two sites"),
        pytest.param(raw([ROW, 5]), Reason.SCHEMA, "1: ", id="a frame with something else"),
        pytest.param(raw({**ROW, "plate": "x"}), Reason.SCHEMA, "plate: unknown field", id="unknown field"),
        pytest.param(
            raw({**ROW, "values": {"stage": "4"}}),
            Reason.SCHEMA,
            "values.stage: Input should be a valid number, found '4'",
            id="number as text",
        ),
        pytest.param(raw({**ROW, "observed_at": "8:00"}), Reason.SCHEMA, "expected an RFC 3339 time", id="instant"),
        pytest.param(b" " * (RECORD_BYTES_MAX + 1), Reason.TOO_LARGE, "1000001 bytes", id="too many bytes"),
        pytest.param(raw([ROW] * (FRAME_READINGS_MAX + 1)), Reason.TOO_LARGE, "2001 readings", id="too many readings"),
    ],
)
def test_what_cannot_be_read_is_a_rejection(value, reason, says):
    rejection = rejected(value)
    assert rejection.reason is reason
    assert says in rejection.text


def test_all_faults_are_named_in_one_line():
    text = rejected(raw({"site": "", "observed_at": 5, "values": {}})).text
    assert [field in text for field in ("site: ", "observed_at: ", "values: ")] == [True] * 3
    assert "\n" not in text
    assert "errors.pydantic.dev" not in text


def test_the_text_of_a_rejection_is_bounded():
    assert len(rejected(raw({**ROW, "values": {f"m{n}": "x" for n in range(64)}})).text) <= 1000


def test_the_largest_record_and_frame_are_taken():
    assert not isinstance(decode(raw([ROW] * FRAME_READINGS_MAX), {}), Rejection)
    padded = raw(ROW) + b" " * (RECORD_BYTES_MAX - len(raw(ROW)))
    assert not isinstance(decode(padded, {}), Rejection)


def test_a_control_record_is_told_by_its_header():
    assert decode(b"whatever", {"control": b"clock"}) == Control(ControlKind.CLOCK)
    assert decode(None, {"control": b"clock"}) == Control(ControlKind.CLOCK)


@pytest.mark.parametrize("kind", [b"", b"CLOCK", b"\xff", b"stop"])
def test_an_unknown_control_record_is_a_rejection(kind):
    assert "expected one of clock" in rejected(b"{}", {"control": kind}).text


def test_other_headers_mean_nothing():
    assert decode(raw(ROW), {"trace": b"\xff"}) == decode(raw(ROW), {})


@settings(max_examples=200, derandomize=True)
@given(st.binary(max_size=80), st.dictionaries(st.sampled_from(["control", "x"]), st.binary(max_size=5)))
def test_no_bytes_raise(value, headers):
    assert isinstance(decode(value, headers), tuple | Control | Rejection)
