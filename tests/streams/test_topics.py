from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from citybrain.model import Feed, Scenario
from streams.topics import (
    SOURCES,
    Cleanup,
    Difference,
    Finding,
    Names,
    Outcome,
    TimestampType,
    Topic,
    ensure,
    partition_of,
    topics_for,
)

HOUR_MS = "3600000"
WEEK_MS = "604800000"
DAYS_400_MS = "34560000000"

FEED = {"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime", "retention.ms": WEEK_MS}
SIMULATED_FEED = {
    "cleanup.policy": "delete",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": HOUR_MS,
    "retention.ms": DAYS_400_MS,
}
KEPT = {"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime", "retention.ms": DAYS_400_MS}
STATE = {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
    "min.compaction.lag.ms": HOUR_MS,
    "max.message.bytes": "8388608",
}


@dataclass
class FakeAdmin:
    """A broker that remembers what it was asked to create, and sets defaults of its own."""

    topics: dict[str, int] = field(default_factory=dict)
    configs: dict[str, dict[str, str]] = field(default_factory=dict)
    replicas: dict[str, int] = field(default_factory=dict)
    brokers: int = 1
    # Created by somebody else between the look and the creation.
    rivals: list[Topic] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def broker_count(self) -> int:
        return self.brokers

    def partition_counts(self) -> Mapping[str, int]:
        return dict(self.topics)

    def replica_counts(self, names: Sequence[str]) -> Mapping[str, int]:
        return {name: self.replicas[name] for name in names}

    def settings(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        return {name: {"compression.type": "producer", **self.configs[name]} for name in names}

    def create(self, topics: Sequence[Topic], *, replicas: int) -> None:
        self.asked += [topic.name for topic in topics]
        for topic in (*self.rivals, *topics):
            if topic.name not in self.topics:
                self.topics[topic.name] = topic.partitions
                self.configs[topic.name] = topic.settings()
                self.replicas[topic.name] = replicas


def _topic(name: str, *, simulated: bool = False) -> Topic:
    return next(topic for topic in topics_for(simulated=simulated) if topic.name == name)


@pytest.mark.parametrize(
    ("name", "partitions", "settings"),
    [
        ("citybrain.feeds.hydrology", 12, FEED),
        ("citybrain.feeds.parking", 12, FEED),
        ("citybrain.feeds.environment", 12, FEED),
        ("citybrain.feeds.agency", 12, FEED),
        ("citybrain.feeds.rejected", 4, FEED),
        ("citybrain.alerts.flood-drought-command", 4, KEPT),
        ("citybrain.alerts.system", 4, KEPT),
        ("citybrain.journal", 1, KEPT),
        ("citybrain.state.hydrology", 12, STATE),
        ("citybrain.exercise.feeds.hydrology", 12, SIMULATED_FEED),
        ("citybrain.exercise.feeds.rejected", 4, FEED),
        ("citybrain.exercise.alerts.fire-rescue", 4, KEPT),
        ("citybrain.exercise.journal", 1, KEPT),
        ("citybrain.exercise.state.agency", 12, STATE),
    ],
)
def test_a_topic_has_its_partitions_and_settings(name: str, partitions: int, settings: dict[str, str]) -> None:
    topic = _topic(name)
    assert (topic.partitions, topic.settings()) == (partitions, settings)


def test_each_set_has_every_feed_scenario_and_state_once() -> None:
    names = [topic.name for topic in topics_for("p.")]
    assert len(names) == len(set(names)) == 2 * (2 * len(SOURCES) + len(Scenario) + 7)
    assert {name.removeprefix("p.exercise.") for name in names[len(names) // 2 :]} == {
        name.removeprefix("p.") for name in names[: len(names) // 2]
    }


def test_names_are_those_of_the_table() -> None:
    live = Names("p.")
    for names in (live, live.exercise()):
        expected = {
            names.rejected(),
            names.journal(),
            *(names.feed(feed) for feed in Feed),
            *(names.state(feed) for feed in Feed),
            *(names.alerts(scenario) for scenario in Scenario),
        }
        table = {topic.name for topic in topics_for("p.") if topic.name.startswith(names.prefix)}
        assert expected <= table


def test_a_drill_has_no_drill_of_its_own() -> None:
    with pytest.raises(AssertionError):
        Names("p.").exercise().exercise()


def test_simulated_feeds_take_their_time_from_the_producer_and_nothing_else_does() -> None:
    create = {topic.name for topic in topics_for("p.", simulated=True) if topic.timestamp_type is TimestampType.CREATE}
    assert create == {names.feed(feed) for names in (Names("p."), Names("p.").exercise()) for feed in Feed}
    assert _topic("citybrain.feeds.hydrology", simulated=True).settings() == SIMULATED_FEED


def test_feed_partitions_change_feeds_and_their_state_alike() -> None:
    topics = {topic.name: topic.partitions for topic in topics_for("p.", feed_partitions=4)}
    assert {topics[Names("p.").feed(feed)] for feed in Feed} == {4}
    assert {topics[Names("p.").state(feed)] for feed in Feed} == {4}
    assert topics["p.journal"] == 1


@pytest.mark.parametrize("changes", [{"partitions": 0}, {"retention": None}, {"cleanup": Cleanup.COMPACT}])
def test_a_topic_refuses_what_makes_no_sense(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"citybrain\.journal"):
        replace(_topic("citybrain.journal"), **changes)  # type: ignore[arg-type]


# From Kafka's own UtilsTest.testMurmur2, so that a hash that changes is noticed here and not by lost state.
@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_partition_is_that_of_the_java_client(key: bytes, hashed: int) -> None:
    for partitions in (1, 4, 12):
        assert partition_of(key, partitions) == (hashed & 0x7FFFFFFF) % partitions


def test_ensure_creates_what_is_missing_and_finds_it_right_the_second_time() -> None:
    admin, topics = FakeAdmin(), topics_for("p.")
    assert {finding.outcome for finding in ensure(admin, topics)} == {Outcome.CREATED}
    assert {finding.outcome for finding in ensure(admin, topics)} == {Outcome.RIGHT}
    assert admin.asked == [topic.name for topic in topics]


def test_ensure_reports_a_difference_and_changes_nothing() -> None:
    admin, topic = FakeAdmin(), _topic("citybrain.journal")
    ensure(admin, [topic])
    admin.topics[topic.name] = 3
    admin.configs[topic.name] |= {"retention.ms": "1"}
    del admin.configs[topic.name]["message.timestamp.type"]
    asked = list(admin.asked)

    (finding,) = ensure(admin, [topic])

    assert finding == Finding(
        topic.name,
        Outcome.DIFFERS,
        (
            Difference("partitions", "3", "1"),
            Difference("message.timestamp.type", "not set", "LogAppendTime"),
            Difference("retention.ms", "1", DAYS_400_MS),
        ),
    )
    assert str(finding) == (
        "citybrain.journal: partitions is 3, expected 1; message.timestamp.type is not set, expected LogAppendTime; "
        f"retention.ms is 1, expected {DAYS_400_MS}"
    )
    assert admin.asked == asked


def test_ensure_sees_a_topic_that_another_created_differently_meanwhile() -> None:
    topic = _topic("citybrain.journal")
    admin = FakeAdmin(rivals=[replace(topic, partitions=2)])
    (finding,) = ensure(admin, [topic])
    assert finding.differences == (Difference("partitions", "2", "1"),)


@pytest.mark.parametrize(
    ("brokers", "given", "replicas"),
    [(1, None, 1), (2, None, 2), (3, None, 3), (5, None, 3), (5, 2, 2)],
)
def test_ensure_replicates_as_told_or_as_the_brokers_allow(brokers: int, given: int | None, replicas: int) -> None:
    admin, topic = FakeAdmin(brokers=brokers), _topic("citybrain.journal")
    ensure(admin, [topic], replicas=given)
    assert admin.replicas[topic.name] == replicas


@pytest.mark.parametrize(("found", "outcome"), [(2, Outcome.DIFFERS), (3, Outcome.RIGHT), (4, Outcome.RIGHT)])
def test_ensure_minds_too_few_replicas_but_not_more(found: int, outcome: Outcome) -> None:
    admin, topic = FakeAdmin(brokers=3), _topic("citybrain.journal")
    ensure(admin, [topic])
    admin.replicas[topic.name] = found
    (finding,) = ensure(admin, [topic])
    assert finding.outcome is outcome
