"""The worker in this process, on the embedded broker: a seek in the middle of the flow loses and doubles nothing."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

import streams.worker
from citybrain.cli.worker import FolderAuthor
from citybrain.clock import SystemClock
from citybrain.errors import MissingError
from citybrain.instants import HOUR, MINUTE
from citybrain.model import Scenario
from citybrain.settings import Settings
from rules.intake import Intake
from rules.ruleset import load_rules
from scenarios.published import Folders
from scenarios.runner import replay
from simulators.fleet import simulate
from simulators.storyline import load_storyline
from streams.clients import Broker, Producer, Record, read_all
from streams.health import Pulse
from streams.incident_log import event_in
from streams.publish import publish
from streams.telemetry import Telemetry
from streams.topics import Names, Topic, topics_for
from streams.worker import Worker

PARTITIONS = 4
HOURS = 2.5

pytestmark = pytest.mark.embedded


def settings_for(broker: Broker, prefix: str) -> Settings:
    return Settings(
        bootstrap=broker.bootstrap, prefix=prefix, group=prefix, embedded=True, simulated=True, checkpoint_every_s=0.5
    )


def worker_for(broker: Broker, prefix: str) -> Worker:
    author = FolderAuthor(Folders(), "en")
    files, compiled = author.compiled()
    settings = settings_for(broker, prefix)
    return Worker(files, compiled, settings, telemetry=Telemetry(), pulse=Pulse(SystemClock()), author=author)


async def read(broker: Broker, topics: Iterable[str]) -> list[Record]:
    return await asyncio.to_thread(read_all, broker, topics)


@pytest.mark.timeout(180)
async def test_a_record_that_kills_its_judge_costs_no_other_record(
    embedded: Callable[[Iterable[Topic]], Broker], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = embedded(topics_for(prefix, simulated=True, feed_partitions=PARTITIONS))
    names, rules = Names(prefix), load_rules()
    start = (SystemClock().now() - round(HOURS * HOUR)) // MINUTE * MINUTE
    story = load_storyline("first-light", rules.registry.sites)
    records = list(simulate(rules.registry, story, seed=1, start=start, hours=HOURS))
    # One reading in the middle of the story, of a site whose partition many others share.
    poison = next(record for record in records[len(records) // 2 :] if record.site == "pk-cityhall")
    wholesome = [record for record in records if record is not poison]
    judged = (event for output in replay(wholesome, rules) for event in output.events)
    # Rules over several sites wait for what may still come of the last moment.
    last = records[-1].at
    expected = {event.key for event in judged if event.rule.id not in rules.over_sites or event.sent < last}
    accept = Intake.accept

    def fragile(self, record):
        if record.value == poison.reading:
            raise ZeroDivisionError
        return accept(self, record)

    monkeypatch.setattr(Intake, "accept", fragile)
    died: list[str] = []
    monkeypatch.setattr(streams.worker, "die", died.append)

    def send() -> None:
        with Producer(broker, linger_ms=5) as producer:
            for _ in publish(records, producer, names, feed_partitions=PARTITIONS):
                pass

    await asyncio.to_thread(send)
    worker = worker_for(broker, prefix)
    async with worker.started():
        seen: set[tuple[str, int, str, str]] = set()
        async with asyncio.timeout(120):
            while not seen >= expected:
                await asyncio.sleep(0.5)
                records = await read(broker, [names.journal()])
                events = [event for one in records if (event := event_in(one)) is not None]
                seen = {event.key for event in events if event.scenario is not Scenario.SYSTEM}
    assert died == []
    assert seen == expected
    assert [event.rule.id for event in events if event.scenario is Scenario.SYSTEM] == ["engine-error"]
    rejected = await read(broker, [names.rejected()])
    reasons = Counter(dict(one.headers)["reason"] for one in rejected)
    assert reasons[b"engine_error"] == 1
    assert [one.value for one in rejected if dict(one.headers)["reason"] == b"engine_error"] == [poison.reading]


def test_a_worker_refuses_to_run_without_its_topics(embedded: Callable[[Iterable[Topic]], Broker], prefix: str) -> None:
    broker = embedded(topics_for(prefix, simulated=True, feed_partitions=PARTITIONS))
    with pytest.raises(MissingError, match=r"topic other\.feeds\.hydrology and \d+ more are missing; run `citybrain"):
        worker_for(broker, "other.").run()
