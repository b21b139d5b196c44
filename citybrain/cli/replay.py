"""`citybrain replay`: a trace through the engine offline, or onto the feed topics."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from citybrain.alerts import EVENTS
from citybrain.cli.console import AsJson, Lang, alert_line, err, out, print_json, progress
from citybrain.cli.publishing import Speed, factor_of, publish_paced
from citybrain.cli.shared import BrokerOption, CatalogOption, instant_option, language_of, rules_in_force
from citybrain.clock import SystemClock
from citybrain.errors import UsageError
from citybrain.i18n import Language, say
from citybrain.instants import MINUTE, SECOND, format_duration
from citybrain.model import Level
from rules.deadlines import LOG_SILENT_MAX
from scenarios.runner import replay as replay_offline
from simulators.cutting import contents_of, cut, shifted
from simulators.trace import TraceRecord, read_trace


def replay(
    trace: Annotated[Path, typer.Argument(help="A trace file (JSON lines).")],
    to_kafka: Annotated[
        bool, typer.Option("--to-kafka", help="Send it to the feed topics in place of judging it.")
    ] = False,
    speed: Speed = "max",
    since: Annotated[str | None, typer.Option("--from", help="Begin at this instant, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="End before this instant, RFC 3339.")] = None,
    shift_to_now: Annotated[
        bool,
        typer.Option("--shift-to-now", help="With --to-kafka: as if it happened so that its end is sent just in time."),
    ] = False,
    broker: BrokerOption = None,
    catalog: CatalogOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Judge a trace offline and print the alerts, or send it to Kafka at a chosen speed."""
    language = language_of(lang)
    source = read_trace(trace)
    began, ends = instant_option("--from", since), instant_option("--to", until)
    part = partial(cut, source, since=began, until=ends)
    if shift_to_now and not to_kafka:
        raise UsageError(say(language, "cli.shift_offline"))
    if not to_kafka:
        _judge(part(), source.header.sites, catalog, language, as_json=as_json)
        return
    records = part()
    if shift_to_now:
        found = contents_of(part())
        by = shift_of(found.first, found.last, factor_of(speed), now=SystemClock().now())
        records = shifted(records, by=by)
    publish_paced(records, speed, broker=broker, language=language)


def shift_of(first: int, last: int, factor: float | None, *, now: int) -> int:
    """Return by how much a trace moves so that its last record is sent, at that speed, at the time it says.

    In whole minutes: what was read at full minutes still is.
    """
    lasts = 0 if factor is None else round((last - first) / factor)
    return (now + lasts - last) // MINUTE * MINUTE


def _judge(
    records: Iterable[TraceRecord],
    expects: Iterable[str],
    catalog: Path | None,
    language: Language,
    *,
    as_json: bool,
) -> None:
    rules = rules_in_force(catalog)
    readings, rejected = 0, Counter[str]()
    highest: dict[str, Level] = {}
    shown = progress(records, say(language, "cli.replaying"))
    apart: list[int] = []
    for output in replay_offline(_apart(shown, apart), rules, expects=expects):
        readings += output.readings
        rejected.update(rejection.reason.value for rejection in output.rejections)
        for event in output.events:
            known = highest.setdefault(event.identifier, event.level)
            highest[event.identifier] = max(known, event.level, key=lambda level: level.rank)
            if as_json:
                print_json(EVENTS.dump_python(event, mode="json", by_alias=True))
            else:
                out.print(alert_line(event, language))
    raised = Counter(highest.values())
    levels = "  ".join(f"{say(language, f'badge.{level.value}')} {raised[level]}" for level in reversed(Level))
    err.print(say(language, "cli.replayed", readings=readings, levels=levels, rejected=sum(rejected.values())))
    if apart:
        longest = format_duration(max(apart))
        err.print(say(language, "cli.silent_log", count=len(apart), longest=longest), style="yellow")
    if rejected:
        reasons = "  ".join(f"{reason} {count}" for reason, count in sorted(rejected.items()))
        err.print(say(language, "cli.reasons", reasons=reasons))


def _apart(records: Iterable[TraceRecord], found: list[int]) -> Iterator[TraceRecord]:
    """Yield the records; add to `found` the spans between two of them in which no silence can be seen."""
    before: int | None = None
    for record in records:
        if before is not None and record.at - before > LOG_SILENT_MAX:
            found.append((record.at - before) // SECOND * SECOND)
        before = record.at
        yield record
