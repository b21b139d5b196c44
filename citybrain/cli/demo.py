"""`citybrain demo`: everything on one machine, with no broker to install: the first alerts in a minute."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import typer

from citybrain.cli.console import Lang, alert_line, err, out
from citybrain.cli.publishing import factor_of
from citybrain.cli.shared import CatalogOption, language_of, rules_in_force
from citybrain.cli.simulate import records_of
from citybrain.clock import SystemClock
from citybrain.errors import MissingError
from citybrain.i18n import Language, say
from citybrain.instants import HOUR, MINUTE, SECOND, format_duration
from simulators.pacing import Pace
from simulators.trace import TraceRecord
from streams.clients import Broker, Producer, Start, Watch
from streams.embedded import FEED_PARTITIONS, Embedded, embedded_child
from streams.incident_log import event_in
from streams.publish import publish
from streams.rendezvous import Running, announced
from streams.topics import PREFIX, Names, topics_for

# The story begins so long ago that its end is the present: a simulated reading never comes from the future.
STORY = 6 * HOUR
# What is sent at once, so that windows are full and the first alerts are near.
HISTORY = 55 * MINUTE
AFTERWARDS = 48 * HOUR
STOP_TIMEOUT_S = 10
RESTARTS_MAX = 3  # Of a worker that a signal killed; more than that is no accident.


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
    rules = rules_in_force(catalog)  # Before anything is started, so that a broken rule is one clear message.
    story = _Story(storyline, factor_of(speed), (clock.now() - STORY) // MINUTE * MINUTE)
    hours = (STORY + AFTERWARDS) / HOUR
    records = records_of(storyline, rules.registry, seed=seed, start=story.start, hours=hours)
    topics = topics_for(PREFIX, simulated=True, feed_partitions=FEED_PARTITIONS)
    err.print(say(language, "demo.starting"))
    # Whoever ends the demo politely ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # Else `nohup` wants it ignored.
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        with embedded_child(topics) as child:
            broker = child.broker
            running = Running(broker.bootstrap, broker.embedded, PREFIX, os.getpid(), clock.now())
            err.print(say(language, "demo.broker", bootstrap=broker.bootstrap))
            with announced(running), _Worker(broker, catalog, language) as worker:
                _play(child, worker, story, records, language)
    except KeyboardInterrupt:
        err.print(say(language, "demo.stopped"))


def _play(
    child: Embedded,
    worker: "_Worker",
    story: _Story,
    records: Iterable[TraceRecord],
    language: Language,
) -> None:
    """Send the readings from a thread of their own and print the alerts, until Ctrl-C."""
    stop = threading.Event()
    failure: list[BaseException] = []

    def send() -> None:
        try:
            timed = _timed(records, story, stop, language)
            for _ in publish(timed, producer, Names(PREFIX), feed_partitions=FEED_PARTITIONS):
                pass
        except BaseException as error:
            failure.append(error)

    # The producer is closed out here, so that it ends without its thread when the broker is gone.
    with (
        Producer(child.broker, linger_ms=5) as producer,
        Watch(child.broker, [Names(PREFIX).journal()], start=Start.BEGINNING) as journal,
    ):
        # Nothing waits for it when the broker is gone: it would go on waiting for acknowledgements.
        sender = threading.Thread(target=send, name="simulators", daemon=True)
        sender.start()
        try:
            while not failure:
                for record in journal.poll():
                    if (event := event_in(record)) is not None:
                        out.print(alert_line(event, language))
                _require_broker(child, worker, language)
                worker.keep()
            _require_broker(child, worker, language)
        finally:
            stop.set()
            if child.exit_code() is None:
                sender.join()
    raise failure[0]


def _require_broker(child: Embedded, worker: "_Worker", language: Language) -> None:
    """Raise MissingError if the broker is gone, and first silence who would complain of that line by line."""
    code = child.exit_code()
    if code is None:
        return
    logging.disable()
    worker.kill()
    if code < 0:
        raise MissingError(say(language, "demo.broker_killed", signal=-code))
    raise MissingError(say(language, "demo.broker_ended", code=code))


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


class _Worker:
    """The worker of a demo, for the length of a `with` block. It ends when this process does."""

    def __init__(self, broker: Broker, catalog: Path | None, language: Language) -> None:
        self._language = language
        self._restarts = 0
        # Faust makes a folder that nothing is kept in: the checkpoints are in the log.
        self._folder = tempfile.TemporaryDirectory(prefix="citybrain-demo-")
        self._environment = {
            **os.environ,
            "CITYBRAIN_BOOTSTRAP": broker.bootstrap,
            "CITYBRAIN_EMBEDDED": "true",
            "CITYBRAIN_SESSION_S": "6",
            "CITYBRAIN_SIMULATED": "true",
            "CITYBRAIN_STATUS": "actual",
            "CITYBRAIN_PREFIX": PREFIX,
            "CITYBRAIN_LANG": language,
            "FAUST_DATADIR": self._folder.name,
        }
        # Whoever has a catalog of his own is likely to work on it.
        options = ["--catalog", str(catalog), "--watch"] if catalog is not None else []
        self._command = [sys.executable, "-m", "citybrain.cli", "worker", "--with-parent", "--any-port", *options]
        self._process = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_its_input()
        self._folder.cleanup()

    def kill(self) -> None:
        """End it at once; without a broker it has nothing to bring into order."""
        self._process.kill()

    def keep(self) -> None:
        """Start the worker again if a signal killed it. Raises MissingError if it ended by itself or too often."""
        code = self._process.poll()
        if code is None:
            return
        if code >= 0:
            raise MissingError(say(self._language, "demo.worker_died", code=code))
        if self._restarts >= RESTARTS_MAX:
            raise MissingError(say(self._language, "demo.worker_killed_often", signal=-code, restarts=RESTARTS_MAX))
        self._restarts += 1
        err.print(say(self._language, "demo.worker_killed", signal=-code), style="bold yellow")
        self._close_its_input()
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        # A session of its own: Ctrl-C reaches the demo alone, which then stops things in order.
        return subprocess.Popen(  # noqa: S603 - ours.
            self._command,
            stdin=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        )

    def _close_its_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
