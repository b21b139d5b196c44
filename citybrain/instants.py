"""Instants and durations: how a point in time is held, read and written.

Inside the program an instant is a whole number of milliseconds since the Unix epoch, UTC, and a duration a whole
number of milliseconds (docs/adr/0002). At every border an instant is an RFC 3339 text with an offset.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from citybrain.faults import Fault

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LOCAL_OFFSET = 8 * HOUR  # Of the city's days and hours from UTC: China has one zone and no daylight saving.
LOCAL = timezone(timedelta(milliseconds=LOCAL_OFFSET), "Asia/Shanghai")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LOCAL_TIME = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?"
_NO_OFFSET = re.compile(_LOCAL_TIME, re.ASCII)
_RFC_3339 = re.compile(_LOCAL_TIME + r"(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LENGTH_MAX = 35  # Of an instant, with nine digits of a fraction.
_MINUTES_MAX = 256  # How many minutes are remembered: sensors speak by the thousand in each.
_SECONDS = {f"{second:02}": second * SECOND for second in range(60)}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min|h|d)")
_UNITS = {"ms": 1, "s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}


def parse_instant(text: object) -> int:
    """Return the instant that an RFC 3339 text names.

    Raises ValueError for anything else, a text without an offset included: a reading that does not say its zone
    could be eight hours wrong.
    """
    if isinstance(text, str) and len(text) <= _LENGTH_MAX and (second := _SECONDS.get(text[17:19])) is not None:
        minute = _minute_of(text[:17], text[19:])
        if minute is not None:
            return minute + second
    return _read_instant(text)


@lru_cache(_MINUTES_MAX)
def _minute_of(before: str, behind: str) -> int | None:
    """Return the instant of the full minute in a text, given what stands before and behind the seconds; None if none.

    A fraction of a second stands behind, and counts.
    """
    try:
        return _read_instant(f"{before}00{behind}")
    except ValueError:
        return None


def _read_instant(text: object) -> int:
    if not isinstance(text, str) or _RFC_3339.fullmatch(text) is None:
        has_no_offset = isinstance(text, str) and _NO_OFFSET.fullmatch(text) is not None
        raise Fault("no_offset" if has_no_offset else "no_instant", found=repr(text))
    return instant_of(datetime.fromisoformat(text.upper()))


def instant_of(moment: datetime) -> int:
    """Return the instant of an aware datetime, rounded down to the millisecond."""
    assert moment.tzinfo is not None, "an instant needs a zone"
    return (moment - _EPOCH) // _MILLISECOND


def format_instant(at: int) -> str:
    """Return the instant as RFC 3339 in the city's zone, with milliseconds only where there are any."""
    for offset_h in (8, 14, -14):
        try:
            moment = _EPOCH + (at + offset_h * HOUR) * _MILLISECOND
        except OverflowError:
            continue  # The first and the last hours of the calendar exist in some zones only.
        fraction = "milliseconds" if at % SECOND else "seconds"
        return f"{moment.replace(tzinfo=None).isoformat(timespec=fraction)}{offset_h:+03d}:00"
    raise ValueError(f"{at} lies outside the years 1 to 9999")


def format_clock_time(at: int) -> str:
    """Return the wall time of the instant in the city's zone, as `06-20 08:05:00`."""
    return datetime.fromtimestamp(at // 1000, LOCAL).strftime("%m-%d %H:%M:%S")


def parse_duration(text: str) -> int:
    """Return the milliseconds of a duration such as `30s`, `10min`, `2h`, `3d` or `1h30min`.

    Raises ValueError with a hint for what authors confuse: `5m` could be minutes or metres.
    """
    if re.fullmatch(r"\d+(?:\.\d+)?m", text):
        number = text[:-1]
        raise Fault("unclear_m", found=repr(text), number=number)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Fault("no_duration", found=repr(text))
    return round(sum(float(number) * _UNITS[unit] for number, unit in parts))


def format_duration(span: int) -> str:
    """Return the duration in the largest units that say it exactly, as `1h30min`."""
    if span == 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "min", "s", "ms"):
        count, span = divmod(span, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


_INSTANT_SCHEMA = {"type": "string", "format": "date-time", "description": "RFC 3339 with an offset"}

Instant = Annotated[
    int,
    BeforeValidator(parse_instant),
    PlainSerializer(format_instant, return_type=str),
    WithJsonSchema(_INSTANT_SCHEMA),
]
"""An instant in a record: milliseconds inside, RFC 3339 outside."""


def _read_duration(value: object) -> int:
    if not isinstance(value, str):
        raise Fault("no_duration", found=repr(value))
    return parse_duration(value)


Duration = Annotated[
    int,
    BeforeValidator(_read_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|min|h|d))+$", "examples": ["10min"]}),
]
"""A duration in an author's file: milliseconds inside, `10min` outside."""
