"""What can be done with traces as a whole: look into one, cut a part out, merge several. All of it record by record."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import orjson

from citybrain.instants import format_instant, parse_instant
from citybrain.model import Feed
from simulators.trace import Trace, TraceHeader, TraceRecord


@dataclass(frozen=True, slots=True)
class Contents:
    """What a trace holds."""

    first: int
    last: int
    readings: dict[Feed, int]
    sites: dict[Feed, int]  # How many spoke.
    clocks: int
    resets: int


def contents_of(records: Iterable[TraceRecord]) -> Contents:
    """Return what a trace holds. Memory grows with its sites, not with its length."""
    readings, sites, clocks, resets = Counter[Feed](), set[tuple[Feed, str]](), 0, 0
    first, last = None, 0
    for record in records:
        first = record.at if first is None else first
        last = record.at
        if record.feed is not None and record.site is not None:
            readings[record.feed] += 1
            sites.add((record.feed, record.site))
        elif record.is_clock:
            clocks += 1
        else:
            resets += 1
    assert first is not None, "a trace has records"
    return Contents(first, last, dict(readings), dict(Counter(feed for feed, _ in sites)), clocks, resets)


def cut(
    records: Iterable[TraceRecord],
    *,
    since: int | None = None,
    until: int | None = None,
    feeds: Collection[Feed] = (),
    sites: Collection[str] = (),
) -> Iterator[TraceRecord]:
    """Yield the records from `since` on and before `until`, of the feeds and sites named, then a clock.

    Clocks and resets stay: they belong to all sites. Reading ends at `until`.
    """
    last, ends = None, None
    for record in records:
        if until is not None and record.at >= until:
            ends = until
            break
        if since is not None and record.at < since:
            continue
        is_wanted = (not feeds or record.feed in feeds) and (not sites or record.site in sites)
        if record.reading is None or is_wanted:
            last = record
            yield record
    if last is not None and last != TraceRecord(ends or last.at):
        yield TraceRecord(ends or last.at)


def shifted(records: Iterable[TraceRecord], *, by: int) -> Iterator[TraceRecord]:
    """Yield the records as if all had been observed, and had reached the log, so many milliseconds later.

    A reading that does not say when it was observed stays as it is: it would be rejected then as it is now.
    """
    for record in records:
        reading = record.reading if record.reading is None else _shifted(record.reading, by)
        yield replace(record, at=record.at + by, reading=reading)


def _shifted(reading: bytes, by: int) -> bytes:
    try:
        data = orjson.loads(reading)
        data["observed_at"] = format_instant(parse_instant(data["observed_at"]) + by)
    except (ValueError, KeyError, TypeError):
        return reading
    return orjson.dumps(data)


def header_of_cut(
    header: TraceHeader, *, since: int | None, feeds: Collection[Feed], sites: Collection[str]
) -> TraceHeader:
    """Return the header of a part. Which sites should speak is known only where all of them stay, or they are named."""
    expected = tuple(site for site in header.sites if site in sites) if sites else () if feeds else header.sites
    return replace(header, start=max(header.start, since or header.start), sites=expected)


def merged(traces: Sequence[Trace]) -> tuple[TraceHeader, Iterator[TraceRecord]]:
    """Return the header and the records of several traces as one, in the order of `at`, then of the traces."""
    headers = [trace.header for trace in traces]
    one = headers[0]
    header = TraceHeader(
        one.version,
        min(header.start for header in headers),
        one.seed if len({header.seed for header in headers}) == 1 else None,
        one.storyline if len({header.storyline for header in headers}) == 1 else None,
        "; ".join(dict.fromkeys(header.note for header in headers if header.note)),
        tuple(sorted({site for header in headers for site in header.sites})) if all(h.sites for h in headers) else (),
        one.catalog if len({header.catalog for header in headers}) == 1 else None,
    )
    return header, _without_double_clocks(heapq.merge(*traces, key=lambda record: record.at))


def _without_double_clocks(records: Iterable[TraceRecord]) -> Iterator[TraceRecord]:
    before = None
    for record in records:
        if record != before or not record.is_clock:
            yield record
        before = record
