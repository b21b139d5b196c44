"""`citybrain alerts`: what an operator sees in a terminal."""

from collections.abc import Iterable
from typing import Annotated

import typer

from citybrain.alerts import EVENTS, AlertEvent, State
from citybrain.cli.console import AsJson, Lang, alert_line, err, out, print_json
from citybrain.cli.shared import BrokerOption, Place, language_of, naming_the_broker, place_of
from citybrain.clock import Clock, SystemClock
from citybrain.errors import MissingError, UsageError
from citybrain.i18n import Language, say
from citybrain.instants import MINUTE, SECOND, format_clock_time
from citybrain.model import LEVELS, Level, Scenario
from citybrain.settings import load_settings
from streams.clients import Record, Start, Watch, read_all, topic_names
from streams.incident_log import event_in

ASK_EVERY = 5 * SECOND  # Of silence, before the broker is asked whether it is there,
LOST_MAX = MINUTE  # and how long it may be gone before this command ends and says so.

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

    wanted = _Wanted(level, _scenario(scenario))
    contact = _Contact(place, language, SystemClock())

    def show(event: AlertEvent) -> None:
        if wanted.take(event):
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
            records = new.poll()
            contact.keep(heard=bool(records))
            for record in records:
                arrived = _event(record)
                if arrived is not None and arrived.key[:2] not in seen:
                    show(arrived)


def _level(text: str) -> Level:
    try:
        return Level(text)
    except ValueError as error:
        raise UsageError(f"--level is {text!r}, expected one of {', '.join(LEVELS)}") from error


def _scenario(text: str | None) -> Scenario | None:
    try:
        return Scenario(text) if text is not None else None
    except ValueError as error:
        raise UsageError(f"--scenario is {text!r}, expected one of {', '.join(Scenario)}") from error


class _Wanted:
    """Which events an operator asked for: from a level on, and then all of that alert, down to its end.

    An alert that was shown orange must not stay orange on a screen that does not show yellow.
    """

    def __init__(self, level: Level, scenario: Scenario | None) -> None:
        self._level = level
        self._scenario = scenario
        self._followed: set[str] = set()

    def take(self, event: AlertEvent) -> bool:
        """Tell whether an event is to be shown, and follow its alert if so."""
        if self._scenario not in {None, event.scenario, *event.also_in}:
            return False
        levels = [event.level] if event.previous_level is None else [event.level, event.previous_level]
        if event.identifier not in self._followed and all(level.rank < self._level.rank for level in levels):
            return False
        if event.state is State.CLEARED:
            self._followed.discard(event.identifier)
        else:
            self._followed.add(event.identifier)
        return True


class _Contact:
    """Asks the broker whether it is there while nothing comes: a lost contact must not look like a quiet city."""

    def __init__(self, place: Place, language: Language, clock: Clock) -> None:
        self._broker = place.broker
        self._language = language
        self._clock = clock
        self._asked = self._clock.monotonic()
        self._lost: int | None = None  # Since when, on the monotonic clock.

    def keep(self, *, heard: bool) -> None:
        """Say when contact is lost and found. Raises MissingError when it stays lost for a minute."""
        now = self._clock.monotonic()
        if not heard and now - self._asked < ASK_EVERY:
            return
        self._asked = now
        try:
            if not heard:
                topic_names(self._broker)
        except MissingError:
            self._miss(now)
        else:
            self._find()

    def _miss(self, now: int) -> None:
        if self._lost is None:
            self._lost = now
            self._tell("cli.contact_lost", "bold red")
        elif now - self._lost > LOST_MAX:
            raise MissingError(say(self._language, "cli.contact_given_up", bootstrap=self._broker.bootstrap))

    def _find(self) -> None:
        if self._lost is not None:
            self._lost = None
            self._tell("cli.contact_found", "green")

    def _tell(self, key: str, style: str) -> None:
        time = format_clock_time(self._clock.now())
        err.print(say(self._language, key, time=time, bootstrap=self._broker.bootstrap), style=style)


def _open(events: Iterable[AlertEvent]) -> list[AlertEvent]:
    """Return the last event of every alert that is open, in the order in which they were raised."""
    latest: dict[str, AlertEvent] = {}
    for event in events:
        known = latest.get(event.identifier)
        if known is None or event.sequence > known.sequence:
            latest[event.identifier] = event
    return [event for event in latest.values() if event.state is not State.CLEARED]


def _event(record: Record) -> AlertEvent | None:
    """Return the alert event of a journal record; None for what is none, and for those of rules on trial."""
    event = event_in(record)
    return None if event is None or event.trial else event


def _print(event: AlertEvent, language: Language, *, as_json: bool) -> None:
    if as_json:
        print_json(EVENTS.dump_python(event, mode="json", by_alias=True))
    else:
        out.print(alert_line(event, language))
