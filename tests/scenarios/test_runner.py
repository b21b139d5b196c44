"""The offline replay of two simulated hours: the same records, the same alerts."""

import hashlib
from collections import Counter

import pytest

from citybrain.codec import encode_event
from citybrain.instants import SECOND
from citybrain.model import Feed, Level, Reset, Status
from rules.ruleset import load_rules
from scenarios.runner import feed_record, replay
from simulators.fleet import simulate
from simulators.storyline import load_storyline
from simulators.trace import TraceRecord

SEED, HOURS = 7, 2
START = 1_781_913_600_000
# Read the difference before changing these: a rule, a sensor or the engine does something else now.
GOLDEN = {
    "readings": 6792,
    "rejections": {},
    "raised": {
        "cd-03": 1,
        "ew-01": 7,
        "ew-03": 4,
        "fd-01": 3,
        "fd-01-county": 1,
        "fd-02": 2,
        "fd-03": 4,
        "fd-04": 4,
        "fd-11": 4,
        "fr-03-detector": 2,
        "fr-03-zone": 1,
        "ts-01": 1,
        "ts-02": 1,
    },
    "highest": Level.RED,
}


@pytest.fixture(scope="module")
def rules():
    return load_rules()


@pytest.fixture(scope="module")
def records(rules):
    story = load_storyline("first-light", rules.registry.sites)
    return list(simulate(rules.registry, story, seed=SEED, start=story.start, hours=HOURS))


@pytest.fixture(scope="module")
def outputs(records, rules):
    return list(replay(records, rules))


def digest(outputs) -> str:
    found = hashlib.sha256()
    for output in outputs:
        for event in output.events:
            found.update(encode_event(event))
    return found.hexdigest()


def test_two_hours_give_a_fixed_summary(records, outputs):
    raised = Counter(event.rule.id for output in outputs for event in output.events if event.sequence == 1)
    summary = {
        "readings": sum(output.readings for output in outputs),
        "rejections": dict(Counter(one.reason.value for output in outputs for one in output.rejections)),
        "raised": dict(sorted(raised.items())),
        "highest": max((event.level for output in outputs for event in output.events), key=lambda level: level.rank),
    }
    assert summary == GOLDEN
    assert summary["readings"] == sum(not record.is_clock for record in records)


def test_a_second_replay_is_byte_identical(records, outputs, rules):
    assert digest(replay(records, rules)) == digest(outputs)


def test_a_drill_raises_the_same_under_other_identifiers(records, outputs, rules):
    real = [event for output in outputs for event in output.events]
    drill = [event for output in replay(records, rules, status=Status.EXERCISE) for event in output.events]
    assert {event.status for event in drill} == {Status.EXERCISE}
    assert [(event.rule.id, event.subject.key, event.level) for event in drill] == [
        (event.rule.id, event.subject.key, event.level) for event in real
    ]
    assert not {event.identifier for event in drill} & {event.identifier for event in real}


def test_every_output_belongs_to_its_record(records, outputs):
    assert len(outputs) == len(records)
    for record, output in zip(records, outputs, strict=True):
        assert output.readings == (0 if record.is_clock else 1)
        assert all(event.sent <= record.at for event in output.events)


def test_a_record_of_a_trace_is_a_record_of_its_feed():
    reading = b'{"site":"hs-a"}'
    found = feed_record(TraceRecord(START, Feed.HYDROLOGY, "hs-a", reading))
    assert (found.feed, found.at, found.key, found.value, found.headers) == (
        Feed.HYDROLOGY,
        START,
        b"hs-a",
        reading,
        {},
    )


def test_a_clock_of_a_trace_is_a_control_record_of_all_feeds():
    found = feed_record(TraceRecord(START + SECOND))
    assert (found.feed, found.key, found.value, found.headers) == (None, None, None, {"control": b"clock"})


def test_a_reset_of_a_trace_is_a_control_record_of_all_feeds():
    found = feed_record(TraceRecord(START, reset=Reset("aa-01", "hs-a")))
    assert (found.feed, found.key, found.headers) == (None, None, {"control": b"reset"})
    assert found.value == b'{"rule":"aa-01","subject":"hs-a"}'


def test_a_bad_record_of_a_trace_is_an_output_like_any_other(rules):
    (output,) = replay([TraceRecord(START, Feed.HYDROLOGY, "hs-hecheng", b"{")], rules)
    assert [one.reason.value for one in output.rejections] == ["schema"]


@pytest.mark.parametrize("expects", [(), ("hs-hecheng",)])
def test_a_site_that_the_header_names_is_missed_when_it_never_speaks(rules, expects):
    clock = [TraceRecord(START + number * 30 * SECOND) for number in range(40)]
    events = [event for output in replay(clock, rules, expects=expects) for event in output.events]
    assert [event.subject.site for event in events] == list(expects)


def test_nothing_comes_of_nothing(rules):
    assert list(replay([], rules)) == []
