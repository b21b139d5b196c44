"""The one table of Kafka topics: their names, keys, partitions and broker settings, and how they come to be.

Partition counts are fixed for a topic's life: a key's partition follows from the count, and with it the place of
the site's state. So a count is compared and reported here, never changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from kafka.partitioner.default import murmur2

from citybrain.instants import DAY, HOUR
from citybrain.model import Feed, Scenario

PREFIX: Final = "citybrain."
# A drill's topics are the same table once more, under a prefix of their own.
EXERCISE: Final = "exercise."

FEED_PARTITIONS: Final = 12
SMALL_PARTITIONS: Final = 4
# One partition gives the journal one order.
JOURNAL_PARTITIONS: Final = 1
STATUS_PARTITIONS: Final = 1
# A rule may look at sites and alerts of the whole city.
SIGNAL_PARTITIONS: Final = 1
# The number of a published set is its offset.
CATALOG_PARTITIONS: Final = 1

# A feed needs to outlive the longest outage of its worker, alerts and journal the yearly review.
FEED_RETENTION: Final = 7 * DAY
ALERT_RETENTION: Final = 400 * DAY
STATUS_RETENTION: Final = 1 * DAY

# Brokers since 4.0 refuse records stamped more than an hour ahead and older ones take any. Stated, all do the
# same; without it one record from the far future would drag its partition's time there for good.
AHEAD_MAX: Final = 1 * HOUR
# An owner that reads its state back must still find the records of the owner before it.
COMPACTION_LAG_MIN: Final = 1 * HOUR
# A state record is the whole state of a partition; the broker's default of 1 MiB would refuse the largest.
STATE_BYTES_MAX: Final = 8 * 1024 * 1024

# The greatest replication factor chosen when none is given.
REPLICAS_MAX: Final = 3


class Cleanup(StrEnum):
    """What the broker does with old records, in its own words."""

    DELETE = "delete"
    COMPACT = "compact"


class Stage(StrEnum):
    """What the stages after the site stage read, each under the name of its topic."""

    SIGNALS = "signals"  # The area stage.
    JOURNAL = "journal"  # The incident stage.


SOURCES: Final[tuple[Feed | Stage, ...]] = (*Feed, *Stage)  # All that any stage reads.


class TimestampType(StrEnum):
    """Who stamps a record: its producer or the log it is appended to, in the broker's own words."""

    CREATE = "CreateTime"
    APPEND = "LogAppendTime"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it has to be; `retention` is in milliseconds, and None where compaction alone decides."""

    name: str
    key: str
    partitions: int
    cleanup: Cleanup
    retention: int | None
    timestamp_type: TimestampType
    meaning: str

    def __post_init__(self) -> None:
        if self.partitions < 1:
            raise ValueError(f"{self.name}: partitions is {self.partitions}, expected at least 1")
        if (self.retention is None) != (self.cleanup is Cleanup.COMPACT):
            raise ValueError(f"{self.name}: cleanup is {self.cleanup}, retention is {self.retention}")

    def settings(self) -> dict[str, str]:
        """Return the broker settings by which this topic differs from the broker's defaults."""
        settings = {"cleanup.policy": self.cleanup.value, "message.timestamp.type": self.timestamp_type.value}
        if self.retention is None:
            settings["min.compaction.lag.ms"] = str(COMPACTION_LAG_MIN)
            settings["max.message.bytes"] = str(STATE_BYTES_MAX)
        else:
            settings["retention.ms"] = str(self.retention)
        if self.timestamp_type is TimestampType.CREATE:
            settings["message.timestamp.after.max.ms"] = str(AHEAD_MAX)
        return settings


@dataclass(frozen=True, slots=True)
class Names:
    """The names of all topics under one prefix."""

    prefix: str = PREFIX

    def exercise(self) -> "Names":
        """Return the names of the drill's own set."""
        assert not self.prefix.endswith(EXERCISE), "a drill has no drill of its own"
        return Names(self.prefix + EXERCISE)

    def feed(self, feed: Feed) -> str:
        """Return the topic of a feed's readings and control records."""
        return f"{self.prefix}feeds.{feed.value}"

    def rejected(self) -> str:
        """Return the topic of records that were not judged."""
        return f"{self.prefix}feeds.rejected"

    def alerts(self, scenario: Scenario) -> str:
        """Return the topic of a scenario's alert events."""
        return f"{self.prefix}alerts.{scenario.value}"

    def journal(self) -> str:
        """Return the topic that holds every alert event and action in one order."""
        return f"{self.prefix}{Stage.JOURNAL.value}"

    def alert_states(self) -> str:
        """Return the topic of the latest event of each alert and what people did with it."""
        return f"{self.prefix}alerts.state"

    def incidents(self) -> str:
        """Return the topic of incidents with their checklists."""
        return f"{self.prefix}incidents"

    def bulletins(self) -> str:
        """Return the topic of what the public is told, and of its drafts."""
        return f"{self.prefix}bulletins"

    def outcomes(self) -> str:
        """Return the topic of the answers to what people did."""
        return f"{self.prefix}actions.outcomes"

    def status(self) -> str:
        """Return the topic that says how the feeds are."""
        return f"{self.prefix}status.feeds"

    def catalog(self) -> str:
        """Return the topic of the published sets of rules, scripts, sites and zones."""
        return f"{self.prefix}catalog"

    def signals(self) -> str:
        """Return the topic of what the site stage tells rules over several sites."""
        return f"{self.prefix}{Stage.SIGNALS.value}"

    def source(self, source: Feed | Stage) -> str:
        """Return the topic that a stage reads."""
        return self.feed(source) if isinstance(source, Feed) else f"{self.prefix}{source.value}"

    def state(self, source: Feed | Stage) -> str:
        """Return the topic of the checkpoint data of the stage that reads a feed or another topic."""
        return f"{self.prefix}state.{source.value}"


def topics_for(
    prefix: str = PREFIX, *, simulated: bool = False, feed_partitions: int = FEED_PARTITIONS
) -> tuple[Topic, ...]:
    """Return the whole table under the prefix: the live set, then the drill's.

    With `simulated` the live feeds too take their time from the producer, as the demo's and the tests' do.
    """
    names = Names(prefix)
    live = TimestampType.CREATE if simulated else TimestampType.APPEND
    return (
        *_topic_set(names, feed_time=live, feed_partitions=feed_partitions),
        *_topic_set(names.exercise(), feed_time=TimestampType.CREATE, feed_partitions=feed_partitions),
    )


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key: murmur2 as in Java, on which all our producers agree.

    Source: Apache Kafka, org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey.
    """
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


class Outcome(StrEnum):
    """What `ensure` found or did."""

    CREATED = "created"
    RIGHT = "right"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting of an existing topic that is not as the table says."""

    setting: str
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one topic; `differences` is empty unless it differs."""

    topic: str
    outcome: Outcome
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        if not self.differences:
            return f"{self.topic}: {self.outcome}"
        wrong = [f"{each.setting} is {each.found}, expected {each.expected}" for each in self.differences]
        return f"{self.topic}: {'; '.join(wrong)}"


class TopicAdmin(Protocol):
    """What `ensure` needs of a broker; `streams.clients.Admin` is the real one."""

    def broker_count(self) -> int:
        """Return how many brokers are up."""
        ...

    def partition_counts(self) -> Mapping[str, int]:
        """Return the partition count of every topic there is."""
        ...

    def replica_counts(self, names: Sequence[str]) -> Mapping[str, int]:
        """Return the smallest replica count among the partitions of each topic."""
        ...

    def settings(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Return all settings of the topics, defaults included."""
        ...

    def create(self, topics: Sequence[Topic], *, replicas: int) -> None:
        """Create the topics and wait until they can be used; one that exists by now is no error."""
        ...


def ensure(admin: TopicAdmin, topics: Iterable[Topic], *, replicas: int | None = None) -> list[Finding]:
    """Create the topics that are missing, compare the others with the table, and tell what was found.

    `replicas` is 3, or as many as there are brokers if they are fewer, unless it is given. Nothing that exists is
    changed: a difference may be wanted by the people who run the broker, and a partition count can't be undone.
    """
    wanted = list(topics)
    count = replicas if replicas is not None else min(REPLICAS_MAX, admin.broker_count())
    existing = admin.partition_counts()
    missing = [topic for topic in wanted if topic.name not in existing]
    if missing:
        admin.create(missing, replicas=count)

    # What was just created is compared too: someone else may have created it first, and differently.
    names = [topic.name for topic in wanted]
    partitions, replicas_found, settings = (
        admin.partition_counts(),
        admin.replica_counts(names),
        admin.settings(names),
    )
    created = {topic.name for topic in missing}
    return [
        _finding(
            topic,
            was_missing=topic.name in created,
            differences=(
                *_count_differences(
                    partitions[topic.name],
                    replicas_found[topic.name],
                    partitions_expected=topic.partitions,
                    replicas_expected=count,
                ),
                *_setting_differences(settings[topic.name], topic.settings()),
            ),
        )
        for topic in wanted
    ]


def _finding(topic: Topic, *, was_missing: bool, differences: tuple[Difference, ...]) -> Finding:
    if differences:
        return Finding(topic.name, Outcome.DIFFERS, differences)
    return Finding(topic.name, Outcome.CREATED if was_missing else Outcome.RIGHT)


def _count_differences(
    partitions: int, replicas: int, *, partitions_expected: int, replicas_expected: int
) -> Iterable[Difference]:
    if partitions != partitions_expected:
        yield Difference("partitions", str(partitions), str(partitions_expected))
    # More replicas than asked for do no harm, and a broker that is down just now lowers the number asked for.
    if replicas < replicas_expected:
        yield Difference("replicas", str(replicas), str(replicas_expected))


def _setting_differences(found: Mapping[str, str], expected: Mapping[str, str]) -> Iterable[Difference]:
    for setting, value in expected.items():
        if found.get(setting) != value:
            yield Difference(setting, found.get(setting, "not set"), value)


def _topic_set(names: Names, *, feed_time: TimestampType, feed_partitions: int) -> tuple[Topic, ...]:
    """Return one set, live or drill."""
    # A rehearsal's records carry simulated instants that may lie weeks back; with the live retention the broker
    # would drop them before they are read.
    retention = FEED_RETENTION if feed_time is TimestampType.APPEND else ALERT_RETENTION
    feeds = [
        Topic(
            name=names.feed(feed),
            key="site id",
            partitions=feed_partitions,
            cleanup=Cleanup.DELETE,
            retention=retention,
            timestamp_type=feed_time,
            meaning=f"readings of the {feed.value} feed and its control records",
        )
        for feed in Feed
    ]
    states = [
        Topic(
            name=names.state(feed),
            key="feed and partition",
            partitions=feed_partitions,
            cleanup=Cleanup.COMPACT,
            retention=None,
            timestamp_type=TimestampType.APPEND,
            meaning=f"checkpoint data of the site stage for the {feed.value} feed",
        )
        for feed in Feed
    ]
    single = (_catalog(names), *_signals(names), *_journal(names))
    return (*feeds, _rejected(names), *_alerts(names), *single, *_incidents(names), _status(names), *states)


def _rejected(names: Names) -> Topic:
    return Topic(
        name=names.rejected(),
        key="as it came",
        partitions=SMALL_PARTITIONS,
        cleanup=Cleanup.DELETE,
        retention=FEED_RETENTION,
        timestamp_type=TimestampType.APPEND,
        meaning="records that were not judged: the original bytes, where they lay, and why",
    )


def _catalog(names: Names) -> Topic:
    return Topic(
        name=names.catalog(),
        # No two have the same: whatever was published once, a state may name.
        key="publication",
        partitions=CATALOG_PARTITIONS,
        cleanup=Cleanup.COMPACT,
        retention=None,
        timestamp_type=TimestampType.APPEND,
        meaning="the published sets of rules, scripts, sites and zones, as the author files that they are",
    )


def _signals(names: Names) -> list[Topic]:
    return [
        Topic(
            name=names.signals(),
            key="feed and partition",
            partitions=SIGNAL_PARTITIONS,
            cleanup=Cleanup.DELETE,
            retention=FEED_RETENTION,
            timestamp_type=TimestampType.APPEND,
            meaning="what the site stage tells rules over several sites: values, alert events, how far it is",
        ),
        Topic(
            name=names.state(Stage.SIGNALS),
            key="kind of record",
            partitions=SIGNAL_PARTITIONS,
            cleanup=Cleanup.COMPACT,
            retention=None,
            timestamp_type=TimestampType.APPEND,
            meaning="checkpoint data of the area stage",
        ),
    ]


def _alerts(names: Names) -> list[Topic]:
    return [
        Topic(
            name=names.alerts(scenario),
            key="alert id",
            partitions=SMALL_PARTITIONS,
            cleanup=Cleanup.DELETE,
            retention=ALERT_RETENTION,
            timestamp_type=TimestampType.APPEND,
            meaning=f"alert events of {scenario.value}, one for each change",
        )
        for scenario in Scenario
    ]


def _journal(names: Names) -> list[Topic]:
    return [
        Topic(
            name=names.journal(),
            key="alert, incident or action id",
            partitions=JOURNAL_PARTITIONS,
            cleanup=Cleanup.DELETE,
            retention=ALERT_RETENTION,
            timestamp_type=TimestampType.APPEND,
            meaning="every alert event again and every action, in one order",
        ),
        Topic(
            name=names.state(Stage.JOURNAL),
            key="alert or incident",
            partitions=JOURNAL_PARTITIONS,
            cleanup=Cleanup.COMPACT,
            retention=None,
            timestamp_type=TimestampType.APPEND,
            meaning="checkpoint data of the incident stage",
        ),
    ]


def _incidents(names: Names) -> list[Topic]:
    def compacted(name: str, key: str, meaning: str) -> Topic:
        return Topic(name, key, SMALL_PARTITIONS, Cleanup.COMPACT, None, TimestampType.APPEND, meaning)

    return [
        compacted(
            names.alert_states(),
            "alert id",
            "the latest event of each alert and what people did with it; removed 7 days after it cleared",
        ),
        compacted(
            names.incidents(), "incident id", "incidents: level, open alerts, checklist; gone 30 days after the end"
        ),
        Topic(
            name=names.bulletins(),
            key="incident id",
            partitions=SMALL_PARTITIONS,
            cleanup=Cleanup.DELETE,
            retention=ALERT_RETENTION,
            timestamp_type=TimestampType.APPEND,
            meaning="messages of CAP 1.2, one chain per incident; those of status Draft are not released",
        ),
        Topic(
            name=names.outcomes(),
            key="action id",
            partitions=SMALL_PARTITIONS,
            cleanup=Cleanup.DELETE,
            retention=ALERT_RETENTION,
            timestamp_type=TimestampType.APPEND,
            meaning="the answer to each action: accepted, or refused and why",
        ),
    ]


def _status(names: Names) -> Topic:
    return Topic(
        name=names.status(),
        key="feed",
        partitions=STATUS_PARTITIONS,
        cleanup=Cleanup.DELETE,
        retention=STATUS_RETENTION,
        timestamp_type=TimestampType.APPEND,
        meaning="what came through of the canary records that workers append to every feed partition",
    )
