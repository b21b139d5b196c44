"""Latched alerts in the engine: the reset as an order in the log. Gauge A speaks every 5 minutes from 08:00 on."""

import pytest

from citybrain.alerts import Ending, MessageType
from citybrain.codec import encode_event, encode_reset
from citybrain.model import Reason, Reset
from rules.intake import FeedRecord, Intake

LATCHED = {"at_least": {"blue": "4 m", "red": "6 m"}, "keep_firing_for": "10min", "urgent": True, "latched": True}
ORDER = Reset("aa-01", "hs-a")


def reset(driven, minute, order=ORDER):
    """Let the order arrive as a control record of the log."""
    driven.wait(minute)
    record = FeedRecord(None, driven.now, None, encode_reset(order), {"control": b"reset"})
    output = Intake(driven.engine).accept(record)
    driven.events += output.events
    driven.rejections += output.rejections


def test_an_alert_is_held_until_it_is_reset(rig):
    #  minute  0 5 10 15 20 25 30       6 m at 5; over when good for 10 min
    driven = rig(**LATCHED)
    driven.series("1 6 6 1 1 1 1")
    assert driven.seen == ["10 red firing", "25 red recovering"]
    assert "待人工复位" in driven.events[-1].headline.zh
    reset(driven, 31)
    assert driven.seen[2:] == ["30 red cleared"]
    last = driven.events[-1]
    assert (last.ending, last.message_type, last.sequence, last.sent) == (
        Ending.RESET,
        MessageType.CANCEL,
        3,
        driven.now,
    )
    assert last.latched
    assert driven.engine.open_alerts == 0


@pytest.mark.parametrize(
    ("minute", "order"),
    [
        pytest.param(12, ORDER, id="while the condition holds"),
        pytest.param(22, ORDER, id="before it was over for long enough"),
        pytest.param(36, Reset("aa-02", "hs-a"), id="of another rule"),
        pytest.param(36, Reset("aa-01", "hs-b"), id="of another site"),
        pytest.param(36, Reset("aa-01", "hs-a@zn-dam-west"), id="in a zone"),
        pytest.param(36, Reset("aa-01", "no-one"), id="of no site"),
    ],
)
def test_a_reset_of_anything_else_is_without_effect(rig, minute, order):
    driven = rig(**LATCHED)
    driven.series("1 6 6 1 1")
    if minute > 20:
        reset(driven, minute, order)
    else:
        driven = rig(**LATCHED)
        driven.series("1 6 6")
        reset(driven, minute, order)
    assert driven.engine.open_alerts == 1
    assert all(event.ending is None for event in driven.events)
    assert driven.rejections == []


def test_a_reset_moves_the_time_and_judges_what_is_due_first(rig, rule):
    driven = rig(rule(type="no_data", measure=None, silent_for={"blue": "3.5 periods"}))
    driven.send(0, 1.0)
    driven.wait(17)
    reset(driven, 17.5)
    assert driven.seen == ["17.5 blue firing"]


def test_an_early_reset_is_not_kept(rig):
    driven = rig(**LATCHED)
    driven.series("6 6 1 1")
    reset(driven, 16)
    driven.series("1 1", start=20)
    assert driven.seen == ["5 red firing", "20 red recovering"]


def test_a_silence_is_latched_too(rig):
    driven = rig(type="no_data", measure=None, silent_for={"blue": "3.5 periods"}, latched=True)
    driven.series("1 _*5 1 1")
    assert driven.seen == ["17.5 blue firing", "30 blue recovering"]
    reset(driven, 36)
    assert driven.seen[2:] == ["36 blue cleared"]


def test_a_boat_in_a_zone_is_reset_by_both_names(rig):
    fence = {"type": "geofence", "measure": None, "where": {}, "inside": {"zone": "dam"}, "level": "blue"}
    driven = rig(**fence, latched=True)
    for minute, lon in enumerate((119.1, 119.42, 119.42, 119.1)):
        driven.send(minute, {"battery_voltage": 12.0}, site="bt-a", position=(lon, 28.15))
    zone = driven.events[0].subject.zone
    reset(driven, 4, Reset("aa-01", "bt-a"))
    assert driven.engine.open_alerts == 1
    reset(driven, 5, Reset("aa-01", f"bt-a@{zone}"))
    assert driven.events[-1].ending is Ending.RESET


@pytest.mark.parametrize("stages", ["6 6", "6 6 1", "6 6 1 1 1", "6 6 1 1 1 6"])
def test_a_restart_changes_nothing(rig, stages):
    run, restarted = rig(**LATCHED), rig(**LATCHED)
    for driven in (run, restarted):
        driven.series(stages)
    restarted.restart()
    assert restarted.engine.snapshot() == run.engine.snapshot()
    for driven in (run, restarted):
        reset(driven, 30)
        driven.series("6 1 1 1 1", start=35)
        reset(driven, 60)
    assert [encode_event(event) for event in restarted.events] == [encode_event(event) for event in run.events]
    assert run.events[-1].ending is Ending.RESET


@pytest.mark.parametrize(
    "value", [None, b"", b"{}", b"[]", b'{"rule":"aa-01"}', b'{"rule":"aa-01","subject":"a","by":"x"}']
)
def test_an_order_that_cannot_be_read_is_rejected(rig, value):
    driven = rig(**LATCHED)
    output = Intake(driven.engine).accept(FeedRecord(None, driven.now, None, value, {"control": b"reset"}))
    assert [one.reason for one in output.rejections] == [Reason.SCHEMA]


def test_a_rule_about_any_metric_is_reset_metric_by_metric(Rig, rules_of, rule):
    #  minute  0 .. 55 stuck, 60 .. 125 moving: both metrics are over when the hour before is
    stuck = {"measure": {"metric": "any", "over": "1h", "take": "range"}, "at_most": {"blue": 0}, "clear": 0.05}
    driven = Rig(rules_of(rule(type="quality", latched=True, **stuck), scenario="system"))
    for number in range(26):
        value = 1.0 if number < 12 else float(number)
        driven.send(5 * number, {"stage": value / 10, "inflow": value})
    assert [event.state.value for event in driven.events] == ["firing", "firing", "recovering", "recovering"]
    reset(driven, 126, Reset("aa-01", "hs-a"))
    assert driven.engine.open_alerts == 2
    reset(driven, 127, Reset("aa-01", "hs-a:stage"))
    assert (driven.events[-1].subject.metric, driven.events[-1].ending) == ("stage", Ending.RESET)
    assert driven.engine.open_alerts == 1
