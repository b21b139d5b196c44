"""`citybrain trace`: look into traces, cut, merge and convert them, and make one of real data."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from citybrain import __version__
from citybrain.cli.console import AsJson, Lang, err, out, print_json, progress
from citybrain.cli.shared import CatalogOption, catalog_folders, instant_option, language_of
from citybrain.errors import CatalogError, UsageError
from citybrain.i18n import Language, say
from citybrain.instants import format_instant
from citybrain.model import Feed
from citybrain.registry import load_registry
from simulators.cutting import contents_of, cut, header_of_cut, merged
from simulators.importing import Importer, read_map
from simulators.trace import TraceHeader, TraceRecord, read_trace, write_trace

app = typer.Typer(help="Look into traces, cut, merge, convert and import them.", no_args_is_help=True)

Source = Annotated[Path, typer.Argument(help="A trace: *.jsonl, or *.jsonl.gz.")]
Target = Annotated[Path, typer.Option("--out", help="The trace to write; *.gz is compressed.")]
Since = Annotated[str | None, typer.Option("--from", help="The first instant, RFC 3339.")]
Until = Annotated[str | None, typer.Option("--to", help="The instant it ends before, RFC 3339.")]


@app.command()
def info(trace: Source, lang: Lang = None, as_json: AsJson = False) -> None:
    """Tell what a trace holds; reading it to its end checks every line."""
    language = language_of(lang)
    source = read_trace(trace)
    found = contents_of(progress(source, say(language, "trace.reading")))
    header = source.header
    data = {
        "version": header.version,
        "seed": header.seed,
        "storyline": header.storyline,
        "catalog": header.catalog,
        "note": header.note,
        "start": format_instant(header.start),
        "first": format_instant(found.first),
        "last": format_instant(found.last),
        "readings": {feed.value: found.readings[feed] for feed in Feed if feed in found.readings},
        "sites": {feed.value: found.sites[feed] for feed in Feed if feed in found.sites},
        "sites_expected": len(header.sites),
        "clocks": found.clocks,
        "resets": found.resets,
        "bytes": trace.stat().st_size,
    }
    if as_json:
        print_json(data)
        return
    out.print(say(language, "trace.span", first=data["first"], last=data["last"], bytes=data["bytes"]), markup=False)
    made = {name: value for name, value in data.items() if name in _MADE and value}
    out.print("  ".join(f"{name}: {value}" for name, value in made.items()), markup=False)
    for feed, count in found.readings.items():
        text = say(language, "trace.feed", feed=feed.value, readings=count, sites=found.sites[feed])
        out.print(text, markup=False)
    out.print(say(language, "trace.controls", clocks=found.clocks, resets=found.resets), markup=False)


_MADE = ("storyline", "seed", "version", "catalog", "note")


@app.command(name="cut")
def cut_out(
    trace: Source,
    target: Target,
    since: Since = None,
    until: Until = None,
    feed: Annotated[list[Feed] | None, typer.Option("--feed", help="Only this feed; may be repeated.")] = None,
    site: Annotated[list[str] | None, typer.Option("--site", help="Only this site; may be repeated.")] = None,
    lang: Lang = None,
) -> None:
    """Cut a part out of a trace: a span, some feeds, some sites."""
    source, feeds, sites = read_trace(trace), feed or [], site or []
    began, ends = instant_option("--from", since), instant_option("--to", until)
    header = header_of_cut(source.header, since=began, feeds=feeds, sites=sites)
    language = language_of(lang)
    part = cut(source, since=began, until=ends, feeds=feeds, sites=sites)
    first = next(part, None)
    if first is None:
        raise UsageError(say(language, "trace.empty", trace=trace))
    _written(target, header, chain([first], part), language)


@app.command()
def merge(
    traces: Annotated[list[Path], typer.Argument(help="Two traces or more.")], target: Target, lang: Lang = None
) -> None:
    """Merge traces into one, in the order of time."""
    header, records = merged([read_trace(trace) for trace in traces])
    _written(target, header, records, language_of(lang))


@app.command()
def convert(
    trace: Source, target: Annotated[Path, typer.Argument(help="Where to; *.gz is compressed.")], lang: Lang = None
) -> None:
    """Compress a trace, or unpack it: the ending of the name decides."""
    source = read_trace(trace)
    _written(target, source.header, iter(source), language_of(lang))


@app.command(name="import")
def import_table(
    table: Annotated[Path, typer.Argument(help="A table of comma-separated values.")],
    mapping: Annotated[Path, typer.Option("--map", help="What its columns are; docs/traces.md.")],
    target: Target,
    catalog: CatalogOption = None,
    lang: Lang = None,
) -> None:
    """Make a trace of real data. Lines that cannot be read are told and left out; then the exit code is 1."""
    language = language_of(lang)
    registry = load_registry(catalog_folders(catalog).registry)
    found, problems = read_map(mapping, registry)
    if found is None:
        raise CatalogError("\n".join(problem.line_of_report(language) for problem in problems))
    importer = Importer(table, found, registry)
    if missing := importer.columns_missing():
        raise UsageError(say(language, "import.columns", table=table, missing=", ".join(missing)))
    records = importer.records()
    first = next(records, None)
    if first is not None:
        header = TraceHeader(__version__, first.at, note=found.note or table.name, catalog=registry.content_hash)
        _written(target, header, chain([first], records), language)
    for complaint in importer.complaints:
        err.print(complaint.in_language(language), markup=False)
    if first is None:
        raise UsageError(say(language, "import.nothing", table=table))
    if importer.refused:
        err.print(say(language, "import.refused", count=importer.refused))
        raise typer.Exit(1)


def _written(target: Path, header: TraceHeader, records: Iterable[TraceRecord], language: Language) -> None:
    count = write_trace(target, header, progress(records, say(language, "trace.writing")))
    err.print(say(language, "cli.written", count=count, path=target))
