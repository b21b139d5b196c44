"""`citybrain actions`: what a person does with alerts and incidents, as records of the journal, and the answer."""

import secrets
from contextlib import ExitStack
from typing import Annotated

import typer
from pydantic import ValidationError

from citybrain.cli.console import AsJson, Lang, out, print_json
from citybrain.cli.shared import BrokerOption, instant_option, language_of, naming_the_broker, place_of
from citybrain.clock import SystemClock
from citybrain.errors import CitybrainError, MissingError, UsageError
from citybrain.i18n import Language, say
from citybrain.instants import SECOND
from citybrain.settings import load_settings
from scenarios.actions import ACTIONS, Action
from scenarios.states import OUTCOMES, Outcome
from streams.clients import Producer, Start, Watch, read_all
from streams.incident_log import action_record

ANSWER_MAX = 15 * SECOND
PREFIX_MIN = 6  # Characters of an identifier that alert lines show.

app = typer.Typer(help="Acknowledge, shelve, reset, tick: act on alerts and incidents.", no_args_is_help=True)

By = Annotated[str, typer.Option("--by", help="The account: a role and a number, as duty-07. Never a name.")]
Alert = Annotated[str, typer.Argument(help="Identifier of the alert, or its first six characters or more.")]
Incident = Annotated[str, typer.Argument(help="Identifier of the incident, or its first six characters or more.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a few words.")]
Exercise = Annotated[bool, typer.Option("--exercise", help="Act in the drill in place of the real thing.")]


class RefusedError(CitybrainError):
    """The incident stage has refused an action."""

    exit_code = 5


@app.command()
def acknowledge(
    alert: Alert,
    by: By,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Say that an alert is seen and dealt with."""
    _Desk(broker, exercise, lang, as_json).act("acknowledge", by, alert=alert)


@app.command()
def shelve(
    alert: Alert,
    by: By,
    until: Annotated[str, typer.Option("--until", help="Up to when, RFC 3339, at most a day ahead.")],
    reason: Reason,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Put an alert aside for a time. A red one cannot be."""
    instant_option("--until", until)
    _Desk(broker, exercise, lang, as_json).act("shelve", by, alert=alert, until=until, reason=reason)


@app.command()
def unshelve(
    alert: Alert,
    by: By,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Bring a shelved alert back before its time."""
    _Desk(broker, exercise, lang, as_json).act("unshelve", by, alert=alert)


@app.command("false-alarm")
def false_alarm(
    alert: Alert,
    by: By,
    reason: Reason,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Tag an alert as no event, for the review; it stays open."""
    _Desk(broker, exercise, lang, as_json).act("tag_false_alarm", by, alert=alert, reason=reason)


@app.command()
def reset(
    alert: Alert,
    by: By,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Let a latched alert go whose condition is gone."""
    _Desk(broker, exercise, lang, as_json).act("reset", by, alert=alert)


@app.command()
def comment(
    about: Annotated[str, typer.Argument(help="Identifier of an alert or incident, or its first six characters.")],
    text: Annotated[str, typer.Argument(help="What to note.")],
    by: By,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Write a note on an alert or an incident."""
    _Desk(broker, exercise, lang, as_json).act("comment", by, about=about, text=text)


@app.command()
def tick(
    incident: Incident,
    step: Annotated[str, typer.Argument(help="Id of the step.")],
    by: By,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Say that a step of a checklist is done."""
    _Desk(broker, exercise, lang, as_json).act("tick", by, incident=incident, step=step)


@app.command("hand-over")
def hand_over(
    incident: Incident,
    by: By,
    to: Annotated[str, typer.Option("--to", help="The account that is to take it.")],
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Offer an incident to another account."""
    _Desk(broker, exercise, lang, as_json).act("hand_over", by, incident=incident, to=to)


@app.command()
def accept(
    incident: Incident,
    by: By,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Take an incident that is free or was handed over."""
    _Desk(broker, exercise, lang, as_json).act("accept", by, incident=incident)


@app.command()
def end(
    incident: Incident,
    by: By,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """End an incident that has no open alert."""
    _Desk(broker, exercise, lang, as_json).act("end", by, incident=incident)


@app.command()
def release(
    incident: Incident,
    by: By,
    exercise: Exercise = False,
    broker: BrokerOption = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Release the bulletin of an incident to the public; until then there are drafts only."""
    _Desk(broker, exercise, lang, as_json).act("release", by, incident=incident)


class _Desk:
    """Sends one action and waits for its answer."""

    def __init__(self, broker: str | None, exercise: bool, lang: Language | None, as_json: bool) -> None:
        self._language = language_of(lang)
        self._place = place_of(broker, load_settings(), exercise=exercise)
        self._as_json = as_json
        self._clock = SystemClock()

    def act(self, kind: str, by: str, **fields: str) -> None:
        """Send an action; raises RefusedError if it is refused, MissingError if nobody answers."""
        with naming_the_broker(self._place, self._language), ExitStack() as stack:
            action = self._action(kind, by, fields)
            # It takes its place before the action is sent, so that no answer is missed.
            answers = stack.enter_context(Watch(self._place.broker, [self._place.names.outcomes()], start=Start.END))
            record = action_record(self._place.names, action)
            with Producer(self._place.broker) as producer:
                producer.send(
                    record.topic, record.value, key=record.key, partition=record.partition, headers=record.headers
                )
            self._tell(self._answer(answers, action))

    def _action(self, kind: str, by: str, fields: dict[str, str]) -> Action:
        for name in ("alert", "incident", "about"):
            if name in fields:
                fields[name] = self._whole(fields[name], name)
        try:
            return ACTIONS.validate_python({"kind": kind, "id": secrets.token_hex(16), "by": by, **fields})
        except ValidationError as error:
            faults = [f"--{fault['loc'][-1]}: {fault['msg']}, found {fault['input']!r}" for fault in error.errors()]
            raise UsageError("; ".join(faults)) from error

    def _whole(self, text: str, name: str) -> str:
        """Return the identifier that begins with a text, as alert lines show it."""
        prefix, names = text.removeprefix("#").partition("/")[0].lower(), self._place.names
        if len(prefix) == 2 * 16:
            return prefix
        if len(prefix) < PREFIX_MIN:
            raise UsageError(say(self._language, "actions.short", text=text, least=PREFIX_MIN))
        topics = {"alert": [names.alert_states()], "incident": [names.incidents()]}
        known = {
            (record.key or b"").decode()
            for record in read_all(self._place.broker, topics.get(name, [names.alert_states(), names.incidents()]))
        }
        found = sorted(one for one in known if one.startswith(prefix))
        if len(found) != 1:
            key = "actions.none" if not found else "actions.several"
            raise UsageError(say(self._language, key, text=text, count=len(found)))
        return found[0]

    def _answer(self, answers: Watch, action: Action) -> Outcome:
        until = self._clock.monotonic() + ANSWER_MAX
        while self._clock.monotonic() < until:
            for record in answers.poll():
                if record.key == action.id.encode() and record.value is not None:
                    return OUTCOMES.validate_json(record.value)
        raise MissingError(say(self._language, "actions.no_answer", seconds=ANSWER_MAX // SECOND))

    def _tell(self, outcome: Outcome) -> None:
        if self._as_json:
            print_json(OUTCOMES.dump_python(outcome, mode="json"))
        if outcome.accepted:
            if not self._as_json:
                out.print(say(self._language, "actions.accepted"), style="green")
            return
        text = outcome.text.in_language(self._language) if outcome.text is not None else ""
        raise RefusedError(say(self._language, "actions.refused", reason=text))
