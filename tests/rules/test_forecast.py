"""Forecast rules. Gauge A speaks every 5 minutes; its trend is taken over 30 minutes, and looks two hours ahead."""

import math
from itertools import combinations

import pytest

from citybrain.alerts import Certainty
from citybrain.codec import encode_event
from citybrain.instants import HOUR, MINUTE
from rules.measures import Bound, Measure, Step, measure
from rules.series import Series

FORECAST = {
    "type": "forecast",
    "measure": {"metric": "stage", "slope_over": "30min"},
    "reaches": {"blue": "4 m", "yellow": "6 m"},
    "within": "2h",
    "deadband": "0.2 m",
}
#  minute 0  5   10  15  20  25  30     a rise of 1.2 m in an hour: from 2.5 m it leads to 4.9 m in two hours
RISE = "2 2.1 2.2 2.3 2.4 2.5 2.6"


def expected(driven):
    """Return when each event expects the limit to be reached, in minutes after 08:00."""
    start = driven.events[0].observed_at - round(float(driven.seen[0].split()[0]) * MINUTE)
    times = [event.evidence.expected_at for event in driven.events]
    return [None if at is None else (at - start) / MINUTE for at in times]


def test_a_limit_that_the_trend_leads_to_is_raised_before_it_is_reached(rig):
    driven = rig(**FORECAST)
    driven.series(RISE)
    (event,) = driven.events
    # At minute 25 the span is covered to three quarters, and 2.5 m lead to 4.9 m.
    assert driven.seen == ["25 blue firing"]
    assert event.certainty is Certainty.LIKELY
    assert (event.evidence.value, event.evidence.limit, event.evidence.comparison) == (2.5, 4.0, "reaches")
    assert event.evidence.trend == pytest.approx(1.2)
    assert event.evidence.unit == "m"
    assert expected(driven) == [100]
    assert "Stage 2.5 m, +1.2 m/h, expected to reach 4 m at 06-20 09:40:00" in event.headline.en
    assert "预计 06-20 09:40:00 达到 4 m" in event.headline.zh


def test_what_is_measured_is_observed(rig):
    driven = rig()
    driven.series("4")
    assert driven.events[0].certainty is Certainty.OBSERVED
    assert '"certainty":"Observed"' in encode_event(driven.events[0]).decode()


@pytest.mark.parametrize(
    ("fields", "stages", "seen"),
    [
        pytest.param({"within": "1h"}, RISE, [], id="too far ahead"),
        pytest.param({}, "2*8", [], id="no trend"),
        pytest.param({}, "3 2.9 2.8 2.7 2.6 2.5 2.4", [], id="falling"),
        pytest.param({}, "4 4*6", ["25 blue firing"], id="there already"),
        pytest.param({}, "7 6.9 6.8 6.7 6.6 6.5 6.4", ["25 yellow firing"], id="there already, though falling"),
        pytest.param({}, "1 1.25 1.5 1.75 2 2.25 2.5", ["25 yellow firing"], id="the higher limit"),
        pytest.param({"for_": "10min"}, f"{RISE} 2.7", ["35 blue firing"], id="it must last"),
        pytest.param(
            {}, f"{RISE} 2.6*8", ["25 blue firing", "45 blue cleared"], id="ends when the trend leads nowhere near"
        ),
    ],
)
def test_stages_that_lead_to_a_limit(rig, fields, stages, seen):
    driven = rig(**{**FORECAST, **fields})
    driven.series(stages)
    assert driven.seen == seen


def test_an_alert_that_ends_names_no_time(rig):
    driven = rig(**FORECAST)
    driven.series(f"{RISE} 2.6*8")
    assert expected(driven)[-1] is None
    assert "(limit 4 m)" in driven.events[-1].headline.en


@pytest.mark.parametrize("confidence", [0.01, 0.25, 0.55, 0.75, 0.9, 1.0])
def test_the_confidence_is_the_share_of_slopes_that_lead_to_the_limit(confidence):
    values = [1.0, 2.5, 1.5, 2.0, 4.0, 3.0, 3.5]
    samples = Series(keep=10 * HOUR, late_max=HOUR)
    for number, value in enumerate(values):
        samples.add(number * 5 * MINUTE, value)
    spec = Measure(
        name="x",
        series="x",
        unit="m",
        step=Step.TREND,
        span=30 * MINUTE,
        take=None,
        period=5 * MINUTE,
        covers=0,
        silent_for=HOUR,
        horizon=HOUR,
        confidence=confidence,
    )
    found = measure(spec, samples, 30 * MINUTE)
    assert found.bound is Bound.EXACT
    pairs = list(combinations(enumerate(values), 2))
    ends = [3.5 + (y2 - y1) / (x2 - x1) * 12 for (x1, y1), (x2, y2) in pairs]
    for limit in (3.6, 5.0, 7.5, 9.0, 12.0):
        share = sum(end >= limit - 1e-9 for end in ends) / len(ends)
        assert (found.value >= limit - 1e-9) is (share >= confidence or math.isclose(share, confidence))


def test_a_trend_needs_three_quarters_of_its_span(rig):
    driven = rig(**{**FORECAST, "measure": {"metric": "stage", "slope_over": "60min"}})
    driven.series("1 2 3 3.5 3.6 3.7 3.8 3.9 3.95")
    assert driven.seen == []


def test_a_site_without_the_attribute_is_not_judged(rules_of, rule):
    rules = rules_of(rule(**{**FORECAST, "reaches": {"blue": {"site": "warning_stage"}}, "where": {}}))
    assert [site.id for site in rules.sites_of("aa-01")] == ["hs-a"]


@pytest.mark.parametrize("cut", [0, 4, 6, 9, 14])
def test_a_restart_changes_nothing(rig, cut):
    stages = f"{RISE} 2.6*8".replace("2.6*8", " ".join(["2.6"] * 8)).split()
    whole, parted = rig(**FORECAST), rig(**FORECAST)
    whole.series(" ".join(stages))
    parted.series(" ".join(stages[:cut]))
    before = parted.engine.snapshot()
    parted.restart()
    assert parted.engine.snapshot() == before
    parted.series(" ".join(stages[cut:]), start=5 * cut)
    assert [encode_event(event) for event in parted.events] == [encode_event(event) for event in whole.events]
    assert parted.engine.snapshot() == whole.engine.snapshot()
