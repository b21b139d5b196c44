"""A partition against logs in memory: what is written and sent in which order, and what each kind of trouble does.

What comes of crashes between the steps is for tests/simulation.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import orjson
import pytest

from citybrain.clock import ManualClock
from citybrain.codec import CONTROL_HEADER, decode_event, encode_reset, encode_switch
from citybrain.errors import MissingError, SnapshotError
from citybrain.instants import MINUTE, SECOND, format_instant, parse_instant
from citybrain.model import Feed, Reset, Status, Switch
from rules.intake import FeedRecord, Intake
from rules.ruleset import RuleSet, load_rules
from streams.log import Outgoing, Place, SourceRecord, StateRecord
from streams.partition import Partition
from streams.signal_log import KIND_HEADER, Kind, read_bundle
from streams.state_log import CLAIM, CONTEXT, LIFE, FencedError, site_key
from streams.telemetry import Telemetry
from streams.terms import Terms
from streams.topics import Names, partition_of

START = parse_instant("2026-06-20T08:00:00+08:00")
NAMES = Names("t.")
PLACE = Place(Feed.HYDROLOGY, 0)
SITE = site_key("hs-hecheng")
OTHER = "hs-dagangtou"
TERMS = Terms(NAMES, {Feed.HYDROLOGY: 1}, 10 * SECOND, appends_clock=False, status=Status.EXERCISE)


@dataclass
class Memory:
    """A broker, and the rule sets; `told` says what was written where, in which order."""

    sets: list[RuleSet]
    state: list[StateRecord] = field(default_factory=list)
    sent: list[Outgoing] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    sends: int = 0
    holes: frozenset[int] = frozenset()
    feed_end: int = 100
    tells_offsets: bool = True
    newest: int = 0

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        self.sends += 1
        offsets = []
        for record in records:
            if record.topic == NAMES.state(Feed.HYDROLOGY):
                offsets.append(self.lay(record.key or b"", record.value or b""))
                self.told.append((record.key or b"").decode())
            else:
                self.sent.append(record)
                self.told.append(record.topic.removeprefix("t."))
                offsets.append(len(self.sent))
        return offsets if self.tells_offsets else [-1] * len(offsets)

    def lay(self, key: bytes, value: bytes) -> int:
        self.state.append(StateRecord(len(self.state), key, value))
        return len(self.state) - 1

    async def state_records(self, place: Place, start: int, end: int) -> AsyncIterator[StateRecord]:
        for record in self.state[start:end]:
            yield record

    async def state_end(self, place: Place) -> int:
        return len(self.state)

    async def first_offset(self, place: Place) -> int:
        return 0

    async def end_offset(self, place: Place) -> int:
        return self.feed_end

    async def next_offset(self, place: Place, offset: int) -> int:
        while offset in self.holes:
            offset += 1
        return offset

    async def in_force(self) -> int:
        return self.newest

    async def numbered(self, number: int) -> RuleSet | None:
        return self.sets[number] if number < len(self.sets) else None

    def last(self, key: bytes) -> bytes:
        return [record.value for record in self.state if record.key == key][-1]

    def context(self) -> dict:
        return orjson.loads(self.last(CONTEXT).split(b"\n")[1])

    @property
    def journal(self) -> list[str]:
        events = [decode_event(one.value or b"") for one in self.sent if one.topic == NAMES.journal()]
        return [f"{event.rule.id} {event.level} {event.state}" for event in events]

    @property
    def events(self) -> list[Outgoing]:
        kinds = [(one, dict(one.headers).get(KIND_HEADER)) for one in self.sent]
        return [one for one, kind in kinds if kind in (None, Kind.EVENT.value.encode())]

    @property
    def rejected(self) -> list[bytes]:
        return [dict(one.headers)["reason"] for one in self.sent if one.topic == NAMES.rejected()]


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules()


@pytest.fixture
def log(rules) -> Memory:
    return Memory([rules])


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def owner(log, clock):
    async def take_over(**changes) -> Partition:
        return await Partition.take_over(
            changes.pop("place", PLACE),
            replace(TERMS, **changes),
            reader=log,
            writer=log,
            catalogs=log,
            clock=clock,
            telemetry=Telemetry(),
        )

    return take_over


def reading(offset: int, stage: float, site: str = "hs-hecheng") -> SourceRecord:
    """A reading of a gauge, one every five minutes; its warning stage is 4.5 m."""
    at = START + offset * 5 * MINUTE
    value = f'{{"site":"{site}","observed_at":"{format_instant(at)}","values":{{"stage":{stage}}}}}'
    return SourceRecord(offset, FeedRecord(Feed.HYDROLOGY, at, site.encode(), value.encode(), {}))


def control(offset: int, kind: bytes, value: bytes = b"") -> SourceRecord:
    record = FeedRecord(Feed.HYDROLOGY, START + offset * 5 * MINUTE, None, value, {"control": kind})
    return SourceRecord(offset, record)


# The usual


async def test_rejections_and_signals_go_before_the_state_and_that_before_the_events(log, owner):
    mine = await owner()
    log.told.clear()
    await mine.take([reading(0, 1.2), reading(1, 999.0), reading(2, 4.6)])
    events = ["alerts.flood-drought-command", "journal", "signals"]
    assert log.told == ["feeds.rejected", "signals", SITE.decode(), *events]
    assert log.journal == ["fd-03 yellow firing"]


async def test_what_changed_without_an_event_is_written_when_it_is_due_and_then_the_context_moves(log, owner, clock):
    mine = await owner()
    log.told.clear()
    await mine.take([reading(0, 1.2)])
    clock.advance(9 * SECOND)
    await mine.tick()
    assert (log.told, mine.commit_offset) == (["signals"], 0)
    clock.advance(SECOND)
    await mine.tick()
    assert (log.told, mine.commit_offset) == (["signals", SITE.decode(), "context"], 1)
    await mine.tick()
    assert len(log.told) == 3


async def test_the_context_waits_for_the_oldest_change(log, owner, clock):
    #   The first gauge has waited since 0; the second is written with its alert.
    mine = await owner()
    await mine.take([reading(0, 1.2)])
    clock.advance(5 * SECOND)
    await mine.take([reading(1, 1.2, OTHER), reading(2, 9.0, OTHER)])
    assert log.journal == ["fd-03 yellow firing"]
    await mine.tick()
    assert mine.commit_offset == 0
    clock.advance(5 * SECOND)
    await mine.tick()
    assert mine.commit_offset == 3


async def test_redelivered_records_are_passed_over(log, owner):
    mine = await owner()
    await mine.take([reading(0, 1.2), reading(1, 4.6)])
    await mine.take([reading(0, 1.2), reading(1, 4.6), reading(2, 4.6)])
    assert (log.journal, log.rejected) == (["fd-03 yellow firing"], [])


async def test_a_gap_of_the_delivery_is_asked_for_again(log, owner):
    mine = await owner()
    assert await mine.take([reading(0, 1.2), reading(2, 4.6)]) == 1
    assert mine.next_offset == 1
    assert await mine.take([reading(1, 1.2), reading(2, 4.6)]) is None
    assert log.journal == ["fd-03 yellow firing"]


async def test_records_that_the_log_has_lost_are_reported(log, owner):
    mine = await owner()
    log.holes = frozenset({1, 2})
    assert await mine.take([reading(0, 1.2), reading(3, 4.6)]) is None
    assert log.journal == ["lost-records red firing", "fd-03 yellow firing"]
    assert [one.topic for one in log.sent].count("t.alerts.system") == 1


async def test_an_idle_partition_is_told_the_time_where_the_broker_stamps_it(log, owner, clock):
    mine, other = await owner(appends_clock=True), await owner()
    clock.advance(2 * SECOND)
    await other.tick()
    assert log.sent == []
    with pytest.raises(FencedError):
        await mine.release()
    mine = await owner(appends_clock=True)
    clock.advance(2 * SECOND)
    await mine.tick()
    await mine.tick()
    (sent,) = log.sent
    assert (sent.topic, sent.partition, sent.headers) == ("t.feeds.hydrology", 0, (("control", b"clock"),))


async def test_what_is_on_trial_stands_in_the_journal_alone(log, owner, rules):
    checked = rules.rules["fd-03"]
    log.sets = [RuleSet(rules.registry, [replace(checked, rule=replace(checked.rule, is_trial=True))])]
    mine = await owner()
    await mine.take([reading(0, 1.2), reading(1, 4.6)])
    assert {one.topic for one in log.sent} == {NAMES.journal(), NAMES.signals()}
    assert log.journal == ["fd-03 yellow firing"]


async def test_a_record_in_the_wrong_partition_is_rejected(log, owner):
    right = partition_of(b"hs-hecheng", 12)
    for number in (right, (right + 1) % 12):
        mine = await owner(place=Place(Feed.HYDROLOGY, number), partitions={Feed.HYDROLOGY: 12})
        await mine.take([reading(0, 1.2)])
        log.state.clear()
    assert log.rejected == [b"misrouted"]


@pytest.mark.parametrize(("status", "is_missed"), [(Status.ACTUAL, True), (Status.EXERCISE, False)])
async def test_a_site_that_never_speaks_is_missed_across_a_restart_except_in_a_drill(
    log, owner, clock, status, is_missed
):
    #  Only clock records, for twenty minutes.
    mine = await owner(status=status)
    for offset in range(41):
        record = FeedRecord(None, START + offset * 30 * SECOND, None, None, {"control": b"clock"})
        if offset == 20:
            await mine.release()
            mine = await owner(status=status)
        await mine.take([SourceRecord(offset, record)])
    assert ("fd-00-silence blue firing" in log.journal) is is_missed
    sent = [one.value for one in log.sent if one.topic == NAMES.journal()]
    assert len(sent) == len(set(sent))


async def test_a_held_reading_that_is_refused_goes_out_itself(log, owner, rules):
    feeds = {feed: replace(info, reorder_for=MINUTE) for feed, info in rules.registry.feeds.items()}
    log.sets = [RuleSet(replace(rules.registry, feeds=feeds), rules.rules.values())]
    mine = await owner()
    await mine.take([reading(0, 999.0)])
    assert log.rejected == []
    await mine.take([control(1, b"clock")])
    (sent,) = (one for one in log.sent if one.topic == NAMES.rejected())
    assert (sent.key, dict(sent.headers)["offset"]) == (b"hs-hecheng", b"")


# A new owner


async def test_a_new_owner_goes_on_from_the_context_and_repeats_the_same_bytes(log, owner):
    first = await owner()
    await first.take([reading(0, 1.2), reading(1, 4.6)])
    before = log.events
    second = await owner()
    assert second.next_offset == 0
    assert log.events == before * 2  # The outbox: it may not have been sent.
    await second.take([reading(0, 1.2), reading(1, 4.6), reading(2, 4.7)])
    assert log.events == before * 2  # What the site's state knows is not judged again.
    assert second.snapshot() == (await _judged(log, owner)).snapshot()


async def _judged(log, owner) -> Partition:
    log.state.clear()
    mine = await owner()
    await mine.take([reading(0, 1.2), reading(1, 4.6), reading(2, 4.7)])
    return mine


async def test_an_outbox_is_emptied_at_the_next_checkpoint(log, owner, clock):
    mine = await owner()
    await mine.take([reading(0, 1.2), reading(1, 4.6)])
    assert b'"sequence":1' in log.last(SITE).split(b"\n")[-1]
    await mine.tick()
    assert mine.commit_offset == 2  # It does not wait for that.
    clock.advance(10 * SECOND)
    await mine.tick()
    assert len(log.last(SITE).split(b"\n")) == 3
    sent = len(log.sent)
    await owner()
    assert len(log.sent) == sent


async def test_a_released_partition_is_taken_over_with_nothing_to_do_again(log, owner):
    first = await owner()
    await first.take([reading(0, 1.2), reading(1, 4.6)])
    await first.release()
    sent = len(log.sent)
    second = await owner()
    assert (second.next_offset, len(log.sent)) == (2, sent)
    assert second.snapshot() == first.snapshot()


@pytest.mark.parametrize("tells_offsets", [True, False])
async def test_a_successor_ends_an_owner_before_it_sends_an_event(log, owner, tells_offsets):
    first = await owner()
    second = await owner()
    log.tells_offsets = tells_offsets
    with pytest.raises(FencedError, match="epoch 3 follows ours, 0"):
        await first.take([reading(0, 1.2), reading(1, 4.6)])
    assert log.journal == []
    await second.take([reading(0, 1.2), reading(1, 4.6)])
    assert log.journal == ["fd-03 yellow firing"]


async def test_what_is_written_just_before_the_claim_is_read(log, owner, monkeypatch):
    first = await owner()
    await first.take([reading(0, 1.2)])
    send = Memory.send

    async def slow(self, records):
        if records[0].key == CLAIM:
            monkeypatch.undo()
            await first.take([reading(1, 4.6)])
        return await send(self, records)

    monkeypatch.setattr(Memory, "send", slow)
    second = await owner()
    assert log.journal == ["fd-03 yellow firing"] * 2
    await second.take([reading(0, 1.2), reading(1, 4.6)])
    assert log.journal == ["fd-03 yellow firing"] * 2


async def test_what_a_predecessor_writes_late_is_written_over_and_does_not_count(log, owner, clock):
    first = await owner()
    await first.take([reading(0, 1.2)])
    second = await owner()
    await second.take([reading(0, 1.2), reading(1, 4.6)])
    late = log.state[0]._replace(key=SITE, value=b'0\n{"version":1,"offset":1,"catalog":""}\n{"heard":{}}')
    log.lay(SITE, late.value)
    log.lay(CONTEXT, b'0\n{"version":1,"mark":[1,0,0,0],"skipped":[]}')
    await second.tick()  # Here it is found out,
    clock.advance(SECOND)
    await second.take([reading(2, 4.6)])
    await second.tick()  # and here it is mended, long before the broker compacts anything.
    for key in (SITE, CONTEXT):
        assert log.last(key).startswith(b"%d\n" % second._log.epoch)
    log.lay(SITE, late.value)
    third = await owner()
    assert third.next_offset == 3
    assert log.last(SITE).startswith(b"%d\n" % third._log.epoch)
    assert third.snapshot() == second.snapshot()


async def test_a_broker_that_does_not_tell_offsets_is_asked(log, owner):
    mine = await owner()
    log.tells_offsets = False
    await mine.take([reading(0, 1.2), reading(1, 4.6)])
    assert log.journal == ["fd-03 yellow firing"]
    with pytest.raises(SnapshotError, match="offset of the claim"):
        await owner()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(SITE, b"{}", id="no epoch"),
        pytest.param(SITE, b"0\n{}", id="no version"),
        pytest.param(SITE, b'0\n{"version":2,"offset":1,"catalog":""}\nnull', id="another version"),
        pytest.param(CONTEXT, b'0\n{"version":1,"mark":[1]}', id="torn mark"),
        pytest.param(LIFE, b"0\n{", id="torn life"),
        pytest.param(SITE, b'0\n{"version":1,"offset":1,"catalog":""}', id="no state"),
    ],
)
async def test_a_torn_state_record_is_an_error_of_its_own(log, owner, key, value):
    log.lay(key, value)
    with pytest.raises(SnapshotError):
        await owner()


async def test_a_feed_that_was_made_anew_is_refused(log, owner):
    mine = await owner()
    await mine.take([reading(0, 1.2), reading(1, 4.6)])
    await mine.release()
    log.feed_end = 1
    with pytest.raises(MissingError, match="ends at offset 1 and was judged up to 2"):
        await owner()


# Records that judging fails on


def fragile(monkeypatch: pytest.MonkeyPatch, value: bytes, error: BaseException) -> None:
    """Have the judging of each record that holds the value fail."""
    accept = Intake.accept

    def failing(self, record):
        if record.value is not None and value in record.value:
            raise error
        return accept(self, record)

    monkeypatch.setattr(Intake, "accept", failing)


async def test_a_record_that_fails_is_rejected_and_spoils_nothing(log, owner, monkeypatch):
    fragile(monkeypatch, b"2.5", ZeroDivisionError())
    mine = await owner()
    records = [reading(0, 1.2), reading(1, 2.5), reading(2, 4.6)]
    assert await mine.take(records) == 0
    assert log.context()["skipped"] == [1]
    assert await mine.take(records) is None
    assert log.rejected == [b"engine_error"]
    assert log.journal == ["engine-error red firing", "fd-03 yellow firing"]


async def test_a_fault_of_time_itself_ends_the_process(log, owner, monkeypatch):
    mine = await owner()
    fragile(monkeypatch, b"2.5", ZeroDivisionError())
    monkeypatch.setattr(Intake, "refuse", lambda self, record, rejection: 1 / 0)
    assert await mine.take([reading(0, 2.5)]) == 0
    with pytest.raises(ZeroDivisionError):
        await mine.take([reading(0, 2.5)])


class Killed(BaseException):
    pass


async def test_a_record_that_kills_is_rejected_after_the_third_death_of_it(log, owner, monkeypatch):
    fragile(monkeypatch, b"2.5", Killed())
    records = [reading(0, 1.2), reading(1, 2.5), reading(2, 4.6)]
    log.feed_end = 3
    deaths = 0
    for _ in range(10):
        mine = await owner()
        try:
            await mine.take(records)
            break
        except Killed:
            deaths += 1
    # One that nobody was prepared for, one in a chunk, and three in the judging of this record.
    assert deaths == 5
    assert log.rejected == [b"engine_error"]
    assert log.journal == ["engine-error red firing", "fd-03 yellow firing"]


@pytest.mark.parametrize("when", ["alerts.flood-drought-command", SITE.decode()])
async def test_a_broker_that_fails_makes_no_record_suspicious(log, owner, when, monkeypatch):
    log.feed_end = 2
    send = Memory.send

    async def failing(self, records):
        if any(record.topic.endswith(when) or record.key == when.encode() for record in records):
            raise MissingError(when)
        return await send(self, records)

    monkeypatch.setattr(Memory, "send", failing)
    for _ in range(8):
        with pytest.raises(MissingError):
            await (await owner()).take([reading(0, 1.2), reading(1, 4.6)])
    monkeypatch.undo()
    await (await owner()).take([reading(0, 1.2), reading(1, 4.6)])
    assert set(log.journal) == {"fd-03 yellow firing"}
    assert log.rejected == []


async def test_nobody_judges_while_another_partition_of_the_process_is_under_suspicion(log, owner):
    #  Else a record that kills would have the records of other partitions blamed, which judge at the same moment.
    mine = await owner()
    async with TERMS.turn:
        taking = asyncio.create_task(mine.take([reading(0, 1.2), reading(1, 4.6)]))
        await asyncio.sleep(0)
        assert mine.next_offset == 0
    await taking
    assert log.journal == ["fd-03 yellow firing"]


# Rule sets


@pytest.fixture
def sets(rules) -> list[RuleSet]:
    without = [checked for name, checked in rules.rules.items() if name != "fd-03"]
    return [rules, RuleSet(rules.registry, without)]


def switch(offset: int, number: int) -> SourceRecord:
    return control(offset, b"catalog", encode_switch(Switch(number)))


async def test_a_rule_set_is_in_force_from_its_record_on_and_after_a_restart_from_before(log, owner, sets):
    log.sets = sets
    mine = await owner()
    records = [reading(0, 1.2), reading(1, 4.6), switch(2, 1), reading(3, 4.7)]
    await mine.take(records)
    assert log.journal == ["fd-03 yellow firing", "fd-03 yellow cleared"]
    assert log.context()["mark"][3] == 0
    again = await owner()
    await again.take(records)
    assert set(log.journal) == {"fd-03 yellow firing", "fd-03 yellow cleared"}
    assert again.snapshot() == mine.snapshot()
    await again.release()
    assert log.context()["mark"][3] == 1


@pytest.mark.parametrize(
    ("number", "rejected"), [pytest.param(0, [], id="not newer"), pytest.param(2, [b"schema"], id="not there")]
)
async def test_a_control_record_that_names_no_newer_set_changes_nothing(log, owner, sets, number, rejected):
    log.sets = sets
    mine = await owner()
    await mine.take([reading(0, 1.2), switch(1, number), reading(2, 4.6)])
    assert (log.journal, log.rejected) == (["fd-03 yellow firing"], rejected)


async def test_rules_that_changed_without_a_record_still_know_what_was_sent(log, owner, sets):
    mine = await owner()
    await mine.take([reading(0, 1.2), reading(1, 4.6)])
    log.sets = [sets[1]]
    again = await owner()
    await again.take([reading(0, 1.2), reading(1, 4.6), reading(2, 4.6)])
    assert log.journal[-1] == "fd-03 yellow cleared"
    assert log.journal.count("fd-03 yellow cleared") == 1


async def test_a_site_that_left_the_catalog_is_ended_once(log, owner, rules, clock):
    mine = await owner()
    await mine.take([reading(0, 1.2), reading(1, 4.6)])
    sites = {name: site for name, site in rules.registry.sites.items() if name != "hs-hecheng"}
    log.sets = [RuleSet(replace(rules.registry, sites=sites), rules.rules.values())]
    for _ in range(2):
        mine = await owner()
        await mine.take([reading(0, 1.2), reading(1, 4.6)])
        clock.advance(10 * SECOND)
        await mine.tick()
    assert log.last(SITE).split(b"\n")[2:] == [b"null"]
    assert log.journal == ["fd-03 yellow firing", "fd-03 yellow firing", "fd-03 yellow cleared"]


async def test_a_set_that_is_gone_is_an_error_that_says_so(log, owner, sets):
    log.sets = sets
    mine = await owner()
    await mine.take([switch(0, 1)])
    await mine.release()
    log.sets = sets[:1]
    with pytest.raises(MissingError, match="rule set 1"):
        await owner()


async def test_the_owner_tells_the_partition_of_a_newer_set_once_and_obeys_it_when_it_is_read_back(log, owner, sets):
    log.sets = sets
    mine = await owner()
    log.newest = 1
    await mine.tick()
    assert orders_in(log) == []  # No time yet to stamp it with.
    await mine.take([reading(0, 1.2)])
    for _ in range(2):
        await mine.tick()
    (order,) = orders_in(log)
    assert order.partition == PLACE.partition
    assert order.timestamp == START  # Where the producer stamps, time does not jump to now.
    assert bundles_in(log)[-1].catalog == 0
    record = FeedRecord(Feed.HYDROLOGY, order.timestamp, None, order.value, dict(order.headers))
    await mine.take([SourceRecord(1, record)])
    await mine.tick()
    assert bundles_in(log)[-1].catalog == 1  # Also where no time has passed.
    assert orders_in(log) == [order]


async def test_where_the_broker_stamps_an_order_has_no_time(log, owner, sets):
    log.sets = sets
    mine = await owner(appends_clock=True)
    log.newest = 1
    await mine.tick()
    assert [one.timestamp for one in orders_in(log)] == [None]


async def test_a_signal_says_what_it_measures_under_the_set_that_it_was_taken_under(log, owner, sets, rules):
    #  The next set has no rule over several sites at all, and comes before the second has passed.
    log.sets = [rules, RuleSet(rules.registry, [one for one in rules.rules.values() if one.rule.id == "fd-03"])]
    mine = await owner()
    await mine.take([reading(0, 1.2), switch(1, 1)])
    await mine.tick()
    (bundle,) = bundles_in(log)
    assert bundle.told
    assert {one.measures for one in bundle.told} <= set(rules.areas.plan.signatures.values())


async def test_an_order_to_reset_is_not_carried_out_twice(log, owner, rules):
    order = encode_reset(Reset("fd-03", "hs-hecheng"))
    records = [reading(0, 1.2), reading(1, 4.6), control(2, b"reset", order), reading(3, 4.7)]
    first = await owner()
    await first.take(records)
    second = await owner()
    await second.take(records)
    assert second.snapshot() == first.snapshot()


# What it costs


async def test_what_a_record_costs(log, owner, clock):
    #  One gauge, 100 chunks of 10 readings, a tick each second: a checkpoint and a context every ten seconds.
    mine = await owner()
    log.sends, first = 0, len(log.state)
    for chunk in range(100):
        await mine.take([reading(offset, 1.2 + offset % 5 / 100) for offset in range(chunk * 10, chunk * 10 + 10)])
        clock.advance(SECOND)
        await mine.tick()
    written = log.state[first:]
    assert log.sends <= 2 * 10 + 101  # For 1,000 records: the last is what the area stage is told each second.
    sizes = [len(record.value) for record in written if record.key == SITE]
    assert max(sizes) < 10_000  # With the longest windows of the shipped rules full.
    assert sum(len(record.value) for record in written) / 1000 < 120  # Bytes per record.


async def test_an_event_costs_two_round_trips_and_one_for_signals_that_wait(log, owner):
    mine = await owner()
    log.sends = 0
    await mine.take([reading(0, 1.2), reading(1, 4.6)])
    assert log.sends == 3


# What the area stage is told


def bundles_in(log) -> list:
    return [read_bundle(one.value) for one in log.sent if (KIND_HEADER, b"bundle") in one.headers]


def orders_in(log) -> list[Outgoing]:
    return [one for one in log.sent if (CONTROL_HEADER, b"catalog") in one.headers]


async def test_time_is_told_each_second_with_the_signals(log, owner, clock):
    mine = await owner()
    await mine.take([reading(0, 1.2), reading(1, 1.3)])
    assert bundles_in(log) == []
    await mine.tick()
    (bundle,) = bundles_in(log)
    assert bundle.source == PLACE
    assert {told.offset for told in bundle.told} == {0}  # It was heard; more no rule over sites asks of a gauge.
    assert bundle.passed[-1] == START + 5 * MINUTE
    await mine.tick()
    assert len(bundles_in(log)) == 1  # Nothing new.


async def test_no_time_is_told_before_the_events_up_to_it(log, owner):
    mine = await owner()
    await mine.take([reading(0, 1.2), reading(1, 4.6), reading(2, 4.7)])
    assert not any(bundle.passed for bundle in bundles_in(log))
    await mine.tick()
    assert bundles_in(log)[-1].passed[-1] == START + 10 * MINUTE


async def test_times_on_the_way_are_told_so_that_a_silence_of_the_log_is_seen_where_it_was(log, owner):
    mine = await owner()
    moments = [0, 4, 8, 12, 16, 300, 301]
    records = [control(offset, b"clock") for offset in range(len(moments))]
    records = [
        one._replace(record=one.record._replace(at=START + moment * SECOND))
        for one, moment in zip(records, moments, strict=True)
    ]
    await mine.take(records)
    await mine.tick()
    passed = [(time - START) // SECOND for bundle in bundles_in(log) for time in bundle.passed]
    assert passed == [0, 8, 12, 16, 300, 301]


def test_no_key_of_a_site_is_that_of_another_kind():
    assert {CLAIM, CONTEXT, LIFE} & {site_key(name) for name in ("claim", "context", "life")} == set()
