"""The same trace through the offline replay and through Kafka and a worker: the same alerts, also when it is killed."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from citybrain.alerts import AlertEvent
from citybrain.cli.main import app
from citybrain.clock import SystemClock
from citybrain.codec import decode_event, encode_switch
from citybrain.errors import CitybrainError
from citybrain.instants import HOUR, MINUTE, format_instant
from citybrain.model import Feed, Scenario, Switch
from rules.ruleset import RuleSet, load_rules
from scenarios.published import Folders, gather
from scenarios.runner import replay
from simulators.fleet import simulate
from simulators.storyline import load_storyline
from simulators.trace import TraceRecord
from streams.clients import Broker, Producer, Record, read_all
from streams.incident_log import event_in
from streams.publish import publish
from streams.topics import Names, Topic, topics_for

HOURS = 2.5
FEED_PARTITIONS = 4
PATIENCE_S = 90
METRICS = re.compile(r"http://(127\.0\.0\.1:\d+)/metrics")


@dataclass
class Worker:
    """A worker process, the address of its health, and what it has said."""

    process: "subprocess.Popen[str]"
    health: str
    said: list[str]

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.health}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


@contextlib.contextmanager
def worker(broker: Broker, prefix: str, *options: str) -> Iterator[Worker]:
    environment = {
        **os.environ,
        "CITYBRAIN_BOOTSTRAP": broker.bootstrap,
        "CITYBRAIN_EMBEDDED": str(broker.embedded).lower(),
        "CITYBRAIN_PREFIX": prefix,
        "CITYBRAIN_GROUP": prefix + "test",
        "CITYBRAIN_SIMULATED": "true",
        "CITYBRAIN_CHECKPOINT_EVERY_S": "0.5",
        "CITYBRAIN_METRICS_PORT": "0",
        "CITYBRAIN_SESSION_S": "6",
        "CITYBRAIN_LANG": "en",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "citybrain.cli", "worker", "--with-parent", *options],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert process.stderr is not None
    assert process.stdin is not None
    said: list[str] = []
    readers: list[threading.Thread] = []
    try:
        for line in process.stderr:
            said.append(line)
            if found := METRICS.search(line):
                # Whoever writes to a pipe that nobody reads stands still when it is full.
                readers.append(threading.Thread(target=said.extend, args=(process.stderr,), daemon=True))
                readers[0].start()
                yield Worker(process, found[1], said)
                break
        else:
            pytest.fail("the worker did not start:\n" + "".join(said))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
        process.stdin.close()
        for thread in readers:
            thread.join(10)
        process.stderr.close()
        print("".join(said))  # Shown by pytest if the test fails.


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules()


@pytest.fixture(scope="module")
def records(rules: RuleSet) -> list[TraceRecord]:
    start = (SystemClock().now() - round(HOURS * HOUR)) // MINUTE * MINUTE
    story = load_storyline("first-light", rules.registry.sites)
    return list(simulate(rules.registry, story, seed=1, start=start, hours=HOURS))


@pytest.fixture(scope="module")
def expected(rules: RuleSet, records: list[TraceRecord]) -> set[tuple[str, int, str, str]]:
    judged = (event for output in replay(records, rules) for event in output.events)
    # Rules over several sites wait for what may still come of the last moment.
    last = records[-1].at
    events = [event for event in judged if event.rule.id not in rules.over_sites or event.sent < last]
    assert any(event.rule.id in rules.over_sites for event in events)
    assert len(events) > 50
    assert any(event.level == "red" for event in events)
    return {event.key for event in events}


def send(broker: Broker, names: Names, records: Iterable[TraceRecord]) -> None:
    with Producer(broker, linger_ms=5) as producer:
        for _ in publish(records, producer, names, feed_partitions=FEED_PARTITIONS):
            pass


def journal(broker: Broker, names: Names) -> list[AlertEvent]:
    records = read_all(broker, [names.journal()])
    return [event for record in records if (event := event_in(record)) is not None]


def wait_for(is_done: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_done():
        assert time.monotonic() < until, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.3)


def topics_of(prefix: str) -> tuple[Topic, ...]:
    return topics_for(prefix, simulated=True, feed_partitions=FEED_PARTITIONS)


@pytest.mark.timeout(300)
def test_kafka_and_offline_replay_give_the_same_alerts(
    broker_with: Callable[[Iterable[Topic]], Broker],
    prefix: str,
    records: list[TraceRecord],
    expected: set[tuple[str, int, str, str]],
) -> None:
    broker, names = broker_with(topics_of(prefix)), Names(prefix)
    send(broker, names, records)
    with worker(broker, prefix) as running:
        wait_for(lambda: len({event.key for event in journal(broker, names)}) >= len(expected), "the alerts")
        assert running.get("/livez")[0] == 200
        assert running.get("/readyz")[0] == 200
        metrics = running.get("/metrics")[1]
        assert running.get("/nothing")[0] == 404
        assert running.stop() == 0
    events = journal(broker, names)
    assert {event.key for event in events} == expected
    assert len(events) == len(expected), "a run without a crash repeats nothing"
    by_topic = [
        decode_event(record.value)
        for record in read_all(broker, [names.alerts(scenario) for scenario in Scenario])
        if record.value is not None
    ]
    assert Counter(event.key for event in by_topic) == Counter(event.key for event in events)
    assert 'citybrain_readings_total{feed="hydrology"}' in metrics
    assert "citybrain_alert_events_total" in metrics


@pytest.mark.timeout(300)
def test_a_killed_worker_loses_nothing_and_invents_nothing(
    broker_with: Callable[[Iterable[Topic]], Broker],
    prefix: str,
    records: list[TraceRecord],
    expected: set[tuple[str, int, str, str]],
) -> None:
    broker, names = broker_with(topics_of(prefix)), Names(prefix)
    cut = len(records) * 3 // 4  # The story's first alerts come after an hour of it.
    with worker(broker, prefix) as first:
        send(broker, names, records[:cut])
        wait_for(lambda: len(journal(broker, names)) > 5, "the first alerts")
        first.kill()
    with worker(broker, prefix) as second:
        send(broker, names, records[cut:])
        wait_for(lambda: len({event.key for event in journal(broker, names)}) > len(expected) * 0.7, "more alerts")
        second.kill()
    with worker(broker, prefix) as third:
        wait_for(lambda: len({event.key for event in journal(broker, names)}) >= len(expected), "all alerts")
        assert third.stop() == 0
    raw = [record for record in read_all(broker, [names.journal()]) if event_in(record) is not None]
    assert {decode_event(record.value or b"").key for record in raw} == expected
    versions: dict[tuple[str, int], set[bytes]] = {}
    for record in raw:
        event = decode_event(record.value or b"")
        versions.setdefault(event.key[:2], set()).add(record.value or b"")
    assert all(len(found) == 1 for found in versions.values()), "a repeat is byte-identical"


@pytest.mark.timeout(300)
def test_every_bad_record_is_rejected_with_its_reason(
    broker_with: Callable[[Iterable[Topic]], Broker], prefix: str
) -> None:
    broker, names = broker_with(topics_of(prefix)), Names(prefix)
    now = SystemClock().now() // 1000 * 1000
    at = format_instant(now)
    cases = {
        "schema-unknown-field": ("hs-hecheng", {"observed_at": at, "values": {"stage": 1.2}, "plate": "K12345"}),
        "schema-text": ("hs-hecheng", {"observed_at": at, "values": {"stage": "1.2"}}),
        "schema-no-offset": ("hs-hecheng", {"observed_at": at[:19], "values": {"stage": 1.2}}),
        "clock": ("hs-hecheng", {"observed_at": format_instant(now + HOUR), "values": {"stage": 1.2}}),
        "range": ("hs-hecheng", {"observed_at": at, "values": {"stage": 99999.0}}),
        "unknown_metric": ("hs-hecheng", {"observed_at": at, "values": {"stagge": 1.0}}),
        "unknown_site": ("hs-nowhere", {"observed_at": at, "values": {"stage": 1.2}}),
        "wrong_feed": ("aq-liandu-1", {"observed_at": at, "values": {"pm25_1h": 20.0}}),
        "status": ("hs-hecheng", {"observed_at": at, "values": {"stage": 9.9}, "status": "exercise"}),
        "wrong_key": ("hs-hecheng", {"observed_at": at, "values": {"stage": 9.9}, "site": "hs-longquan"}),
    }
    topic = names.feed(Feed.HYDROLOGY)
    with Producer(broker) as producer:
        producer.send(topic, b"\xff\xfe not json", key=b"hs-hecheng", timestamp_ms=now)
        producer.send(topic, b'{"site": "hs-hecheng", "observed_at": "x", "values": {"stage": NaN}}', key=b"k")
        for site, reading in cases.values():
            producer.send(topic, orjson.dumps({"site": site, **reading}), key=site.encode(), timestamp_ms=now)
    count = len(cases) + 2

    def rejected() -> list[Record]:
        return read_all(broker, [names.rejected(), names.exercise().rejected()])

    with worker(broker, prefix) as running:
        wait_for(lambda: len(rejected()) >= count, "the rejections")
        assert running.get("/livez")[0] == 200
        assert running.stop() == 0
    reasons = Counter(dict(record.headers)["reason"].decode() for record in rejected())
    assert reasons == Counter(
        [name.partition("-")[0] for name in cases] + ["schema", "schema"],
    )
    strays = [record for record in rejected() if record.topic == names.exercise().rejected()]
    assert [dict(record.headers)["reason"] for record in strays] == [b"status"]
    assert all(record.value for record in rejected()), "the original bytes are kept"
    assert journal(broker, names) == []


@pytest.mark.timeout(300)
def test_what_people_do_is_answered_and_seen_in_the_incidents(
    broker_with: Callable[[Iterable[Topic]], Broker],
    prefix: str,
    records: list[TraceRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker, names = broker_with(topics_of(prefix)), Names(prefix)
    for name, value in {"PREFIX": prefix, "EMBEDDED": str(broker.embedded).lower(), "LANG": "en"}.items():
        monkeypatch.setenv(f"CITYBRAIN_{name}", value)

    def citybrain(*arguments: str) -> tuple[int, str]:
        said = CliRunner().invoke(app, [*arguments, "--broker", broker.bootstrap])
        return (said.exception.exit_code if isinstance(said.exception, CitybrainError) else said.exit_code), said.output

    def states() -> dict[str, dict[str, Any]]:
        found = {record.key: record.value for record in read_all(broker, [names.alert_states()])}
        return {(key or b"").decode(): orjson.loads(value) for key, value in found.items() if value is not None}

    send(broker, names, records)
    with worker(broker, prefix) as running:
        wait_for(lambda: any(one["event"]["level"] == "red" for one in states().values()), "a red alert")
        red = next(name for name, one in states().items() if one["event"]["level"] == "red")
        assert citybrain("actions", "acknowledge", f"#{red[:8]}", "--by", "duty-07")[0] == 0
        assert citybrain("actions", "acknowledge", red, "--by", "duty-08")[0] == 5
        shelved = citybrain(
            "actions", "shelve", red, "--by", "duty-07", "--until", "2099-01-01T00:00:00Z", "--reason", "x"
        )
        assert shelved[0] == 5
        assert citybrain("actions", "acknowledge", red[:4], "--by", "duty-07")[0] == 2
        assert citybrain("actions", "acknowledge", red, "--by", "Zhang")[0] == 2
        wait_for(lambda: states()[red]["acknowledged"] is not None, "the acknowledgement")
        (incident, *_) = states()[red]["incidents"]
        code, said = citybrain("incidents", "list", "--json")
        assert code == 0
        (found,) = [
            one for line in said.splitlines() if line[:1] == "{" and (one := orjson.loads(line))["id"] == incident
        ]
        step = found["checklist"][0]["step"]
        assert citybrain("actions", "tick", incident, step, "--by", "duty-07")[0] == 0
        assert citybrain("actions", "tick", incident, step, "--by", "duty-07")[0] == 5
        assert running.stop() == 0
    assert states()[red]["acknowledged"]["by"] == "duty-07"


@dataclass
class City:
    """A broker, and a catalog folder that somebody works on."""

    broker: Broker
    names: Names
    folder: Path
    start: int

    def edit(self, old: str, new: str) -> None:
        """Change the rules about rivers."""
        path = self.folder / "rules" / "flood-drought-command" / "river.yaml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    def rules(self, *arguments: str) -> tuple[int, str]:
        """Run `citybrain rules`; return its exit code and what it prints."""
        said = CliRunner().invoke(app, ["rules", *arguments, "--broker", self.broker.bootstrap])
        code = said.exception.exit_code if isinstance(said.exception, CitybrainError) else said.exit_code
        return code, said.output

    def sets(self) -> list[dict[str, Any]]:
        """Return what `rules history` lists."""
        code, said = self.rules("history", "--json")
        assert code == 0
        return [orjson.loads(line) for line in said.splitlines()]

    def tell(self, minute: int, stages: dict[str, float]) -> None:
        """Send readings of gauges."""
        with Producer(self.broker) as producer:
            for site, stage in stages.items():
                at = self.start + minute * MINUTE
                reading = {"site": site, "observed_at": format_instant(at), "values": {"stage": stage}}
                topic = self.names.feed(Feed.HYDROLOGY)
                producer.send(topic, orjson.dumps(reading), key=site.encode(), timestamp_ms=at)

    def wait_for_set(self, number: int) -> None:
        """Wait until all partitions that have records were told to go over to a set."""
        value = encode_switch(Switch(number))

        def is_told() -> bool:
            records = read_all(self.broker, [self.names.feed(Feed.HYDROLOGY)])
            told = {one.partition for one in records if one.value == value}
            return told == {one.partition for one in records if one.key is not None}

        wait_for(is_told, f"the partitions to be told of set {number}")

    def last(self, rule: str, site: str) -> AlertEvent:
        """Return the last event of a rule at a site."""
        found = [
            event for event in journal(self.broker, self.names) if (event.rule.id, event.subject.site) == (rule, site)
        ]
        return max(found, key=lambda event: event.sequence)

    def wait_for_event(self, rule: str, site: str, what: str, *, catalog: str | None = None) -> AlertEvent:
        """Wait for an event of a level and state, by the set of a hash, and return it."""
        found: list[AlertEvent] = []

        def has_come() -> bool:
            for event in journal(self.broker, self.names):
                is_it = (event.rule.id, event.subject.site, f"{event.level} {event.state}") == (rule, site, what)
                if is_it and catalog in (None, event.rule.catalog):
                    found.append(event)
            return bool(found)

        wait_for(has_come, f"{rule} at {site}: {what}")
        return found[-1]


@pytest.fixture
def city(
    broker_with: Callable[[Iterable[Topic]], Broker], prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> City:
    """Return a city whose catalog is the shipped one to begin with."""
    broker = broker_with(topics_of(prefix))
    for name, text in gather(Folders()).texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    settings = {"PREFIX": prefix, "EMBEDDED": str(broker.embedded).lower(), "LANG": "en", "CATALOG": str(tmp_path)}
    for name, value in settings.items():
        monkeypatch.setenv(f"CITYBRAIN_{name}", value)
    return City(broker, Names(prefix), tmp_path, (SystemClock().now() - 3 * HOUR) // MINUTE * MINUTE)


@pytest.mark.timeout(400)
def test_sets_are_published_and_switched_while_workers_run(city: City, prefix: str) -> None:
    high, low = "hs-hecheng", "hs-longquan"
    with contextlib.ExitStack() as stack:
        # The group of the embedded broker does not take a second member.
        workers = [stack.enter_context(worker(city.broker, prefix)) for _ in range(1 if city.broker.embedded else 2)]
        city.tell(0, {high: 1.2})
        city.tell(5, {high: 4.6, low: 0.4})
        before = city.wait_for_event("fd-03", high, "yellow firing")
        held = city.wait_for_event("fd-07", low, "yellow firing")
        assert [(one["number"], one["catalog"], one["by"]) for one in city.sets()] == [
            (0, before.rule.catalog, "worker")
        ]
        assert city.rules("publish", "--by", "duty-07")[1].startswith("nothing to do")

        # A limit is edited: its alert names the new set, and the state of the other rule survives.
        city.edit("orange: {site: guarantee_stage}", "orange: {site: warning_stage, plus: 0.5 m}")
        assert city.rules("publish", "--by", "Zhang")[0] == 2
        assert city.rules("publish", "--by", "duty-07")[0] == 0
        city.wait_for_set(1)
        city.tell(10, {high: 5.2, low: 0.4})
        city.tell(15, {high: 5.2})  # Orange asks for a second reading.
        after = city.wait_for_event("fd-03", high, "orange firing")
        assert after.identifier == before.identifier
        assert after.rule.catalog != before.rule.catalog
        kept = city.wait_for_event("fd-07", low, "orange firing")
        assert (kept.identifier, kept.sequence, kept.onset) == (held.identifier, 2, held.onset)
        assert kept.rule.catalog == after.rule.catalog == city.sets()[1]["catalog"]

        # What does not compile is not published.
        city.edit("deadband: 0.1 m", "deadbanb: 0.1 m")
        code, said = city.rules("publish", "--by", "duty-07")
        assert code == 4
        assert "river.yaml:19:9: R104" in said.replace("\n", "")
        assert len(city.sets()) == 2
        city.edit("deadbanb: 0.1 m", "deadband: 0.1 m")

        # A rule ends, and its alert with it.
        city.edit("  - id: fd-03\n", "  - id: fd-03\n    status: draft\n")
        assert city.rules("publish", "--by", "duty-07")[0] == 0
        ended = city.wait_for_event("fd-03", high, "orange cleared")
        assert "no longer applies" in ended.headline.en
        assert ended.rule.catalog == city.sets()[2]["catalog"]
        loaded = [one["rules"] for one in city.sets()]
        assert loaded[2] == loaded[1] - 1
        for one in workers:
            wait_for(lambda one=one: f"citybrain_rules_loaded {loaded[2]}.0" in one.get("/metrics")[1], "the switch")

        # And comes back; a worker that was killed goes on with what its predecessor went over to.
        workers.pop().kill()
        workers.append(stack.enter_context(worker(city.broker, prefix)))
        assert city.rules("rollback", "--by", "duty-08")[0] == 0
        city.wait_for_set(3)
        assert city.rules("rollback", "7", "--by", "duty-08")[0] == 2
        city.tell(20, {high: 5.3})
        again = city.wait_for_event("fd-03", high, "yellow firing", catalog=after.rule.catalog)
        assert again.identifier != after.identifier
        assert city.last("fd-07", low).key == kept.key
        assert [one["in_force"] for one in city.sets()] == [False, False, False, True]
        assert city.sets()[3]["catalog"] == city.sets()[1]["catalog"]
        assert {one.stop() for one in workers} == {0}


@pytest.mark.timeout(400)
def test_one_worker_alone_publishes_what_is_written_and_says_what_is_wrong(city: City, prefix: str) -> None:
    with worker(city.broker, prefix, "--watch") as running:
        city.edit("deadband: 0.1 m", "deadbanb: 0.1 m")
        wait_for(lambda: any("R104" in line for line in running.said), "the problems")
        wait_for(lambda: len(journal(city.broker, city.names)) > 0, "the alert")
        (event,) = journal(city.broker, city.names)
        assert (event.rule.id, event.scenario) == ("catalog-error", Scenario.SYSTEM)
        assert "citybrain_catalog_errors_total 1.0" in running.get("/metrics")[1]
        city.edit("deadbanb: 0.1 m", "deadband: 0.2 m")
        wait_for(lambda: len(city.sets()) == 2, "the set")
        assert running.stop() == 0
    with worker(city.broker, prefix) as running:
        city.edit("deadband: 0.2 m", "deadband: 0.3 m")
        wait_for(lambda: running.get("/readyz")[0] == 200, "the worker")
        running.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(city.sets()) == 3, "the set")
        assert running.stop() == 0
    city.edit("deadband: 0.3 m", "deadband: 0.4 m")
    with worker(city.broker, prefix) as running:
        wait_for(lambda: any("set 2 of the topic" in line for line in running.said), "the word on what is in force")
        assert running.stop() == 0
