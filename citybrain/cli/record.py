"""`citybrain record`: what lies on the feed topics, as a trace."""

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from citybrain import __version__
from citybrain.cli.console import Lang, err, progress
from citybrain.cli.shared import BrokerOption, instant_option, language_of, naming_the_broker, place_of
from citybrain.errors import UsageError
from citybrain.i18n import say
from citybrain.model import Feed
from citybrain.settings import load_settings
from simulators.cutting import cut
from simulators.trace import TraceHeader, write_trace
from streams.clients import read_each
from streams.record import Recorder


def record(
    target: Annotated[Path, typer.Option("--out", help="The trace to write; *.gz is compressed.")],
    since: Annotated[str | None, typer.Option("--from", help="The first instant, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The instant it ends before, RFC 3339.")] = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="The topics of the drill.")] = False,
    note: Annotated[str, typer.Option(help="What the trace shall say about itself.")] = "",
    broker: BrokerOption = None,
    lang: Lang = None,
) -> None:
    """Record the feed topics, as far as they go now, to a trace; a replay of it gives the same alerts."""
    language = language_of(lang)
    place = place_of(broker, load_settings(), exercise=exercise)
    began, ends = instant_option("--from", since), instant_option("--to", until)
    recorder = Recorder(place.names)
    with naming_the_broker(place, language):
        log = read_each(place.broker, [place.names.feed(feed) for feed in Feed])
        records = cut(recorder.records(progress(log, say(language, "cli.recording"))), since=began, until=ends)
        first = next(records, None)
        if first is None:
            raise UsageError(say(language, "cli.nothing_recorded", bootstrap=place.broker.bootstrap))
        count = write_trace(target, TraceHeader(__version__, first.at, note=note), chain([first], records))
    err.print(say(language, "cli.written", count=count, path=target))
    if reasons := {reason: count for reason, count in recorder.left_out.items() if count}:
        said = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
        err.print(say(language, "cli.recorded_left_out", reasons=said))
