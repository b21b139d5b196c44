"""Import of real data: a table of comma-separated values becomes a trace, by a map that says what its columns are.

Rows may stand in any order and a file may be of any size: what does not fit into memory is sorted in parts on disk.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Literal

import orjson
from pydantic import Field, model_validator

from citybrain.documents import Document, load, validated
from citybrain.errors import MissingError, UsageError
from citybrain.faults import Fault
from citybrain.i18n import Language, say
from citybrain.instants import SECOND, Duration, format_instant, instant_of
from citybrain.metrics import Entry, Name
from citybrain.model import Feed
from citybrain.problems import Problem, sorted_problems
from citybrain.registry import Registry
from citybrain.sites import SiteId
from citybrain.units import known_unit
from simulators.sorting import in_order
from simulators.trace import TraceRecord

CLOCK_EVERY = 30 * SECOND
_DELAY = 3 * SECOND

# Unit of a column, unit of a metric -> by what to multiply.
_FACTORS: Mapping[tuple[str, str], float] = {
    ("cm", "m"): 0.01,
    ("mm", "m"): 0.001,
    ("km", "m"): 1000.0,
    ("m", "cm"): 100.0,
    ("mm", "cm"): 0.1,
    ("m", "km"): 0.001,
    ("m", "mm"): 1000.0,
    ("cm", "mm"): 10.0,
    ("mg/m3", "µg/m3"): 1000.0,
    ("µg/m3", "mg/m3"): 0.001,
    ("m/h", "m/s"): 1 / 3600,
    ("x", "%"): 100.0,
}


class TimeColumn(Entry):
    """Where a row says when it was observed, and how that is written."""

    column: str
    format: Annotated[str, Field(description="`iso`, `unix`, `unix-ms`, or a pattern such as `%Y/%m/%d %H:%M`")] = "iso"
    zone: Annotated[str, Field(pattern=r"^[+-]\d\d:\d\d$", description="of times that do not say theirs")] = "+08:00"
    shift: Annotated[Duration, Field(description="added, where a mean is stamped with its beginning")] = 0


class SiteColumn(Entry):
    """Where a row says which site it is of, and which of ours that is."""

    column: str
    is_called: Annotated[dict[str, SiteId], Field(alias="as")] = {}  # As it stands there -> our id; else the same.


class MetricColumn(Entry):
    """Where a metric stands, in which unit, and where its flag is."""

    column: str
    unit: str | None = None
    factor: Annotated[float, Field(gt=0)] | None = None
    flag: str | None = None
    flags: Annotated[dict[str, str], Field(description="as it stands there: letter of HJ 212")] = {}

    @model_validator(mode="after")
    def _says_one(self) -> "MetricColumn":
        if self.unit is not None and self.factor is not None:
            raise Fault("unit_or_factor")
        return self


class ImportMap(Entry):
    """A map of a table."""

    note: str = ""
    encoding: Literal["utf-8", "gb18030"] = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    time: TimeColumn
    site: SiteId | SiteColumn
    feed: Annotated[Feed | None, Field(description="of sites that the catalog does not have")] = None
    delay: Annotated[Duration, Field(description="from the observation to the log")] = _DELAY
    missing: tuple[str, ...] = ("", "-", "--", "NULL", "null", "NA", "NaN", "nan")
    metrics: Annotated[dict[Name, MetricColumn], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one line of a table; the line is left out."""

    path: Path
    line: int
    key: str
    values: Mapping[str, str]

    def in_language(self, language: Language) -> str:
        """Return it as `path:line: text`."""
        return f"{self.path}:{self.line}: {say(language, f'import.{self.key}', **self.values)}"


class _BadRow(Exception):  # noqa: N818 - it never leaves this module.
    def __init__(self, key: str, **values: str) -> None:
        self.key, self.values = key, values


def read_map(path: Path, registry: Registry) -> tuple[ImportMap | None, list[Problem]]:
    """Read a map. Without one there is at least one problem."""
    document, problems = load(path)
    if document is None:
        return None, problems
    found, problems = validated(document, ImportMap)
    if found is not None:
        problems = list(_misfits(document, found, registry))
    return (None, sorted_problems(problems)) if problems else (found, [])


def _misfits(document: Document, found: ImportMap, registry: Registry) -> Iterator[Problem]:
    for name, column in found.metrics.items():
        metric = registry.metrics.get(name)
        if metric is None:
            yield document.problem(("metrics", name), "R201", key=name, hint="")
        elif column.unit is not None and _factor(column, metric.unit) is None:
            place = ("metrics", name, "unit")
            yield document.problem(place, "R280", found=column.unit, expected=metric.unit)
    named: list[tuple[tuple[str, ...], str]] = []
    if isinstance(found.site, SiteColumn):
        named += [(("site", "as", there), site) for there, site in found.site.is_called.items()]
    else:
        named.append((("site",), found.site))
    for written, site in named:
        if found.feed is None and site not in registry.sites:
            yield document.problem(written, "R203", key=site, hint="")


def _factor(column: MetricColumn, unit: str) -> float | None:
    """Return by what a column is multiplied; None for a unit that does not fit."""
    if column.factor is not None:
        return column.factor
    try:
        written = known_unit(column.unit or unit)
    except ValueError:
        return None
    return 1.0 if written == unit else _FACTORS.get((written, unit))


class Importer:
    """Turns the rows of one table into records. What is wrong with a row is kept in `complaints`, up to a bound."""

    COMPLAINTS_MAX = 1000

    def __init__(self, table: Path, mapping: ImportMap, registry: Registry) -> None:
        self._table = table
        self._map = mapping
        self._registry = registry
        self._instant = _reader_of(mapping.time)
        self._missing = frozenset(mapping.missing)
        self._columns = [
            (name, column, _factor(column, registry.metrics[name].unit) or 1.0)
            for name, column in mapping.metrics.items()
        ]
        self.complaints: list[Complaint] = []
        self.refused = 0

    def records(self) -> Iterator[TraceRecord]:
        """Yield the records by `at`, a clock every 30 s and one at the end; none where no row is good.

        Raises MissingError without the file, UsageError where it is no such table.
        """
        with ExitStack() as stack:
            file = stack.enter_context(self._opened())
            clock, last = None, None
            for at, feed, site, reading in in_order(self._rows(file), stack):
                clock = at if clock is None else clock
                while clock <= at:
                    yield TraceRecord(clock)
                    clock += CLOCK_EVERY
                last = TraceRecord(at, Feed(feed), site, reading)
                yield last
            if last is not None:
                yield TraceRecord(last.at)

    def columns_missing(self) -> list[str]:
        """Return the columns that the map names and the table has not."""
        with self._opened() as file:
            reader = csv.DictReader(file, delimiter=self._map.delimiter)
            there = set(self._fields(reader))
        wanted = [self._map.time.column]
        wanted += [self._map.site.column] if isinstance(self._map.site, SiteColumn) else []
        for _, column, _ in self._columns:
            wanted += [column.column, *([column.flag] if column.flag is not None else [])]
        return [name for name in dict.fromkeys(wanted) if name not in there]

    def _opened(self) -> IO[str]:
        # A mark at the beginning, as spreadsheets write it, is no part of the first column's name.
        encoding = "utf-8-sig" if self._map.encoding == "utf-8" else self._map.encoding
        try:
            return self._table.open(encoding=encoding, newline="")
        except OSError as error:
            raise MissingError(f"{self._table}: {error.strerror}") from error

    def _fields(self, reader: "csv.DictReader[str]") -> list[str]:
        try:
            return list(reader.fieldnames or ())
        except UnicodeDecodeError as error:
            raise self._undecodable() from error

    def _undecodable(self) -> UsageError:
        return UsageError(f"{self._table} is no {self._map.encoding}; say `encoding: gb18030` or `utf-8` in the map")

    def _rows(self, file: IO[str]) -> Iterator["_Row"]:
        reader = csv.DictReader(file, delimiter=self._map.delimiter)
        try:
            for row in reader:
                try:
                    found = self._row(row)
                except _BadRow as bad:
                    self.refused += 1
                    if len(self.complaints) < self.COMPLAINTS_MAX:
                        self.complaints.append(Complaint(self._table, reader.line_num, bad.key, bad.values))
                    continue
                if found is not None:
                    yield found
        except UnicodeDecodeError as error:
            raise self._undecodable() from error
        except csv.Error as error:
            raise UsageError(f"{self._table}:{reader.line_num}: {error}") from error

    def _row(self, row: Mapping[str, str | None]) -> "_Row | None":
        """Return a row as a record, None where all its values are missing. Raises _BadRow."""
        site = self._site(row)
        feed = self._map.feed
        if feed is None:
            known = self._registry.sites.get(site)
            if known is None:
                raise _BadRow("site", found=site)
            feed = known.feed
        written = row[self._map.time.column] or ""
        try:
            observed_at = self._instant(written.strip())
        except (ValueError, OverflowError) as error:
            raise _BadRow("time", found=repr(written), expected=self._map.time.format) from error
        values, flags = self._values(row)
        if not values:
            return None
        reading: dict[str, object] = {"site": site, "observed_at": format_instant(observed_at), "values": values}
        if flags:
            reading["flags"] = flags
        return observed_at + self._map.delay, feed.value, site, orjson.dumps(reading)

    def _site(self, row: Mapping[str, str | None]) -> str:
        if isinstance(self._map.site, str):
            return self._map.site
        written = (row[self._map.site.column] or "").strip()
        return self._map.site.is_called.get(written, written)

    def _values(self, row: Mapping[str, str | None]) -> tuple[dict[str, float], dict[str, str]]:
        values: dict[str, float] = {}
        flags: dict[str, str] = {}
        for name, column, factor in self._columns:
            written = (row[column.column] or "").strip()
            if written in self._missing:
                continue
            try:
                number = float(written)
            except ValueError as error:
                raise _BadRow("number", column=column.column, found=repr(written)) from error
            if number - number != 0:
                raise _BadRow("number", column=column.column, found=repr(written))
            values[name] = round(number * factor, 9)
            letter = (row[column.flag] or "").strip() if column.flag is not None else ""
            if letter and letter not in self._missing:
                flags[name] = column.flags.get(letter, letter)
        return values, flags


_Row = tuple[int, str, str, bytes]  # at, feed, site, reading


def _reader_of(column: TimeColumn) -> Callable[[str], int]:
    """Return what reads the times of a column."""
    sign = -1 if column.zone[0] == "-" else 1
    offset = sign * timedelta(hours=int(column.zone[1:3]), minutes=int(column.zone[4:]))

    def instant(moment: datetime) -> int:
        if moment.tzinfo is None:
            moment = (moment - offset).replace(tzinfo=UTC)
        return instant_of(moment) + column.shift

    match column.format:
        case "iso":
            return lambda text: instant(datetime.fromisoformat(text))
        case "unix":
            return lambda text: round(float(text) * SECOND) + column.shift
        case "unix-ms":
            return lambda text: round(float(text)) + column.shift
    return lambda text: instant(datetime.strptime(text, column.format))  # noqa: DTZ007 - the zone is the map's.
