"""`citybrain simulate`: readings of a storyline, into a trace file or onto the feed topics."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from citybrain import __version__
from citybrain.cli.console import Lang, err, progress
from citybrain.cli.publishing import Speed, publish_paced
from citybrain.cli.shared import BrokerOption, CatalogOption, catalog_folders, language_of
from citybrain.clock import SystemClock
from citybrain.errors import UsageError
from citybrain.i18n import say
from citybrain.instants import HOUR, MINUTE, format_instant, parse_instant
from citybrain.registry import Registry, load_registry
from simulators.fleet import simulate as simulated
from simulators.fleets import taking_part
from simulators.storyline import load_storyline
from simulators.trace import TraceHeader, TraceRecord, write_trace
from simulators.truth import truth_path, write_truth
from simulators.witness import truth_of

# Local time runs ahead of UTC and readings look ahead; the calendar of datetime ends with the year 9999.
_END_MAX = parse_instant("9999-01-01T00:00:00Z")


def simulate(
    out: Annotated[Path | None, typer.Option("--out", help="The trace file to write.")] = None,
    to_kafka: Annotated[
        bool, typer.Option("--to-kafka", help="Send to the feed topics of a simulated prefix.")
    ] = False,
    storyline: Annotated[str, typer.Option(help="Name or path of a storyline.")] = "first-light",
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 1,
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 365, help="Simulated hours.")] = 6.0,
    start: Annotated[str | None, typer.Option(help="RFC 3339; default: so that simulated time ends now.")] = None,
    speed: Speed = "max",
    broker: BrokerOption = None,
    catalog: CatalogOption = None,
    lang: Lang = None,
) -> None:
    """Simulate the sensors of the city, with a storyline of what happens to it."""
    language = language_of(lang)
    if (out is None) == (not to_kafka):
        raise UsageError(say(language, "cli.one_target"))
    began = _start(start, hours)
    registry = load_registry(catalog_folders(catalog).registry)
    story = load_storyline(storyline, registry.sites, metrics=registry.metrics)
    records = simulated(registry, story, seed=seed, start=began, hours=hours)
    if out is None:
        publish_paced(records, speed, broker=broker, language=language)
        return
    sites = tuple(sorted(taking_part(registry, story).sites))
    header = TraceHeader(__version__, began, seed, storyline, sites=sites, catalog=registry.content_hash)
    count = write_trace(out, header, progress(records, say(language, "cli.simulating")))
    write_truth(truth_path(out), truth_of(registry, story, seed=seed, start=began, hours=hours))
    err.print(say(language, "cli.written", count=count, path=out))


def records_of(storyline: str, registry: Registry, *, seed: int, start: int, hours: float) -> Iterator[TraceRecord]:
    """Return the simulated records of a storyline at the sites of the registry."""
    return simulated(
        registry,
        load_storyline(storyline, registry.sites, metrics=registry.metrics),
        seed=seed,
        start=start,
        hours=hours,
    )


def _start(start: str | None, hours: float) -> int:
    if start is None:
        # A whole minute, so that the times of readings look as those of real stations do.
        return (SystemClock().now() - round(hours * HOUR)) // MINUTE * MINUTE
    try:
        began = parse_instant(start)
    except ValueError as error:
        raise UsageError(f"--start: {error}") from error
    if began + hours * HOUR > _END_MAX:
        raise UsageError(f"--start: {start} with {hours:g} hours ends after {format_instant(_END_MAX)}")
    return began
