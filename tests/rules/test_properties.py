"""Properties of the engine over random records. They are derandomised: a failure comes back by running it again.

A row is (seconds after the one before, site, minutes under way, value, extra); clock records stand every 30 s between.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.codec import encode_event
from citybrain.instants import MINUTE, SECOND, parse_instant
from citybrain.model import Reading, Reason
from rules.engine import Engine

START = parse_instant("2026-06-20T08:00:00+08:00")
TICK = 30 * SECOND
SITES = ["hs-a", "hs-b", "bt-a", "pk-a"]
PLACES = [(119.1, 28.15), (119.42, 28.15), (119.47, 28.15), (119.55, 28.15)]

ROWS = st.lists(
    st.tuples(
        st.integers(0, 15).map(lambda number: number * 20),  # Seconds.
        st.sampled_from(SITES),
        st.sampled_from([0, 0, 0, 1, 3, 10, 20]),  # Minutes under way.
        st.integers(0, 8),
        st.sampled_from([0.0, 0.0, 30.0]),
    ),
    max_size=40,
)
# Pauses of the log, minutes, in place of clock records before the row.
PAUSES = st.dictionaries(st.integers(0, 40), st.sampled_from([2, 9, 25]), max_size=2)


def reading(site: str, observed_at: int, value: int, extra: float) -> Reading:
    if site == "bt-a":
        return Reading(site, observed_at, {"battery_voltage": float(value)}, position=PLACES[value % 4])
    if site == "pk-a":
        return Reading(site, observed_at, {"occupied": 25.0 * value, **({"out_of_service": extra} if extra else {})})
    return Reading(site, observed_at, {"stage": float(value), **({"inflow": extra} if extra else {})})


def records(rows, pauses=None) -> list[tuple[int, Reading | None]]:
    """Return (at, reading or None for a clock), in the order of the log, twenty minutes of clock at the end."""
    made: list[tuple[int, Reading | None]] = []
    at = clock = START
    for number, (seconds, site, under_way, value, extra) in enumerate(rows):
        at += seconds * SECOND
        if number in (pauses or {}):
            at += pauses[number] * MINUTE
            clock = at + TICK
        while clock <= at:
            made.append((clock, None))
            clock += TICK
        made.append((at, reading(site, at - under_way * MINUTE, value, extra)))
    return made + [(clock + number * TICK, None) for number in range(40)]


@pytest.fixture(scope="module")
def rules(rules_of, rule):
    return rules_of(
        rule(id="aa-01", where={}, at_least={"blue": "3 m", "yellow": "5 m", "red": "7 m"}, keep_firing_for="3min"),
        rule(id="aa-02", where={}, measure={"metric": "stage", "over": "15min", "take": "mean"}, for_="2min"),
        rule(
            id="aa-03",
            where={},
            measure=None,
            measures={"stage": {"metric": "stage", "change_over": "10min"}, "inflow": {"metric": "inflow"}},
            limits=[{"measure": "stage", "at_least": {"orange": "2 m"}}],
            only_while=[{"measure": "inflow", "above": "20 m³/s"}],
            min_life="5min",
        ),
        rule(
            id="aa-04",
            where={},
            latched=True,
            keep_firing_for="3min",
            overrides=[{"where": {"site": ["hs-b"]}, "at_least": {"yellow": "6 m"}}],
        ),
        rule(id="dd-02", type="no_data", measure=None, where={}, metric="inflow", silent_for={"blue": "20min"}),
        rule(
            id="aa-14",
            where={},
            measure=None,
            measures={
                "jump": {"metric": "stage", "minus": {"own": "median", "over": "30min"}},
                "odd": {"metric": "stage", "sigmas_from": {"own": "mean", "over": "1h"}},
                "stage": {"metric": "stage"},
            },
            limits=[
                {
                    "measure": "jump",
                    "outside": {"blue": ["-3 m", "3 m"]},
                    "and": [{"measure": "odd", "above": "0 sigma"}],
                },
                {"measure": "stage", "at_least": {"yellow": "7 m"}},
            ],
            clear_when=[{"measure": "stage", "below": "4 m", "for": "4min"}],
        ),
        rule(
            id="aa-05",
            type="quality",
            where={},
            measure={"metric": "any", "over": "15min", "take": "range", "coverage": "20 %"},
            at_most={"blue": 1},
        ),
        rule(
            id="aa-06",
            type="forecast",
            where={},
            measure={"metric": "stage", "slope_over": "20min"},
            reaches={"blue": "7 m"},
            within="30min",
        ),
        rule(
            id="aa-07",
            where={},
            measure={"metric": "stage", "over": "hydro-day", "take": "p90", "coverage": "10 %"},
            at_least={"blue": "6 m"},
        ),
        rule(id="bb-01", where={}, measure={"derived": "occupancy"}, at_least={"blue": "50 %", "yellow": "90 %"}),
        rule(id="dd-01", type="no_data", measure=None, where={}, silent_for={"blue": "3.5 periods", "red": "25min"}),
        rule(
            id="gg-01",
            type="geofence",
            measure=None,
            where={},
            inside={"zone": "dam"},
            dwell={"blue": "0s", "yellow": "2min"},
        ),
        rule(id="gg-02", type="geofence", measure=None, where={}, exit={"zone": "dam"}, level="blue"),
    )


def judge(engine, made):
    events, rejections = [], []
    for at, given_reading in made:
        judged = engine.advance(at) if given_reading is None else engine.observe(given_reading, at=at)
        events += judged.events
        rejections += judged.rejections
    return events, rejections


def encoded(events):
    return [encode_event(event) for event in events]


FEW = settings(max_examples=40, derandomize=True, deadline=None)


@FEW
@given(ROWS, PAUSES)
def test_the_same_records_give_the_same_bytes(rules, rows, pauses):
    made = records(rows, pauses)
    first, second = Engine(rules), Engine(rules)
    assert encoded(judge(first, made)[0]) == encoded(judge(second, made)[0])
    assert first.snapshot() == second.snapshot()


@FEW
@given(ROWS, PAUSES, st.floats(0, 1))
def test_a_restart_at_any_record_changes_nothing(rules, rows, pauses, where):
    made = records(rows, pauses)
    cut = round(where * len(made))
    whole, first, second = Engine(rules), Engine(rules), Engine(rules)
    expected = encoded(judge(whole, made)[0])
    found = encoded(judge(first, made[:cut])[0])
    snapshot = first.snapshot()
    assert second.restore(snapshot).events == ()
    assert second.snapshot() == snapshot
    found += encoded(judge(second, made[cut:])[0])
    assert found == expected
    assert second.snapshot() == whole.snapshot()


@FEW
@given(ROWS, st.integers(1, 4))
def test_any_number_of_engines_gives_the_same_events(rules, rows, count):
    made = records(rows)
    expected = judge(Engine(rules), made)[0]
    parts = [Engine(rules) for _ in range(count)]
    found = []
    for number, engine in enumerate(parts):
        own = [(at, one) for at, one in made if one is None or SITES.index(one.site) % count == number]
        found += judge(engine, own)[0]
    assert sorted(event.key for event in found) == sorted(event.key for event in expected)
    assert sorted(encoded(found)) == sorted(encoded(expected))


@FEW
@given(ROWS, PAUSES)
def test_a_record_delivered_twice_changes_nothing_but_rejections(rules, rows, pauses):
    made = records(rows, pauses)
    once, twice = Engine(rules), Engine(rules)
    doubled = [record for record in made for _ in (0, 1)]
    expected, found = judge(once, made), judge(twice, doubled)
    assert encoded(found[0]) == encoded(expected[0])
    assert {one.reason for one in found[1]} - {one.reason for one in expected[1]} <= {Reason.DUPLICATE}
    assert twice.snapshot() == once.snapshot()


@FEW
@given(ROWS, PAUSES)
def test_every_episode_is_told_from_its_first_event_to_its_last(rules, rows, pauses):
    last = {}
    onsets = {}
    for event in judge(Engine(rules), records(rows, pauses))[0]:
        before = last.get(event.identifier)
        assert event.sequence == (1 if before is None else before.sequence + 1)
        assert event.previous_level == (None if before is None else before.level)
        if before is None:
            subject = (event.rule.id, event.subject.key)
            assert event.onset > onsets.get(subject, 0)
            onsets[subject] = event.onset
        else:
            assert before.state.value != "cleared"
            assert event.onset == before.onset
        last[event.identifier] = event
