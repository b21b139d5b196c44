"""The owner of the journal against logs in memory. What comes of crashes between the steps is for the simulation."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import orjson
import pytest

from citybrain.alerts import State
from citybrain.clock import ManualClock
from citybrain.codec import encode_event
from citybrain.errors import MissingError
from citybrain.instants import DAY, MINUTE, SECOND, parse_instant
from citybrain.model import Feed, Reset
from rules.intake import FeedRecord
from rules.ruleset import load_rules
from scenarios.actions import ACTIONS
from scenarios.playbook import Playbook, playbook_of
from scenarios.runner import replay
from scenarios.scripts import load_scripts
from simulators.fleet import simulate
from simulators.storyline import load_storyline
from streams.catalog_log import switch_record
from streams.clients import Record
from streams.incident_log import action_record, clock_record, event_in, reset_record
from streams.incident_partition import LATE_MAX, IncidentPartition
from streams.log import Outgoing, Place, SourceRecord, StateRecord
from streams.state_log import FencedError
from streams.telemetry import Telemetry
from streams.terms import Terms
from streams.topics import Names, Stage, partition_of

START = parse_instant("2026-06-20T08:00:00+08:00")
NAMES = Names("t.")
PLACE = Place(Stage.JOURNAL, 0)
PARTITIONS = dict.fromkeys(Feed, 4)
TERMS = Terms(NAMES, PARTITIONS, 10 * SECOND, appends_clock=True)


@dataclass
class Memory:
    """A broker."""

    state: list[StateRecord] = field(default_factory=list)
    sent: list[Outgoing] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    end: int = 10_000
    newest: int = 0
    playbooks: list[Playbook] = field(default_factory=list)

    async def in_force(self) -> int:
        return self.newest

    async def playbook(self, number: int) -> Playbook | None:
        return self.playbooks[number] if number < len(self.playbooks) else None

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        offsets = []
        for record in records:
            self.told.append(record.topic.removeprefix("t."))
            if record.topic == NAMES.state(Stage.JOURNAL):
                self.state.append(StateRecord(len(self.state), record.key or b"", record.value))
                offsets.append(len(self.state) - 1)
            else:
                self.sent.append(record)
                offsets.append(len(self.sent))
        return offsets

    async def state_records(self, place: Place, start: int, end: int) -> AsyncIterator[StateRecord]:
        for record in self.state[start:end]:
            yield record

    async def state_end(self, place: Place) -> int:
        return len(self.state)

    async def first_offset(self, place: Place) -> int:
        return 0

    async def end_offset(self, place: Place) -> int:
        return self.end

    async def next_offset(self, place: Place, offset: int) -> int:
        return offset

    def last(self, topic: str) -> dict[bytes | None, dict | None]:
        found = {one.key: one.value for one in self.sent if one.topic == topic}
        return {key: None if value is None else orjson.loads(value) for key, value in found.items()}


@pytest.fixture(scope="module")
def rules():
    return load_rules()


@pytest.fixture(scope="module")
def playbook(rules) -> Playbook:
    return playbook_of(rules, load_scripts(rules))


@pytest.fixture(scope="module")
def events(rules):
    """Return the first alert events of a storm."""
    story = load_storyline("first-light", rules.registry.sites)
    records = simulate(rules.registry, story, seed=1, start=START, hours=1.6)
    found = [event for output in replay(records, rules) for event in output.events]
    assert len(found) > 5
    return found


@pytest.fixture
def log() -> Memory:
    return Memory()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def owner(log, clock, playbook):
    log.playbooks.append(playbook)

    async def take_over() -> IncidentPartition:
        return await IncidentPartition.take_over(
            PLACE, TERMS, reader=log, writer=log, catalogs=log, clock=clock, telemetry=Telemetry()
        )

    return take_over


@pytest.fixture
def journal():
    """Return what makes the records of the journal one after the other, a second apart."""
    count = 0

    def made(*outgoing: Outgoing, after: int = SECOND) -> list[SourceRecord]:
        nonlocal count
        records = []
        for one in outgoing:
            record = FeedRecord(None, START + 2 * 60 * MINUTE + count * after, one.key, one.value, dict(one.headers))
            records.append(SourceRecord(count, record))
            count += 1
        return records

    return made


def told(event) -> Outgoing:
    return Outgoing(NAMES.journal(), event.identifier.encode(), encode_event(event))


def act(kind: str, number: int, **fields) -> Outgoing:
    action = ACTIONS.validate_python({"kind": kind, "id": f"{number:032x}", "by": "duty-07", **fields})
    return action_record(NAMES, action)


async def test_alerts_incidents_and_answers_are_published_after_they_are_written(log, owner, journal, events):
    mine = await owner()
    log.told.clear()
    alert = events[0].identifier
    await mine.take(journal(*map(told, events), act("acknowledge", 1, alert=alert), act("acknowledge", 2, alert=alert)))
    assert log.told[0] == "state.journal"
    states = log.last(NAMES.alert_states())
    assert states.keys() == {event.identifier.encode() for event in events}
    assert states[alert.encode()]["acknowledged"]["by"] == "duty-07"
    incidents = log.last(NAMES.incidents())
    assert all(one["checklist"] for one in incidents.values())
    answers = log.last(NAMES.outcomes())
    assert [answers[f"{number:032x}".encode()]["accepted"] for number in (1, 2)] == [True, False]
    assert log.told.index("alerts.state") < log.told.index("incidents")


async def test_a_new_owner_publishes_the_last_changes_once_more_and_goes_on(log, owner, journal, events, clock):
    first = await owner()
    records = journal(*map(told, events), act("comment", 1, about=events[0].identifier, text="看了"))
    for one in records:
        await first.take([one])
    snapshot, states, before = first.snapshot(), log.last(NAMES.alert_states()), len(log.sent)
    second = await owner()
    assert second.snapshot() == snapshot
    assert second.next_offset == len(records)
    assert {one.topic for one in log.sent[before:]} >= {NAMES.outcomes()}
    assert log.last(NAMES.alert_states()) == states
    with pytest.raises(FencedError):
        await first.take(journal(told(events[0]), act("comment", 2, about=events[0].identifier, text="x")))


async def test_what_a_predecessor_may_have_had_on_the_way_is_published_again(log, owner, journal, events, clock):
    await (await owner()).take(journal(told(events[0])))
    mine = await owner()
    await mine.take(journal(act("acknowledge", 1, alert=events[0].identifier)))
    stale = next(one for one in log.sent if one.topic == NAMES.alert_states())
    log.sent.append(stale)  # It arrives now.
    clock.advance(LATE_MAX)
    await mine.tick()
    assert log.last(NAMES.alert_states())[events[0].identifier.encode()]["acknowledged"] is not None
    count = len(log.sent)
    clock.advance(LATE_MAX)
    await mine.tick()
    assert len(log.sent) == count


async def test_a_record_that_is_none_is_rejected_and_a_canary_is_not(log, owner, journal, events):
    mine = await owner()
    poison = [
        Outgoing(NAMES.journal(), None, b"\xff\xfe"),
        Outgoing(NAMES.journal(), None, None),
        Outgoing(NAMES.journal(), None, b'{"kind": "acknowledge"}', headers=(("kind", b"action"),)),
        Outgoing(NAMES.journal(), None, b'{"kind": "arrest", "id": "1"}', headers=(("kind", b"action"),)),
    ]
    canary = Outgoing(NAMES.journal(), None, b"w", headers=(("control", b"canary"),))
    await mine.take(journal(*poison, canary, told(events[0])))
    rejected = [one for one in log.sent if one.topic == NAMES.rejected()]
    assert [dict(one.headers)["reason"] for one in rejected] == [b"schema"] * len(poison)
    assert events[0].identifier.encode() in log.last(NAMES.alert_states())


async def test_the_journal_is_told_the_time_when_something_is_due_and_not_before(log, owner, journal, events, clock):
    mine = await owner()
    red = replace(next(event for event in events if event.level.value in ("orange", "red")), sequence=1)
    await mine.take(journal(told(red)))

    def clocks() -> list[Outgoing]:
        return [one for one in log.sent if one == clock_record(NAMES)]

    clock.advance(2 * 60 * MINUTE)
    await mine.tick()
    assert clocks() == []
    clock.advance(15 * MINUTE)
    await mine.tick()
    await mine.tick()
    assert len(clocks()) == 1
    await mine.take(journal(*clocks(), after=15 * MINUTE))
    assert log.last(NAMES.alert_states())[red.identifier.encode()]["asked"] == "field"


async def test_what_is_forgotten_is_removed_everywhere(log, owner, journal, events, clock):
    mine = await owner()
    event = events[0]
    ended = replace(event, sequence=2, state=State.CLEARED)
    await mine.take(journal(told(event), told(ended)))
    await mine.take(journal(clock_record(NAMES), after=4 * DAY))
    assert log.last(NAMES.alert_states())[event.identifier.encode()] is None
    again = await owner()
    assert again.snapshot() == mine.snapshot()
    await again.take(journal(clock_record(NAMES), told(events[1])))
    await owner()  # It finds a part that says nothing any more, and removes it.
    assert (b"part:alert:" + event.identifier.encode(), None) in [(one.key, one.value) for one in log.state]
    assert (await owner()).snapshot() == again.snapshot()


async def test_a_journal_that_was_made_anew_is_named(log, owner, journal, events):
    mine = await owner()
    await mine.take(journal(told(events[0]), told(events[1])))
    log.end = 1
    with pytest.raises(MissingError, match="the topic was made anew"):
        await owner()


def test_an_order_goes_where_the_alert_is_held(playbook):
    def target(subject: str) -> tuple[str, int | None]:
        record = reset_record(NAMES, Reset("fd-03", subject), playbook.registry, PARTITIONS)
        return record.topic, record.partition

    assert target("hs-hecheng@zone:stage") == (NAMES.feed(Feed.HYDROLOGY), partition_of(b"hs-hecheng", 4))
    assert target("331121") == (NAMES.signals(), 0)


def test_what_is_no_event_of_the_journal_is_none():
    assert event_in(Record("t.journal", 0, 0, 0, None, b"rubbish", ())) is None
    assert event_in(Record("t.journal", 0, 0, 0, None, b"w", (("control", b"canary"),))) is None
    assert event_in(Record("t.journal", 0, 0, 0, None, None, ())) is None


# Other sets


async def test_the_owner_tells_the_journal_of_a_newer_set_once_and_obeys_it_when_it_is_read_back(
    log, owner, journal, playbook, events
):
    log.playbooks.append(replace(playbook, inhibitions={}))
    mine = await owner()
    await mine.take(journal(*map(told, events[:3])))
    log.newest = 1
    for _ in range(2):
        await mine.tick()
    (order,) = [one for one in log.sent if one.topic == NAMES.journal()]
    assert order == switch_record(NAMES.journal(), 0, 1, at=None)
    assert mine._playbook is playbook
    before = mine.snapshot()
    await mine.take(journal(order))
    assert mine._playbook is log.playbooks[1]
    assert len(orjson.loads(mine.snapshot())["alerts"]) == len(orjson.loads(before)["alerts"])
    await mine.tick()
    assert [one for one in log.sent if one.topic == NAMES.journal()] == [order]


async def test_a_new_owner_goes_by_the_set_that_the_journal_was_told_of_and_not_by_the_newest(
    log, owner, journal, playbook, events
):
    log.playbooks += [replace(playbook, inhibitions={}), playbook]
    first = await owner()
    await first.take(journal(*map(told, events[:3]), switch_record(NAMES.journal(), 0, 1, at=None)))
    await first.release()
    log.newest = 2
    second = await owner()
    assert second._playbook is log.playbooks[1]
    assert second.snapshot() == first.snapshot()
    del log.playbooks[1:]
    with pytest.raises(MissingError, match="set 1"):
        await owner()
