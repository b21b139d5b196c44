"""Rules about alerts: how many are open, how high, which hazards come together, and what comes after what."""

import pytest

RAIN = {
    "id": "bb-02",
    "type": "threshold",
    "where": {"kind": ["rain-gauge"]},
    "hazard": "rainstorm",
    "measure": {"metric": "rain", "over": "1h", "take": "sum"},
    "at_least": {"blue": "20 mm", "yellow": "40 mm"},
}
HAZE = {
    "id": "bb-03",
    "type": "threshold",
    "where": {"kind": ["air-station"]},
    "hazard": "air",
    "measure": {"metric": "pm25_1h"},
    "at_least": {"yellow": "100 µg/m3", "red": {"value": "300 µg/m3", "repeated": "1 of 1 samples"}},
}
COUPLING = {
    "id": "cc-01",
    "type": "coupling",
    "group_by": "county",
    "measure": {"alerts": "any", "level": "yellow", "across": "count", "distinct": "hazard_family"},
    "at_least": "2 hazards",
    "raise": "one above the highest member",
}


def of(driven, rule_id):
    """Return what was published by one rule."""
    seen = driven.seen
    return [line for line, event in zip(seen, driven.events, strict=True) if event.rule.id == rule_id]


def counting(**fields):
    measure = {"alerts": ["bb-03"], "across": "count", **fields}
    return {"id": "cc-02", "type": "area", "group_by": "county", "measure": measure, "at_least": {"yellow": "2 alerts"}}


def air(driven, minute, first, second):
    driven.send(minute, {"aq-liandu-1": {"pm25_1h": first}, "aq-liandu-2": {"pm25_1h": second}})


def test_open_alerts_of_a_rule_are_counted_per_county(rig):
    driven = rig(HAZE, **counting())
    air(driven, 0, 120.0, 50.0)
    air(driven, 60, 120.0, 120.0)
    air(driven, 120, 120.0, 50.0)
    assert of(driven, "cc-02") == ["60 yellow firing", "120 yellow cleared"]
    event = next(event for event in driven.events if event.rule.id == "cc-02")
    assert len(set(event.evidence.alerts)) == 2


def test_only_alerts_of_the_level_are_counted(rig):
    driven = rig(HAZE, **counting(level="red"))
    air(driven, 0, 120.0, 120.0)
    air(driven, 60, 320.0, 120.0)
    assert of(driven, "cc-02") == []
    air(driven, 120, 320.0, 320.0)
    assert of(driven, "cc-02") != []


def test_alerts_that_ended_within_the_span_are_still_counted_until_they_are_too_old(rig):
    driven = rig(HAZE, **counting(over="3h"))
    air(driven, 0, 120.0, 50.0)
    air(driven, 60, 50.0, 120.0)
    assert of(driven, "cc-02") == ["60 yellow firing"]
    for hour in range(2, 8):
        air(driven, 60 * hour, 50.0, 120.0)
    # The first of them ended at minute 60; three hours later one is left.
    assert of(driven, "cc-02") == ["60 yellow firing", "240 yellow cleared"]


def test_the_highest_level_of_alerts_is_a_measure(rig):
    driven = rig(
        HAZE,
        id="cc-02",
        group_by="county",
        measure={"alerts": ["bb-03"], "across": "max_level"},
        at_least={"yellow": "yellow", "orange": "orange", "red": "red"},
    )
    air(driven, 0, 120.0, 50.0)
    air(driven, 60, 320.0, 50.0)
    air(driven, 120, 50.0, 50.0)
    assert of(driven, "cc-02") == ["0 yellow firing", "60 red firing", "120 red cleared"]


@pytest.fixture
def coupled(rig):
    """Return a rig with a coupling over rain and air in one county, both speaking of Liandu."""
    return rig(RAIN, HAZE, **COUPLING)


def gauge_of(driven):
    """Return a rain gauge of the county that the air stations stand in."""
    sites = driven.rules.registry.sites.values()
    return next(site.id for site in sites if site.kind == "rain-gauge" and site.county == "331102")


def test_a_coupling_stands_one_above_its_highest_member(coupled):
    air(coupled, 0, 120.0, 50.0)
    gauge = gauge_of(coupled)
    coupled.send(1, {gauge: {"rain": 45.0}})
    coupled.send(6, {gauge: {"rain": 0.0}})
    assert of(coupled, "cc-01") == ["1 orange firing"]
    air(coupled, 60, 320.0, 50.0)
    assert of(coupled, "cc-01")[1:] == ["60 red firing"]
    air(coupled, 120, 50.0, 50.0)
    assert of(coupled, "cc-01")[-1] == "120 red cleared"
    event = next(event for event in coupled.events if event.rule.id == "cc-01")
    assert (event.subject.zone, event.evidence.value, len(event.evidence.alerts)) == ("331102", 2.0, 2)


def test_two_alerts_of_one_cause_are_one_hazard(rig):
    twin = {**HAZE, "id": "bb-04", "hazard": "smoke"}
    driven = rig(HAZE, twin, **COUPLING)
    air(driven, 0, 120.0, 50.0)
    air(driven, 60, 120.0, 50.0)
    assert of(driven, "cc-01") == []
    air(driven, 120, 120.0, 120.0)
    assert of(driven, "cc-01") == []


SEQUENCE = {
    "id": "cc-03",
    "type": "sequence",
    "group_by": "county",
    "steps": [{"alert": "bb-02", "level": "yellow"}, {"alert": "bb-03"}],
    "within": "2h",
    "raise": "orange",
    "measure": None,
    "at_least": None,
}


@pytest.mark.parametrize(
    ("rain_at", "air_at", "is_met"),
    [
        pytest.param(0, 60, True, id="in-order"),
        pytest.param(0, 130, False, id="too-late"),
        pytest.param(70, 60, False, id="the-other-way-round"),
    ],
)
def test_alerts_in_order_within_a_span(rig, rain_at, air_at, is_met):
    driven = rig(RAIN, HAZE, **SEQUENCE)
    gauge = next(
        site.id
        for site in driven.rules.registry.sites.values()
        if site.kind == "rain-gauge" and site.county == "331102"
    )
    both = sorted(
        [(rain_at, {gauge: {"rain": 45.0}}), (air_at, {"aq-liandu-1": {"pm25_1h": 120.0}})], key=lambda one: one[0]
    )
    for minute, values in both:
        driven.send(minute, values)
        if gauge in values:
            driven.send(minute + 5, {gauge: {"rain": 0.0}})
    driven.wait(200)
    assert bool(of(driven, "cc-03")) is is_met
    if is_met:
        assert of(driven, "cc-03")[0].split()[1:] == ["orange", "firing"]


def test_a_sequence_lasts_while_its_last_alert_is_open(rig):
    driven = rig(RAIN, HAZE, **SEQUENCE)
    gauge = next(
        site.id
        for site in driven.rules.registry.sites.values()
        if site.kind == "rain-gauge" and site.county == "331102"
    )
    driven.send(0, {gauge: {"rain": 45.0}})
    driven.send(5, {gauge: {"rain": 0.0}})
    air(driven, 60, 120.0, 50.0)
    air(driven, 120, 120.0, 50.0)
    air(driven, 180, 50.0, 50.0)
    assert [line.split()[1:] for line in of(driven, "cc-03")] == [["orange", "firing"], ["orange", "cleared"]]


def test_a_sequence_lasts_although_its_first_alert_is_long_forgotten(rig):
    driven = rig(RAIN, HAZE, **{**SEQUENCE, "steps": [{"alert": "bb-02"}, {"alert": "bb-03"}]})
    gauge = gauge_of(driven)
    driven.send(0, {gauge: {"rain": 45.0}})
    air(driven, 60, 120.0, 50.0)
    for minute in range(61, 600, 60):
        driven.send(minute, {gauge: {"rain": 0.0}})
        air(driven, minute + 1, 120.0, 50.0)
    assert of(driven, "cc-03") == ["60 orange firing"]
    air(driven, 660, 50.0, 50.0)
    assert of(driven, "cc-03") == ["60 orange firing", "660 orange cleared"]


def test_one_alert_is_not_two_steps_of_a_sequence(rig):
    driven = rig(HAZE, **{**SEQUENCE, "steps": [{"alert": "bb-03"}, {"alert": "bb-03"}]})
    air(driven, 0, 120.0, 50.0)
    assert of(driven, "cc-03") == []
    air(driven, 60, 120.0, 120.0)
    assert of(driven, "cc-03") == ["60 orange firing"]
