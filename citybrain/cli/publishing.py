"""Sends records to the feed topics at a chosen speed; shared by `replay`, `simulate` and `demo`."""

import time
from collections.abc import Iterable
from itertools import chain
from typing import Annotated

import typer

from citybrain.cli.console import err, progress
from citybrain.cli.shared import Place, naming_the_broker, place_of
from citybrain.clock import SystemClock
from citybrain.errors import UsageError
from citybrain.i18n import Language, say
from citybrain.instants import format_instant
from citybrain.model import Feed
from citybrain.settings import load_settings
from simulators.pacing import paced
from simulators.trace import TraceRecord
from streams.clients import Producer, newest_timestamp
from streams.publish import publish

Speed = Annotated[str, typer.Option("--speed", help="max, or a factor such as 1x or 60x.")]
PACED_LINGER_MS = 5


def factor_of(speed: str) -> float | None:
    """Return the factor of a speed such as `60x`, or None for `max`. Raises UsageError for anything else."""
    if speed == "max":
        return None
    try:
        factor = float(speed.removesuffix("x"))
    except ValueError as error:
        raise UsageError(f"--speed is {speed!r}, expected max or a factor such as 60x") from error
    if not 0 < factor < float("inf"):
        raise UsageError(f"--speed is {speed!r}, expected more than 0")
    return factor


def publish_paced(records: Iterable[TraceRecord], speed: str, *, broker: str | None, language: Language) -> None:
    """Send the records to the feed topics, at the speed given, and say how many went.

    Only to a broker that was named: what a running demo shows must not be mixed with another story by accident.
    """
    factor = factor_of(speed)
    settings = load_settings()
    if not (settings.simulated or settings.embedded):
        # On live topics they would become real alerts, and no reader could tell.
        raise UsageError("simulated and replayed readings go to simulated topics only: set CITYBRAIN_SIMULATED=true")
    place = place_of(broker, settings, demos=False)
    with naming_the_broker(place, language), Producer(place.broker, linger_ms=PACED_LINGER_MS) as producer:
        timely = in_time(records, place)
        timed = paced(timely, speed=factor, clock=SystemClock(), wait=_sleep)
        sent = publish(timed, producer, place.names, feed_partitions=place.feed_partitions)
        count = sum(1 for _ in progress(sent, say(language, "cli.sending")))
    err.print(say(language, "cli.sent", count=count, bootstrap=place.broker.bootstrap))


def in_time(records: Iterable[TraceRecord], place: Place) -> Iterable[TraceRecord]:
    """Return the records. Raises UsageError if they begin before the log ends: all would be judged late."""
    remaining = iter(records)
    first = next(remaining, None)
    if first is None:
        return ()
    newest = newest_timestamp(place.broker, [place.names.feed(feed) for feed in Feed])
    if newest is not None and first.at < newest:
        raise UsageError(
            f"the records begin at {format_instant(first.at)}, but the feeds at {place.broker.bootstrap} already go on "
            f"to {format_instant(newest)}; name topics of their own with CITYBRAIN_PREFIX, made by "
            "`citybrain topics ensure --simulated`"
        )
    return chain([first], remaining)


def _sleep(span_ms: int) -> None:
    time.sleep(span_ms / 1000)
