"""Snapshots: what an engine remembers, as bytes, and what becomes of it under other rules."""

from dataclasses import replace

import orjson
import pytest

from citybrain.alerts import Ending, MessageType, State
from citybrain.codec import encode_event
from citybrain.errors import SnapshotError
from citybrain.model import Status
from rules.engine import Engine

TIMED = {"at_least": {"blue": "4 m", "red": "6 m"}, "for_": "5min", "keep_firing_for": "15min"}
BATTERY = {"battery_voltage": 12.0}
INSIDE, OUTSIDE = (119.42, 28.15), (119.1, 28.15)
FENCE = {
    "id": "gg-01",
    "type": "geofence",
    "measure": None,
    "where": {},
    "inside": {"zone": "dam"},
    "dwell": {"blue": "2min"},
}


def again(driven, rules_or_none=None):
    """Return the rig on a new engine that took over the snapshot."""
    driven.restart(rules_or_none)
    return driven


@pytest.mark.parametrize(
    ("stages", "state"),
    [
        pytest.param("1", "inactive", id="inactive"),
        pytest.param("4", "pending", id="pending"),
        pytest.param("4 4", "firing", id="firing"),
        pytest.param("4 4 1", "recovering", id="recovering"),
        pytest.param("4 4 1 1 1 1", "cleared", id="cleared"),
        pytest.param("4 4 1 1 1 1 1", "inactive", id="inactive again"),
        pytest.param("6 6 6 4", "firing", id="between two levels"),
        pytest.param("4 4 _ _ _ _", "firing", id="marked no_data"),
        pytest.param("", "nothing", id="nothing heard"),
    ],
)
def test_a_restored_snapshot_is_byte_identical_and_goes_on_alike(rig, stages, state):
    run, restarted = rig(**TIMED), rig(**TIMED)
    for driven in (run, restarted):
        driven.series(stages)
    if state in set(State):
        assert f'"{state}"' in run.engine.snapshot().decode()
    before = restarted.engine.snapshot()
    assert before == run.engine.snapshot()
    assert restarted.restart().events == ()
    assert restarted.engine.snapshot() == before
    assert restarted.engine.open_alerts == run.engine.open_alerts
    for driven in (run, restarted):
        driven.series("4 6 6 1 1 1 1 _ _ _ _ _ 4 4", start=60)
    assert [encode_event(event) for event in restarted.events] == [encode_event(event) for event in run.events]
    assert restarted.engine.snapshot() == run.engine.snapshot()


def sail(driven, track, start=0):
    for minute, place in enumerate(track, start=start):
        if place == "_":
            driven.wait(minute)
        else:
            driven.send(minute, BATTERY, site="bt-a", position=INSIDE if place == "i" else OUTSIDE)


@pytest.mark.parametrize("track", ["o", "oi", "oii", "oiii", "oiiio", "oiii___", "oiii_____"])
def test_a_restored_boat_goes_on_alike(rig, rule, track):
    run, restarted = rig(rule(**FENCE)), rig(rule(**FENCE))
    for driven in (run, restarted):
        sail(driven, track)
    restarted.restart()
    assert restarted.engine.snapshot() == run.engine.snapshot()
    for driven in (run, restarted):
        driven.wait(len(track) + 6)
        sail(driven, "iiiooiii", start=len(track) + 6)
    assert [encode_event(event) for event in restarted.events] == [encode_event(event) for event in run.events]


def test_a_deadline_stays_where_it_was_after_a_gap_in_the_log(rig):
    #  0 a reading; the log is silent until 20; then a reading observed at 12. On the living clock it was heard at -8,
    #  so the deadline of 17.5 min is 9.5 min ahead, with and without a restart.
    silence = {"type": "no_data", "measure": None, "silent_for": {"blue": "3.5 periods"}}
    run, restarted = rig(**silence), rig(**silence)
    for driven in (run, restarted):
        driven.send(0, 1.0)
        driven.skip(20)
        driven.send(20, 1.0, observed=12)
    restarted.restart()
    for driven in (run, restarted):
        driven.wait(60)
    assert restarted.seen == ["29.5 blue firing"]
    assert run.seen == restarted.seen


# Under other rules


def test_an_alert_of_a_changed_rule_lives_on(rig, rule, rules_of):
    driven = rig(**TIMED)
    driven.series("4 4")
    judged = driven.restart(rules_of(rule(at_least={"blue": "3 m"})))
    assert judged.events == ()
    assert driven.engine.open_alerts == 1
    driven.series("3.5 1", start=10)
    assert driven.seen == ["5 blue firing", "15 blue cleared"]
    first, last = driven.events
    assert (last.identifier, last.sequence, last.onset) == (first.identifier, 2, first.onset)
    assert last.rule.catalog != first.rule.catalog


def test_a_changed_rule_forgets_how_long_its_limit_was_met(rig, rule, rules_of):
    driven = rig(for_="10min")
    driven.series("4 4")
    driven.restart(rules_of(rule(for_="9min")))
    driven.series("4 4 4", start=10)
    assert driven.seen == ["20 blue firing"]


LOT = {"where": {"site": ["pk-a"]}, "measure": {"metric": "occupied"}, "at_least": {"blue": "100 vehicles"}}


@pytest.mark.parametrize(
    ("before", "fields", "expected"),
    [
        pytest.param({"at_least": {"blue": "300 vehicles"}}, {}, ["30 blue firing"], id="another limit"),
        pytest.param({"at_least": {"blue": "300 vehicles"}}, {"for_": "20min"}, ["50 blue firing"], id="then `for`"),
        pytest.param({"id": "bb-01"}, {}, ["0 blue firing", "30 blue cleared", "30 blue firing"], id="a new rule"),
        pytest.param({}, {"keep_firing_for": "5min"}, ["0 blue firing"], id="and is not raised twice"),
        pytest.param({}, {"at_least": {"blue": "300 vehicles"}}, ["0 blue firing", "30 blue cleared"], id="cleared"),
    ],
)
def test_a_changed_rule_sees_at_once_what_speaks_on_change(rig, rule, rules_of, before, fields, expected):
    driven = rig(**{**LOT, **before})
    driven.send(0, {"occupied": 120.0}, site="pk-a")
    driven.wait(30)
    driven.restart(rules_of(rule(**{**LOT, **fields})))
    driven.wait(90)
    assert driven.seen == expected


def test_new_words_change_nothing_that_decides(rig, rule, rules_of):
    driven = rig(for_="10min")
    driven.series("4 4")
    driven.restart(rules_of(rule(for_="10min", cause={"zh": "另", "en": "Another."})))
    driven.series("4", start=10)
    assert driven.seen == ["10 blue firing"]


def test_a_level_that_is_gone_is_left_in_time(rig, rule, rules_of):
    driven = rig(**TIMED)
    driven.series("6 6 6")
    driven.restart(rules_of(rule(at_least={"blue": "4 m"}, keep_firing_for="10min")))
    driven.series("6 6 6 6", start=15)
    assert driven.seen[-1] == "25 blue firing"


def test_an_alert_of_a_removed_rule_is_ended_with_that_reason(rig, rule, rules_of):
    driven = rig(rule(id="aa-01"), rule(id="bb-01"))
    driven.series("1 4")
    driven.wait(7)
    (event,) = driven.restart(rules_of(rule(id="bb-01"))).events
    first = driven.events[0]
    assert (event.rule.id, event.state, event.ending) == ("aa-01", State.CLEARED, Ending.RULE_ENDED)
    assert (event.message_type, event.sequence) == (MessageType.CANCEL, 2)
    assert (event.identifier, event.references) == (first.identifier, (f"{first.identifier}/1",))
    assert event.sent == event.observed_at == driven.now
    assert "规则已不适用" in event.headline.zh
    assert driven.engine.open_alerts == 1
    assert driven.restart().events == (), "it is ended once"


def test_a_rule_that_no_longer_concerns_the_site_ends_there(rig, rule, rules_of):
    driven = rig(where={})
    driven.series("4")
    driven.series("4", site="hs-b")
    (event,) = driven.restart(rules_of(rule(where={"site": ["hs-b"]}))).events
    assert (event.subject.site, event.ending) == ("hs-a", Ending.RULE_ENDED)


def test_an_alert_of_a_removed_site_is_ended_with_that_reason(rig, rule, rules_of, city):
    driven = rig()
    driven.series("4")
    without = replace(city, sites={key: site for key, site in city.sites.items() if key != "hs-a"})
    events = driven.restart(rules_of(rule(where={}), registry=without)).events
    assert [(event.subject.site, event.ending) for event in events] == [("hs-a", Ending.RULE_ENDED)]


def test_an_alert_of_a_removed_zone_is_ended_and_stops_nothing(rig, rule, rules_of, city):
    driven = rig(rule(**FENCE))
    sail(driven, "oiii")
    without = replace(city, zones={key: zone for key, zone in city.zones.items() if key != "zn-dam-west"})
    driven.restart(rules_of(rule(**FENCE), registry=without))
    sail(driven, "ii", start=4)
    assert [event.state for event in driven.events] == [State.FIRING, State.CLEARED]


def test_an_alert_of_a_changed_geofence_still_clears(rig, rule, rules_of):
    driven = rig(rule(**FENCE))
    sail(driven, "oiii")
    driven.restart(rules_of(rule(**{**FENCE, "dwell": {"blue": "3min"}})))
    sail(driven, "ooo", start=4)
    assert [event.state for event in driven.events] == [State.FIRING, State.CLEARED]


def test_a_new_silence_rule_counts_a_silence_that_goes_on(rig, rule, rules_of):
    #  Silent since 0. Under the old rules three deadlines passed; the new rule asks for eight hours.
    old = {"type": "no_data", "measure": None, "silent_for": {"blue": "10min", "yellow": "20min", "red": "30min"}}
    driven = rig(rule(**old))
    driven.send(0, 1.0)
    driven.wait(60)
    new = rule(id="bb-01", type="no_data", measure=None, silent_for={"blue": "20min", "yellow": "8h"})
    driven.restart(rules_of(new))
    driven.wait(9 * 60)
    assert driven.seen[-1] == "480 yellow firing"


# Snapshots that are none


@pytest.fixture
def snapshot(rig):
    driven = rig(**TIMED)
    driven.series("4 4")
    return driven.engine.snapshot()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_torn_bytes_are_a_snapshot_error(rules_of, rule, snapshot, share):
    with pytest.raises(SnapshotError, match="torn"):
        Engine(rules_of(rule())).restore(snapshot[: int(len(snapshot) * share)])


@pytest.mark.parametrize("instant", [2**63, "now", None])
def test_an_instant_that_is_none_is_a_snapshot_error(rules_of, rule, snapshot, instant):
    data = orjson.loads(snapshot)
    data["sites"]["hs-a"]["series"]["stage"][0][0] = instant
    with pytest.raises(SnapshotError, match="torn"):
        Engine(rules_of(rule())).restore(orjson.dumps(data))


@pytest.mark.parametrize("version", [0, 1, "2", None])
def test_another_version_is_a_snapshot_error(rules_of, rule, snapshot, version):
    data = orjson.loads(snapshot)
    with pytest.raises(SnapshotError, match="version"):
        Engine(rules_of(rule())).restore(orjson.dumps({**data, "version": version}))


@pytest.mark.parametrize("other", [b"[]", b"null", b"1", b'{"version":2}', b'{"version":2,"at":0}'])
def test_json_of_something_else_is_a_snapshot_error(rules_of, rule, other):
    with pytest.raises(SnapshotError):
        Engine(rules_of(rule())).restore(other)


def test_the_snapshot_of_a_drill_is_not_for_a_live_engine(rig, rule, rules_of):
    # Else the next event of the drill's alert is published as a real one.
    driven = rig(status=Status.EXERCISE)
    driven.series("4")
    with pytest.raises(SnapshotError):
        Engine(rules_of(rule())).restore(driven.engine.snapshot())


def test_a_refused_snapshot_leaves_the_engine_as_it_was(rig, snapshot):
    driven = rig(**TIMED)
    driven.series("4 4")
    for wrong in (b"", snapshot[:-5], b'{"version":1}'):
        with pytest.raises(SnapshotError):
            driven.engine.restore(wrong)
    assert driven.engine.snapshot() == snapshot
