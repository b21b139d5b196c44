"""Bytes to values and back, for every log. `decode` never raises: what it cannot read is a `Rejection`."""

from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from citybrain.alerts import EVENTS, AlertEvent
from citybrain.model import Control, ControlKind, Reading, Reason, Rejection, Reset, Switch

RECORD_BYTES_MAX = 1_000_000  # The broker's own default for one record.
FRAME_READINGS_MAX = 2_000  # A week of a gauge that speaks every five minutes.
FOUND_MAX = 60  # Characters of a value that a complaint quotes.
CONTROL_HEADER = "control"

_READING: TypeAdapter[Reading] = TypeAdapter(Reading)
_RESET: TypeAdapter[Reset] = TypeAdapter(Reset)
_SWITCH: TypeAdapter[Switch] = TypeAdapter(Switch)
_FRAME: TypeAdapter[tuple[Reading, ...]] = TypeAdapter(tuple[Reading, ...])

Headers = Mapping[str, bytes]
Decoded = Sequence[Reading] | Control | Rejection


def decode(value: bytes | None, headers: Headers) -> Decoded:
    """Return the readings of a feed record (one, or a frame of one site), its control message, or why it has none."""
    if (control := headers.get(CONTROL_HEADER)) is not None:
        return _control(control, value)
    if value is None:
        return Rejection(Reason.SCHEMA, "the record has no value")
    if len(value) > RECORD_BYTES_MAX:
        return Rejection(Reason.TOO_LARGE, f"the record has {len(value)} bytes, expected at most {RECORD_BYTES_MAX}")
    try:
        return _checked_frame(_FRAME.validate_json(value)) if _is_frame(value) else (_READING.validate_json(value),)
    except ValidationError as error:
        return Rejection(Reason.SCHEMA, _complaint(error))


def encode_reading(reading: Reading) -> bytes:
    """Return the JSON of a reading, without the fields that are not given."""
    return _READING.dump_json(reading, exclude_none=True)


def encode_reset(reset: Reset) -> bytes:
    """Return the JSON of the control record `reset`."""
    return _RESET.dump_json(reset)


def encode_switch(switch: Switch) -> bytes:
    """Return the JSON of the control record `catalog`."""
    return _SWITCH.dump_json(switch)


def encode_event(event: AlertEvent) -> bytes:
    """Return the JSON of an alert event; the same event, the same bytes."""
    return EVENTS.dump_json(event, by_alias=True)


def decode_event(value: bytes) -> AlertEvent:
    """Return the event of a record of an alert topic. Raises ValidationError for anything else."""
    return EVENTS.validate_json(value)


def _is_frame(value: bytes) -> bool:
    return value[:1] != b"{" and value.lstrip()[:1] == b"["


def _checked_frame(frame: tuple[Reading, ...]) -> Decoded:
    if len({reading.site for reading in frame}) != 1:
        return Rejection(Reason.SCHEMA, "a frame holds one or more readings of one site")
    if len(frame) > FRAME_READINGS_MAX:
        text = f"the frame has {len(frame)} readings, expected at most {FRAME_READINGS_MAX}"
        return Rejection(Reason.TOO_LARGE, text)
    return frame


def _control(kind: bytes, value: bytes | None) -> Control | Rejection:
    try:
        found = ControlKind(kind.decode())
    except (ValueError, UnicodeDecodeError):
        known = ", ".join(kind.value for kind in ControlKind)
        return Rejection(Reason.SCHEMA, f"the control record says {kind!r}, expected one of {known}")
    if found in (ControlKind.CLOCK, ControlKind.CANARY):
        return Control(found)
    try:
        if found is ControlKind.CATALOG:
            return Control(found, switch=_SWITCH.validate_json(value or b""))
        return Control(found, _RESET.validate_json(value or b""))
    except ValidationError as error:
        return Rejection(Reason.SCHEMA, _complaint(error))


def _complaint(error: ValidationError) -> str:
    """Return all faults of a record in one line, each with the field as its sender wrote it."""
    faults = []
    for fault in error.errors(include_url=False):
        field = ".".join(str(step) for step in fault["loc"]) or "record"
        faults.append(f"{field}: {_said(fault)}")
    return "; ".join(faults)


def _said(fault: ErrorDetails) -> str:
    match fault["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            return "unknown field"
        case "missing" | "missing_argument":
            return "missing"
        case "value_error":
            return str(fault["ctx"]["error"])
        case "json_invalid":
            return fault["msg"]
    found = repr(fault["input"])
    return f"{fault['msg']}, found {found if len(found) <= FOUND_MAX else found[:FOUND_MAX] + '...'}"
