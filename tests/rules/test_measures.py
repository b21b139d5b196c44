"""Measures of one series with a sample every 5 minutes; instants in minutes."""

import math
import random
from statistics import median

import pytest

from citybrain.instants import HOUR, MINUTE
from rules.measures import UNKNOWN, Bound, Measure, Step, Take, measure
from rules.series import Series

NEWEST, WINDOW, CHANGE, SLOPE = Step.NEWEST, Step.WINDOW, Step.CHANGE, Step.SLOPE


def spec(step: Step, minutes: float = 0, **given) -> Measure:
    values = {
        "name": "x",
        "series": "x",
        "unit": "m",
        "take": None,
        "period": 5 * MINUTE,
        "covers": 0,
        "silent_for": round(17.5 * MINUTE),
        **given,
    }
    return Measure(step=step, span=round(minutes * MINUTE), **values)


def series(samples: dict[float, float]) -> Series:
    made = Series(keep=100 * HOUR, late_max=HOUR)
    for minute, value in samples.items():
        made.add(round(minute * MINUTE), value)
    return made


def every_five(*values: float) -> Series:
    return series({5 * number: value for number, value in enumerate(values)})


def value_at(measured_spec: Measure, samples: Series, minute: float) -> tuple[float | None, Bound]:
    found = measure(measured_spec, samples, round(minute * MINUTE))
    return found.value, found.bound


def test_newest_is_the_newest_value():
    assert measure(spec(NEWEST), every_five(1, 2, 3), 10 * MINUTE) == (3, Bound.EXACT, 10 * MINUTE)


@pytest.mark.parametrize(
    ("minute", "expected"),
    [
        pytest.param(17.5, 1, id="three and a half periods old"),
        pytest.param(17.6, None, id="older"),
        pytest.param(-1, None, id="before the first"),
    ],
)
def test_a_value_is_known_until_it_is_silent_for_too_long(minute, expected):
    assert value_at(spec(NEWEST), every_five(1), minute)[0] == expected


def test_a_value_that_speaks_on_change_is_known_until_the_next():
    assert value_at(spec(NEWEST, silent_for=None), every_five(1), 10_000) == (1, Bound.EXACT)


def test_an_empty_series_is_unknown():
    for step in Step:
        assert measure(spec(step, 60, take=Take.SUM), series({}), 5) == UNKNOWN


#   minute   0   5  10  15  20
#   value    1   2   4   8  16       window of 15 min at minute 20: (5, 20]
@pytest.mark.parametrize(
    ("take", "expected"),
    [(Take.SUM, 28), (Take.MEAN, 28 / 3), (Take.MIN, 4), (Take.MAX, 16), (Take.COUNT, 3)],
)
def test_a_window_leaves_its_first_instant_out(take, expected):
    assert value_at(spec(WINDOW, 15, take=take), every_five(1, 2, 4, 8, 16), 20) == (expected, Bound.EXACT)


def test_a_window_ends_at_the_newest_sample():
    assert value_at(spec(WINDOW, 15, take=Take.SUM), every_five(1, 2, 4, 8, 16), 30) == (28, Bound.EXACT)


@pytest.mark.parametrize(
    ("take", "grows", "expected"),
    [
        (Take.SUM, True, Bound.AT_LEAST),
        (Take.SUM, False, Bound.NOTHING),
        (Take.MEAN, True, Bound.NOTHING),
        (Take.MEAN, False, Bound.NOTHING),
        (Take.MAX, False, Bound.AT_LEAST),
        (Take.MIN, False, Bound.AT_MOST),
        (Take.COUNT, False, Bound.EXACT),
    ],
)
@pytest.mark.parametrize(("samples", "is_covered"), [(8, False), (9, True), (12, True)])
def test_three_quarters_of_the_samples_cover_a_window(take, grows, expected, samples, is_covered):
    found = value_at(spec(WINDOW, 60, take=take, grows=grows), every_five(*[1.0] * samples), 5 * (samples - 1))
    assert found[1] is (Bound.EXACT if is_covered else expected)


def test_a_sum_does_not_depend_on_the_order_of_arrival():
    values = [0.1 * number for number in range(12)]
    order = list(range(12))
    random.Random(3).shuffle(order)
    shuffled = series({5 * place: values[place] for place in order})
    expected = value_at(spec(WINDOW, 60, take=Take.SUM), every_five(*values), 55)
    assert value_at(spec(WINDOW, 60, take=Take.SUM), shuffled, 55) == expected
    assert expected[0] == math.fsum(values)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param({0: 1, 5: 2, 10: 4, 15: 8}, 7, id="from the very instant"),
        pytest.param({0: 1, 3: 2, 10: 4, 18: 8}, 6, id="the value as of then"),
        pytest.param({0: 1, 25: 8}, 7, id="two periods before then"),
        pytest.param({0: 1, 26: 8}, None, id="longer before: nobody knows"),
        pytest.param({5: 1, 15: 8}, None, id="no sample so far back"),
    ],
)
def test_a_change_is_the_newest_less_the_value_then(samples, expected):
    found = value_at(spec(CHANGE, 15), series(samples), max(samples))
    assert found[0] == expected
    assert found[1] is (Bound.NOTHING if expected is None else Bound.EXACT)


def test_a_slope_is_the_median_of_all_slopes():
    # minute   0    5    10   15   20
    # value    0    1    2    9    4         one spike
    # slopes per 5 min: 1 2/2 9/3 4/4 | 1 8/2 3/3 | 7 2/2 | -5  =  1 1 3 1 1 4 1 7 1 -5 -> median 1
    assert value_at(spec(SLOPE, 20), every_five(0, 1, 2, 9, 4), 20) == (pytest.approx(12.0), Bound.EXACT)


@pytest.mark.parametrize("seed", range(5))
def test_a_slope_agrees_with_the_definition(seed):
    generator = random.Random(seed)
    minutes = [*sorted(generator.sample(range(1, 60), 9)), 60]
    samples = {minute: generator.uniform(-5, 5) for minute in [0, *minutes]}
    points = sorted(samples.items())
    slopes = [(y2 - y1) / (t2 - t1) for i, (t1, y1) in enumerate(points) for t2, y2 in points[i + 1 :]]
    found = value_at(spec(SLOPE, 60), series(dict(points)), 60)
    assert found == (pytest.approx(median(slopes) * 60), Bound.EXACT)


@pytest.mark.parametrize(
    ("minutes", "is_known"),
    [
        pytest.param([0, 30, 60], True, id="the whole span, its first edge included"),
        pytest.param([15, 30, 60], True, id="three quarters of it"),
        pytest.param([16, 30, 60], False, id="less"),
        pytest.param([0, 60], False, id="two samples"),
        pytest.param([-5, 0, 60], False, id="one of three lies before the span"),
    ],
)
def test_a_slope_needs_three_samples_over_three_quarters_of_its_span(minutes, is_known):
    found = value_at(spec(SLOPE, 60), series({100 + minute: minute / 60 for minute in minutes}), 160)
    assert found == ((pytest.approx(1.0), Bound.EXACT) if is_known else (None, Bound.NOTHING))


def test_a_measure_reaches_two_periods_beyond_its_span():
    assert spec(WINDOW, 60).reach == 70 * MINUTE


@pytest.mark.parametrize("step", [CHANGE, SLOPE, WINDOW])
def test_the_reach_is_all_that_a_measure_looks_at(step):
    given = spec(step, 60, take=Take.MEAN)
    whole, kept = {}, {}
    for minute in range(0, 301, 5):
        whole[minute] = math.sin(minute)
        if minute >= 300 - given.reach / MINUTE:
            kept[minute] = math.sin(minute)
    assert measure(given, series(whole), 300 * MINUTE) == measure(given, series(kept), 300 * MINUTE)


def test_readings_more_frequent_than_the_period_do_not_cover_a_window_sooner():
    # A gauge of 5 minutes that speaks every minute for ten minutes has not seen an hour.
    found = value_at(spec(WINDOW, 60, take=Take.MEAN), series({float(minute): 9.0 for minute in range(10)}), 9)
    assert found[1] is Bound.NOTHING


@pytest.mark.parametrize(
    ("step", "minutes", "take", "part", "expected"),
    [
        pytest.param(NEWEST, 0, None, [10], Bound.AT_LEAST, id="newest"),
        pytest.param(NEWEST, 0, None, [5], Bound.EXACT, id="an older one is not read"),
        pytest.param(WINDOW, 10, Take.MAX, [5], Bound.AT_LEAST, id="max"),
        pytest.param(WINDOW, 10, Take.MEAN, [5], Bound.AT_LEAST, id="mean"),
        pytest.param(WINDOW, 10, Take.MEAN, [0], Bound.EXACT, id="before the window"),
        pytest.param(WINDOW, 60, Take.MEAN, [5], Bound.NOTHING, id="mean of too few"),
        pytest.param(WINDOW, 10, Take.MIN, [5], Bound.AT_LEAST, id="min"),
        pytest.param(WINDOW, 60, Take.MIN, [5], Bound.NOTHING, id="min of too few"),
        pytest.param(WINDOW, 10, Take.RANGE, [5], Bound.NOTHING, id="range"),
        pytest.param(WINDOW, 10, Take.COUNT, [5], Bound.EXACT, id="count"),
        pytest.param(WINDOW, 10, Take.LAST, [5], Bound.EXACT, id="last is whole"),
        pytest.param(CHANGE, 10, None, [10], Bound.AT_LEAST, id="change to a part"),
        pytest.param(CHANGE, 10, None, [0], Bound.NOTHING, id="change from a part"),
        pytest.param(SLOPE, 10, None, [0], Bound.NOTHING, id="slope"),
    ],
)
def test_of_values_known_in_part_a_measure_says_what_is_sure(step, minutes, take, part, expected):
    made = every_five(1.0, 2.0, 3.0)
    for minute in part:
        made.compute(minute * MINUTE, made.values[minute // 5], is_whole=False)
    assert measure(spec(step, minutes, take=take), made, 10 * MINUTE).bound is expected
