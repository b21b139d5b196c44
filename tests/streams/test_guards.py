"""What keeps a worker from starting, and what it says about it."""

from collections.abc import Mapping, Sequence

import pytest

from citybrain.model import Feed, Status
from streams.guards import broker_faults, expected_stamps, topic_faults
from streams.topics import Names, TimestampType, topics_for

NAMES = Names("t.")
COUNTS = {topic.name: topic.partitions for topic in topics_for("t.")}


class Looks:
    """A broker as it may be."""

    def __init__(self, version: tuple[int, ...], stamps: TimestampType) -> None:
        self._version = version
        self._stamps = stamps

    def broker_version(self) -> tuple[int, ...]:
        return self._version

    def settings(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        return {name: {"message.timestamp.type": self._stamps.value} for name in names}


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        pytest.param({}, "t.feeds.hydrology and 32 more are missing; run `citybrain topics ensure`", id="none"),
        pytest.param(
            {name: count for name, count in COUNTS.items() if name != "t.journal"},
            "topic t.journal does not exist; run `citybrain topics ensure`",
            id="one-is-missing",
        ),
        pytest.param(
            {**COUNTS, "t.state.parking": 4},
            "topic t.state.parking has 4 partitions, expected 12 as t.feeds.parking has",
            id="state-has-fewer-partitions",
        ),
    ],
)
def test_topics_that_do_not_fit_are_named(counts: dict[str, int], text: str) -> None:
    (fault,) = topic_faults(counts, NAMES)
    assert text in fault


def test_all_is_well_with_the_topics_of_the_table() -> None:
    assert list(topic_faults(COUNTS, NAMES)) == []
    assert list(broker_faults(Looks((3, 6), TimestampType.APPEND), NAMES, stamps=TimestampType.APPEND)) == []


def test_a_broker_that_is_too_old_is_named_with_its_version() -> None:
    looks = Looks((3, 5), TimestampType.APPEND)
    assert list(broker_faults(looks, NAMES, stamps=TimestampType.APPEND)) == [
        "the broker is Kafka 3.5, expected 3.6 or newer; upgrade the broker"
    ]


@pytest.mark.parametrize(
    ("found", "expected", "text"),
    [
        pytest.param(
            TimestampType.CREATE, TimestampType.APPEND, "set CITYBRAIN_SIMULATED=true if its readings are simulated"
        ),
        pytest.param(TimestampType.APPEND, TimestampType.CREATE, "unset CITYBRAIN_SIMULATED if its readings are live"),
    ],
    ids=["simulated-topics", "live-topics"],
)
def test_feeds_that_another_stamps_are_named_with_both_ways_out(
    found: TimestampType, expected: TimestampType, text: str
) -> None:
    faults = list(broker_faults(Looks((4, 0), found), NAMES, stamps=expected))
    assert len(faults) == len(Feed)
    assert f"has message.timestamp.type {found}, expected {expected}; {text}" in faults[0]
    assert f"--add-config message.timestamp.type={expected}" in faults[0]


@pytest.mark.parametrize(
    ("status", "is_simulated", "stamps"),
    [
        (Status.ACTUAL, False, TimestampType.APPEND),
        (Status.ACTUAL, True, TimestampType.CREATE),
        (Status.EXERCISE, False, TimestampType.CREATE),
    ],
    ids=["live", "simulated", "drill"],
)
def test_who_has_to_stamp_the_records(status: Status, is_simulated: bool, stamps: TimestampType) -> None:
    assert expected_stamps(status, is_simulated=is_simulated) is stamps
