"""Rules of type `no_data`, and what silence does to other alerts. Gauge A speaks every 5 minutes from 08:00 on."""

import pytest

from citybrain.alerts import Ending
from citybrain.instants import MINUTE
from rules.engine import Engine

RULE = {"type": "no_data", "measure": None, "silent_for": {"blue": "3.5 periods", "yellow": "60min"}}


@pytest.mark.parametrize(
    ("minute", "expected"),
    [
        pytest.param(17, [], id="silent for less"),
        pytest.param(17.5, ["17.5 blue firing"], id="at the deadline"),
        pytest.param(59.5, ["17.5 blue firing"], id="until the next"),
        pytest.param(60, ["17.5 blue firing", "60 yellow firing"], id="escalates"),
        pytest.param(600, ["17.5 blue firing", "60 yellow firing"], id="once"),
    ],
)
def test_silence_fires_at_its_deadline(rig, minute, expected):
    driven = rig(**RULE)
    driven.send(0, 1.0)
    driven.wait(minute)
    assert driven.seen == expected


def test_a_reading_ends_it(rig):
    driven = rig(**RULE)
    driven.series("1 _*13 1")
    assert driven.seen == ["17.5 blue firing", "60 yellow firing", "70 yellow cleared"]
    assert driven.events[-1].ending is Ending.RECOVERED
    assert driven.events[0].onset == driven.events[-1].onset == driven.events[0].observed_at - 17.5 * MINUTE


@pytest.mark.parametrize("missing", [1, 2])
def test_two_missing_readings_are_nothing(rig, missing):
    driven = rig(**RULE)
    driven.series(f"1 _*{missing} 1*5")
    assert driven.seen == []


def test_deadlines_come_before_the_record_and_in_their_order(rig, rule):
    #  B speaks at 0, A at 2; C's reading at 25 comes after both deadlines, 17.5 and 19.5.
    driven = rig(rule(**RULE, where={}), rule(id="aa-02", where={"site": ["hs-c"]}))
    driven.send(0, 1.0, site="hs-b")
    driven.send(2, 1.0, site="hs-a")
    driven.send(25, 9.0, site="hs-c")
    assert [(event.subject.site, text) for event, text in zip(driven.events, driven.seen, strict=True)] == [
        ("hs-b", "17.5 blue firing"),
        ("hs-a", "19.5 blue firing"),
        ("hs-c", "25 blue firing"),
    ]


def test_a_deadline_carries_its_own_time_not_that_of_the_record(rig):
    driven = rig(**RULE)
    driven.send(0, 1.0)
    driven.send(17.4, 1.0, site="hs-b")
    driven.send(17.7, 1.0, site="hs-b")
    assert driven.seen == ["17.5 blue firing"]
    assert driven.events[0].sent == driven.events[0].observed_at


def test_a_gap_in_the_log_is_not_a_sensors_silence(rig):
    driven = rig(**RULE)
    driven.send(0, 1.0)
    driven.skip(300)
    assert driven.engine.silent_log_spans == 1
    driven.wait(317)
    assert driven.seen == []
    driven.wait(318)
    assert driven.seen == ["317.5 blue firing"], "the silence of the log counts for nothing, what was before it does"


@pytest.mark.parametrize(("gap", "spans"), [(0.5, 0), (0.51, 1)])
def test_thirty_seconds_between_two_records_are_still_a_living_log(rig, gap, spans):
    driven = rig(**RULE)
    driven.send(0, 1.0)
    driven.skip(gap)
    assert driven.engine.silent_log_spans == spans


def test_silence_before_and_after_a_gap_in_the_log_adds_up(rig):
    driven = rig(**RULE)
    driven.send(0, 1.0)
    driven.wait(10)
    driven.skip(100)
    driven.wait(108)
    assert driven.seen == ["107.5 blue firing"]


def test_a_late_reading_is_heard_when_it_was_observed(rig):
    # Observed at 5, received at 12: the next deadline is 22.5, not 29.5.
    driven = rig(**RULE)
    driven.send(0, 1.0)
    driven.send(12, 1.0, observed=5)
    driven.wait(40)
    assert driven.seen == ["22.5 blue firing"]


def test_a_burst_of_old_readings_leaves_time_for_the_next(rig):
    # At 60 the link is back and brings the readings up to 20 minutes ago: more than two periods count as two.
    driven = rig(**RULE)
    driven.send(0, 1.0)
    for observed in range(5, 41, 5):
        driven.send(60, 1.0, observed=observed)
    driven.wait(90)
    assert driven.seen[-1] == "67.5 blue firing"


def test_an_old_reading_does_not_end_a_silence(rig):
    driven = rig(**RULE)
    driven.send(0, 1.0)
    driven.send(20, 1.0, observed=-5)
    assert driven.seen == ["17.5 blue firing"]


def test_a_reading_that_was_refused_does_not_end_a_silence(rig):
    driven = rig(**RULE)
    driven.send(0, 1.0)
    driven.send(20, 999.0)
    assert driven.seen == ["17.5 blue firing"]
    assert driven.refused == [("range", ("stage",))]


def test_one_metric_may_be_silent_while_the_site_speaks(rig):
    driven = rig(metric="inflow", **RULE)
    driven.send(0, {"stage": 1.0, "inflow": 5.0})
    driven.series("1*6", start=5)
    assert driven.seen == ["17.5 blue firing"]


def test_any_metric_keeps_the_site_alive(rig):
    driven = rig(**RULE)
    driven.send(0, {"stage": 1.0, "inflow": 5.0})
    driven.series("1*6", start=5)
    assert driven.seen == []


def test_a_delayed_reading_ends_a_silence_at_once(rig):
    # Silent from 0 on, firing at 17.5. At 20 a reading of minute 10 arrives: the site speaks again, if slowly.
    driven = rig(**RULE)
    driven.send(0, 1.0)
    driven.send(20, 1.0, observed=10)
    assert [text.partition(" ")[2] for text in driven.seen] == ["blue firing", "blue cleared"]


LIMIT = {"at_least": {"blue": "4 m"}}


def test_silence_marks_an_alert_and_clears_nothing(rig):
    driven = rig(**LIMIT)
    driven.series("1 4 _*40")
    assert driven.seen == ["5 blue firing", "22.5 blue firing no_data"]
    assert driven.events[1].previous_level is driven.events[1].level


def test_only_a_newer_reading_ends_the_mark(rig):
    # Received at 30: a late one of minute 3; at 35: the next one.
    driven = rig(**LIMIT)
    driven.series("4 4 _*4")
    driven.send(30, 4.0, observed=3)
    assert driven.seen == ["0 blue firing", "22.5 blue firing no_data"]
    driven.send(35, 4.0)
    assert driven.seen[2:] == ["35 blue firing"]


def test_a_reading_on_the_good_side_ends_mark_and_alert_together(rig):
    driven = rig(**LIMIT)
    driven.series("4 _*5 1")
    assert driven.seen == ["0 blue firing", "17.5 blue firing no_data", "30 blue cleared"]


def test_the_clearing_timer_starts_anew_after_a_silence(rig):
    #  minute   0 5 10  ...  40 45 50 55       keep firing for 15 min: 10 to 40 does not count
    driven = rig(**LIMIT, keep_firing_for="15min")
    driven.series("4 1 1 _*5 1 1 1 1")
    assert driven.seen == ["0 blue firing", "27.5 blue recovering no_data", "40 blue recovering", "55 blue cleared"]


def test_no_alert_is_no_mark(rig):
    driven = rig(**LIMIT)
    driven.series("1 _*20 1")
    assert driven.seen == []


# What was never heard


def test_a_site_that_is_expected_and_never_speaks_is_missed(rig):
    #  minute  -0.5   ...   17     17.5 after -0.5     60 after -0.5    the first record is the clock of -0.5
    driven = rig(**RULE, expects=["hs-a"])
    driven.wait(16.5)
    assert driven.seen == []
    driven.wait(90)
    assert driven.seen == ["17 blue firing", "59.5 yellow firing"]
    first = driven.events[0]
    assert first.evidence.words.en.startswith("Never heard")
    assert "从未收到数据，已等待 17.5 min" in first.headline.zh
    assert first.onset == first.observed_at - 17.5 * MINUTE, "the wait began with the first record"


def test_the_first_reading_ends_the_wait(rig):
    driven = rig(**RULE, expects=["hs-a"])
    driven.send(20, 1.0)
    driven.wait(60)
    assert driven.seen == ["17 blue firing", "20 blue cleared", "37.5 blue firing"]
    assert driven.events[-1].evidence.words.en == "Time without data"


@pytest.mark.parametrize(
    "expects",
    [pytest.param([], id="no one"), pytest.param(["hs-b"], id="another"), pytest.param(["no-one"], id="unknown")],
)
def test_who_is_not_expected_is_not_missed(rig, expects):
    driven = rig(**RULE, expects=expects)
    driven.wait(90)
    assert driven.seen == []


@pytest.mark.parametrize("cut", [-0.5, 0, 10, 16.5, 17, 30, 59.5, 70])
def test_a_wait_goes_on_after_a_restart(rig, cut):
    run, restarted = (rig(**RULE, expects=["hs-a"]) for _ in range(2))
    for driven in (run, restarted):
        driven.wait(cut)
    before = restarted.engine.snapshot()
    assert restarted.restart(expects=["hs-a"]).events == ()
    assert restarted.engine.snapshot() == before
    for driven in (run, restarted):
        driven.wait(90)
    assert restarted.seen == run.seen == ["17 blue firing", "59.5 yellow firing"]


def test_a_site_that_other_rules_bring_is_waited_for_from_then_on(rig, rule, rules_of):
    driven = rig(rule(id="bb-01"), expects=["hs-a"])
    driven.wait(30)
    driven.restart(rules_of(rule(**RULE)), expects=["hs-a"])
    driven.wait(60)
    assert driven.seen == ["47.5 blue firing"]


def test_a_snapshot_from_before_the_first_record_waits_from_the_first(rig, rules_of, rule):
    rules = rules_of(rule(**RULE))
    driven = rig(**RULE)
    driven.engine = Engine(rules, expects=["hs-a"])
    driven.restart(rules, expects=["hs-a"])
    driven.wait(30)
    assert driven.seen == ["17.5 blue firing"]


def test_a_wait_costs_little_in_a_snapshot(rig, rule):
    driven = rig(rule(**RULE), rule(id="bb-01"), rule(id="cc-01"), expects=["hs-a"])
    driven.wait(10)
    assert len(driven.engine.snapshot()) < 250


def test_a_site_without_a_rule_about_silence_is_not_waited_for(rig):
    driven = rig(expects=["hs-a"])
    assert b"hs-a" not in driven.engine.snapshot()


@pytest.mark.parametrize("expects", [[], ["hs-a"]])
def test_a_metric_that_is_offered_and_never_heard_is_missed(rig, expects):
    #  hs-a speaks of its stage from 0 on, never of its inflow.
    driven = rig(metric="inflow", **RULE, expects=expects)
    driven.series("1*6")
    assert driven.seen == ["17 blue firing" if expects else "17.5 blue firing"]
    assert driven.events[0].evidence.words.en.startswith("Never heard")


def test_a_metric_that_was_never_heard_marks_no_other_alert(rig, rule):
    # The wait for the inflow is the business of its own rule.
    both = rule(
        measure=None,
        measures={"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}},
        limits=[
            {"measure": "stage", "at_least": {"blue": "4 m"}},
            {"measure": "inflow", "at_least": {"blue": "9 m³/s"}},
        ],
    )
    driven = rig(both, rule(id="zz-01", metric="inflow", **RULE))
    driven.series("4*6")
    assert [(event.rule.id, event.no_data) for event in driven.events] == [("aa-01", False), ("zz-01", False)]


@pytest.mark.parametrize(
    ("fields", "is_marked"),
    [
        pytest.param({"only_while": [{"measure": "gate", "at_least": "1 m³/s"}]}, False, id="only_while"),
        pytest.param(
            {"tighten": {"times": 0.9, "while": [{"measure": "gate", "above": "9 m³/s"}]}}, True, id="tighten"
        ),
        pytest.param({"clear_when": [{"measure": "gate", "below": "1 m³/s"}]}, True, id="clear_when"),
    ],
)
def test_silence_marks_an_alert_unless_its_gate_alone_is_silent(rig, fields, is_marked):
    measures = {"stage": {"metric": "stage"}, "gate": {"metric": "inflow"}}
    limits = [{"measure": "stage", "at_least": {"blue": "4 m"}}]
    driven = rig(measure=None, at_least=None, measures=measures, limits=limits, **fields)
    driven.send(0, {"stage": 5.0, "inflow": 2.0})
    driven.series("5*10", start=5)
    assert driven.seen == ["0 blue firing", *(["17.5 blue firing no_data"] if is_marked else [])]


def test_the_silence_of_what_a_limit_is_set_against_marks_its_alert(rig):
    measures = {"share": {"metric": "pm25_1h", "divided_by": {"measure": "all"}}, "all": {"metric": "pm10_1h"}}
    limits = [{"measure": "share", "at_least": {"blue": "0.5 x"}}]
    driven = rig(measure=None, at_least=None, where={"site": ["aq-a"]}, measures=measures, limits=limits)
    driven.send(0, {"pm25_1h": 60.0, "pm10_1h": 80.0}, site="aq-a")
    for hour in range(1, 6):
        driven.send(60 * hour, {"pm25_1h": 60.0}, site="aq-a")
    assert driven.seen == ["0 blue firing", "210 blue firing no_data"]
