"""Traces: recorded or simulated records as JSON lines with a header, written whole or not at all, read as a stream.

The first line is the header. Each further line is a record in the order of `at`:
`{"at": ..., "feed": "hydrology", "reading": {...}}`, the reading as it stands on Kafka,
`{"at": ..., "control": "clock"}`, or `{"at": ..., "control": "reset", "reset": {"rule": ..., "subject": ...}}`.
The last record is a clock. A file named `*.gz` is compressed by gzip: the standard library has it, every tool reads it,
and it is a tenth of the size; zstd would ask for a dependency and save a few seconds.
"""

import contextlib
import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from citybrain.codec import encode_reset
from citybrain.errors import MissingError, SnapshotError
from citybrain.instants import format_instant, parse_instant
from citybrain.model import ControlKind, Feed, Reset

_File = BinaryIO | gzip.GzipFile

FORMAT = 1
_LINE_MAX = 1_048_576  # Bytes: what a broker takes as one record by default.
_GZIP = ".gz"
_LEVEL = 6
_HEADER_KEYS = frozenset({"trace", "seed", "version", "start", "storyline", "note"})
_SITES_KEY = "sites"  # Left out where the sites are not known, as in a recording of some of them.
_CATALOG_KEY = "catalog"  # Left out where no catalog was at hand.
_READING_KEYS = frozenset({"at", "feed", "reading"})
_CLOCK_KEYS = frozenset({"at", "control"})
_RESET_KEYS = frozenset({"at", "control", "reset"})


@dataclass(frozen=True, slots=True)
class TraceHeader:
    """What a trace says about itself. A recorded trace has neither seed nor storyline."""

    version: str  # Of the program that wrote it.
    start: int
    seed: int | None = None
    storyline: str | None = None
    note: str = ""
    sites: tuple[str, ...] = ()  # Ids of the sites that should speak; empty: not known.
    catalog: str | None = None  # The content hash of the catalog it was made with.


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """One record of the log: a reading of a site, a reset, or the clock when it is neither."""

    at: int
    feed: Feed | None = None
    site: str | None = None  # The key on Kafka.
    reading: bytes | None = None  # JSON, the value on Kafka.
    reset: Reset | None = None

    def __post_init__(self) -> None:
        given = {self.feed is None, self.site is None, self.reading is None}
        assert len(given) == 1, "feed, site and reading come together"
        assert self.reading is None or self.reset is None, "a record is a reading or a reset"

    @property
    def control(self) -> ControlKind | None:
        """Return which control record it is on Kafka; None for a reading."""
        if self.reading is not None:
            return None
        return ControlKind.CLOCK if self.reset is None else ControlKind.RESET

    @property
    def is_clock(self) -> bool:
        """Tell whether it carries nothing but the time."""
        return self.control is ControlKind.CLOCK

    @property
    def value(self) -> bytes | None:
        """Return its value on Kafka; None for the clock."""
        return self.reading if self.reset is None else encode_reset(self.reset)


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace on disk. Each iteration reads the file anew and holds one line at a time."""

    path: Path
    header: TraceHeader

    def __iter__(self) -> Iterator[TraceRecord]:
        """Yield the records in order. Raises SnapshotError for the first torn or wrong line."""
        newest, record, number = self.header.start, None, 1
        with _reading(self.path) as file:
            _line(self.path, 1, file.readline(_LINE_MAX))
            for number, line in enumerate(_lines(self.path, file), start=2):
                record = _record(self.path, number, _line(self.path, number, line))
                if record.at < newest:
                    raise _wrong(
                        self.path, number, f"`at` {format_instant(record.at)}", f"{format_instant(newest)} or later"
                    )
                newest = record.at
                yield record
        if record is None or not record.is_clock:
            raise _wrong(self.path, number, "the end of the file", "a clock record as the last line")


def write_trace(path: Path, header: TraceHeader, records: Iterable[TraceRecord]) -> int:
    """Write a trace and return how many records it has.

    The file appears under its name only when it is whole; a failure on the way leaves nothing behind.
    Raises MissingError where nothing can be written.
    """
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    written, newest, last = 0, header.start, None
    try:
        with _writing(part, path) as file:
            file.write(_header_line(header))
            for last in records:
                assert last.at >= newest, "records come in the order of `at`"
                newest = last.at
                file.write(_record_line(last))
                written += 1
            assert last is not None, "a trace has records"
            assert last.is_clock, "a trace ends with a clock record"
        try:
            part.replace(path)
        except OSError as error:
            raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return written


def read_trace(path: Path) -> Trace:
    """Return a trace with its header read. Raises MissingError without a file, SnapshotError for a wrong header."""
    try:
        with _reading(path) as file:
            first = next(_lines(path, file), b"")
    except OSError as error:
        raise MissingError(f"{path}: {error.strerror}") from error
    data = _line(path, 1, first)
    if data.get("trace") != FORMAT:
        raise _wrong(path, 1, f"`trace` {data.get('trace')!r}", f'a header with "trace": {FORMAT}')
    if set(data) - {_SITES_KEY, _CATALOG_KEY} != _HEADER_KEYS:
        raise _wrong(path, 1, _names(data), f"the header fields {_names(_HEADER_KEYS)}")
    sites = data.get(_SITES_KEY, [])
    if not isinstance(sites, list) or not all(isinstance(site, str) for site in sites):
        raise _wrong(path, 1, f"`sites` {_short(orjson.dumps(sites))}", "a list of site ids")
    seed, version, storyline, note = data["seed"], data["version"], data["storyline"], data["note"]
    catalog = data.get(_CATALOG_KEY)
    texts = isinstance(version, str) and isinstance(note, str) and isinstance(storyline, str | None)
    texts = texts and isinstance(catalog, str | None)
    if not texts or isinstance(seed, bool) or not isinstance(seed, int | None):
        raise _wrong(path, 1, _short(first), "a whole seed or null, and texts")
    start = _instant(path, 1, data["start"])
    return Trace(path, TraceHeader(version, start, seed, storyline, note, tuple(sites), catalog))


def _reading(path: Path) -> _File:
    return gzip.open(path, "rb") if path.suffix == _GZIP else path.open("rb")


def _lines(path: Path, file: _File) -> Iterator[bytes]:
    """Yield the lines of a file. Raises SnapshotError where a compressed one is torn."""
    try:
        yield from iter(lambda: file.readline(_LINE_MAX), b"")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SnapshotError(f"{path}: found {error}, expected a whole file compressed by gzip") from error


@contextlib.contextmanager
def _writing(part: Path, path: Path) -> Iterator[_File]:
    """Open the part that becomes the file, and see to it that all of it lies on the disk at the end."""
    try:
        file = part.open("xb")
    except OSError as error:
        raise _unwritable(path, error) from error
    with file:
        if path.suffix == _GZIP:
            # Without a name and a time in it: the same records, the same bytes.
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as packed:
                yield packed
        else:
            yield file
        file.flush()
        os.fsync(file.fileno())


def _unwritable(path: Path, error: OSError) -> MissingError:
    # The reader knows the name that was asked for, not that of the part.
    return MissingError(f"cannot write {path}: {error.strerror}")


def _header_line(header: TraceHeader) -> bytes:
    data = {
        "trace": FORMAT,
        "seed": header.seed,
        "version": header.version,
        "start": format_instant(header.start),
        "storyline": header.storyline,
        "note": header.note,
        **({_SITES_KEY: header.sites} if header.sites else {}),
        **({_CATALOG_KEY: header.catalog} if header.catalog is not None else {}),
    }
    return orjson.dumps(data) + b"\n"


def _record_line(record: TraceRecord) -> bytes:
    data: dict[str, object] = {"at": format_instant(record.at)}
    if record.reading is not None:
        data["feed"] = record.feed
        data["reading"] = orjson.Fragment(record.reading)
    else:
        data["control"] = record.control
        if record.reset is not None:
            data["reset"] = record.reset
    return orjson.dumps(data) + b"\n"


def _line(path: Path, number: int, line: bytes) -> dict[str, Any]:
    """Return the object of one line. Raises SnapshotError when it is torn or no JSON object."""
    if not line.endswith(b"\n"):
        raise _wrong(path, number, f"{_short(line)} without a line end", "a whole line; the file is torn")
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        data = _careless(line)
        if data is None:
            raise _wrong(path, number, _short(line), f"one JSON object ({error})") from error
    if not isinstance(data, dict):
        raise _wrong(path, number, _short(line), "one JSON object")
    return data


def _careless(line: bytes) -> Any:
    """Return what a line says that holds NaN, infinity or the like, as careless senders write; None for no JSON.

    Such a number becomes a text. So its record is refused on its own, as on Kafka, and the trace goes on.
    """
    try:
        data = json.loads(line, parse_constant=str, parse_int=float)
        orjson.dumps(data)
    except (ValueError, TypeError, RecursionError):
        return None
    return data


def _record(path: Path, number: int, data: dict[str, Any]) -> TraceRecord:
    keys = data.keys()
    if keys == _RESET_KEYS and data["control"] == ControlKind.RESET:
        reset = data["reset"]
        if not isinstance(reset, dict) or [type(reset.get(name)) for name in ("rule", "subject")] != [str, str]:
            raise _wrong(path, number, f"`reset` {_short(orjson.dumps(reset))}", "its `rule` and its `subject`")
        return TraceRecord(_instant(path, number, data["at"]), reset=Reset(reset["rule"], reset["subject"]))
    if keys == _CLOCK_KEYS:
        if data["control"] != ControlKind.CLOCK:
            raise _wrong(path, number, f"`control` {data['control']!r}", f"`control` {ControlKind.CLOCK.value!r}")
        return TraceRecord(_instant(path, number, data["at"]))
    if keys != _READING_KEYS:
        raise _wrong(path, number, f"the fields {_names(keys)}", "`at`, and `feed` with `reading` or `control`")
    feed, reading = data["feed"], data["reading"]
    if not isinstance(feed, str) or feed not in _FEEDS:
        raise _wrong(path, number, f"`feed` {feed!r}", f"one of {_names(_FEEDS)}")
    if not isinstance(reading, dict) or not isinstance(reading.get("site"), str):
        raise _wrong(path, number, f"`reading` {_short(orjson.dumps(reading))}", "a reading with its `site`")
    at = _instant(path, number, data["at"])
    return TraceRecord(at, _FEEDS[feed], reading["site"], orjson.dumps(reading))


_FEEDS: dict[str, Feed] = {feed.value: feed for feed in Feed}


def _instant(path: Path, number: int, value: object) -> int:
    try:
        return parse_instant(value)
    except ValueError as error:
        raise SnapshotError(f"{path}:{number}: {error}") from error


def _wrong(path: Path, number: int, found: str, expected: str) -> SnapshotError:
    return SnapshotError(f"{path}:{number}: found {found}, expected {expected}")


def _short(line: bytes) -> str:
    text = line[:60].decode("utf-8", "replace").rstrip("\n")
    return repr(text if len(line) <= 60 else f"{text}...")


def _names(names: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, names)))
