"""Area rules about what speaks only on change: what becomes of it by time alone, while no reading comes.

The car park of the city hall has 420 spaces; a reading holds for an hour, and the next is due when the number changes.
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.attributes import DatedEntry, parse_attribute
from citybrain.instants import MINUTE, parse_instant
from citybrain.model import Reading

START = parse_instant("2026-06-20T08:00:00+08:00")
PARK = "pk-cityhall"
BUSY = {
    "where": {"site": [PARK]},
    "group_by": "county",
    "measure": {"derived": "occupancy", "over": "10min", "take": "mean", "across": "mean"},
    "at_least": {"blue": "90 %"},
}


def full(driven, minute, share=1.0):
    driven.send(minute, {PARK: {"occupied": round(420 * share)}})


def test_a_window_that_moves_is_looked_at_again(rig):
    # minute     0     1      2 ...  10         20
    # occupied   0     420    nothing comes any more
    # mean       0     0      10 %   90 %       100 %
    driven = rig(**BUSY)
    full(driven, 0, 0)
    full(driven, 1)
    driven.wait(30)
    assert driven.seen == ["10 blue firing"]
    assert driven.events[0].evidence.value == 90


def test_a_window_that_moves_lets_an_alert_end(rig):
    driven = rig(**BUSY)
    full(driven, 0)
    full(driven, 20, 0)
    driven.wait(40)
    # Three quarters of a window are known from minute 8 on; of that of minute 21 nine tenths are full.
    assert driven.seen == ["8 blue firing", "22 blue cleared"]


def test_what_is_told_again_is_no_sign_of_life(rig):
    # A window of two hours is looked at every two minutes. What was said at minute 30 is too old to be known at 90.
    measure = {**BUSY["measure"], "over": "2h", "coverage": "25 %"}
    driven = rig(**{**BUSY, "measure": measure, "at_least": {"blue": "10 %"}})
    full(driven, 0, 0)
    full(driven, 30)
    driven.wait(95)
    assert driven.seen == ["34 blue firing", "90 blue firing no_data"]


def test_a_window_at_rest_is_not_told_again(rig):
    driven = rig(**BUSY)
    full(driven, 0)
    driven.wait(15)
    told = []
    for _ in range(60):
        driven.now += MINUTE // 2
        told += driven.engine.advance(driven.now).signals
    assert told == []


def test_a_rule_whose_window_rests_is_not_told_for_the_sake_of_another(rig):
    long = {**BUSY, "id": "bb-01", "type": "area", "measure": {**BUSY["measure"], "over": "50min"}}
    driven = rig(long, **BUSY)
    full(driven, 0, 0)
    full(driven, 10)
    told = {}
    while driven.now < START + 40 * MINUTE:
        driven.now += MINUTE // 2
        for signal in driven.engine.advance(driven.now).signals:
            told.setdefault(signal.rule, []).append((signal.at - START) / MINUTE)
    # The first look is for all; the shorter window is full from end to end at minute 20.
    assert (told["aa-01"], told["bb-01"][-1]) == ([*range(11, 21)], 40)


def test_a_restart_between_two_looks_changes_nothing(rig):
    plain, restarted = rig(**BUSY), rig(**BUSY)
    for driven in (plain, restarted):
        full(driven, 0, 0)
        full(driven, 1)
        driven.wait(5)
    restarted.restart()
    for driven in (plain, restarted):
        driven.wait(30)
    assert restarted.seen == plain.seen == ["10 blue firing"]


def test_a_new_rule_hears_at_once_what_holds(rig, rules_of):
    driven = rig(**BUSY)
    full(driven, 0)
    driven.wait(20)
    other = {**BUSY, "id": "bb-01", "type": "area", "at_least": {"yellow": "95 %"}}
    both = rules_of({**BUSY, "id": "aa-01", "type": "area"}, other)
    driven.restart(both)
    driven.wait(25)
    assert [line for line in driven.seen if "yellow" in line] == ["20 yellow firing"]


def test_a_reading_of_the_very_moment_of_a_look_has_the_last_word(rig):
    # Looks are at minutes 2, 3, 4 ...; the reading of minute 10 was two seconds on its way.
    fields = {
        "measure": None,
        "at_least": None,
        "measures": {"mean": BUSY["measure"], "now": {"derived": "occupancy", "across": "mean"}},
        "limits": [{"measure": "now", "at_least": {"blue": "90 %"}}, {"measure": "mean", "at_least": {"red": "99 %"}}],
        "clear_when": [{"measure": "now", "below": "90 %"}],
    }
    driven = rig(**{**BUSY, **fields})
    full(driven, 0, 0)
    full(driven, 1)
    driven.wait(10)
    driven._move(driven.now, Reading(PARK, driven.now - 2000, {"occupied": 0}))
    driven.wait(10.5)
    assert driven.seen == ["1 blue firing", "10 blue cleared"]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param("09:00-18:00", ["60 blue firing"], id="it begins"),
        pytest.param("08:00-08:20", [], id="it ends before the time is over"),
    ],
)
def test_the_hours_of_a_rule_begin_and_end_while_a_value_holds(rig, hours, expected):
    measure = {"derived": "occupancy", "across": "mean"}
    for_ = "30min" if expected == [] else None
    driven = rig(**{**BUSY, "measure": measure, "active": {"hours": hours}, "for_": for_})
    full(driven, 10)
    driven.wait(69)
    assert driven.seen == expected


def test_a_dated_attribute_of_a_site_changes_what_is_told(shipped, area_rig, read_area_rules):
    # 400 spaces until 09:00, 200 from then on: 190 cars are 48 %, then 95 %.
    entries = ({"hours": "00:00-09:00", "value": "400 vehicles"}, {"hours": "09:00-24:00", "value": "200 vehicles"})
    dated = parse_attribute(tuple(DatedEntry.model_validate(entry) for entry in entries), "vehicles")
    park = shipped.sites[PARK]
    site = replace(park, attributes={**park.attributes, "capacity": dated}, is_dated=True)
    registry = replace(shipped, sites={**shipped.sites, PARK: site})
    measure = {"metric": "occupied", "divided_by": {"site": "capacity"}, "across": "max"}
    rule = {"id": "aa-01", "type": "area", **BUSY, "measure": measure}
    driven = area_rig(read_area_rules(registry, rule))
    driven.send(10, {PARK: {"occupied": 190}})
    driven.wait(65)
    assert driven.seen == ["60 blue firing"]


def test_a_burst_of_old_values_moves_no_window_before_it_has_come(rig):
    # Late_max is 30 min. Full from minute 40 to 42 only; the records come at minute 60, a tenth of a second apart.
    driven = rig(**BUSY)
    full(driven, 0, 0)
    driven.wait(60)
    for number, (minute, occupied) in enumerate(((40, 420), (42, 0))):
        at = driven.now + number * 100
        driven._move(at, Reading(PARK, driven.now - (60 - minute) * MINUTE, {"occupied": occupied}))
    driven.now += 100
    driven.wait(90)
    assert driven.seen == []


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param((0, 50, 100), ["70 blue firing"], id="known all the time"),
        pytest.param((0, 80, 130), ["150 blue firing"], id="unknown from 60 to 80"),
        pytest.param((0, 60, 115), ["70 blue firing"], id="said again in the last moment"),
    ],
)
@pytest.mark.parametrize("across", [None, "max"])
def test_for_does_not_run_through_time_of_which_nothing_is_known(rig, sent, expected, across):
    # What was said holds for an hour.
    measure = {"derived": "occupancy", **({"across": across} if across else {})}
    driven = rig(**{**BUSY, "measure": measure, "for_": "70min"})
    for minute in sent:
        full(driven, minute)
    driven.wait(155)
    assert driven.seen == expected


@pytest.mark.parametrize("end", [{"keep_firing_for": "70min"}, {"clear_when": [{"for": "70min"}]}], ids=["keep", "for"])
def test_no_time_that_ends_an_alert_runs_while_nothing_is_known(rig, end):
    # Empty from 30 on, unknown from 90 to 95: good for seventy minutes at 165.
    measure = {"derived": "occupancy", "across": "max"}
    if "clear_when" in end:
        end = {"clear_when": [{"measure": "value", "below": "80 %", "for": "70min"}]}
    driven = rig(**{**BUSY, "measure": measure, **end})
    for minute, share in ((0, 1), (30, 0), (95, 0), (150, 0)):
        full(driven, minute, share)
    driven.wait(170)
    assert [line for line in driven.seen if line == "0 blue firing" or "cleared" in line] == [
        "0 blue firing",
        "165 blue cleared",
    ]


def test_a_site_tells_what_it_is_by_the_season(shipped, area_rig, read_area_rules):
    # The same stage lies 1 m over the limit of the morning, and 1 m under the one from 09:00 on.
    gauge = next(site for site in shipped.sites.values() if site.kind == "river-gauge")
    entries = ({"hours": "00:00-09:00", "value": "10 m"}, {"hours": "09:00-24:00", "value": "12 m"})
    dated = parse_attribute(tuple(DatedEntry.model_validate(entry) for entry in entries), "m")
    site = replace(gauge, attributes={**gauge.attributes, "warning_stage": dated}, is_dated=True)
    registry = replace(shipped, sites={**shipped.sites, gauge.id: site})
    measure = {"metric": "stage", "minus": {"site": "warning_stage"}, "across": "max"}
    rule = {"id": "aa-01", "type": "area", "where": {"site": [gauge.id]}, "group_by": "county", "measure": measure}
    driven = area_rig(read_area_rules(registry, {**rule, "at_least": {"blue": "0.5 m"}}))
    for minute in range(0, 66, 5):
        driven.send(minute, {gauge.id: {"stage": 11.0}})
    assert driven.seen == ["0 blue firing", "60 blue cleared"]
    assert [event.evidence.value for event in driven.events] == [1, -1]


MINUTES = st.lists(st.tuples(st.integers(1, 90), st.sampled_from([0, 200, 400, 420])), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(MINUTES, st.floats(0, 1))
def test_a_restart_at_any_minute_changes_nothing(rules_of_module, area_rig, sent, where):
    rules = rules_of_module({"id": "aa-01", "type": "area", **BUSY, "for": "5min"})
    whole, cut = area_rig(rules), area_rig(rules)
    restart_after = round(where * len(sent))
    for number, driven in ((number, driven) for number in range(len(sent)) for driven in (whole, cut)):
        minutes, occupied = sent[number]
        driven.send((driven.now - START) / MINUTE + minutes, {PARK: {"occupied": float(occupied)}})
        if driven is cut and number + 1 == restart_after:
            cut.restart()
    for driven in (whole, cut):
        driven.wait((driven.now - START) / MINUTE + 30)
    assert cut.seen == whole.seen
    assert cut.engine.snapshot() == whole.engine.snapshot()
    assert cut.areas.snapshot() == whole.areas.snapshot()
