"""Threshold rules through the engine. Gauge A speaks every 5 minutes; a line of stages stands above what it gives."""

from dataclasses import replace

import pytest

LADDER = {"blue": "4 m", "yellow": "5 m", "orange": "6 m", "red": "7 m"}
TWO = {"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}}


@pytest.mark.parametrize(
    ("fields", "stages", "expected"),
    [
        # minute                      0  5  10 15 20 25 30
        pytest.param({}, "            3  4", ["5 blue firing"], id="at the limit"),
        pytest.param({}, "            3  3.99", [], id="below the limit"),
        pytest.param({"at_least": None, "above": {"blue": "4 m"}}, "4  4.01", ["5 blue firing"], id="above"),
        pytest.param({"at_least": None, "at_most": {"blue": "4 m"}}, "4.01 4", ["5 blue firing"], id="at most"),
        pytest.param({"at_least": None, "below": {"blue": "4 m"}}, "4  3.99", ["5 blue firing"], id="below"),
        pytest.param({"for_": "5min"}, "4  4", ["5 blue firing"], id="held"),
        pytest.param({"for_": "6min"}, "4  4", [], id="not held"),
        pytest.param({"for_": "10min"}, "4  4  1  4  4", [], id="broken off"),
        pytest.param({"for_": "10min"}, "4  _  4", ["10 blue firing"], id="one missing"),
        pytest.param({"for_": "15min"}, "4  _  _  4", [], id="two missing"),
        pytest.param({"at_least": LADDER}, "7  7", ["0 yellow firing", "5 red firing"], id="red wants two samples"),
        pytest.param(
            {"at_least": LADDER},
            "9  1  9  1",
            [
                "0 yellow firing",
                "5 yellow cleared",
                "10 yellow firing",
                "15 yellow cleared",
            ],
            id="spikes raise no red",
        ),
        pytest.param(
            {"at_least": LADDER}, "6  7  7", ["0 yellow firing", "5 orange firing", "10 red firing"], id="climb"
        ),
        pytest.param({}, "            4  3.81 3.8 3.79", ["0 blue firing", "15 blue cleared"], id="deadband"),
        pytest.param({"clear": "3 m"}, "4 3.1 3 2.99", ["0 blue firing", "15 blue cleared"], id="clear"),
        pytest.param({"keep_firing_for": "10min"}, "4 1 4 1 1 1", ["0 blue firing", "25 blue cleared"], id="kept"),
        pytest.param(
            {"keep_firing_for": "10min"},
            "4 1 _ _ 1 1 1",
            [
                "0 blue firing",
                "30 blue cleared",
            ],
            id="a gap starts the clearing anew",
        ),
        pytest.param({"min_life": "30min"}, "4 1*6", ["0 blue firing", "30 blue cleared"], id="min life"),
        pytest.param(
            {"at_least": LADDER, "keep_firing_for": "10min"},
            "7 7 6 5 5 5 5",
            ["0 yellow firing", "5 red firing", "20 orange firing", "25 yellow firing"],
            id="steps down",
        ),
    ],
)
def test_stages_against_one_limit(rig, fields, stages, expected):
    driven = rig(**fields)
    driven.series(stages)
    assert driven.seen == expected


def both(driven, minute, stage, inflow):
    driven.send(minute, {"stage": float(stage), "inflow": float(inflow)})


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([(5, 0)], ["0 blue firing"], id="the first"),
        pytest.param([(0, 50)], ["0 yellow firing"], id="the second"),
        pytest.param([(5, 50)], ["0 yellow firing"], id="the worst decides"),
        pytest.param([(5, 50), (5, 0)], ["0 yellow firing", "5 blue firing"], id="down to what still holds"),
        pytest.param([(5, 50), (0, 50), (0, 0)], ["0 yellow firing", "10 yellow cleared"], id="all must be clear"),
    ],
)
def test_the_worst_of_several_limits_decides(rig, rows, expected):
    driven = rig(
        measure=None,
        measures=TWO,
        limits=[
            {"measure": "stage", "at_least": {"blue": "4 m"}},
            {"measure": "inflow", "at_least": {"yellow": "40 m³/s"}},
        ],
    )
    for number, row in enumerate(rows):
        both(driven, 5 * number, *row)
    assert driven.seen == expected


GATED = {
    "measure": None,
    "measures": TWO,
    "limits": [{"measure": "stage", "at_least": {"blue": "4 m", "yellow": "5 m"}}],
    "only_while": [{"measure": "inflow", "above": "10 m³/s"}],
}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([(4, 20)], ["0 blue firing"], id="open"),
        pytest.param([(4, 10)], [], id="shut"),
        pytest.param([(4, None)], ["0 blue firing"], id="an unknown gate never blocks"),
        pytest.param([(4, 20), (5, 10)], ["0 blue firing"], id="no escalation while shut"),
        pytest.param([(4, 20), (4, 5), (1, 5)], ["0 blue firing", "10 blue cleared"], id="shutting clears nothing"),
        pytest.param([(4, 10), (4, 20)], ["5 blue firing"], id="opened"),
    ],
)
def test_a_gate_stands_before_raising_and_escalating(rig, rows, expected):
    driven = rig(**GATED)
    for number, (stage, inflow) in enumerate(rows):
        values = {"stage": float(stage), **({} if inflow is None else {"inflow": float(inflow)})}
        driven.send(5 * number, values)
    assert driven.seen == expected


@pytest.mark.parametrize(
    ("clear_when", "rows", "expected"),
    [
        pytest.param(
            [{"measure": "stage", "below": "4 m"}, {"measure": "inflow", "below": "10 m³/s"}],
            [(4, 20), (1, 20), (1, 5)],
            ["0 blue firing", "10 blue cleared"],
            id="all",
        ),
        pytest.param(
            {"any": [{"measure": "stage", "below": "2 m"}, {"measure": "inflow", "below": "10 m³/s"}]},
            [(4, 20), (3, 20), (3, 5)],
            ["0 blue firing", "10 blue cleared"],
            id="any",
        ),
        pytest.param(
            [{"measure": "stage", "below": "4 m"}, {"measure": "inflow", "below": "10 m³/s"}],
            [(4, None), (1, None), (1, None)],
            ["0 blue firing"],
            id="unknown clears nothing",
        ),
    ],
)
def test_clear_when_takes_the_place_of_clear(rig, clear_when, rows, expected):
    limits = [{"measure": "stage", "at_least": {"blue": "4 m"}}]
    driven = rig(measure=None, measures=TWO, limits=limits, clear_when=clear_when)
    for number, (stage, inflow) in enumerate(rows):
        driven.send(5 * number, {"stage": float(stage), **({} if inflow is None else {"inflow": float(inflow)})})
    assert driven.seen == expected


WITH_AND = {
    "measure": None,
    "measures": TWO,
    "limits": [
        {
            "measure": "stage",
            "at_least": {
                "blue": {"value": "4 m", "and": [{"measure": "inflow", "above": "10 m³/s"}]},
                "yellow": "5 m",
                "orange": "6 m",
            },
        }
    ],
}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"stage": 4.0, "inflow": 20.0}, ["0 blue firing"], id="met"),
        pytest.param({"stage": 4.0, "inflow": 10.0}, [], id="not met"),
        pytest.param({"stage": 4.0}, [], id="unknown is not met"),
        pytest.param({"stage": 5.0}, ["0 yellow firing"], id="it belongs to its level alone"),
    ],
)
def test_the_and_of_a_level(rig, values, expected):
    driven = rig(**WITH_AND)
    driven.send(0, values)
    assert driven.seen == expected


def test_an_unknown_and_of_a_lower_level_does_not_hold_up_stepping_down(rig):
    #  minute   0   5   10  15  20  25  30  35       the inflow is never known; yellow is left after 10 min below
    #  stage    4.5 4.5 4.5 4.5 6   6   5   5 ...
    driven = rig(**WITH_AND, keep_firing_for="10min")
    driven.send(0, {"stage": 1.0, "inflow": 5.0})
    driven.series("4.5*4 6 6 5*6", start=5)
    assert driven.seen == ["25 yellow firing no_data", "30 orange firing no_data", "45 yellow firing no_data"]


#   minute   0 .. 55   60 65 ..      5 mm every 5 minutes for half an hour, then dry
def test_a_sum_that_is_large_enough_is_certain_before_its_window_is_covered(rig):
    driven = rig(
        where={"site": ["rg-a"]},
        measure={"metric": "rain", "over": "1h", "take": "sum"},
        at_least={"blue": "20 mm"},
        clear="5 mm",
    )
    for minute in range(0, 120, 5):
        driven.send(minute, {"rain": 5.0 if minute < 30 else 0.0}, site="rg-a")
    assert driven.seen == ["15 blue firing", "85 blue cleared"]


def test_evidence_names_the_limit_that_decided(rig):
    driven = rig(measure={"metric": "stage", "over": "15min", "take": "max"}, at_least=LADDER)
    driven.series("3 4 5.5")
    evidence = driven.events[-1].evidence
    assert (evidence.measure, evidence.value, evidence.limit, evidence.unit) == ("stage", 5.5, 5.0, "m")
    assert (evidence.comparison, evidence.take, evidence.window) == ("at_least", "max", 15 * 60_000)
    assert [sample.value for sample in evidence.readings] == [3.0, 4.0, 5.5]


def test_evidence_has_a_bounded_number_of_readings(rig):
    driven = rig(measure={"metric": "stage", "over": "2h", "take": "min"}, at_least={"blue": "1 m"})
    driven.series("2*30")
    assert len(driven.events[0].evidence.readings) == 12


# On change: the value holds until the next one (design, section 5: its timers may complete on the clock).


def test_what_speaks_on_change_completes_its_hold_time_on_the_clock(rig):
    driven = rig(where={"site": ["sd-a"]}, measure={"metric": "smoke_alarm"}, at_least={"blue": "1 state"}, for_="5min")
    driven.send(0, {"smoke_alarm": 1.0}, site="sd-a")
    driven.wait(10)
    assert driven.seen == ["5 blue firing"]


def test_a_gate_with_gaps_keeps_no_alert_from_ending(rig):
    driven = rig(**GATED, keep_firing_for="30min")
    driven.send(0, {"stage": 4.0, "inflow": 20.0})
    for step in range(1, 9):
        driven.send(5 * step, {"stage": 1.0, **({"inflow": 20.0} if step % 4 == 0 else {})})
    assert driven.seen[-1] == "35 blue cleared"


def test_what_speaks_on_change_has_no_gaps(rig):
    driven = rig(
        where={"site": ["pk-a"]}, measure={"metric": "occupied"}, at_least={"blue": "100 vehicles"}, for_="20min"
    )
    for minute, occupied in [(0, 110), (8, 111), (16, 112), (24, 113)]:
        driven.send(minute, {"occupied": float(occupied)}, site="pk-a")
    assert [text.partition(" ")[2] for text in driven.seen] == ["blue firing"]


def test_what_speaks_on_change_covers_a_window_with_one_value(rig):
    driven = rig(
        where={"site": ["pk-a"]},
        measure={"metric": "occupied", "over": "10min", "take": "mean"},
        at_least={"blue": "100 vehicles"},
    )
    for minute in (0, 20, 40):
        driven.send(minute, {"occupied": 150.0 + minute}, site="pk-a")
    assert [text.partition(" ")[2] for text in driven.seen] == ["blue firing"]


OF_A_LOT = {
    "where": {"site": ["pk-a"]},
    "measure": None,
    "measures": {"lot": {"metric": "occupied"}},
    "limits": [{"measure": "lot", "at_least": {"blue": "100 vehicles"}}],
}


@pytest.fixture
def forgetful(rules_of, Rig, city):
    """Return what makes a rig of a rule where the value of a lot is unknown after an hour."""

    def make(written):
        occupied = city.metrics["occupied"].model_copy(update={"silent_for": 60 * 60_000})
        return Rig(rules_of(written, registry=replace(city, metrics={**city.metrics, "occupied": occupied})))

    return make


MEAN_OF_A_LOT = {
    "where": {"site": ["pk-a"]},
    "measure": {"metric": "occupied", "over": "20min", "take": "mean"},
    "at_least": {"blue": "100 vehicles", "yellow": "150 vehicles"},
    "deadband": "0 vehicles",
}


#   minute   0   20   25 .. 45    80        a mean over 20 min moves for so long after each change
#   lot      40       180          40
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {}, ["34 blue firing", "41 yellow firing", "85 blue firing", "92 blue cleared"], id="rises and falls"
        ),
        pytest.param(
            {"for_": "10min"}, ["44 blue firing", "51 yellow firing", "85 blue firing", "92 blue cleared"], id="for"
        ),
        pytest.param({"for_": "2h"}, [], id="too long"),
    ],
)
def test_a_window_over_what_speaks_on_change_moves_although_nothing_comes(rig, fields, expected):
    driven = rig(**MEAN_OF_A_LOT, **fields)
    for minute, occupied in [(0, 40.0), (25, 180.0), (80, 40.0)]:
        driven.send(minute, {"occupied": occupied}, site="pk-a")
    driven.wait(150)
    assert driven.seen == expected


def test_a_window_that_was_full_from_the_first_is_looked_at_until_it_is_known(rig):
    # A window is known when three quarters of it are.
    driven = rig(**MEAN_OF_A_LOT)
    driven.send(0, {"occupied": 120.0}, site="pk-a")
    driven.wait(60)
    assert driven.seen == ["15 blue firing"]


def test_a_window_that_rests_is_not_looked_at_again(rig):
    driven = rig(**MEAN_OF_A_LOT)
    driven.send(0, {"occupied": 40.0}, site="pk-a")
    driven.wait(60)
    (state,) = driven.engine._sites.values()
    assert state.standings[0].wake_at is None


#   minute   0  10  25 30 .. 40  41 .. 46       a lot of 120 at 10 is received at 25, one of 40 observed at 31 at 41
@pytest.mark.parametrize(
    ("hold", "keep", "expected"),
    [
        pytest.param("20min", "15min", ["30 blue firing", "46 blue cleared"], id="in time"),
        pytest.param("12min", "5min", ["25.1667 blue firing", "41.1667 blue cleared"], id="over when it comes"),
    ],
)
def test_a_timer_runs_from_the_instant_of_a_value_that_came_late(rig, hold, keep, expected):
    driven = rig(
        where={"site": ["pk-a"]},
        measure={"metric": "occupied"},
        at_least={"blue": "100 vehicles"},
        for_=hold,
        keep_firing_for=keep,
    )
    driven.send(0, {"occupied": 40.0}, site="pk-a")
    driven.send(25, {"occupied": 120.0}, site="pk-a", observed=10)
    driven.send(41, {"occupied": 40.0}, site="pk-a", observed=31)
    driven.wait(80)
    assert driven.seen == expected


#   minute   0    40   70   80             a lot of 120 is unknown from 60 to 70, or is heard at 40
@pytest.mark.parametrize(
    ("heard", "fields", "expected"),
    [
        pytest.param([0, 70], {"for_": "90min"}, [], id="lost"),
        pytest.param([0, 40, 70], {"for_": "90min"}, ["90 blue firing"], id="heard in time"),
        pytest.param([0, 70, 120], {"for_": "90min"}, ["160 blue firing"], id="lost, then met for long enough"),
        pytest.param([0, 60], {"for_": "90min"}, ["90 blue firing"], id="at the last moment"),
        pytest.param(
            [0, 70],
            {"only_while": [{"measure": "lot", "above": "110 vehicles", "for": "65min"}]},
            [],
            id="nor that of a condition",
        ),
    ],
)
def test_a_hold_time_does_not_run_while_nobody_knows_the_value(forgetful, rule, heard, fields, expected):
    driven = forgetful(rule(**OF_A_LOT, **fields))
    for minute in heard:
        driven.send(minute, {"occupied": 120.0}, site="pk-a")
    driven.wait(heard[-1] + 50)
    assert driven.seen == expected


def test_a_clearing_does_not_run_while_nobody_knows_the_value(forgetful, rule):
    #  minute   0    10   75 .. 195        below the limit from 10 on, unknown from 70 to 75; clears two hours after 75
    driven = forgetful(rule(**OF_A_LOT, keep_firing_for="2h"))
    for minute, occupied in [(0, 120), (10, 40), (75, 40), (120, 41), (170, 40)]:
        driven.send(minute, {"occupied": float(occupied)}, site="pk-a")
    driven.wait(220)
    assert driven.seen == ["0 blue firing", "70 blue recovering no_data", "75 blue recovering", "195 blue cleared"]


def test_a_restart_while_a_window_moves_changes_nothing(rig):
    whole, cut = rig(**MEAN_OF_A_LOT), rig(**MEAN_OF_A_LOT)
    for driven in (whole, cut):
        driven.send(0, {"occupied": 40.0}, site="pk-a")
        driven.send(25, {"occupied": 180.0}, site="pk-a")
        driven.wait(32)
    cut.restart()
    for driven in (whole, cut):
        driven.wait(60)
    assert cut.events == whole.events != []


def test_a_clear_condition_does_not_end_what_its_limit_still_raises(rig):
    # `clear_when` overlaps the limit: without a guard the alert ends and begins anew with every sample.
    driven = rig(
        measure=None,
        measures={"stage": {"metric": "stage"}},
        limits=[{"measure": "stage", "at_least": {"blue": "4 m"}}],
        clear_when=[{"measure": "stage", "below": "5 m"}],
    )
    driven.series("4.5*6")
    assert driven.seen == ["0 blue firing"]
