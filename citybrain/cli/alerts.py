"""`citybrain alerts`: what an operator sees in a terminal."""

from collections.abc import Iterable
from typing import Annotated

import typer
from pydantic import ValidationError

from citybrain.alerts import EVENTS, AlertEvent, State
from citybrain.cli.console import AsJson, Lang, alert_line, err, out, print_json
from citybrain.cli.shared import BrokerOption, language_of, naming_the_broker, place_of
from citybrain.codec import decode_event
from citybrain.errors import UsageError
from citybrain.i18n import Language, say
from citybrain.model import LEVELS, Level
from citybrain.settings import load_settings
from streams.clients import Record, Start, Watch, read_all

app = typer.Typer(help="Watch alerts.", no_args_is_help=True)


@app.command()
def watch(
    history: Annotated[bool, typer.Option("--history", help="First print every event that the journal holds.")] = False,
    at_least: Annotated[str, typer.Option("--level", help="Only this level and above: blue, yellow, orange, red.")] = (
        "blue"
    ),
    scenario: Annotated[str | None, typer.Option(help="Only the alerts of one scenario.")] = None,
    exercise: Annotated[
        bool, typer.Option("--exercise", help="The alerts of drills in place of the real ones.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Print what there is and end.")] = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Print the open alerts, then every change as it comes. Ctrl-C ends it.

    It reads the journal, which has every alert event in one order. A running demo is found by itself.
    """
    language = language_of(lang)
    level = _level(at_least)
    place = place_of(broker, load_settings(), exercise=exercise)
    journal = place.names.journal()

    def show(event: AlertEvent) -> None:
        if event.level.rank >= level.rank and scenario in (None, event.scenario.value):
            _print(event, language, as_json=as_json)

    with naming_the_broker(place, language), Watch(place.broker, [journal], start=Start.END) as new:
        # The watch took its place before the past is read: what comes in between is seen twice, never lost.
        past = [event for record in read_all(place.broker, [journal]) if (event := _event(record)) is not None]
        seen = {event.key[:2] for event in past}
        shown = past if history else _open(past)
        for event in shown:
            show(event)
        err.print(say(language, "cli.watching", count=len(_open(past)), bootstrap=place.broker.bootstrap), style="dim")
        while not once:
            for record in new.poll():
                arrived = _event(record)
                if arrived is not None and arrived.key[:2] not in seen:
                    show(arrived)


def _level(text: str) -> Level:
    try:
        return Level(text)
    except ValueError as error:
        raise UsageError(f"--level is {text!r}, expected one of {', '.join(LEVELS)}") from error


def _open(events: Iterable[AlertEvent]) -> list[AlertEvent]:
    """Return the last event of every alert that is open, in the order in which they were raised."""
    latest: dict[str, AlertEvent] = {}
    for event in events:
        known = latest.get(event.identifier)
        if known is None or event.sequence > known.sequence:
            latest[event.identifier] = event
    return [event for event in latest.values() if event.state is not State.CLEARED]


def _event(record: Record) -> AlertEvent | None:
    """Return the alert event of a journal record; None for what is none, such as a clock record."""
    if record.value is None:
        return None
    try:
        return decode_event(record.value)
    except ValidationError:
        return None


def _print(event: AlertEvent, language: Language, *, as_json: bool) -> None:
    if as_json:
        print_json(EVENTS.dump_python(event, mode="json", by_alias=True))
    else:
        out.print(alert_line(event, language))
