"""The site stage against a log in memory: order of sends and checkpoints, redeliveries, gaps, poison, take-over."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from citybrain.clock import ManualClock
from citybrain.codec import decode as decode_record
from citybrain.codec import decode_event
from citybrain.errors import SnapshotError
from citybrain.instants import MINUTE, SECOND, format_instant, parse_instant
from citybrain.model import Feed, Status
from rules.intake import FeedRecord, Intake
from rules.ruleset import RuleSet, load_rules
from streams.checkpoint import Checkpoint, decode, encode, newest
from streams.log import Outgoing
from streams.site_stage import Delivery, SiteStage
from streams.telemetry import Telemetry
from streams.topics import Names, partition_of

START = parse_instant("2026-06-20T08:00:00+08:00")
NAMES = Names("t.")


@dataclass
class MemoryLog:
    """A log that keeps what was sent, and says in `told` what happened in which order."""

    sent: list[Outgoing] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    holes: frozenset[int] = frozenset()
    checkpoints: list[Checkpoint] = field(default_factory=list)

    async def send(self, records: Sequence[Outgoing]) -> None:
        self.sent += records
        if records:
            self.told.append(f"sent {len(records)}")

    async def seek(self, feed: Feed, partition: int, offset: int) -> None:
        self.told.append(f"seek {offset}")

    async def first_offset(self, feed: Feed, partition: int) -> int:
        return 0

    def partition_count(self, feed: Feed) -> int:
        return 1

    async def next_offset(self, feed: Feed, partition: int, offset: int) -> int:
        while offset in self.holes:
            offset += 1
        return offset

    async def load(self, feed: Feed, partition: int) -> Checkpoint | None:
        return newest([encode(checkpoint) for checkpoint in self.checkpoints])

    async def save(self, feed: Feed, partition: int, checkpoint: Checkpoint) -> None:
        self.checkpoints.append(checkpoint)
        self.told.append(f"saved {checkpoint.next_offset}")

    @property
    def events(self) -> list[str]:
        journal = [decode_event(one.value or b"") for one in self.sent if one.topic == NAMES.journal()]
        return [f"{event.level} {event.state}" for event in journal]

    @property
    def rejected(self) -> list[bytes]:
        return [dict(one.headers)["reason"] for one in self.sent if one.topic == NAMES.rejected()]


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


def make(log: MemoryLog, rules: RuleSet, clock: ManualClock, status: Status = Status.ACTUAL) -> SiteStage:
    return SiteStage(
        rules,
        names=NAMES,
        log=log,
        checkpoints=log,
        clock=clock,
        telemetry=Telemetry(),
        checkpoint_every=10 * SECOND,
        on_checkpoint=lambda feed, partition, offset: log.told.append(f"commit {offset}"),
        status=status,
    )


def reading(offset: int, stage: float, at: int | None = None) -> Delivery:
    """A reading of the gauge hs-hecheng, one every five minutes."""
    observed = START + offset * 5 * MINUTE
    value = f'{{"site":"hs-hecheng","observed_at":"{format_instant(observed)}","values":{{"stage":{stage}}}}}'
    record = FeedRecord(Feed.HYDROLOGY, at or observed, b"hs-hecheng", value.encode(), {})
    return Delivery(Feed.HYDROLOGY, 0, offset, record)


def break_judging_of(value: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the judging of each record that holds the value fail as a fault of ours would."""
    accept = Intake.accept

    def fragile(self, record):
        if record.value is not None and value in record.value:
            raise ZeroDivisionError
        return accept(self, record)

    monkeypatch.setattr(Intake, "accept", fragile)


async def test_events_are_sent_before_the_checkpoint_that_covers_them_and_that_before_the_commit(rules, clock):
    log = MemoryLog()
    stage = make(log, rules, clock)
    await stage.take(reading(0, 1.2))
    clock.advance(10 * SECOND)
    await stage.take(reading(1, 4.6))
    # One event, on its scenario's topic and on the journal.
    assert log.told == ["sent 2", "saved 2", "commit 2"]
    assert log.events == ["yellow firing"]


async def test_a_redelivered_record_is_judged_once(rules, clock):
    log = MemoryLog()
    stage = make(log, rules, clock)
    for delivery in (reading(0, 1.2), reading(1, 4.6), reading(1, 4.6), reading(0, 1.2)):
        await stage.take(delivery)
    assert log.events == ["yellow firing"]
    assert log.rejected == []


async def test_a_gap_of_the_delivery_is_fetched_again(rules, clock):
    log = MemoryLog()
    stage = make(log, rules, clock)
    await stage.take(reading(0, 1.2))
    await stage.take(reading(2, 1.2))
    await stage.take(reading(3, 1.2))  # Still under way from before the seek: neither judged nor sought again.
    assert log.told == ["seek 1"]
    for offset, level in ((1, 4.6), (2, 1.2), (3, 1.2)):
        await stage.take(reading(offset, level))
    assert log.events == ["yellow firing"]
    assert stage.position(Feed.HYDROLOGY, 0) == 4


async def test_a_seek_that_brings_nothing_is_repeated_and_then_given_up(rules, clock):
    log = MemoryLog()
    stage = make(log, rules, clock)
    await stage.take(reading(0, 1.2))
    for _ in range(5):
        await stage.take(reading(2, 1.2))
        clock.advance(5 * SECOND)
    assert log.told == ["seek 1"] * 5
    with pytest.raises(RuntimeError, match="does not deliver offset 1"):
        await stage.take(reading(2, 1.2))


async def test_a_hole_in_the_log_itself_is_accepted(rules, clock):
    log = MemoryLog(holes=frozenset({1, 2}))
    stage = make(log, rules, clock)
    await stage.take(reading(0, 1.2))
    await stage.take(reading(3, 4.6))
    assert log.events == ["yellow firing"]
    assert "seek 1" not in log.told


async def test_a_new_owner_goes_on_from_the_newest_checkpoint_and_repeats_the_same_bytes(rules, clock):
    log = MemoryLog()
    first = make(log, rules, clock)
    await first.take(reading(0, 1.2))
    await first.save_all()
    await first.take(reading(1, 4.6))  # Sent, and not covered by any checkpoint.
    before = list(log.sent)
    second = make(log, rules, clock)
    await second.take(reading(2, 6.5))  # The group's offset ran ahead of the checkpoint.
    assert log.told[-1] == "seek 1"
    await second.take(reading(1, 4.6))
    assert log.sent[len(before) :] == before
    await second.take(reading(2, 4.7))
    assert log.events == ["yellow firing", "yellow firing"]


async def test_without_a_checkpoint_it_begins_at_the_oldest_record(rules, clock):
    log = MemoryLog()
    stage = make(log, rules, clock)
    await stage.take(reading(3, 1.2))
    assert log.told == ["seek 0"]


async def test_a_record_that_kills_its_judge_is_rejected_and_spoils_nothing(rules, clock, monkeypatch):
    log = MemoryLog()
    stage = make(log, rules, clock)
    break_judging_of(b"2.5", monkeypatch)
    await stage.take(reading(0, 1.2))
    await stage.save_all()
    await stage.take(reading(1, 2.5))
    assert log.told[-1] == "seek 1"
    await stage.take(reading(1, 2.5))
    await stage.take(reading(2, 4.6))
    assert log.rejected == [b"engine_error"]
    assert log.events == ["yellow firing"]


async def test_an_engine_in_doubt_is_never_saved(rules, clock, monkeypatch):
    log = MemoryLog()
    stage = make(log, rules, clock)
    saved: list[Feed] = []
    saving_first, go_on = asyncio.Event(), asyncio.Event()

    async def slow_save(feed, partition, checkpoint):
        saved.append(feed)
        saving_first.set()
        await go_on.wait()

    break_judging_of(b"2.5", monkeypatch)
    monkeypatch.setattr(log, "save", slow_save)
    await stage.take(reading(0, 1.2))
    await stage.take(replace(reading(0, 1.2), feed=Feed.AGENCY))
    saving = asyncio.create_task(stage.save_all())
    await saving_first.wait()
    # While the first partition is being saved, a record of the second kills its judge.
    await stage.take(replace(reading(1, 2.5), feed=Feed.AGENCY))
    go_on.set()
    await saving
    assert saved == [Feed.HYDROLOGY]


async def test_a_record_in_the_wrong_partition_is_rejected(rules, clock, monkeypatch):
    log = MemoryLog()
    monkeypatch.setattr(MemoryLog, "partition_count", lambda self, feed: 12)
    right = partition_of(b"hs-hecheng", 12)
    stage = make(log, rules, clock)
    for partition in (right, (right + 1) % 12):
        await stage.take(replace(reading(0, 1.2), partition=partition))
    assert log.rejected == [b"misrouted"]


@pytest.mark.parametrize(("status", "is_missed"), [(Status.ACTUAL, True), (Status.EXERCISE, False)])
async def test_a_site_of_the_partition_that_never_speaks_is_missed_except_in_a_drill(
    rules, clock, monkeypatch, status, is_missed
):
    #  Only clock records, for twenty minutes; a restart in between changes nothing.
    monkeypatch.setattr(MemoryLog, "partition_count", lambda self, feed: 12)
    log = MemoryLog()
    number = partition_of(b"hs-hecheng", 12)
    sites = {
        site.id
        for site in rules.registry.sites.values()
        if site.kind in ("river-gauge", "rain-gauge") and partition_of(site.id.encode(), 12) == number
    }
    stage = make(log, rules, clock, status=status)
    for offset in range(41):
        record = FeedRecord(None, START + offset * 30 * SECOND, None, None, {"control": b"clock"})
        if offset == 20:
            await stage.save_all()
            stage = make(log, rules, clock, status=status)
        await stage.take(Delivery(Feed.HYDROLOGY, number, offset, record))
    journal = [decode_event(one.value or b"") for one in log.sent if one.topic == NAMES.journal()]
    assert "hs-hecheng" in sites
    assert {event.subject.site for event in journal} == (sites if is_missed else set())
    assert len(journal) == len({event.identifier for event in journal})


async def test_a_held_reading_that_is_refused_goes_out_itself(rules, clock):
    #  A stage out of range is held for a minute; a clock record lets it go.
    feeds = {feed: replace(info, reorder_for=MINUTE) for feed, info in rules.registry.feeds.items()}
    slow = RuleSet(replace(rules.registry, feeds=feeds), rules.rules.values())
    log = MemoryLog()
    stage = make(log, slow, clock)
    await stage.take(reading(0, 999.0))
    assert log.rejected == []
    record = FeedRecord(None, START + MINUTE, None, None, {"control": b"clock"})
    await stage.take(Delivery(Feed.HYDROLOGY, 0, 1, record))
    (sent,) = (one for one in log.sent if one.topic == NAMES.rejected())
    assert (sent.key, dict(sent.headers)["offset"]) == (b"hs-hecheng", b"")
    assert decode_record(sent.value, {}) == decode_record(reading(0, 999.0).record.value, {})


async def test_what_is_on_trial_is_recorded_and_told_to_nobody(rules, clock):
    checked = rules.rules["fd-03"]
    trial = replace(checked, rule=replace(checked.rule, is_trial=True))
    log = MemoryLog()
    stage = make(log, RuleSet(rules.registry, [trial]), clock)
    await stage.take(reading(0, 1.2))
    await stage.take(reading(1, 4.6))
    assert [one.topic for one in log.sent] == [NAMES.journal()]
    assert log.events == ["yellow firing"]
    assert b"citybrain_alerts_open 0.0" in stage._telemetry.text()
    assert b"citybrain_alert_events_total{" not in stage._telemetry.text()


async def test_partitions_that_are_given_away_are_forgotten(rules, clock):
    log = MemoryLog()
    stage = make(log, rules, clock)
    await stage.take(reading(0, 1.2))
    await stage.save_all()
    stage.forget([(Feed.HYDROLOGY, 0), (Feed.PARKING, 3)])
    assert stage.position(Feed.HYDROLOGY, 0) is None
    await stage.take(reading(1, 4.6))
    assert log.events == ["yellow firing"]


async def test_a_checkpoint_is_written_only_when_something_moved(rules, clock):
    log = MemoryLog()
    stage = make(log, rules, clock)
    await stage.take(reading(0, 1.2))
    for _ in range(3):
        clock.advance(20 * SECOND)
        await stage.save_due()
    assert log.told == ["saved 1", "commit 1"]


def test_the_checkpoint_that_is_furthest_on_wins():
    values = [encode(Checkpoint(offset, b"{}")) for offset in (3, 9, 7)]
    assert newest(values) == Checkpoint(9, b"{}")
    assert newest([]) is None
    assert decode(values[0]) == Checkpoint(3, b"{}")


@pytest.mark.parametrize("value", [b"", b"{", b'{"version":1,"next_offset":3}\nxx', b'{"version":2,"next_offset":3}\n'])
def test_a_torn_checkpoint_is_an_error_of_its_own(value):
    with pytest.raises(SnapshotError):
        decode(value)
