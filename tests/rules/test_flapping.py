"""Alerts that come and go again and again. `+` raised, `.` cleared, `~` the mark is on, one change or look a row."""

import pytest

from citybrain.alerts import MessageType, State
from citybrain.codec import encode_event
from citybrain.instants import MINUTE
from rules.flapping import CALM, Flapping
from rules.lifecycle import Alert, Step, Timing, Verdict, advance


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        pytest.param([0, 10, 20, 30, 40], [False] * 4 + [True], id="three raises in forty minutes"),
        pytest.param([0, 11, 22, 34, 45], [False] * 5, id="three raises in forty-five minutes"),
        pytest.param([0, 30, 31, 61, 62, 92, 93], [False] * 6 + [True], id="four raises at the usual minimum life"),
        pytest.param([0, 5, 360, 365, 720, 725, 1080], [False] * 7, id="four raises a day"),
        pytest.param([0, 1, 2, 3, 4, 56, 108], [False] * 4 + [True] * 3, id="it stays on above the low mark"),
        pytest.param([0, 1, 2, 3, 4, 90], [False] * 4 + [True, False], id="below the low mark it begins anew"),
        pytest.param([0, 1, 2, 3, 4, 3], [False] * 4 + [True] * 2, id="an instant that runs back"),
    ],
)
def test_changes_add_up_and_fade(minutes, expected):
    flapping, seen = CALM, []
    for minute in minutes:
        flapping = flapping.changed(minute * MINUTE)
        seen.append(flapping.is_on)
    assert seen == expected


@pytest.mark.parametrize(("minute", "is_on"), [(0, True), (59, True), (60, True), (61, False), (10_000, False)])
def test_it_ends_by_itself_an_hour_after_the_high_mark(minute, is_on):
    assert Flapping(4.0, 0, is_on=True).settled(minute * MINUTE).is_on == is_on


def test_levels_that_rise_are_no_flapping():
    alert = Alert()
    for minute, rank in enumerate((1, 2, 3, 4, 3, 4, 3, 4)):
        good = (False, rank < 2, rank < 3, rank < 4)
        alert, _ = advance(alert, Verdict(minute * MINUTE, rank, 0, good, False), Timing(0, 0))
    assert not alert.flapping.is_on


def test_the_end_of_flapping_is_told_once():
    alert = Alert(State.FIRING, 1, onset=0, fired_at=0, flapping=Flapping(4.0, 0, is_on=True))
    steps = []
    for minute in (30, 60, 90, 120):
        alert, step = advance(alert, Verdict(minute * MINUTE, 1, 0, (False,) * 4, False), Timing(0, 0))
        steps.append(step)
    assert steps == [None, None, Step.SETTLED, None]


def marked(driven):
    return [f"{told}{' ~' if event.flapping else ''}" for told, event in zip(driven.seen, driven.events, strict=True)]


def test_events_carry_the_mark_and_none_is_left_out(rig):
    #  minute   0 5 10 15 20 25 30 ... 90     the third raise and all after it are marked; then it stays up
    driven = rig()
    driven.series("4 1 4 1 4 6*16")
    assert marked(driven) == [
        "0 blue firing",
        "5 blue cleared",
        "10 blue firing",
        "15 blue cleared",
        "20 blue firing ~",
        "90 blue firing",
    ]
    last = driven.events[-1]
    assert (last.message_type, last.sequence, last.previous_level) == (MessageType.UPDATE, 2, last.level)


def test_an_escalation_of_a_flapping_alert_is_told(rig):
    driven = rig(at_least={"blue": "4 m", "red": "6 m"}, urgent=True)
    driven.series("4 4 1 4 4 1 4 4 6 6")
    assert marked(driven)[-2:] == ["35 blue firing ~", "45 red firing ~"]


def test_a_latched_alert_flaps_when_its_condition_comes_and_goes(rig):
    driven = rig(latched=True)
    driven.series("4 1 4 1 4 1")
    assert marked(driven)[-2:] == ["20 blue firing ~", "25 blue recovering ~"]


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_restart_changes_nothing(rig, cut):
    words = ["4", "1", "4", "1", "4", "4*16", "1", "4"]
    run, restarted = rig(), rig()
    run.series(" ".join(words))
    restarted.series(" ".join(words[:cut]))
    restarted.restart()
    restarted.series(" ".join(words[cut:]), start=5 * sum(int(word.partition("*")[2] or 1) for word in words[:cut]))
    assert [encode_event(event) for event in restarted.events] == [encode_event(event) for event in run.events]
    assert restarted.engine.snapshot() == run.engine.snapshot()
