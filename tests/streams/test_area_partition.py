"""The owner of the area stage against logs in memory. What comes of crashes between the steps is for the simulation."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from citybrain.clock import ManualClock
from citybrain.codec import decode_event
from citybrain.errors import MissingError, SnapshotError
from citybrain.instants import MINUTE, SECOND, parse_instant
from citybrain.model import Feed
from rules.areas.judge import AreaJudge
from rules.intake import FeedRecord
from rules.measures import Bound, Measured
from rules.ruleset import RuleSet, load_rules
from rules.signals import Signal
from streams.area_partition import AreaPartition
from streams.log import Outgoing, Place, SourceRecord, StateRecord
from streams.signal_log import Told, bundles, event_record, give_up
from streams.state_log import STAGE, FencedError
from streams.telemetry import Telemetry
from streams.terms import Terms
from streams.topics import Names, Stage

START = parse_instant("2026-06-20T08:00:00+08:00")
NAMES = Names("t.")
PLACE = Place(Stage.SIGNALS, 0)
GAS, SILENT = Place(Feed.ENVIRONMENT, 0), Place(Feed.HYDROLOGY, 0)
TERMS = Terms(NAMES, {Feed.ENVIRONMENT: 1, Feed.HYDROLOGY: 1}, 10 * SECOND, appends_clock=True)


@dataclass
class Memory:
    """A broker, and the rule sets."""

    rules: RuleSet
    state: list[StateRecord] = field(default_factory=list)
    sent: list[Outgoing] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    end: int = 100
    newest: int = 0
    sets: dict[int, RuleSet | None] = field(default_factory=dict)  # Other than `rules`.

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        offsets = []
        for record in records:
            self.told.append(record.topic.removeprefix("t."))
            if record.topic == NAMES.state(Stage.SIGNALS):
                self.state.append(StateRecord(len(self.state), record.key or b"", record.value or b""))
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

    async def in_force(self) -> int:
        return self.newest

    async def numbered(self, number: int) -> RuleSet | None:
        return self.sets.get(number, self.rules)

    @property
    def journal(self) -> list[str]:
        events = [decode_event(one.value or b"") for one in self.sent if one.topic == NAMES.journal()]
        return [f"{event.rule.id} {event.subject.key} {event.level} {event.state}" for event in events]


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules()


@pytest.fixture
def log(rules) -> Memory:
    return Memory(rules)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def owner(log, clock):
    async def take_over() -> AreaPartition:
        return await AreaPartition.take_over(
            PLACE, TERMS, reader=log, writer=log, catalogs=log, clock=clock, telemetry=Telemetry()
        )

    return take_over


@pytest.fixture
def source(rules):
    """Return what makes the records of `signals` one after the other, at consecutive offsets."""
    offset = 0

    def made(*outgoing: Outgoing, times: int = 1) -> list[SourceRecord]:
        nonlocal offset
        records = []
        for one in outgoing * times:
            record = FeedRecord(None, START, one.key, one.value, dict(one.headers))
            records.append(SourceRecord(offset, record))
            offset += 1
        return records

    return made


def tell(
    rules: RuleSet, source: Place, minute: float, gas: dict[str, float] | None = None, *, number: int = 0
) -> list[Outgoing]:
    """Return what a source tells: values of gas detectors at a minute, and that it has passed that time."""
    at = START + round(minute * MINUTE)
    measures = rules.areas.plan.signatures["fr-03-zone"]
    told = [
        Told(Signal("fr-03-zone", site, at, at, (Measured(value, Bound.EXACT, at),)), round(minute * 60), 0, measures)
        for site, value in (gas or {}).items()
    ]
    return bundles(NAMES, source, told, [at], number)


def leak(rules: RuleSet) -> list[Outgoing]:
    """Return ten minutes of three detectors of one park, one of which has no data beside two that cry."""
    records = []
    for half in range(20):
        records += tell(rules, GAS, half / 2, {"gd-etdz-1": 60.0, "gd-etdz-2": 55.0, "gd-etdz-3": 58.0})
        records += tell(rules, SILENT, half / 2)
    return records


async def test_a_leak_that_several_detectors_see_is_raised_once_all_sources_have_passed_it(log, owner, source, rules):
    mine = await owner()
    log.told.clear()
    records = source(*leak(rules))
    await mine.take(records)
    assert any(line.startswith("fr-03-zone") for line in log.journal), log.journal
    first = log.told.index("journal")
    assert "state.signals" in log.told[:first], "the state knows of an event before it is out"
    assert mine.open_alerts > 0


async def test_one_source_that_has_not_passed_keeps_all_waiting_for_a_minute_and_no_longer(
    log, owner, source, rules, clock
):
    mine = await owner()
    await mine.take(source(*[one for one in leak(rules) if one.key == b"environment/0"]))
    await mine.tick()
    assert log.journal == []
    clock.advance(59 * SECOND)
    await mine.tick()
    assert NAMES.signals() not in [one.topic for one in log.sent]
    clock.advance(SECOND)
    await mine.tick()
    (decision,) = [one for one in log.sent if one.topic == NAMES.signals()]
    assert decision == give_up(NAMES, SILENT)
    assert log.journal == []  # It is obeyed when it is read back.
    await mine.take(source(decision))
    assert any(line.startswith("fr-03-zone") for line in log.journal)


async def test_a_new_owner_repeats_what_may_not_have_been_sent_and_goes_on(log, owner, source, rules, clock):
    first = await owner()
    records = source(*leak(rules))
    await first.take(records)
    before, snapshot = list(log.journal), first.snapshot()
    second = await owner()
    assert set(log.journal) == set(before)
    assert len(log.journal) > len(before)
    assert second.next_offset <= first.next_offset
    await second.take(records[second.next_offset :])
    assert second.snapshot() == snapshot
    assert set(log.journal) == set(before)
    await first.take(source(*tell(rules, GAS, 11)))
    clock.advance(10 * SECOND)
    with pytest.raises(FencedError):
        await first.tick()


async def test_a_record_that_is_none_is_rejected_with_its_reason(log, owner, source, rules):
    mine = await owner()
    poison = [
        Outgoing(NAMES.signals(), None, b"\xff\xfe", headers=(("kind", b"bundle"),)),
        Outgoing(NAMES.signals(), None, b"{}", headers=(("kind", b"bundle"),)),
        Outgoing(NAMES.signals(), None, b"[]", headers=(("kind", b"give_up"),)),
        Outgoing(NAMES.signals(), None, b"{}", headers=(("kind", b"nonsense"),)),
        Outgoing(NAMES.signals(), None, b"no kind"),
        event_record(NAMES, b'{"identifier": 1}', key=b"x"),
        give_up(NAMES, Place(Feed.PARKING, 7)),
    ]
    canary = Outgoing(NAMES.signals(), None, b"w", headers=(("control", b"canary"),))
    await mine.take(source(*poison, canary, *leak(rules)))
    rejected = [one for one in log.sent if one.topic == NAMES.rejected()]
    assert [dict(one.headers)["reason"] for one in rejected] == [b"schema"] * len(poison)
    assert [one.value for one in rejected] == [one.value for one in poison]
    assert any(line.startswith("fr-03-zone") for line in log.journal)


async def test_values_of_other_measures_are_left_out(log, owner, source, rules):
    mine = await owner()
    other = [
        replace(one, value=(one.value or b"").replace(rules.areas.plan.signatures["fr-03-zone"].encode(), b"0" * 12))
        for one in leak(rules)
    ]
    await mine.take(source(*other))
    assert log.journal == []


async def test_a_rule_that_fails_is_told_once_and_stops_no_other(log, owner, source, rules, monkeypatch):
    judge = AreaJudge.judge
    calls = 0

    def failing(self, *arguments, **options):
        nonlocal calls
        if self.rule.id == "fr-03-zone":
            calls += 1
            raise ZeroDivisionError
        return judge(self, *arguments, **options)

    monkeypatch.setattr(AreaJudge, "judge", failing)
    monkeypatch.setattr("streams.telemetry.logger.disabled", True)
    mine = await owner()
    await mine.take(source(*leak(rules)))
    assert calls > 1
    (told,) = [line for line in log.journal if line.startswith("rule-error")]
    assert told.startswith("rule-error fr-03-zone/")


async def test_the_state_is_written_when_it_is_due(log, owner, source, rules, clock):
    mine = await owner()
    await mine.take(source(*tell(rules, GAS, 0, {"gd-etdz-1": 1.0}), *tell(rules, SILENT, 1)))
    log.told.clear()
    await mine.tick()
    assert log.told == []
    clock.advance(10 * SECOND)
    await mine.tick()
    assert log.told == ["state.signals"]
    clock.advance(10 * SECOND)
    await mine.tick()
    assert log.told == ["state.signals"]  # Nothing has changed.


async def test_a_state_that_does_not_fit_the_log_or_the_program_is_named(log, owner, source, rules):
    mine = await owner()
    await mine.take(source(*leak(rules)))
    await mine.release()
    log.end = 3
    with pytest.raises(MissingError, match="the topic was made anew"):
        await owner()
    log.end = 100
    record = next(one for one in reversed(log.state) if one.key == STAGE)
    log.state.append(StateRecord(len(log.state), STAGE, record.value[:40]))
    with pytest.raises(SnapshotError, match="torn"):
        await owner()


# Other sets


@pytest.fixture(scope="module")
def without(rules) -> RuleSet:
    """Return a set that lacks the rule about gas in a park."""
    return RuleSet(rules.registry, [one for one in rules.rules.values() if one.rule.id != "fr-03-zone"])


async def test_the_stage_goes_over_to_a_set_once_every_source_has(log, owner, source, rules, without):
    log.sets[1] = without
    mine = await owner()
    await mine.take(source(*leak(rules)))
    assert mine.open_alerts > 0
    await mine.take(source(*tell(rules, GAS, 10, number=1)))
    assert mine.open_alerts > 0  # The other source still goes by the old one.
    log.told.clear()
    await mine.take(source(*tell(rules, SILENT, 10, number=1)))
    assert mine.open_alerts == 0
    assert log.journal[-1].startswith("fr-03-zone")
    assert log.journal[-1].endswith("cleared")
    assert "state.signals" in log.told[: log.told.index("journal")], "the state knows of an event before it is out"
    cleared = [decode_event(one.value or b"") for one in log.sent if one.topic == NAMES.journal()][-1]
    assert "no longer applies" in cleared.headline.en
    assert cleared.rule.catalog == without.catalog


async def test_a_new_owner_goes_by_the_set_of_the_state_and_not_by_the_newest(log, owner, source, rules, without):
    log.sets[1] = without
    first = await owner()
    await first.take(source(*leak(rules)))
    log.newest = 1
    second = await owner()
    assert second.open_alerts == first.open_alerts
    assert second.snapshot() == first.snapshot()
    log.sets[0] = None
    with pytest.raises(MissingError, match="rule set 0"):
        await owner()


async def test_a_source_that_is_given_up_on_keeps_no_set_back(log, owner, source, rules, without):
    log.sets[1] = without
    mine = await owner()
    await mine.take(source(*leak(rules), *tell(rules, GAS, 10, number=1)))
    assert mine.open_alerts > 0
    await mine.take(source(give_up(NAMES, SILENT)))
    assert mine.open_alerts == 0


async def test_what_is_held_back_is_looked_at_under_the_set_that_judges_it(log, owner, source, rules, without):
    #  Told under set 1, while the stage still went by a set without the rule.
    log.sets[0], log.sets[1] = without, rules
    mine = await owner()
    records = leak(rules)
    await mine.take(source(*[one for one in records if one.key == b"environment/0"], *tell(rules, GAS, 10, number=1)))
    await mine.take(source(*tell(rules, SILENT, 0, number=1)))
    await mine.take(source(*[one for one in records if one.key == b"hydrology/0"]))
    assert any(line.startswith("fr-03-zone") for line in log.journal)
