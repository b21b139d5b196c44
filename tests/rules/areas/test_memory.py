"""What a group remembers: over bad samples and silence, over edits of its rule, and while nobody looks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.codec import encode_event
from citybrain.errors import SnapshotError
from citybrain.instants import MINUTE
from citybrain.model import Reading, Status
from rules.areas.judge import AreaJudge
from rules.areas.stage import AreaStage

WINDOW = {"metric": "combustible_gas", "over": "2min", "take": "mean"}
LEAK = {
    "id": "bb-01",
    "type": "threshold",
    "where": {"kind": ["combustible-gas-detector"]},
    "hazard": "gas-leak",
    "measure": {"metric": "combustible_gas"},
    "at_least": {"yellow": "10 %LEL"},
}
COUNT = {
    "id": "cc-01",
    "type": "area",
    "group_by": "county",
    "measure": {"alerts": ["bb-01"], "across": "count"},
    "at_least": {"orange": "2 alerts"},
}
GAS = {"id": "aa-01", "type": "area", "group_by": {"zone": "chemical"}, "measure": {"metric": "combustible_gas"}}


def of(driven, rule_id):
    """Return what was published by one rule."""
    seen = driven.seen
    return [line for line, event in zip(seen, driven.events, strict=True) if event.rule.id == rule_id]


def test_a_site_that_does_not_know_any_more_ends_nothing(rig):
    # The mean of the first detector is 40; then its window thins out and says nothing, while the second reads 0.
    driven = rig(measure=WINDOW, at_least={"blue": "10 %LEL"})
    for step in range(6):
        driven.gas(step / 2, 40, 0)
    for step in range(6, 12):
        driven.gas(step / 2, None, 0)
    assert [line for line in driven.seen if "cleared" in line] == []


@pytest.mark.parametrize("across", [None, "mean"])
def test_a_timer_runs_on_while_the_items_of_an_index_arrive_one_by_one(rig, across):
    # O3 210 µg/m³ is an index of 105; every hour the six items come in records of their own, O3 first.
    near = {"kind": "air-station", "within": "50 km"} if across else {"nearest": "air-station", "within": "50 km"}
    measure = {"derived": "aqi_1h", "edition": "hj633-2026", "from": near, **({"across": across} if across else {})}
    driven = rig(measure=measure, at_least={"blue": "120 index"}, keep_firing_for="2h")
    stations = sorted({site for plan in driven.rules.areas.plan.plans.values() for site in plan.members[0]})
    rest = dict.fromkeys(("so2_1h", "no2_1h", "co_1h", "pm10_1h", "pm25_1h"), 1.0)
    for hour, ozone in enumerate((400.0, 210.0, 210.0, 210.0)):
        driven.wait(hour * 60)
        at = driven.now
        for number, (item, value) in enumerate({"o3_1h": ozone, **rest}.items()):
            for site in stations:
                driven._move(at + number * 500, Reading(site, at, {item: value}))
        driven.now = at + 2500
    assert set(driven.seen) == {"0 blue firing", "180 blue cleared"}  # At each chemical area.


def test_one_bad_sample_of_many_sites_is_no_evidence(rig):
    driven = rig(measure={"metric": "combustible_gas", "across": "max"}, at_least={"orange": "50 %LEL"})
    driven.gas(0, 60, 0, 0, 0)
    driven.gas(0.5, 0, 0, 0, 0)
    assert driven.seen == []
    driven.gas(1, 60, 70, 0, 0)
    assert driven.seen == ["1 orange firing"]


def test_a_mean_needs_two_sites_at_the_limit_or_two_samples(rig):
    driven = rig(measure={"metric": "combustible_gas", "across": "mean"}, at_least={"orange": "20 %LEL"})
    driven.gas(0, 99, 0, 0, 0)
    assert driven.seen == []
    driven.gas(0.5, 99, 0, 0, 0)
    assert driven.seen == ["0.5 orange firing"]


def test_the_silence_of_a_site_may_be_a_number_of_its_own(rig):
    driven = rig(
        where={"kind": ["combustible-gas-detector"]},
        measure={"silence": True},
        at_least={"yellow": "4 periods"},
    )
    driven.gas(0, 1, 1, 1, 1)
    for step in range(1, 10):
        driven.gas(step / 2, None, 1, 1, 1)
    driven.gas(5, 1, 1, 1, 1)
    assert driven.seen == ["2 yellow firing", "5 yellow cleared"]


def test_a_site_tightens_only_its_own_limit(rig):
    fields = {
        "measure": None,
        "measures": {"gas": {"metric": "combustible_gas"}, "worst": {"metric": "combustible_gas"}},
        "at_least": None,
        "limits": [{"measure": "gas", "at_least": {"blue": "20 %LEL"}}],
        "tighten": {"times": 0.5, "while": [{"measure": "worst", "at_least": "90 %LEL"}]},
    }
    driven = rig(**fields)
    driven.gas(0, 12, 1)
    assert driven.seen == []


def test_what_was_tightened_is_cleared_by_the_tightened_value(rig):
    driven = rig(
        measure=None,
        measures={"gas": {"metric": "combustible_gas"}, "most": {"metric": "combustible_gas", "across": "max"}},
        at_least=None,
        limits=[{"measure": "gas", "at_least": {"blue": "20 %LEL"}, "clear": "18 %LEL"}],
        tighten={"times": 0.5, "while": [{"measure": "most", "at_least": "5 %LEL"}]},
    )
    driven.gas(0, 12)
    driven.gas(0.5, 9.5)  # Not below 18 % times a half.
    assert driven.seen == ["0 blue firing"]
    driven.gas(1, 8.9)
    assert driven.seen == ["0 blue firing", "1 blue cleared"]


def test_an_edit_forgets_neither_alerts_that_count_nor_values(rig, rules_of):
    driven = rig(LEAK, **COUNT)
    driven.gas(0, 12)
    driven.restart(rules_of(LEAK, {**COUNT, "at_least": {"orange": "2 alerts", "red": "3 alerts"}}))
    driven.gas(1, 12, 12)
    assert of(driven, "cc-01") == ["1 orange firing"]


def test_a_new_rule_counts_the_alerts_that_are_open_already(rig, rules_of):
    driven = rig(LEAK)
    driven.gas(0, 12, 12)
    driven.restart(rules_of(LEAK, COUNT))
    driven.wait(0.5)
    assert of(driven, "cc-01") == ["0 orange firing"]


def test_an_alert_whose_rule_is_gone_is_counted_no_longer(rig, rules_of):
    other = {**LEAK, "id": "bb-02", "at_least": {"yellow": "11 %LEL"}}
    count = {**COUNT, "measure": {"alerts": "any", "across": "count", "distinct": "site"}}
    driven = rig(LEAK, other, **{**count, "measure": {"alerts": "any", "across": "count"}})
    driven.gas(0, 12)
    assert of(driven, "cc-01") == ["0 orange firing"]
    driven.restart(rules_of(LEAK, {**count, "measure": {"alerts": "any", "across": "count"}}))
    driven.wait(1)
    assert [line.split(" ", 1)[1] for line in of(driven, "cc-01")] == ["orange firing", "orange cleared"]


def test_a_rule_on_trial_moves_no_rule_in_force(rig):
    driven = rig({**LEAK, "status": "trial"}, **COUNT)
    driven.gas(0, 12, 12)
    assert of(driven, "cc-01") == []


def test_where_says_whose_alerts_a_count_takes(rig):
    driven = rig(LEAK, **{**COUNT, "where": {"site": ["gd-etdz-1"]}, "at_least": {"orange": "1 alerts"}})
    driven.gas(0, None, 12)
    assert of(driven, "cc-01") == []
    driven.gas(0.5, 12)
    assert of(driven, "cc-01") == ["0.5 orange firing"]


ROWS = st.lists(
    st.tuples(st.sampled_from([0.5, 1, 3]), st.lists(st.sampled_from([None, 0, 8, 9.4, 12, 30]), min_size=4)),
    max_size=15,
)
RULES = [
    {**GAS, "at_least": {"blue": "10 %LEL", "yellow": {"value": "10 %LEL", "sites": 2}}, "keep_firing_for": "1min"},
    {**GAS, "at_least": {"blue": "10 %LEL"}, "for": "1min"},
    {
        **GAS,
        "measure": {"metric": "combustible_gas", "across": "count", "sites_where": {"at_least": "9 %LEL"}},
        "at_least": {"orange": "2 sites"},
    },
    {**GAS, "measure": {"metric": "combustible_gas", "across": "max"}, "at_least": {"blue": "10 %LEL"}},
    {**GAS, "measure": {"metric": "combustible_gas", "across": "min"}, "at_least": {"blue": "8 %LEL"}},
    {**GAS, "measure": {"metric": "combustible_gas", "across": "max"}, "at_least": None, "at_most": {"blue": "9 %LEL"}},
    {**GAS, "measure": {**WINDOW, "across": "max"}, "at_least": {"blue": "10 %LEL", "orange": "20 %LEL"}},
]


@settings(max_examples=25, derandomize=True, deadline=None)
@given(ROWS)
@pytest.mark.parametrize("rule", RULES, ids=["sites", "for", "count", "max", "min", "at-most", "window"])
def test_not_looking_where_nothing_is_near_changes_nothing(area_rig, rules_of_module, rule, rows):
    def judged():
        driven, minute = (
            area_rig(rules_of_module({key: value for key, value in rule.items() if value is not None})),
            0.0,
        )
        for minutes, values in rows:
            minute += minutes
            driven.gas(minute, *values[:4])
        driven.wait(minute + 5)
        assert driven.seen is not None
        return [encode_event(event) for event in driven.events]

    quick = judged()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AreaJudge, "is_stirred", lambda *_: True)
        assert judged() == quick


def test_evidence_names_the_percentile_of_a_window(rig):
    driven = rig(measure={"metric": "combustible_gas", "over": "2min", "take": "p90"})
    for step, value in enumerate((0, 0, 20, 20)):
        driven.gas(step / 2, value)
    (event,) = driven.events
    assert (event.evidence.take, event.evidence.window, event.evidence.value) == ("p90", 2 * MINUTE, 16)


def test_a_count_of_any_alert_counts_neither_itself_nor_another_count(rig):
    # One leak is orange in both; if either counted itself or the other, it would be red, and would never end.
    measure = {"alerts": "any", "across": "count"}
    levels = {"orange": "1 alerts", "red": "2 alerts"}
    count = {**COUNT, "measure": measure, "at_least": levels}
    driven = rig(LEAK, {**count, "id": "cc-02"}, **count)
    driven.gas(0, 12)
    driven.restart()
    driven.gas(0.5, 12)
    assert of(driven, "cc-01") == of(driven, "cc-02") == ["0 orange firing"]
    driven.gas(1, 0)
    driven.wait(2)
    assert of(driven, "cc-01") == of(driven, "cc-02") == ["0 orange firing", "1 orange cleared"]


def test_a_count_on_trial_counts_alerts_on_trial_and_no_one_is_told(rig):
    driven = rig({**LEAK, "status": "trial"}, {**COUNT, "id": "cc-02"}, **COUNT, status="trial")
    driven.gas(0, 12, 12)
    assert of(driven, "cc-01") == ["0 orange firing"]
    assert of(driven, "cc-02") == []
    driven.areas.finish()
    assert [event.trial for event in driven.events if event.rule.id == "cc-01"] == [True]
    assert driven.areas.open_alerts == 0


@pytest.mark.parametrize(
    ("status", "drill"),
    [
        pytest.param(Status.ACTUAL, None, id="real"),
        pytest.param(Status.EXERCISE, "other", id="another drill"),
        pytest.param(Status.TEST, "spring", id="a test"),
    ],
)
def test_the_snapshot_of_a_drill_goes_on_in_that_drill_alone(rig, status, drill):
    plan = rig().rules.areas.plan
    stage = AreaStage(plan, status=Status.EXERCISE, drill="spring")
    assert AreaStage(plan, status=Status.EXERCISE, drill="spring").restore(stage.snapshot(), ()) == []
    with pytest.raises(SnapshotError, match="status"):
        AreaStage(plan, status=status, drill=drill).restore(stage.snapshot(), ())
    real = AreaStage(plan)
    with pytest.raises(SnapshotError, match="status"):
        stage.restore(real.snapshot(), ())
