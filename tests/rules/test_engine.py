"""The engine as a whole: what it refuses, in which order things happen, and how events are named."""

import pytest

from citybrain.alerts import Ending, MessageType, State, identify
from citybrain.codec import decode_event, encode_event
from citybrain.instants import MINUTE, parse_instant
from citybrain.model import Feed, Reading, Reason, Status

START = parse_instant("2026-06-20T08:00:00+08:00")
GAS = {"where": {"site": ["gd-a"]}, "measure": {"metric": "combustible_gas"}, "at_least": {"blue": "10 %LEL"}}


def one(judgement):
    assert len(judgement.rejections) == 1
    return judgement.rejections[0]


# What is refused


@pytest.mark.parametrize(
    ("site", "minute", "feed", "reason"),
    [
        pytest.param("hs-nowhere", 0, None, Reason.UNKNOWN_SITE, id="unknown site"),
        pytest.param("hs-a", 0, Feed.PARKING, Reason.WRONG_FEED, id="wrong feed"),
        pytest.param("hs-a", 5.01, Feed.HYDROLOGY, Reason.CLOCK, id="from the future"),
    ],
)
def test_a_reading_is_refused_whole(rig, site, minute, feed, reason):
    engine = rig().engine
    reading = Reading(site, START + round(minute * MINUTE), {"stage": 9.0})
    judged = engine.observe(reading, at=START, feed=feed)
    assert one(judged).reason is reason
    assert one(judged).site == site
    assert one(judged).metrics == ()
    assert judged.events == ()


@pytest.mark.parametrize("feed", [None, Feed.HYDROLOGY])
def test_five_minutes_ahead_are_taken(rig, feed):
    judged = rig().engine.observe(Reading("hs-a", START + 5 * MINUTE, {"stage": 9.0}), at=START, feed=feed)
    assert judged.rejections == ()
    assert len(judged.events) == 1


@pytest.mark.parametrize(
    ("values", "observed", "refused"),
    [
        pytest.param({"stage": 400.1}, 30, [("range", ("stage",))], id="above its range"),
        pytest.param({"stage": -10.1}, 30, [("range", ("stage",))], id="below its range"),
        pytest.param({"stage": 400.0}, 30, [], id="at the end of its range"),
        pytest.param({"stage": 999.0, "inflow": 5.0}, 30, [("range", ("stage",))], id="the rest counts"),
        pytest.param({"colour": 5.0}, 30, [("unknown_metric", ("colour",))], id="unknown metric"),
        pytest.param({"stage": 3.0}, 20, [("duplicate", ("stage",))], id="duplicate"),
        pytest.param({"stage": 3.5}, 20, [], id="revision"),
        pytest.param({"stage": 3.0}, -100, [], id="late by what is allowed"),
        pytest.param({"stage": 3.0}, -100.1, [("late", ("stage",))], id="late by more"),
        pytest.param(
            {"stage": 999.0, "inflow": 30000.0, "colour": 1.0},
            30,
            [("range", ("stage", "inflow")), ("unknown_metric", ("colour",))],
            id="grouped by reason",
        ),
        pytest.param({"stage": 3.0, "inflow": 5.0}, 20, [("duplicate", ("stage",))], id="progress is per metric"),
    ],
)
def test_metrics_are_refused_one_by_one(rig, values, observed, refused):
    driven = rig(measure={"metric": "stage", "over": "1h", "take": "max"})
    driven.send(20, 3.0)
    driven.send(30, values, observed=observed)
    assert driven.refused == refused


def test_the_rest_of_a_reading_is_judged(rig):
    driven = rig(measure={"metric": "inflow"}, at_least={"blue": "5 m³/s"})
    driven.send(0, {"stage": 999.0, "inflow": 5.0})
    assert driven.seen == ["0 blue firing"]


def test_a_refused_reading_still_moves_the_time(rig):
    driven = rig(type="no_data", measure=None, silent_for={"blue": "10min"})
    driven.send(0, 1.0)
    driven.wait(9.5)
    judged = driven.engine.observe(Reading("hs-nowhere", START, {"stage": 1.0}), at=START + 10 * MINUTE)
    assert [event.state for event in judged.events] == [State.FIRING]
    assert one(judged).reason is Reason.UNKNOWN_SITE


def test_the_time_never_runs_back(rig):
    driven = rig()
    driven.send(10, 1.0)
    driven.engine.advance(START)
    assert driven.engine.at == START + 10 * MINUTE
    judged = driven.engine.observe(Reading("hs-a", START + 11 * MINUTE, {"stage": 9.0}), at=START)
    assert judged.events[0].sent == START + 10 * MINUTE


# Flags of HJ 212


@pytest.mark.parametrize(
    ("accept", "flag", "is_judged"),
    [
        (None, None, True),
        (None, "N", True),
        (None, "T", False),
        (["N", "T"], None, True),
        (["N", "T"], "N", True),
        (["N", "T"], "T", True),
        (["N", "T"], "D", False),
        (["N", "T"], "NT", False),
        (["T"], "T", True),
        (["T"], "N", False),
        (None, "B", False),
    ],
)
def test_a_flag_decides_whether_a_value_counts(rig, accept, flag, is_judged):
    driven = rig(**GAS, **({"accept_flags": accept} if accept else {}))
    driven.send(0, {"combustible_gas": 50.0}, site="gd-a", flags={"combustible_gas": flag} if flag else None)
    assert driven.seen == (["0 blue firing"] if is_judged else [])


def test_two_rules_may_accept_different_flags(rig, rule):
    driven = rig(rule(**GAS), rule(id="aa-02", **GAS, accept_flags=["N", "T"]))
    driven.send(0, {"combustible_gas": 50.0}, site="gd-a", flags={"combustible_gas": "T"})
    driven.send(1, {"combustible_gas": 50.0}, site="gd-a")
    assert [event.rule.id for event in driven.events] == ["aa-02", "aa-01"]


@pytest.mark.parametrize(
    ("flags", "rules_that_see_it"),
    [
        pytest.param({"occupied": "T"}, ["aa-02"], id="one input over the range"),
        pytest.param({"out_of_service": "T"}, ["aa-01", "aa-02"], id="the other input: it is left out, or counts"),
        pytest.param({}, ["aa-01", "aa-02"], id="valid"),
        pytest.param({"occupied": "D"}, [], id="a fault"),
    ],
)
def test_a_derived_value_is_computed_from_the_flags_that_its_rule_accepts(rig, rule, flags, rules_that_see_it):
    given = {"where": {"site": ["pk-a"]}, "measure": {"derived": "occupancy"}, "at_least": {"blue": "50 %"}}
    driven = rig(rule(**given), rule(id="aa-02", **given, accept_flags=["N", "T"]))
    driven.send(0, {"occupied": 150.0, "out_of_service": 20.0}, site="pk-a", flags=flags)
    assert [event.rule.id for event in driven.events] == rules_that_see_it
    wanted = {"aa-01": 75.0 if flags.get("out_of_service") == "T" else 83.0, "aa-02": 83.0}
    assert {event.rule.id: event.evidence.value for event in driven.events} == {
        name: wanted[name] for name in rules_that_see_it
    }
    before = driven.engine.snapshot()
    driven.restart()
    assert driven.engine.snapshot() == before


@pytest.mark.parametrize(
    ("cars", "is_full"),
    [
        pytest.param("200*10", True, id="full all the time"),
        pytest.param("200*9 199", True, id="one space, one minute"),
        pytest.param("198*5 200*5", True, id="99.5 on the average"),
        pytest.param("198*6 200*4", False, id="99.4 on the average"),
    ],
)
def test_a_mean_occupancy_is_compared_with_100_after_rounding(rig, cars, is_full):
    driven = rig(
        where={"site": ["pk-a"]},
        measure={"derived": "occupancy", "over": "10min", "take": "mean"},
        at_least={"blue": "100 %"},
    )
    minute = 0
    for word in cars.split():
        value, _, times = word.partition("*")
        for _ in range(int(times or 1)):
            driven.send(minute, {"occupied": float(value)}, site="pk-a")
            minute += 1
    driven.wait(9.5)
    driven.send(10, {"occupied": 190.0}, site="pk-a")
    assert bool(driven.seen) is is_full
    assert all(event.evidence.value == 100.0 for event in driven.events[:1])


def test_a_value_that_no_rule_may_use_is_not_dropped_without_a_word(rig):
    # `D` is a fault of the device. Every value is judged or rejected with a reason.
    driven = rig(**GAS)
    driven.send(0, {"combustible_gas": 50.0}, site="gd-a", flags={"combustible_gas": "D"})
    assert len(driven.rejections) == 1


# Event time


def test_late_and_revised_values_are_judged_as_of_the_newest_instant(rig):
    #  minute    0  5  10      sum of 15 min
    #  rain      10 -  10      then 10 at minute 5 arrives, then it is revised to 0
    driven = rig(
        where={"site": ["rg-a"]}, measure={"metric": "rain", "over": "15min", "take": "sum"}, at_least={"blue": "30 mm"}
    )
    driven.send(0, {"rain": 10.0}, site="rg-a")
    driven.send(10, {"rain": 10.0}, site="rg-a")
    driven.send(11, {"rain": 10.0}, site="rg-a", observed=5)
    assert driven.seen == ["10 blue firing"]
    assert driven.events[0].sent == START + 11 * MINUTE
    driven.send(12, {"rain": 0.0}, site="rg-a", observed=5)
    assert driven.seen == ["10 blue firing", "10 blue cleared"]


def test_a_late_value_never_takes_the_place_of_a_newer_one(rig):
    driven = rig()
    driven.send(10, 1.0)
    driven.send(11, 9.0, observed=5)
    assert driven.seen == []


def test_a_burst_of_three_hours_is_judged_as_it_would_have_been_live(rig):
    stages = [1.0 + 0.2 * number for number in range(20)] + [4.8 - 0.3 * number for number in range(17)]
    fields = {"at_least": {"blue": "2 m", "yellow": "4 m"}, "for_": "10min", "keep_firing_for": "20min"}
    live, burst = rig(**fields), rig(**fields)
    for number, stage in enumerate(stages):
        live.send(5 * number, stage)
    for number, stage in enumerate(stages):
        burst.send(180, stage, observed=5 * number)
    assert len(live.seen) >= 4
    assert burst.seen == live.seen
    assert [event.key for event in burst.events] == [event.key for event in live.events]
    assert {event.sent for event in burst.events} == {START + 180 * MINUTE}


def test_two_metrics_with_different_progress_do_not_disturb_each_other(rig, rule):
    # The stage is up to date while the inflow of an hour ago trickles in.
    driven = rig(
        rule(id="aa-01"), rule(id="aa-02", measure={"metric": "inflow"}, at_least={"blue": "50 m³/s"}, for_="5min")
    )
    for number in range(4):
        driven.send(60 + 5 * number, 1.0)
        driven.send(60 + 5 * number, {"inflow": 60.0}, observed=5 * number)
    assert driven.rejections == []
    assert [(event.rule.id, text) for event, text in zip(driven.events, driven.seen, strict=True)] == [
        ("aa-02", "5 blue firing")
    ]


def test_hourly_means_beside_values_of_five_minutes(rig, rule):
    driven = rig(
        rule(
            id="aa-01",
            where={"site": ["aq-a"]},
            measure={"metric": "pm25_1h"},
            at_least={"blue": "75 µg/m3"},
            for_="2h",
        )
    )
    for minute in range(0, 181, 60):
        driven.send(minute, {"pm25_1h": 80.0}, site="aq-a")
    assert driven.seen == ["60 blue firing"], "each value stands for an hour"


# Derived values


def air(**values):
    return {"so2_1h": 6.0, "no2_1h": 20.0, "co_1h": 0.6, "o3_1h": 60.0, "pm10_1h": 60.0, "pm25_1h": 40.0, **values}


AQI = {
    "where": {"site": ["aq-a"]},
    "measure": {"derived": "aqi_1h", "edition": "hj633-2026"},
    "at_least": {"blue": "101 index"},
}


def test_a_derived_value_is_judged_when_its_last_input_comes(rig):
    driven = rig(**AQI)
    for minute, (metric, value) in enumerate(air(pm25_1h=70.0).items()):
        driven.send(minute, {metric: value}, site="aq-a", observed=0)
    assert driven.seen == ["0 blue firing"]


def test_inputs_of_another_hour_do_not_count(rig):
    driven = rig(**AQI)
    driven.send(0, {metric: value for metric, value in air(pm25_1h=70.0).items() if metric != "pm25_1h"}, site="aq-a")
    driven.send(60, {"pm25_1h": 60.0}, site="aq-a")
    assert driven.seen == []


def test_a_revision_takes_back_a_derived_value_that_nobody_can_compute_any_more(rig):
    # The only pollutant of the first hour said 300 µg/m³, so the index was known. Revised to 30 it is unknown again,
    # and the clean second hour alone says nothing about a mean of two.
    measure = {**AQI["measure"], "over": "2h", "take": "mean"}
    driven = rig(**{**AQI, "measure": measure})
    driven.send(0, {"pm25_1h": 300.0}, site="aq-a")
    driven.send(1, {"pm25_1h": 30.0}, site="aq-a", observed=0)
    driven.send(60, air(), site="aq-a")
    assert driven.seen == []


def test_a_late_count_of_places_out_of_service_changes_the_newest_occupancy(rig):
    #  minute   0.5  half of the places are shut, known at 2 only; at 1 there are 95 cars: 95 of 100, not of 200
    driven = rig(where={"site": ["pk-a"]}, measure={"derived": "occupancy"}, at_least={"blue": "90 %"})
    driven.send(0, {"occupied": 10.0}, site="pk-a")
    driven.send(1, {"occupied": 95.0}, site="pk-a")
    driven.send(2, {"out_of_service": 100.0}, site="pk-a", observed=0.5)
    assert driven.seen == ["1 blue firing"]


def test_occupancy_uses_what_is_out_of_service_as_of_then(rig):
    driven = rig(where={"site": ["pk-a"]}, measure={"derived": "occupancy"}, at_least={"blue": "90 %"})
    driven.send(0, {"out_of_service": 100.0}, site="pk-a")
    driven.send(30, {"occupied": 90.0}, site="pk-a")
    assert driven.seen == ["30 blue firing"]


# How events are named


def test_an_episode_has_one_identifier_and_counts_its_events(rig):
    driven = rig(at_least={"blue": "4 m", "yellow": "5 m"})
    driven.series("4 5 1 4 1")
    first, second = driven.events[:3], driven.events[3:]
    assert [event.sequence for event in driven.events] == [1, 2, 3, 1, 2]
    assert len({event.identifier for event in first}) == len({event.identifier for event in second}) == 1
    assert first[0].identifier != second[0].identifier
    assert [event.message_type for event in first] == [MessageType.ALERT, MessageType.UPDATE, MessageType.CANCEL]
    assert [event.previous_level for event in first] == [None, first[0].level, first[1].level]
    assert [event.ending for event in first] == [None, None, Ending.RECOVERED]
    assert [len(event.references) for event in first] == [0, 1, 1]
    assert first[1].references == (f"{first[0].identifier}/1",)


def test_an_identifier_is_the_hash_of_what_makes_the_episode(rig):
    driven = rig()
    driven.series("1 4")
    event = driven.events[0]
    assert event.onset == START + 5 * MINUTE
    assert event.identifier == identify(Status.ACTUAL, None, "aa-01", event.subject, event.onset)


def test_drills_and_real_alerts_never_share_an_identifier(rig):
    runs = [rig(), rig(status=Status.EXERCISE), rig(status=Status.EXERCISE, drill="d1")]
    for driven in runs:
        driven.series("4")
    assert len({driven.events[0].identifier for driven in runs}) == 3
    assert [driven.events[0].status for driven in runs] == [Status.ACTUAL, Status.EXERCISE, Status.EXERCISE]


def test_two_episodes_of_one_instant_have_two_onsets(rig):
    # The only sample is revised: bad, good, bad again.
    driven = rig()
    for minute, stage in enumerate([5.0, 1.0, 5.5]):
        driven.send(minute, stage, observed=0)
    assert driven.seen == ["0 blue firing", "0 blue cleared", "0 blue firing"]
    first, _, third = driven.events
    assert third.onset == first.onset + 1
    assert third.identifier != first.identifier


def test_events_of_one_record_stand_in_the_order_of_their_rules(rig, rule):
    driven = rig(rule(id="cc-01"), rule(id="aa-01"), rule(id="bb-01"))
    driven.series("9")
    assert [event.rule.id for event in driven.events] == ["aa-01", "bb-01", "cc-01"]


def test_the_clock_says_nothing_by_itself(rig):
    driven = rig()
    driven.series("4")
    assert driven.engine.advance(START + 10 * MINUTE).events == ()


def test_open_alerts_are_counted(rig, rule):
    driven = rig(rule(id="aa-01"), rule(id="bb-01", where={}))
    driven.series("4")
    driven.series("4", site="hs-b", start=5)
    assert driven.engine.open_alerts == 3
    driven.series("1", start=10)
    assert driven.engine.open_alerts == 1


# A sensor that was never set


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "0999-06-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_reading_from_ages_ago_does_not_stop_the_engine(rig, text):
    # A device whose clock was never set says 1970. The first reading of a site has none before it to be late against.
    driven = rig()
    judged = driven.engine.observe(Reading("hs-a", parse_instant(text), {"stage": 9.0}), at=START)
    for event in judged.events:
        assert decode_event(encode_event(event)) == event
    driven.engine.restore(driven.engine.snapshot())


def test_an_alert_raised_while_another_of_its_series_is_silent_says_so(rig):
    two = {"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}}
    driven = rig(
        measure=None,
        measures=two,
        limits=[
            {"measure": "stage", "at_least": {"blue": "4 m"}},
            {"measure": "inflow", "at_least": {"blue": "40 m³/s"}},
        ],
    )
    driven.send(0, {"stage": 1.0, "inflow": 5.0})
    driven.series("1*5 4", start=5)
    assert driven.seen == ["30 blue firing no_data"]


def test_an_event_names_the_further_scenarios_of_its_site(rig):
    also = [
        {"scenario": "disease-control", "row": "dc-02"},
        {"scenario": "fire-rescue", "row": "fr-01", "where": {"site": ["hs-b"]}},
    ]
    driven = rig(where={"site": ["hs-a", "hs-b"]}, also_in=also)
    for site in ("hs-a", "hs-b"):
        driven.send(0, 5.0, site=site)
    assert [event.also_in for event in driven.events] == [("disease-control",), ("disease-control", "fire-rescue")]
    assert {event.scenario for event in driven.events} == {"flood-drought-command"}
