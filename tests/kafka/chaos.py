"""Kills workers, makes them trade partitions and restarts the broker while a story runs, then looks at what is left.

    python tests/kafka/chaos.py [--kills 100] [--rebalances 30] [--brokers 10] [--workers 4] [--seed N]

The verifier knows nothing of the workers. It reads the feeds from Kafka again, judges them offline, partition by
partition, and compares: alerts that are missing or invented, repeats that differ, states that drifted.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson

from citybrain.alerts import AlertEvent
from citybrain.clock import SystemClock
from citybrain.codec import decode_event
from citybrain.instants import HOUR, MINUTE
from citybrain.model import Feed, Scenario
from rules.areas.stage import AreaStage
from rules.engine import Engine
from rules.intake import FeedRecord, Intake
from rules.ruleset import RuleSet, load_rules
from rules.signals import Signal
from scenarios.incidents import Incidents
from scenarios.playbook import playbook_of
from scenarios.runner import replay
from scenarios.scripts import load_scripts
from scenarios.states import ALERT_STATES, INCIDENTS
from simulators.fleet import simulate
from simulators.storyline import load_storyline
from simulators.trace import TraceRecord
from streams.clients import Admin, Broker, Producer, Record, read_all
from streams.incident_log import event_in, read_journal
from streams.log import SourceRecord
from streams.publish import publish
from streams.signal_log import KIND_HEADER, Kind
from streams.topics import Names, ensure, topics_for

PREFIX = "chaos."
GAVE_UP = Kind.GIVE_UP.value.encode()
PARTITIONS = 4
HOURS = 6.0
PATIENCE_S = 120
SESSION_S = 6


@dataclass(frozen=True)
class Plan:
    """What is done to the workers, in an order that the seed decides."""

    kills: int
    rebalances: int
    broker_restarts: int
    workers_max: int
    seed: int


@dataclass
class Verdict:
    """What the verifier found."""

    events: int = 0
    lost: int = 0
    spurious: int = 0
    repeats: int = 0
    differing_repeats: int = 0
    drifted_states: int = 0
    given_up: int = 0
    rejected: int = 0
    delays_s: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        ordered = sorted(self.delays_s) or [0.0]
        half, last = ordered[len(ordered) // 2], ordered[-1]
        return (
            f"{self.events} alert events: {self.lost} lost, {self.spurious} spurious, {self.repeats} repeated, of "
            f"which {self.differing_repeats} not byte-identical; {self.drifted_states} states drifted; "
            f"{self.given_up} sources given up on; {self.rejected} "
            f"records rejected; delay of an alert {half:.1f} s at the median, {last:.1f} s at most"
        )


class Workers:
    """Worker processes that come and go."""

    def __init__(self, bootstrap: str, log: Path) -> None:
        self._log = log.open("wb")
        self._environment = {
            **os.environ,
            "CITYBRAIN_BOOTSTRAP": bootstrap,
            "CITYBRAIN_PREFIX": PREFIX,
            "CITYBRAIN_GROUP": PREFIX + "test",
            "CITYBRAIN_SIMULATED": "true",
            "CITYBRAIN_CHECKPOINT_EVERY_S": "2",
            "CITYBRAIN_SESSION_S": str(SESSION_S),
            "CITYBRAIN_METRICS_PORT": "0",
            "CITYBRAIN_LANG": "en",
        }
        self.running: list[subprocess.Popen[bytes]] = []
        self.codes: Counter[int] = Counter()

    def start(self) -> None:
        """Start one more."""
        command = [sys.executable, "-m", "citybrain.cli", "worker", "--with-parent"]
        pipe, log = subprocess.PIPE, self._log
        self.running.append(subprocess.Popen(command, stdin=pipe, stdout=log, stderr=log, env=self._environment))

    def end(self, index: int, *, kill: bool) -> None:
        """End one by SIGKILL or in good order."""
        process = self.running.pop(index)
        process.kill() if kill else process.terminate()
        self.codes[process.wait(30)] += 1
        assert process.stdin is not None
        process.stdin.close()

    def replace_the_dead(self) -> None:
        """Start a worker for each that ended itself, as a supervisor does."""
        for process in [each for each in self.running if each.poll() is not None]:
            self.codes[process.returncode] += 1
            self.running.remove(process)
            self.start()

    def end_all(self, *, kill: bool) -> None:
        """End all of them."""
        while self.running:
            self.end(0, kill=kill)


class BrokerProcess:
    """A broker that can be restarted on its own data and port."""

    def __init__(self, folder: Path) -> None:
        self._module = broker_module()
        self._folder = folder
        self._port = self._module.free_port()
        self._stack = contextlib.ExitStack()
        self.broker = Broker(f"127.0.0.1:{self._port}")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._stack.enter_context(self._module.kafka_broker(data=self._folder, port=self._port))

    def stop(self) -> None:
        """Stop it."""
        self._stack.close()
        self._stack = contextlib.ExitStack()


def broker_module() -> ModuleType:
    """Return broker.py beside this file, which lies in no package."""
    spec = importlib.util.spec_from_file_location("citybrain_chaos_broker", Path(__file__).with_name("broker.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Sender(threading.Thread):
    """Sends a story at an even pace until it is over, and notes when each record was acknowledged."""

    def __init__(self, broker: Broker, records: Sequence[TraceRecord], *, over_s: float) -> None:
        super().__init__(name="story", daemon=True)
        self._broker = broker
        self._records = records
        self._over_s = over_s
        self.sent_at: dict[int, float] = {}  # Time of the record -> when the last record of that time was sent.
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self._send()
        except BaseException as error:
            self.failure = error

    def _send(self) -> None:
        start, size = time.monotonic(), max(1, len(self._records) // round(self._over_s * 2))
        for first in range(0, len(self._records), size):
            piece = self._records[first : first + size]
            # A producer for each piece: one that has waited for a broker that restarts is given up by its own timeout.
            self._send_until_done(piece)
            now = time.time()
            self.sent_at.update({record.at: now for record in piece})
            ahead = start + self._over_s * (first + size) / len(self._records) - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)

    def _send_until_done(self, piece: Sequence[TraceRecord]) -> None:
        """Send a piece whole; a second try repeats records, which sensors do as well."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                with Producer(self._broker, linger_ms=5) as producer:
                    for _ in publish(piece, producer, Names(PREFIX), feed_partitions=PARTITIONS):
                        pass
                return
            except Exception:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)


def story(rules: RuleSet) -> list[TraceRecord]:
    """Return the records of a story whose end is the present."""
    start = (SystemClock().now() - round(HOURS * HOUR)) // MINUTE * MINUTE
    shipped = load_storyline("first-light", rules.registry.sites)
    return list(simulate(rules.registry, shipped, seed=1, start=start, hours=HOURS))


def run(plan: Plan, folder: Path, *, every_s: float = 6.0) -> Verdict:
    """Play a plan and return what the verifier found."""
    rules, chance = load_rules(), random.Random(plan.seed)
    records = story(rules)
    actions = ["kill"] * plan.kills + ["rebalance"] * plan.rebalances + ["broker"] * plan.broker_restarts
    chance.shuffle(actions)
    process = BrokerProcess(folder / "kafka")
    process.start()
    workers = Workers(process.broker.bootstrap, folder / "workers.log")
    try:
        with Admin(process.broker) as admin:
            ensure(admin, topics_for(PREFIX, simulated=True, feed_partitions=PARTITIONS))
        workers.start()
        sender = Sender(process.broker, records, over_s=len(actions) * every_s)
        sender.start()
        for number, action in enumerate(actions, 1):
            time.sleep(chance.uniform(0.3, 2 * every_s - 0.3) if action != "broker" else 1.0)
            print(f"{number}/{len(actions)} {action}", flush=True)
            workers.replace_the_dead()
            act(action, workers, process, chance, workers_max=plan.workers_max)
        sender.join()
        if sender.failure is not None:
            raise sender.failure
        judged = (event for output in replay(records, rules) for event in output.events)
        # Rules over several sites wait for what may still come of the last moment.
        last = records[-1].at
        expected = {event.key for event in judged if event.rule.id not in rules.over_sites or event.sent < last}
        wait_for_all(process.broker, workers, expected)
        workers.end_all(kill=False)
        print("exit codes of workers:", dict(workers.codes))
        return verify(process.broker, rules, expected, sender.sent_at)
    finally:
        workers.end_all(kill=True)
        process.stop()


def act(action: str, workers: Workers, process: BrokerProcess, chance: random.Random, *, workers_max: int) -> None:
    """Do one thing to the workers or the broker."""
    if action == "kill":
        workers.end(chance.randrange(len(workers.running)), kill=True)
        workers.start()
    elif action == "broker":
        process.stop()
        time.sleep(chance.uniform(0.0, 3.0))
        process.start()
    elif len(workers.running) < workers_max:
        workers.start()
    else:
        workers.end(chance.randrange(len(workers.running)), kill=False)


def wait_for_all(broker: Broker, workers: Workers, expected: set[tuple[str, int, str, str]]) -> None:
    """Wait until the journal holds what is expected, or nothing new comes any more."""
    until, before = time.monotonic() + PATIENCE_S, -1
    while time.monotonic() < until:
        workers.replace_the_dead()
        found = {event.key for _, event in journal(broker)}
        if found >= expected:
            time.sleep(3.0)  # For what should not come.
            return
        if len(found) != before:
            until, before = time.monotonic() + PATIENCE_S, len(found)
        time.sleep(1.0)


def journal(broker: Broker) -> Iterator[tuple[Record, Any]]:
    """Yield the journal's events with their records."""
    for record in read_all(broker, [Names(PREFIX).journal()]):
        if (event := event_in(record)) is not None:
            yield record, event


def verify(
    broker: Broker, rules: RuleSet, expected: set[tuple[str, int, str, str]], sent_at: dict[int, float]
) -> Verdict:
    """Judge all feeds again from Kafka and compare."""
    names, verdict = Names(PREFIX), Verdict()
    engines = {feed: judged_again(broker, rules, feed) for feed in Feed}
    partitions = [partition for judged in engines.values() for partition in judged]
    again = {event.key for partition in partitions for event in partition.events}
    verdict.given_up = sum((KIND_HEADER, GAVE_UP) in one.headers for one in read_all(broker, [names.signals()]))
    if verdict.given_up:
        again |= {
            key for key in expected if key not in again
        }  # What areas gave then is nothing that a replay can tell.
    else:
        again |= areas_again(rules, partitions)
    found: dict[tuple[str, int, str, str], list[bytes]] = {}
    for record, event in journal(broker):
        verdict.events += 1
        if event.key not in found and event.sent in sent_at:
            verdict.delays_s.append(max(0.0, record.timestamp_ms / 1000 - sent_at[event.sent]))
        found.setdefault(event.key, []).append(record.value or b"")
    verdict.lost = len((expected | again) - found.keys())
    verdict.spurious = len(found.keys() - again)
    verdict.repeats = sum(len(values) - 1 for values in found.values())
    verdict.differing_repeats = sum(len(set(values)) > 1 for values in found.values())
    by_topic = {
        event.key
        for record in read_all(broker, [names.alerts(scenario) for scenario in Scenario])
        if record.value is not None and (event := decode_event(record.value)).key
    }
    verdict.lost += len(expected - by_topic)
    verdict.rejected = len(read_all(broker, [names.rejected()]))
    verdict.drifted_states = sum(
        drift(broker, feed, [partition.sites for partition in judged]) for feed, judged in engines.items()
    )
    verdict.drifted_states += incident_drift(broker, rules)
    return verdict


def areas_again(rules: RuleSet, partitions: Sequence["Judged"]) -> set[tuple[str, int, str, str]]:
    """Return what rules over several sites give, moment by moment, up to the time that all partitions have passed."""
    moments: dict[int, tuple[list[Signal], list[AlertEvent]]] = {}
    for partition in partitions:
        for at in partition.times:
            moments.setdefault(at, ([], []))
        for signal in partition.signals:
            moments.setdefault(signal.at, ([], []))[0].append(signal)
        for event in partition.events:
            moments.setdefault(event.sent, ([], []))[1].append(event)
    upto = min(max(partition.times, default=0) for partition in partitions)
    stage, found = AreaStage(rules.areas.plan), []
    for at, (signals, events) in sorted(moments.items()):
        if at < upto:
            found += stage.take(at, signals, events)
    found += stage.take(upto - 1, [], [])
    return {event.key for event in [*found, *stage.finish()]}


def incident_drift(broker: Broker, rules: RuleSet) -> int:
    """Fold the journal again; return how many alerts and incidents are published otherwise."""
    names = Names(PREFIX)
    fold = Incidents(playbook_of(rules, load_scripts(rules)))
    for one in read_all(broker, [names.journal()]):
        record = FeedRecord(None, one.timestamp_ms, one.key, one.value, dict(one.headers))
        entry = read_journal(SourceRecord(one.offset, record))
        if entry is not None:
            fold.take(entry)
    wanted = {state.identifier: json.loads(ALERT_STATES.dump_json(state, by_alias=True)) for state in fold.alerts}
    wanted |= {one.id: json.loads(INCIDENTS.dump_json(one, by_alias=True)) for one in fold.incidents}
    found = {
        (record.key or b"").decode(): json.loads(record.value) if record.value is not None else None
        for record in read_all(broker, [names.alert_states(), names.incidents()])
    }
    return sum(wanted.get(name) != found.get(name) for name in wanted.keys() | found.keys())


@dataclass
class Judged:
    """What one partition of a feed gives, judged from its first record on."""

    events: list[AlertEvent] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    sites: dict[str, Any] = field(default_factory=dict)


def judged_again(broker: Broker, rules: RuleSet, feed: Feed) -> list[Judged]:
    """Judge each partition of a feed from its first record on."""
    found: list[Judged] = []
    by_partition: dict[int, list[Record]] = {number: [] for number in range(PARTITIONS)}
    for record in read_all(broker, [Names(PREFIX).feed(feed)]):
        by_partition[record.partition].append(record)
    for records in by_partition.values():
        engine, judged = Engine(rules), Judged()
        intake = Intake(engine)
        for one in records:
            output = intake.accept(FeedRecord(feed, one.timestamp_ms, one.key, one.value, dict(one.headers)))
            judged.events += output.events
            judged.signals += output.signals
            judged.times.append(one.timestamp_ms)
        judged.sites = orjson.loads(engine.snapshot())["sites"]
        found.append(judged)
    return found


def drift(broker: Broker, feed: Feed, expected: Sequence[dict[str, Any]]) -> int:
    """Return how many sites are not in the state topic as they should be; it is read by its format alone."""
    newest: dict[tuple[int, bytes], tuple[int, bytes]] = {}
    for record in read_all(broker, [Names(PREFIX).state(feed)]):
        assert record.key is not None
        assert record.value is not None
        epoch = int(record.value.partition(b"\n")[0])
        place = (record.partition, record.key)
        if record.key.startswith(b"site:") and epoch >= newest.get(place, (-1, b""))[0]:
            newest[place] = epoch, record.value
    found: list[dict[str, Any]] = [{} for _ in range(PARTITIONS)]
    for (number, key), (_, value) in newest.items():
        found[number][key.removeprefix(b"site:").decode()] = orjson.loads(value.split(b"\n")[2])
    pairs = list(zip(found, expected, strict=True))
    return sum(a.get(site) != b.get(site) for a, b in pairs for site in a.keys() | b.keys())


def main() -> int:
    """Play a plan; 0 if nothing was lost, invented or changed."""
    parser = argparse.ArgumentParser(description="Kill workers and brokers, and compare with the offline replay.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rebalances", type=int, default=30)
    parser.add_argument("--brokers", type=int, default=10)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--every", type=float, default=6.0, help="seconds between two of them, on the average")
    parser.add_argument("--seed", type=int, default=SystemClock().now() % 100_000)
    parser.add_argument("--keep", type=Path, help="keep data and logs here")
    options = parser.parse_args()
    print("seed", options.seed)
    plan = Plan(options.kills, options.rebalances, options.brokers, options.workers, options.seed)
    with tempfile.TemporaryDirectory(prefix="citybrain-chaos-") as folder:
        verdict = run(plan, options.keep or Path(folder), every_s=options.every)
    print(verdict)
    wrong = verdict.lost + verdict.spurious + verdict.differing_repeats + verdict.drifted_states
    # A run that raised no alert proves nothing.
    return 1 if wrong or not verdict.events else 0


if __name__ == "__main__":
    sys.exit(main())
