"""Conditions with `for` and `repeated` of their own, wherever conditions stand. Gauge A speaks every 5 minutes."""

import pytest

from citybrain.instants import DAY, HOUR, MINUTE
from rules.repeated import Tally, parse_repeated

TWO = {"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}}
CALM = {"measure": "inflow", "below": "10 m³/s"}


def drive(driven, rows, start=0):
    """Send (stage, inflow) every five minutes; None is a missing value, a row of None a missing reading."""
    for number, row in enumerate(rows):
        minute = start + 5 * number
        if row is None:
            driven.wait(minute)
            continue
        values = {name: float(value) for name, value in zip(TWO, row, strict=True) if value is not None}
        driven.send(minute, values)
    return driven.seen


def fields(**given):
    limit = {"measure": "stage", "at_least": {"blue": "4 m"}, **given.pop("limit", {})}
    return {"measure": None, "measures": TWO, "limits": [limit], **given}


ENDING = {"clear_when": [{**CALM, "for": "10min"}]}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # minute       0        5       10      15      20      25
        pytest.param([(4, 20), (1, 5), (1, 5), (1, 5)], ["0 blue firing", "15 blue cleared"], id="held"),
        pytest.param([(4, 20), (1, 5), (1, 5)], ["0 blue firing"], id="not yet"),
        pytest.param([(4, 20), (1, 5), (1, 20), (1, 5), (1, 5)], ["0 blue firing"], id="broken off"),
        pytest.param(
            [(4, 5), (4, 5), (4, 5), (1, 5)], ["0 blue firing", "15 blue cleared"], id="held before it cleared"
        ),
        pytest.param(
            [(1, 5), (1, 5), (1, 5), (4, 20), (1, 20)], ["15 blue firing"], id="what was held before has ended"
        ),
        pytest.param([(4, 20), (1, 5), None, (1, 5)], ["0 blue firing", "15 blue cleared"], id="one missing"),
        pytest.param([(4, 20), (1, 5), None, None, (1, 5)], ["0 blue firing"], id="a gap starts it anew"),
        pytest.param(
            [(4, 20), (1, 5), (1, None), (1, 5)],
            ["0 blue firing", "15 blue cleared"],
            id="an unknown sample is ignored",
        ),
        pytest.param([(4, None), *[(1, None)] * 9], ["0 blue firing"], id="unknown clears nothing"),
    ],
)
def test_an_ending_that_must_last(rig, rows, expected):
    assert drive(rig(**fields(**ENDING)), rows) == expected


def test_an_ending_that_was_met_before_the_alert_does_not_clear_it_while_its_limit_is_met(rig):
    driven = rig(**fields(**ENDING))
    assert drive(driven, [(1, 5), (1, 5), (1, 5), (4, 5), (4, 5), (3.9, 5)]) == ["15 blue firing", "25 blue cleared"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([(4, 5), (4, 5), (4, 5)], ["10 blue firing"], id="opens in time"),
        pytest.param([(4, 5), (4, 5), (4, 20)], [], id="shut"),
        pytest.param([(4, None)], ["0 blue firing"], id="an unknown gate never blocks"),
        pytest.param([(1, 5), (1, 5), (4, 5)], ["10 blue firing"], id="what was met before the limit counts"),
    ],
)
def test_a_gate_that_must_last(rig, rows, expected):
    assert drive(rig(**fields(only_while=[{**CALM, "for": "10min"}])), rows) == expected


@pytest.mark.parametrize("where", ["level", "limit"])
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([(4, 5), (4, 5), (4, 5)], ["10 blue firing"], id="in time"),
        pytest.param([(4, None), (4, None), (4, None)], [], id="unknown is not met"),
    ],
)
def test_an_and_that_must_last(rig, where, rows, expected):
    held = [{**CALM, "for": "10min"}]
    level = {"value": "4 m", "and": held} if where == "level" else "4 m"
    limit = {"at_least": {"blue": level}, **({"and": held} if where == "limit" else {})}
    driven = rig(**fields(limit=limit))
    assert drive(driven, rows) == expected
    assert all(event.evidence.limit == 4.0 for event in driven.events)


def test_a_tightening_that_must_last(rig):
    driven = rig(**fields(tighten={"times": 0.5, "while": [{**CALM, "for": "10min"}]}))
    assert drive(driven, [(3, 5), (3, 5), (3, 5)]) == ["10 blue firing"]
    assert driven.events[0].evidence.limit == 2.0


def test_two_of_three_samples(rig):
    driven = rig(**fields(clear_when=[{**CALM, "repeated": "2 of 3 samples"}]))
    rows = [(4, 20), (1, 5), (1, 20), (1, 20), (1, 5), (1, 20), (1, 5)]
    assert drive(driven, rows) == ["0 blue firing", "30 blue cleared"]


def test_two_nights_end_it_and_the_days_between_do_not_count(rig):
    #  hours after 08:00    0 firing; noon calm; 16 (midnight) calm; 28 noon calm; 40 (midnight) calm: the second night
    driven = rig(**fields(clear_when=[{**CALM, "repeated": "2 of 2 nights"}]))
    drive(driven, [(4, 20)])
    for hour in (4, 16, 28):
        drive(driven, [(1, 5)], start=hour * 60)
    assert [text for text in driven.seen if "cleared" in text] == []
    drive(driven, [(1, 5)], start=40 * 60)
    assert driven.seen[-1] == f"{40 * 60} blue cleared"


@pytest.mark.parametrize(
    ("hour", "counts"),
    [(21.99, False), (22, True), (24, True), (29.99, True), (30, False), (36, False)],
)
def test_a_night_is_from_ten_to_six(hour, counts):
    tally, repeated = Tally(), parse_repeated("1 of 1 nights")
    tally.note(True, round((hour - 8) * HOUR) + 100 * DAY, repeated)
    assert tally.is_enough(repeated) is counts


def test_a_state_that_speaks_on_change_completes_a_condition_without_a_reading(rig):
    driven = rig(
        measure=None,
        where={"site": ["pk-a"]},
        measures={"occupancy": {"derived": "occupancy"}, "cars": {"metric": "occupied"}},
        limits=[{"measure": "occupancy", "at_least": {"blue": "50 %"}}],
        clear_when=[{"measure": "cars", "below": "10 vehicles", "for": "10min"}],
    )
    driven.send(0, {"occupied": 150.0}, site="pk-a")
    driven.send(1, {"occupied": 5.0}, site="pk-a")
    driven.wait(20)
    assert driven.seen == ["0 blue firing", "11 blue cleared"]


@pytest.mark.parametrize("cut", range(12))
def test_a_restart_between_any_two_readings_changes_nothing(rig, cut):
    given = fields(
        clear_when={
            "any": [{**CALM, "for": "10min"}, {"measure": "stage", "below": "2 m", "repeated": "3 of 4 samples"}]
        }
    )
    rows = [(4, 20), (1, 5), (1, 5), (3, 20), (1, 20), (1, 20), (4, 5), (4, 5), (3, 5), (4, 20), (1, 5), (1, 5)]
    whole, parted = rig(**given), rig(**given)
    drive(whole, rows)
    drive(parted, rows[:cut])
    before = parted.engine.snapshot()
    parted.restart()
    assert parted.engine.snapshot() == before
    drive(parted, rows[cut:], start=5 * cut)
    assert parted.seen == whole.seen
    assert len(whole.seen) > 2
    assert parted.engine.snapshot() == whole.engine.snapshot()


def test_a_late_sample_does_not_lengthen_a_run(rig):
    driven = rig(**fields(**ENDING))
    drive(driven, [(4, 20), (1, 5), (1, 5)])
    driven.send(12, {"stage": 1.0, "inflow": 5.0}, observed=7)
    assert driven.seen == ["0 blue firing"]
    assert driven.now - driven.events[0].observed_at == 12 * MINUTE
