"""Takes and windows of measures: range, coverage, last, percentiles; the day, the night, the hydrological day."""

from dataclasses import replace
from statistics import quantiles

import pytest

from citybrain.instants import HOUR, MINUTE, parse_instant
from rules.conditions import Comparison
from rules.cycles import Cycle
from rules.measures import Bound, Measure, Measured, Step, Take, measure, quantile
from rules.quick import quick_test
from rules.series import Series

HOURLY = Measure(
    name="x",
    series="x",
    unit="m",
    step=Step.WINDOW,
    span=4 * HOUR,
    take=Take.RANGE,
    period=HOUR,
    covers=0,
    silent_for=4 * HOUR,
)


def at(clock: str) -> int:
    return parse_instant(f"2026-06-{clock}:00+08:00")


def hours(values: str, first: int = 100) -> Series:
    """Return a value each hour; `_` is a missing one."""
    made = Series(keep=100 * HOUR, late_max=HOUR)
    for number, word in enumerate(values.split(), start=first):
        if word != "_":
            made.add(number * HOUR, float(word))
    return made


def found_in(spec: Measure, samples: Series) -> tuple[float | None, Bound]:
    return measure(spec, samples, samples.instants[-1])[:2]


@pytest.mark.parametrize(
    ("values", "take", "expected"),
    [
        pytest.param("9 1 4 2 3", Take.RANGE, (3, Bound.EXACT), id="range"),
        pytest.param("1 4 _ 3", Take.RANGE, (3, Bound.EXACT), id="range, one missing"),
        pytest.param("9 1 _ _ 3", Take.RANGE, (2, Bound.AT_LEAST), id="more data can only widen a range"),
        pytest.param("9 1 4 2 3", Take.LAST, (3, Bound.EXACT), id="last"),
        pytest.param("9 _ _ _ 3", Take.LAST, (3, Bound.EXACT), id="the last is known whatever else is missing"),
        pytest.param("9 1 4 2 3", Take.COVERAGE, (100, Bound.EXACT), id="all is known"),
        pytest.param("9 1 _ 2 3", Take.COVERAGE, (75, Bound.EXACT), id="three of four"),
        pytest.param("9 9 _ _ _ _ 3", Take.COVERAGE, (25, Bound.EXACT), id="one of four"),
        pytest.param("2 3", Take.COVERAGE, (50, Bound.NOTHING), id="a new site"),
        pytest.param("9 1 4 2 3", Take.QUANTILE, (3.7, Bound.EXACT), id="percentile"),
        pytest.param("9 _ _ 2 3", Take.QUANTILE, (2.9, Bound.NOTHING), id="percentile of too few"),
    ],
)
def test_what_is_taken_of_four_hours(values, take, expected):
    value, bound = found_in(replace(HOURLY, take=take, quantile=0.9), hours(values))
    assert (value, bound) == (pytest.approx(expected[0]), expected[1])


@pytest.mark.parametrize("values", [[4.0], [1.0, 2.0], [3.0, 1.0, 2.0], [5.0, 1.0, 4.0, 2.0, 8.0, 8.0]])
def test_a_quantile_is_linear_between_its_neighbours(values):
    assert (quantile(values, 0.0), quantile(values, 1.0)) == (min(values), max(values))
    if len(values) > 1:
        assert [quantile(values, share / 10) for share in range(1, 10)] == pytest.approx(
            quantiles(values, n=10, method="inclusive")
        )


@pytest.mark.parametrize(("coverage", "bound"), [(0.75, Bound.NOTHING), (0.5, Bound.EXACT), (0.51, Bound.NOTHING)])
def test_how_much_must_be_known_is_the_rules_choice(coverage, bound):
    spec = replace(HOURLY, take=Take.MEAN, coverage=coverage)
    assert found_in(spec, hours("9 _ _ 1 3")) == (2, bound)
    may_be_met = quick_test(spec, Comparison.AT_LEAST, 2.0)
    assert may_be_met(hours("9 _ _ 1 3"), 104 * HOUR) is (bound is Bound.EXACT)


@pytest.mark.parametrize(
    ("cycle", "instant", "start"),
    [
        (Cycle.DAY, "20T00:00", "19T00:00"),
        (Cycle.DAY, "20T00:01", "20T00:00"),
        (Cycle.DAY, "20T23:59", "20T00:00"),
        (Cycle.HYDRO_DAY, "20T08:00", "19T08:00"),
        (Cycle.HYDRO_DAY, "20T08:01", "20T08:00"),
        (Cycle.HYDRO_DAY, "21T07:00", "20T08:00"),
        (Cycle.NIGHT, "20T22:00", None),
        (Cycle.NIGHT, "20T22:01", "20T22:00"),
        (Cycle.NIGHT, "21T06:00", "20T22:00"),
        (Cycle.NIGHT, "21T06:01", None),
        (Cycle.NIGHT, "21T12:00", None),
    ],
)
def test_a_cycle_leaves_its_first_instant_out(cycle, instant, start):
    assert cycle.start(at(instant)) == (None if start is None else at(start))


def test_a_day_is_measured_from_its_start_up_to_now():
    # The rain of 22:00 is yesterday's.
    samples = Series(keep=100 * HOUR, late_max=HOUR)
    for clock, value in (("19T22:00", 50.0), ("20T01:00", 1.0), ("20T02:00", 2.0), ("20T03:00", 4.0)):
        samples.add(at(clock), value)
    spec = replace(HOURLY, take=Take.SUM, cycle=Cycle.DAY, span=Cycle.DAY.longest, grows=True)
    assert measure(spec, samples, at("20T03:00")) == Measured(7, Bound.EXACT, at("20T03:00"))
    samples.add(at("20T07:00"), 1.0)
    assert found_in(spec, samples) == (8, Bound.AT_LEAST), "four of seven hours are known"
    assert quick_test(spec, Comparison.AT_LEAST, 8.0)(samples, at("20T07:00"))
    assert not quick_test(spec, Comparison.ABOVE, 8.0)(samples, at("20T07:00"))
    assert not quick_test(spec, Comparison.AT_MOST, 8.0)(samples, at("20T07:00"))


def test_by_day_there_is_no_night():
    samples = Series(keep=100 * HOUR, late_max=HOUR)
    spec = replace(HOURLY, take=Take.MIN, cycle=Cycle.NIGHT, span=Cycle.NIGHT.longest)
    for clock, value, expected in (
        ("19T22:00", 20.0, None),
        ("19T23:00", 28.0, 28.0),
        ("20T00:00", 27.0, 27.0),
        ("20T07:00", 20.0, None),
    ):
        samples.add(at(clock), value)
        assert measure(spec, samples, at(clock)).value == expected


def test_a_state_that_holds_has_a_range_and_a_last_value():
    spec = replace(HOURLY, speaks_on_change=True, silent_for=None)
    samples = hours("3 _ _ _ _ 5 1")
    assert measure(spec, samples, 107 * HOUR)[:2] == (4, Bound.EXACT)
    assert measure(replace(spec, take=Take.LAST), samples, 107 * HOUR)[:2] == (1, Bound.EXACT)
    day = replace(spec, cycle=Cycle.DAY, span=Cycle.DAY.longest)
    # Nine of fifteen hours of the day are known.
    assert measure(day, hours("3", first=94), 103 * HOUR)[:2] == (0, Bound.AT_LEAST)
    assert measure(day, hours("3", first=90), 103 * HOUR)[:2] == (0, Bound.EXACT)


# Through the engine: gauge A speaks every 5 minutes.


def test_a_gauge_that_does_not_move_is_stuck(rig):
    driven = rig(measure={"metric": "stage", "over": "1h", "take": "range"}, at_least=None, at_most={"blue": "0 m"})
    driven.series("3.1 3*12 3*3 3.01")
    assert driven.seen == ["60 blue firing", "80 blue cleared"]


def test_a_percentile_is_named_in_both_languages(rig):
    driven = rig(measure={"metric": "stage", "over": "1h", "take": "p90", "coverage": "20 %"})
    driven.series("4*3")
    event = driven.events[0]
    assert (event.evidence.take, event.evidence.window) == ("p90", HOUR)
    assert "(90th percentile of 1h)" in event.headline.en
    assert "第90百分位" in event.headline.zh


def test_the_window_of_a_day_grows_in_the_evidence(rig):
    #  08:00 is minute 0; the hydrological day begins there.
    driven = rig(
        where={"site": ["rg-a"]},
        measure={"metric": "rain", "over": "hydro-day", "take": "sum"},
        at_least={"blue": "20 mm"},
    )
    for minute in (0, 5, 10, 15):
        driven.send(minute, {"rain": 10.0}, site="rg-a")
    assert driven.seen == ["10 blue firing"]
    assert driven.events[0].evidence.window == 10 * MINUTE
    assert len(driven.events[0].evidence.readings) == 2


def test_a_site_that_loses_half_its_readings_is_incomplete(rig):
    driven = rig(
        measure={"metric": "stage", "over": "1h", "take": "coverage"},
        at_least=None,
        below={"blue": "75 %"},
        clear="80 %",
    )
    driven.series("1*12 1 _ 1 _ 1 _ 1 _ 1 _ 1*14")
    assert driven.seen == ["100 blue firing", "145 blue cleared"]
    assert driven.events[0].evidence.unit == "%"
