"""`citybrain demo`: everything on one machine, with no broker to install: the first alerts in a minute."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from citybrain.cli.console import Lang, alert_line, err, out
from citybrain.cli.publishing import factor_of
from citybrain.cli.shared import CatalogOption, language_of, rules_in_force
from citybrain.cli.simulate import records_of
from citybrain.clock import SystemClock
from citybrain.codec import decode_event
from citybrain.errors import MissingError
from citybrain.i18n import Language, say
from citybrain.instants import HOUR, MINUTE, SECOND, format_duration
from citybrain.settings import load_settings
from simulators.pacing import Pace
from simulators.trace import TraceRecord
from streams.clients import Broker, Producer, Start, Watch
from streams.embedded import FEED_PARTITIONS, embedded_broker
from streams.publish import publish
from streams.rendezvous import Running, announced
from streams.topics import PREFIX, Names, topics_for

# The story begins so long ago that its end is the present: a simulated reading never comes from the future.
STORY = 6 * HOUR
# What is sent at once, so that windows are full and the first alerts are near.
HISTORY = 55 * MINUTE
AFTERWARDS = 48 * HOUR
STOP_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class _Story:
    """What is played: a storyline, how fast, from when on."""

    name: str
    speed: float | None
    start: int


def demo(
    storyline: Annotated[str, typer.Option(help="Name or path of a storyline.")] = "first-light",
    speed: Annotated[str, typer.Option(help="How fast simulated time runs: 60x, 1x, max.")] = "60x",
    seed: Annotated[int, typer.Option(help="The same seed gives the same readings.")] = 1,
    catalog: CatalogOption = None,
    lang: Lang = None,
) -> None:
    """Start an embedded broker, simulated sensors and a worker, and print the alerts. Ctrl-C ends all of it."""
    language, clock = language_of(lang), SystemClock()
    rules_in_force(catalog)  # Before anything is started, so that a broken rule is one clear message.
    story = _Story(storyline, factor_of(speed), (clock.now() - STORY) // MINUTE * MINUTE)
    hours = (STORY + AFTERWARDS) / HOUR
    records = records_of(storyline, catalog, seed=seed, start=story.start, hours=hours)
    topics = topics_for(PREFIX, simulated=True, feed_partitions=FEED_PARTITIONS)
    err.print(say(language, "demo.starting"))
    # Whoever ends the demo politely ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with embedded_broker(topics) as broker:
            running = Running(broker.bootstrap, broker.embedded, PREFIX, os.getpid(), clock.now())
            err.print(say(language, "demo.broker", bootstrap=broker.bootstrap))
            with announced(running), _worker(broker, _environment_of(catalog), language) as process:
                _play(broker, process, story, records, language)
    except KeyboardInterrupt:
        err.print(say(language, "demo.stopped"))


def _environment_of(catalog: Path | None) -> dict[str, str]:
    """Return the environment that hands a catalog on to a child process."""
    return {"CITYBRAIN_CATALOG": str(catalog)} if catalog is not None else {}


def _play(
    broker: Broker,
    process: "subprocess.Popen[bytes]",
    story: _Story,
    records: Iterable[TraceRecord],
    language: Language,
) -> None:
    """Send the readings from a thread of their own and print the alerts, until Ctrl-C."""
    stop = threading.Event()
    failure: list[BaseException] = []

    def send() -> None:
        try:
            with Producer(broker, linger_ms=5) as producer:
                timed = _timed(records, story, stop, language)
                for _ in publish(timed, producer, Names(PREFIX), feed_partitions=FEED_PARTITIONS):
                    pass
        except BaseException as error:
            failure.append(error)

    with Watch(broker, [Names(PREFIX).journal()], start=Start.BEGINNING) as journal:
        sender = threading.Thread(target=send, name="simulators")
        sender.start()
        try:
            while not failure:
                for record in journal.poll():
                    if record.value is not None:
                        out.print(alert_line(decode_event(record.value), language))
                if (code := process.poll()) is not None:
                    raise MissingError(say(language, "demo.worker_died", code=code))
        finally:
            stop.set()
            sender.join()
    raise failure[0]


def _timed(
    records: Iterable[TraceRecord], story: _Story, stop: threading.Event, language: Language
) -> Iterator[TraceRecord]:
    """Yield the records when they are due: the history at once, then at the speed given, never from the future."""
    clock = SystemClock()
    fast_until = story.start + HISTORY
    pace = Pace(speed=story.speed, clock=clock, fast_until=fast_until)
    err.print(say(language, "demo.history", hours=format_duration(HISTORY), storyline=story.name))
    has_begun = has_caught_up = False
    for record in records:
        if not has_begun and record.at >= fast_until:
            has_begun = True
            speed = f"{story.speed:g}x" if story.speed is not None else "max"
            err.print(say(language, "demo.running", speed=speed), style="bold")
        ahead = record.at - clock.now()
        if ahead > 0 and not has_caught_up:
            has_caught_up = True
            err.print(say(language, "demo.caught_up"))
        if stop.wait(max(ahead, pace.wait_ms(record.at), 0) / SECOND):
            return
        yield record


@contextlib.contextmanager
def _worker(broker: Broker, extra: dict[str, str], language: Language) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker of the demo for the length of the `with` block. It ends when this process does."""
    environment = {
        **os.environ,
        **extra,
        "CITYBRAIN_BOOTSTRAP": broker.bootstrap,
        "CITYBRAIN_EMBEDDED": "true",
        "CITYBRAIN_SIMULATED": "true",
        "CITYBRAIN_STATUS": "actual",
        "CITYBRAIN_PREFIX": PREFIX,
        "CITYBRAIN_LANG": language,
        "CITYBRAIN_METRICS_PORT": str(_free_port_or_any()),
    }
    # A session of its own: Ctrl-C reaches the demo alone, which then stops things in order.
    process = subprocess.Popen(
        [sys.executable, "-m", "citybrain.cli", "worker", "--with-parent"],
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _free_port_or_any() -> int:
    """Return the usual port of the metrics if nobody has it, else 0, which takes any."""
    settings = load_settings()
    try:
        # As the server itself will: a port that was in use a moment ago may be taken again at once.
        with socket.create_server((settings.metrics_host, settings.metrics_port)):
            return settings.metrics_port
    except OSError:
        return 0
