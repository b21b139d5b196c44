"""The quick look against the slow one: it may say yes too often where that is stated, and no only where it is no."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.conditions import Comparison, Condition, Conditions, compare
from rules.measures import UNKNOWN, Against, Measure, Step, Take, measure, set_against
from rules.quick import quick_gate, quick_test
from rules.series import Series

SPANS = {Step.NEWEST: 0, Step.WINDOW: 60, Step.CHANGE: 20, Step.SLOPE: 30, Step.TREND: 30}
# Instant and value; half of them come out of order, on an instant that is there, or too late.
SAMPLES = st.lists(st.tuples(st.integers(0, 40).map(lambda number: number * 5), st.integers(0, 6)), max_size=40)
LIMITS = st.integers(-1, 12) | st.sampled_from([0.1 + 0.2, 4.999999999999, 5.000000000001])


def spec(step: Step = Step.NEWEST, **more) -> Measure:
    fields = {"take": None, "period": 5, "covers": 0, "silent_for": 25, **more}
    return Measure(name="x", series="x", unit="m", step=step, span=SPANS[step], **fields)


@st.composite
def specs(draw) -> Measure:
    step = draw(st.sampled_from(Step))
    return spec(
        step,
        take=draw(st.sampled_from(Take)) if step is Step.WINDOW else None,
        silent_for=draw(st.sampled_from([None, 5, 25])),
        grows=draw(st.booleans()),
        against=draw(st.sampled_from([None, None, Against.MINUS, Against.DIVIDED_BY])),
        operand=draw(st.sampled_from([None, 0.0, 2.0])),
        speaks_on_change=draw(st.booleans()),
    )


def series_of(samples, *, keep=90) -> Series:
    made = Series(keep=keep, late_max=60)
    for instant, value in samples:
        made.add(instant, value / 10)
    return made


@settings(max_examples=600, derandomize=True, deadline=None)
@given(specs(), SAMPLES, st.sampled_from(Comparison), LIMITS, st.integers(-10, 30))
def test_a_limit_may_be_met_where_it_surely_is_met(spec, samples, comparison, limit, later):
    series = series_of(samples)
    instant = (series.newest_at or 0) + later
    is_met = compare(set_against(spec, measure(spec, series, instant), ()), comparison, limit / 10)
    assert quick_test(spec, comparison, limit / 10)(series, instant) is (is_met is True)


def test_a_measure_set_against_another_may_always_meet_its_limit():
    two = spec(against=Against.MINUS, operand_place=1)
    assert quick_test(two, Comparison.AT_LEAST, 1.0)(series_of([(0, 1)]), 0) is True


def test_a_sum_just_at_its_limit_is_added_up_exactly():
    # Ten times 0.1, added one after the other, is a little less than 1; the exact sum of them is 1.
    tenths = series_of([(5 * number, 1) for number in range(10)])
    rain = spec(Step.WINDOW, take=Take.SUM, grows=True)
    assert tenths.total < 1.0
    assert quick_test(rain, Comparison.AT_LEAST, 1.0)(tenths, 45) is True


@settings(max_examples=200, derandomize=True, deadline=None)
@given(SAMPLES, st.lists(st.sampled_from(range(0, 205, 5)), max_size=3), st.sampled_from([0, 30, 90]))
def test_the_total_is_that_of_what_is_held(samples, removed, keep):
    series = series_of(samples, keep=keep)
    for instant in removed:
        series.remove(instant)
    assert series.total == pytest.approx(sum(series.values))
    again = series_of([], keep=keep)
    again.load(series.dump())
    assert again.total == pytest.approx(series.total)


@pytest.mark.parametrize(
    ("samples", "any_of", "expected"),
    [
        pytest.param({"x": 1, "y": 1}, False, True, id="both too low"),
        pytest.param({"x": 9, "y": 1}, False, True, id="all of: one too low"),
        pytest.param({"x": 9, "y": 1}, True, False, id="any of: one high enough"),
        pytest.param({"x": 1}, False, True, id="all of: one too low, one unknown"),
        pytest.param({"x": 1}, True, False, id="any of: one too low, one unknown"),
        pytest.param({"x": 9, "y": 9}, False, False, id="both high enough"),
        pytest.param({}, False, False, id="nobody knows: never shut"),
    ],
)
def test_a_gate_is_shut_where_its_conditions_are_surely_not_met(samples, any_of, expected):
    names = ("x", "y", "z")
    measures = [
        Measure(name=name, series=name, unit="m", step=Step.NEWEST, span=0, take=None, period=5, covers=0, silent_for=9)
        for name in names
    ]
    gate = Conditions(tuple(Condition(place, Comparison.AT_LEAST, 0.5) for place in (0, 1)), any_of=any_of)
    found = {name: series_of([(0, value)]) for name, value in samples.items()}
    assert quick_gate(gate, measures)(found, 0) is expected
    known = [measure(one, found[one.series], 0) if one.series in found else UNKNOWN for one in measures]
    assert (gate.test(known) is False) is expected
