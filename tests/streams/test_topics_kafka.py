"""What only a real broker can say about the topic table."""

from dataclasses import replace

import pytest

from citybrain.errors import MissingError, UsageError
from citybrain.model import Feed
from streams.clients import Admin, Broker, Producer, read_all
from streams.topics import Difference, Names, Outcome, ensure, topics_for

FAR_AHEAD_MS = 4_000_000_000_000  # The year 2096.
LONG_AGO_MS = 1_600_000_000_000


@pytest.mark.kafka
def test_a_real_broker_takes_the_whole_table_and_keeps_it(kafka: Broker, prefix: str) -> None:
    topics = topics_for(prefix)
    with Admin(kafka) as admin:
        assert {finding.outcome for finding in ensure(admin, topics)} == {Outcome.CREATED}
        assert {finding.outcome for finding in ensure(admin, topics)} == {Outcome.RIGHT}


@pytest.mark.kafka
def test_a_difference_is_reported_and_left_alone(kafka: Broker, prefix: str) -> None:
    topic = next(topic for topic in topics_for(prefix) if topic.name == Names(prefix).journal())
    with Admin(kafka) as admin:
        ensure(admin, [replace(topic, partitions=2, retention=5_000)])
        for _ in range(2):
            (finding,) = ensure(admin, [topic])
            assert finding.differences == (
                Difference("partitions", "2", "1"),
                Difference("retention.ms", "5000", "34560000000"),
            )


@pytest.mark.kafka
def test_a_topic_that_cannot_be_had_is_named(kafka: Broker, prefix: str) -> None:
    topic = next(topic for topic in topics_for(prefix) if topic.name == Names(prefix).journal())
    with Admin(kafka) as admin, pytest.raises(MissingError, match=rf"{topic.name} cannot be created: .*replication"):
        ensure(admin, [topic], replicas=3)


@pytest.mark.kafka
def test_live_feeds_are_stamped_by_the_log_and_drills_by_the_producer(kafka: Broker, prefix: str) -> None:
    live, drill = Names(prefix).feed(Feed.PARKING), Names(prefix).exercise().feed(Feed.PARKING)
    with Admin(kafka) as admin:
        ensure(admin, topics_for(prefix))
    with Producer(kafka) as producer:
        for topic in (live, drill):
            producer.send(topic, b"{}", key=b"P1", timestamp_ms=LONG_AGO_MS)
    (stamped_live,), (stamped_drill,) = read_all(kafka, [live]), read_all(kafka, [drill])
    assert stamped_live.timestamp_ms > LONG_AGO_MS
    assert stamped_drill.timestamp_ms == LONG_AGO_MS


@pytest.mark.kafka
def test_a_record_from_the_far_future_is_refused_where_producers_stamp(kafka: Broker, prefix: str) -> None:
    with Admin(kafka) as admin:
        ensure(admin, topics_for(prefix, simulated=True))
    with pytest.raises(MissingError, match="out of range"), Producer(kafka) as producer:
        producer.send(Names(prefix).feed(Feed.PARKING), b"{}", key=b"P1", timestamp_ms=FAR_AHEAD_MS)


@pytest.mark.kafka
def test_a_state_record_may_be_larger_than_the_brokers_default(kafka: Broker, prefix: str) -> None:
    state = Names(prefix).state(Feed.PARKING)
    with Admin(kafka) as admin:
        ensure(admin, topics_for(prefix))
    with Producer(kafka) as producer:
        producer.send(state, bytes(2 * 1024 * 1024), key=b"P1")
    (record,) = read_all(kafka, [state])
    assert record.value == bytes(2 * 1024 * 1024)


def test_the_embedded_broker_has_no_admin() -> None:
    with pytest.raises(UsageError, match="when it starts"):
        Admin(Broker("127.0.0.1:1", embedded=True))
