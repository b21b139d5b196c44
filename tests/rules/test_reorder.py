"""Readings that are held and put in order: `reorder_for` is 10 minutes here. Gauge A from 08:00 on."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.codec import encode_event
from citybrain.instants import MINUTE, SECOND, parse_instant
from citybrain.model import Feed, Reading
from rules.engine import Engine

START = parse_instant("2026-06-20T08:00:00+08:00")
SPAN = 10
SITES = ["hs-a", "hs-b", "bt-a"]
PLACES = [(119.1, 28.15), (119.42, 28.15), (119.47, 28.15)]


@pytest.fixture(scope="module")
def slow_city(city):
    feeds = {feed: replace(info, reorder_for=SPAN * MINUTE) for feed, info in city.feeds.items()}
    return replace(city, feeds=feeds)


@pytest.fixture
def slow(rules_of, rule, slow_city, Rig):
    def make(*written, expects=(), **fields):
        return Rig(rules_of(*(written or (rule(**fields),)), registry=slow_city), expects=expects)

    return make


def send_in_order_of(driven, arrivals):
    """Send (minute of arrival, minute of observation, stage)."""
    for minute, observed, stage in sorted(arrivals):
        driven.send(minute, stage, observed=observed)


def test_a_reading_is_judged_when_it_has_been_held(slow):
    driven = slow()
    driven.send(1, 4.0, observed=0)
    driven.wait(9.5)
    assert driven.seen == []
    driven.wait(10)
    assert driven.seen == ["0 blue firing"]
    assert driven.events[0].sent == START + SPAN * MINUTE, "at its time, whenever it came"


def test_readings_are_judged_in_the_order_of_their_observation(slow):
    #  observed   0 5 10 15   1 4 1 1    the two in the middle arrive the other way round
    driven = slow()
    send_in_order_of(driven, [(0, 0, 1.0), (12, 5, 4.0), (11, 10, 1.0), (16, 15, 1.0)])
    driven.wait(40)
    assert driven.seen == ["5 blue firing", "10 blue cleared"]


def test_without_it_the_same_records_tell_another_story(rig):
    driven = rig()
    send_in_order_of(driven, [(0, 0, 1.0), (12, 5, 4.0), (11, 10, 1.0), (16, 15, 1.0)])
    driven.wait(40)
    assert driven.seen == []


def test_what_comes_too_late_is_judged_as_it_comes(slow):
    driven = slow()
    driven.send(0, 1.0)
    driven.send(20, 4.0, observed=9)
    assert driven.seen == ["9 blue firing"]
    assert driven.events[0].sent == driven.now


def test_a_correction_of_one_instant_counts(slow):
    driven = slow()
    driven.send(1, 4.0, observed=0)
    driven.send(2, 1.0, observed=0)
    driven.wait(20)
    assert driven.seen == ["0 blue firing", "0 blue cleared"]


def test_a_held_reading_that_is_refused_is_told_with_itself(slow):
    driven = slow()
    driven.send(1, 999.0, observed=0)
    assert driven.refused == []
    driven.wait(12)
    assert driven.refused == [("range", ("stage",))]
    assert driven.rejections[0].reading == Reading("hs-a", START, {"stage": 999.0})


def test_what_is_held_is_no_silence(slow):
    driven = slow(type="no_data", measure=None, silent_for={"blue": "3.5 periods"})
    for minute in range(0, 60, 5):
        driven.send(minute, 1.0, observed=minute - 9)
    assert driven.seen == []
    driven.wait(90)
    assert driven.seen == ["63.5 blue firing"], "17.5 min after the last was observed"


def test_other_feeds_wait_for_nothing(rules_of, rule, city, Rig):
    feeds = {**city.feeds, Feed.PARKING: replace(city.feeds[Feed.PARKING], reorder_for=SPAN * MINUTE)}
    driven = Rig(rules_of(rule(), registry=replace(city, feeds=feeds)))
    driven.send(0, 4.0)
    assert driven.seen == ["0 blue firing"]
    assert b"held" not in driven.engine.snapshot()


def test_what_is_held_survives_a_change_of_the_feed(slow, rule, rules_of, city):
    driven = slow()
    driven.send(1, 4.0, observed=0)
    driven.send(2, 1.0, observed=1)
    driven.restart(rules_of(rule(), registry=city))
    driven.wait(3)
    assert driven.seen == ["0 blue firing", "1 blue cleared"]
    assert "held" not in orjson.loads(driven.engine.snapshot())["sites"]["hs-a"]


# Any shuffle


@pytest.fixture(scope="module")
def rules(rules_of, rule, slow_city):
    return rules_of(
        rule(id="aa-01", where={}, at_least={"blue": "3 m", "yellow": "5 m", "red": "7 m"}, keep_firing_for="3min"),
        rule(id="aa-02", where={}, measure={"metric": "stage", "change_over": "10min"}, above={"orange": "2 m"}),
        rule(id="dd-01", type="no_data", measure=None, where={}, silent_for={"blue": "3.5 periods", "red": "25min"}),
        rule(id="dd-02", type="no_data", measure=None, where={}, metric="inflow", silent_for={"blue": "20min"}),
        rule(id="gg-01", type="geofence", measure=None, where={}, enter={"zone": "dam"}, level="blue"),
        registry=slow_city,
    )


def reading(site, minute, value):
    values = {"battery_voltage": 12.0} if site == "bt-a" else {"stage": float(value)}
    return Reading(site, START + minute * MINUTE, values, position=PLACES[value % 3] if site == "bt-a" else None)


OBSERVED = st.dictionaries(st.tuples(st.sampled_from(SITES), st.integers(0, 60)), st.integers(0, 8), max_size=30)
DELAYS = st.lists(st.integers(0, SPAN * 60 - 1), min_size=30, max_size=30)


def log_of(observed, delays):
    """Return (at, reading or None for a clock) in the order of the log, with each reading its seconds under way."""
    rows = zip(observed.items(), delays, strict=False)
    made = [
        (START + minute * MINUTE + delay * SECOND, reading(site, minute, value))
        for ((site, minute), value), delay in rows
    ]
    clocks = [(START + number * 30 * SECOND, None) for number in range(220)]
    return sorted([*clocks, *made], key=lambda record: record[0])


def run(engine, log):
    events = []
    for at, one in log:
        events += (engine.advance(at) if one is None else engine.observe(one, at=at)).events
    return [encode_event(event) for event in events]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(OBSERVED, DELAYS, DELAYS)
def test_any_shuffle_within_the_span_gives_the_same_bytes(rules, observed, first, second):
    engines = Engine(rules), Engine(rules)
    assert run(engines[0], log_of(observed, first)) == run(engines[1], log_of(observed, second))
    assert engines[0].snapshot() == engines[1].snapshot()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(OBSERVED, DELAYS, st.floats(0, 1))
def test_a_restart_at_any_record_changes_nothing(rules, observed, delays, where):
    log = log_of(observed, delays)
    cut = round(where * len(log))
    whole, first, second = Engine(rules), Engine(rules), Engine(rules)
    expected = run(whole, log)
    found = run(first, log[:cut])
    snapshot = first.snapshot()
    second.restore(snapshot)
    assert second.snapshot() == snapshot
    assert found + run(second, log[cut:]) == expected
    assert second.snapshot() == whole.snapshot()
