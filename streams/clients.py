"""The only place that makes kafka-python clients, and that knows what is odd about them.

The worker has clients of its own, from Faust and aiokafka. These serve everything around it: topic creation,
simulators, `alerts watch`, tests. All of them block, and all of them raise: a record that did not arrive is never only
a log line.
"""

import contextlib
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Self

from kafka import (
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    TopicPartition,
)
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    for_code,
)

from citybrain.errors import MissingError, UsageError
from streams.topics import Topic

# The version exchange of kafka-python cannot read the embedded broker's answer and gives up after 30 s. Told a
# version, it uses what both sides know; 2.3 has idempotence, headers and record format 2.
EMBEDDED_API_VERSION: Final = (2, 3)
# The embedded broker sleeps the whole of this time before it answers an empty fetch, even if records arrive.
EMBEDDED_FETCH_WAIT_MS: Final = 50
FETCH_WAIT_MS: Final = 500

CONNECT_TIMEOUT_S: Final = 5
BOOTSTRAP_TIMEOUT_MS: Final = 10_000
METADATA_TIMEOUT_MS: Final = 10_000
DELIVERY_TIMEOUT_MS: Final = 30_000
ENDS_TIMEOUT_MS: Final = 5_000
CLOSE_TIMEOUT_S: Final = 1
# As the largest record of any topic (topics.STATE_BYTES_MAX), with room for the record's frame.
REQUEST_BYTES_MAX: Final = 9 * 1024 * 1024
# kafka-python 3 has no limit of its own on records that wait to be sent.
UNACKED_MAX: Final = 10_000
POLL_MS: Final = 250
# Polls without a record after which a read that has not reached its end is called stuck: a minute.
IDLE_POLLS_MAX: Final = 60_000 // POLL_MS


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker listens, and whether it is the embedded one, which some clients must be told."""

    bootstrap: str
    embedded: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in a log; `timestamp_ms` is the topic's kind of time (see `streams.topics`)."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Start(StrEnum):
    """From where a log is read."""

    BEGINNING = "beginning"
    END = "end"


class Admin:
    """Looks at topics and creates them; what `streams.topics.ensure` needs."""

    def __init__(self, broker: Broker) -> None:
        """Connect. Raises MissingError if nobody answers, UsageError for the embedded broker."""
        if broker.embedded:
            raise UsageError("the embedded broker takes its topics when it starts and can create no others")
        with _connecting(broker):
            self._client: Any = KafkaAdminClient(**_settings(broker))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def broker_version(self) -> tuple[int, ...]:
        """Return the version of the broker, as far as what it can do tells."""
        return tuple(self._client._manager.broker_version)

    def broker_count(self) -> int:
        """Return how many brokers are up."""
        return len(self._client.describe_cluster()["brokers"])

    def partition_counts(self) -> dict[str, int]:
        """Return the partition count of every topic there is."""
        return {topic["name"]: len(topic["partitions"]) for topic in self._client.describe_topics()}

    def replica_counts(self, names: Sequence[str]) -> dict[str, int]:
        """Return the smallest replica count among the partitions of each topic."""
        described = self._client.describe_topics(list(names))
        return {
            topic["name"]: min(len(partition["replica_nodes"]) for partition in topic["partitions"])
            for topic in described
        }

    def settings(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return all settings of the topics, defaults included."""
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        described: Mapping[str, Mapping[str, Mapping[str, Any]]]
        described = self._client.describe_configs(resources, config_filter="all").get("topic", {})
        return {name: {setting: str(entry["value"]) for setting, entry in described[name].items()} for name in names}

    def create(self, topics: Sequence[Topic], *, replicas: int) -> None:
        """Create the topics and wait until they can be used; one that exists by now is no error."""
        wanted = {
            topic.name: {
                "num_partitions": topic.partitions,
                "replication_factor": replicas,
                "configs": topic.settings(),
            }
            for topic in topics
        }
        answer = self._client.create_topics(wanted, raise_errors=False)
        for topic in answer["topics"]:
            error = for_code(topic["error_code"])
            if error not in (NoError, TopicAlreadyExistsError):
                reason = topic.get("error_message") or error.description
                raise MissingError(f"topic {topic['name']} cannot be created: {reason}")
        self._client.wait_for_topics([topic.name for topic in topics])


class Producer:
    """Sends records, each acknowledged by all replicas and written once.

    The first failure is kept and raised by the next `send` or `flush`, and by leaving the `with` block: whoever
    comes past one of them without an error has all that was sent before it in the log.
    """

    def __init__(self, broker: Broker, *, linger_ms: int = 0) -> None:
        """Connect. Raises MissingError if nobody answers."""
        self._broker = broker
        self._topics = topic_names(broker)
        self._unacked = 0
        self._failure: Exception | None = None
        with _connecting(broker):
            self._client: Any = KafkaProducer(
                **_settings(broker),
                acks="all",
                enable_idempotence=True,
                linger_ms=linger_ms,
                max_block_ms=METADATA_TIMEOUT_MS,
                delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
                request_timeout_ms=DELIVERY_TIMEOUT_MS // 2,
                max_request_size=REQUEST_BYTES_MAX,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # An interrupt wants to leave, not to wait for a broker that may be gone.
            if error is None:
                self.flush()
        finally:
            self.close()

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Iterable[tuple[str, bytes]] = (),
    ) -> None:
        """Hand a record over; without a partition the key decides it (`streams.topics.partition_of`).

        Without `timestamp_ms` kafka-python stamps the record by the wall clock. Raises MissingError if the topic
        does not exist or if an earlier record was not acknowledged.
        """
        if self._unacked >= UNACKED_MAX:
            self.flush()
        self._raise_failure()
        self._require_topic(topic)
        try:
            future = self._client.send(
                topic,
                value=value,
                key=key,
                partition=partition,
                timestamp_ms=timestamp_ms,
                headers=list(headers),
            )
        except KafkaError as error:
            raise MissingError(f"{topic} at {self._broker.bootstrap} takes no records: {error}") from error
        self._unacked += 1
        future.add_errback(self._keep_failure)

    def flush(self) -> None:
        """Wait until everything sent so far is acknowledged. Raises MissingError if anything was not."""
        try:
            self._client.flush(timeout=DELIVERY_TIMEOUT_MS / 1000)
        except KafkaError as error:
            self._keep_failure(error)
        self._unacked = 0
        self._raise_failure()

    def close(self) -> None:
        """Close the connections, waiting a second at most for what is not acknowledged."""
        try:
            self._client.close(timeout=CLOSE_TIMEOUT_S)
        except KafkaError:
            # It raises for what is left before it stops its thread, which would go on trying until the process ends.
            self._client._sender.force_close()
            self._client._sender.join(CLOSE_TIMEOUT_S)

    def _require_topic(self, topic: str) -> None:
        """Refuse a topic that does not exist; kafka-python would have the broker create it, with any partitions.

        Its `allow_auto_create_topics=False` does not get as far as its metadata requests (3.0.12), but asking for
        all topics creates none.
        """
        if topic not in self._topics:
            self._topics = topic_names(self._broker)
        if topic not in self._topics:
            raise MissingError(f"topic {topic} does not exist at {self._broker.bootstrap}")

    def _keep_failure(self, error: Exception) -> None:
        """Keep the first failure; called on the sender's thread."""
        if self._failure is None:
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure = self._failure
            raise MissingError(f"a record was not acknowledged at {self._broker.bootstrap}: {failure!r}") from failure


class Watch:
    """The records of some topics as they come, read outside any consumer group; ends only when it is closed.

    What lies at one moment in several partitions comes in the order of its timestamps. A partition whose oldest
    records are gone goes on with the oldest that it has.
    """

    def __init__(self, broker: Broker, topics: Iterable[str], *, start: Start) -> None:
        """Connect and take the places to read from: what is appended from here on is seen.

        Raises MissingError if nobody answers or a topic does not exist.
        """
        partitions = _partitions(broker, topics)
        self._consumer: Any = _consumer(broker)
        self._waiting: Iterator[Record] = iter(())
        try:
            self._consumer.assign(partitions)
            find = self._consumer.beginning_offsets if start is Start.BEGINNING else self._consumer.end_offsets
            for partition, offset in find(partitions).items():
                self._consumer.seek(partition, offset)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        while True:
            record = next(self._waiting, None)
            if record is not None:
                return record
            self._waiting = iter(self.poll())

    def poll(self) -> list[Record]:
        """Return what has come, or nothing after a quarter of a second."""
        polled: Mapping[Any, Sequence[Any]] = self._consumer.poll(timeout_ms=POLL_MS)
        records = [_record(raw) for batch in polled.values() for raw in batch]
        # Sorting is stable and each partition's batch is in order, so equal timestamps keep the log's order.
        return sorted(records, key=lambda record: record.timestamp_ms)

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()


class Ends:
    """Where the partitions of some topics end, asked for again and again."""

    def __init__(self, broker: Broker, topics: Iterable[str]) -> None:
        """Connect. Raises MissingError if nobody answers or a topic does not exist."""
        self._broker = broker
        self._partitions = _partitions(broker, topics)
        self._consumer: Any = _consumer(broker)

    def look(self) -> dict[tuple[str, int], int]:
        """Return, by topic and partition, the offset that its next record will have.

        Raises MissingError if nobody answers.
        """
        try:
            ends: Mapping[Any, int] = self._consumer.end_offsets(self._partitions, timeout_ms=ENDS_TIMEOUT_MS)
        except (KafkaError, OSError) as error:
            raise MissingError(f"no Kafka broker answers at {self._broker.bootstrap}: {error!r}") from error
        return {(place.topic, place.partition): end for place, end in ends.items()}

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close(timeout_ms=0)


def read_all(broker: Broker, topics: Iterable[str]) -> list[Record]:
    """Return all records that the topics hold now, by topic, partition and offset.

    Raises MissingError if nobody answers, a topic does not exist, or the reading gets stuck.
    """
    return sorted(read_each(broker, topics), key=lambda record: (record.topic, record.partition, record.offset))


def read_each(broker: Broker, topics: Iterable[str]) -> Iterator[Record]:
    """Yield all records that the topics hold now, each partition in its order. Raises MissingError as `read_all`."""
    partitions = _partitions(broker, topics)
    consumer = _consumer(broker)
    try:
        consumer.assign(partitions)
        ends: Mapping[Any, int] = consumer.end_offsets(partitions)
        for partition, offset in consumer.beginning_offsets(partitions).items():
            consumer.seek(partition, offset)
        yield from _read_to(consumer, broker, ends)
    finally:
        consumer.close()


def newest_timestamp(broker: Broker, topics: Iterable[str]) -> int | None:
    """Return the time of the newest of the last records of all partitions, in ms; None if the topics hold nothing.

    Raises MissingError if nobody answers, a topic does not exist, or the reading gets stuck.
    """
    partitions = _partitions(broker, topics)
    consumer = _consumer(broker)
    try:
        begins = consumer.beginning_offsets(partitions)
        ends = {place: end for place, end in consumer.end_offsets(partitions).items() if end > begins[place]}
        consumer.assign(list(ends))
        for place, end in ends.items():
            consumer.seek(place, end - 1)
        return max((record.timestamp_ms for record in _read_to(consumer, broker, ends)), default=None)
    finally:
        consumer.close()


def _read_to(consumer: Any, broker: Broker, ends: Mapping[Any, int]) -> Iterator[Record]:
    """Yield the records below the end offsets. A position, unlike a record, also passes what compaction left."""
    idle_polls = 0
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        polled = consumer.poll(timeout_ms=POLL_MS)
        idle_polls = 0 if polled else idle_polls + 1
        if idle_polls > IDLE_POLLS_MAX:
            raise MissingError(f"{broker.bootstrap} holds records that it does not hand out")
        for partition, batch in polled.items():
            yield from (_record(raw) for raw in batch if raw.offset < ends[partition])


def topic_names(broker: Broker) -> frozenset[str]:
    """Return the names of all topics there are. Raises MissingError if nobody answers."""
    return frozenset(topic_partitions(broker))


def topic_partitions(broker: Broker) -> dict[str, int]:
    """Return the partition count of every topic. Raises MissingError if nobody answers.

    By an admin client, which gives up in time: a consumer's `topics` waits for ever if the broker goes meanwhile.
    """
    with _connecting(broker):
        client = KafkaAdminClient(**_settings(broker))
        try:
            return {topic["name"]: len(topic["partitions"]) for topic in client.describe_topics()}
        finally:
            client.close()


def _consumer(broker: Broker) -> Any:
    with _connecting(broker):
        return KafkaConsumer(
            **_settings(broker),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=EMBEDDED_FETCH_WAIT_MS if broker.embedded else FETCH_WAIT_MS,
        )


def _partitions(broker: Broker, topics: Iterable[str]) -> list[Any]:
    counts = topic_partitions(broker)
    partitions = []
    for topic in topics:
        if topic not in counts:
            raise MissingError(f"topic {topic} does not exist at {broker.bootstrap}")
        partitions += [TopicPartition(topic, number) for number in range(counts[topic])]
    if not partitions:
        raise UsageError("no topic was named")
    return partitions


def _record(raw: Any) -> Record:
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        timestamp_ms=raw.timestamp,
        key=raw.key,
        value=raw.value,
        headers=tuple((name, bytes(value)) for name, value in raw.headers or ()),
    )


def _settings(broker: Broker) -> dict[str, Any]:
    """Return what all three kinds of clients are told."""
    return {
        "bootstrap_servers": broker.bootstrap.split(","),
        "client_id": "citybrain",
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "api_version": EMBEDDED_API_VERSION if broker.embedded else None,
    }


@contextlib.contextmanager
def _connecting(broker: Broker) -> Iterator[None]:
    """Turn a failed connection into the error that the command line knows."""
    # Asked first, because a kafka-python client that is given a version does not connect before it is used, and one
    # that fails to connect says so in six log lines and leaves its socket open.
    if not any(_listens(address) for address in broker.bootstrap.split(",")):
        raise MissingError(f"no Kafka broker answers at {broker.bootstrap}")
    try:
        yield
    except KafkaError as error:
        raise MissingError(f"no Kafka broker answers at {broker.bootstrap}: {error}") from error


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"broker address is {address!r}, expected HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True
