"""`citybrain replay`: a trace through the engine offline, or onto the feed topics."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from citybrain.alerts import EVENTS
from citybrain.cli.console import AsJson, Lang, alert_line, err, out, print_json, progress
from citybrain.cli.publishing import Speed, publish_paced
from citybrain.cli.shared import BrokerOption, CatalogOption, language_of, rules_in_force
from citybrain.i18n import Language, say
from citybrain.instants import SECOND, format_duration
from citybrain.model import Level
from rules.deadlines import LOG_SILENT_MAX
from scenarios.runner import replay as replay_offline
from simulators.trace import Trace, TraceRecord, read_trace


def replay(
    trace: Annotated[Path, typer.Argument(help="A trace file (JSON lines).")],
    to_kafka: Annotated[
        bool, typer.Option("--to-kafka", help="Send it to the feed topics in place of judging it.")
    ] = False,
    speed: Speed = "max",
    broker: BrokerOption = None,
    catalog: CatalogOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Judge a trace offline and print the alerts, or send it to Kafka at a chosen speed."""
    language = language_of(lang)
    records = read_trace(trace)
    if to_kafka:
        publish_paced(records, speed, broker=broker, language=language)
    else:
        _judge(records, catalog, language, as_json=as_json)


def _judge(trace: Trace, catalog: Path | None, language: Language, *, as_json: bool) -> None:
    rules = rules_in_force(catalog)
    readings, rejected = 0, Counter[str]()
    highest: dict[str, Level] = {}
    records = progress(trace, say(language, "cli.replaying"))
    apart: list[int] = []
    for output in replay_offline(_apart(records, apart), rules, expects=trace.header.sites):
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
