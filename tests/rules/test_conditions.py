from itertools import product

import pytest

from rules.conditions import Comparison, Condition, Conditions, combine, compare
from rules.measures import UNKNOWN, Bound, Measured

C = Comparison
T, F, U = True, False, None


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [(C.AT_LEAST, F, T, T), (C.ABOVE, F, F, T), (C.AT_MOST, T, T, F), (C.BELOW, T, F, F)],
)
def test_an_exact_value_is_on_one_side(comparison, below, at, above):
    answers = [compare(Measured(value, Bound.EXACT, 0), comparison, 50.0) for value in (49.9, 50.0, 50.1)]
    assert answers == [below, at, above]


@pytest.mark.parametrize(
    ("bound", "comparison", "value", "expected"),
    [
        # "At least 60": surely at least 50; whether it is at least 70 nobody knows.
        (Bound.AT_LEAST, C.AT_LEAST, 60, T),
        (Bound.AT_LEAST, C.AT_LEAST, 50, T),
        (Bound.AT_LEAST, C.AT_LEAST, 40, U),
        (Bound.AT_LEAST, C.ABOVE, 60, T),
        (Bound.AT_LEAST, C.ABOVE, 50, U),
        (Bound.AT_LEAST, C.BELOW, 60, F),
        (Bound.AT_LEAST, C.BELOW, 50, F),
        (Bound.AT_LEAST, C.BELOW, 40, U),
        (Bound.AT_LEAST, C.AT_MOST, 60, F),
        (Bound.AT_LEAST, C.AT_MOST, 50, U),
        (Bound.AT_LEAST, C.AT_MOST, 40, U),
        (Bound.AT_MOST, C.AT_LEAST, 40, F),
        (Bound.AT_MOST, C.AT_LEAST, 50, U),
        (Bound.AT_MOST, C.ABOVE, 50, F),
        (Bound.AT_MOST, C.ABOVE, 60, U),
        (Bound.AT_MOST, C.BELOW, 40, T),
        (Bound.AT_MOST, C.BELOW, 50, U),
        (Bound.AT_MOST, C.AT_MOST, 50, T),
        (Bound.AT_MOST, C.AT_MOST, 60, U),
        (Bound.NOTHING, C.AT_LEAST, 60, U),
        (Bound.NOTHING, C.BELOW, 40, U),
    ],
)
def test_a_bound_answers_only_what_it_decides(bound, comparison, value, expected):
    assert compare(Measured(float(value), bound, 0), comparison, 50.0) is expected


@pytest.mark.parametrize("comparison", list(C))
def test_no_value_is_unknown(comparison):
    assert compare(UNKNOWN, comparison, 1.0) is None


@pytest.mark.parametrize("comparison", list(C))
@pytest.mark.parametrize("bound", [Bound.AT_LEAST, Bound.AT_MOST])
def test_a_bound_never_contradicts_any_true_value_it_allows(bound, comparison):
    for value, truth, limit in product(range(5), repeat=3):
        if truth >= value if bound is Bound.AT_LEAST else truth <= value:
            answer = compare(Measured(float(value), bound, 0), comparison, float(limit))
            assert answer in (None, compare(Measured(float(truth), Bound.EXACT, 0), comparison, float(limit)))


ALL = [(T, T, T), (T, F, F), (T, U, U), (F, F, F), (F, U, F), (U, U, U)]
ANY = [(T, T, T), (T, F, T), (T, U, T), (F, F, F), (F, U, U), (U, U, U)]


@pytest.mark.parametrize(("one", "other", "expected"), ALL)
def test_all_of_two_answers(one, other, expected):
    assert combine([one, other], any_of=False) is expected
    assert combine([other, one], any_of=False) is expected


@pytest.mark.parametrize(("one", "other", "expected"), ANY)
def test_any_of_two_answers(one, other, expected):
    assert combine([one, other], any_of=True) is expected
    assert combine([other, one], any_of=True) is expected


def test_nothing_to_ask_is_all_met_and_none_of_any():
    assert combine([], any_of=False) is True
    assert combine([], any_of=True) is False


def test_conditions_look_at_the_measure_they_name():
    measured = [Measured(1.0, Bound.EXACT, 0), UNKNOWN]
    first, second = Condition(0, C.AT_LEAST, 1.0), Condition(1, C.AT_LEAST, 1.0)
    assert Conditions((first,)).test(measured) is True
    assert Conditions((first, second)).test(measured) is None
    assert Conditions((first, second), any_of=True).test(measured) is True


@pytest.mark.parametrize(("comparison", "rises"), [(C.AT_LEAST, T), (C.ABOVE, T), (C.AT_MOST, F), (C.BELOW, F)])
def test_a_comparison_knows_which_side_is_bad(comparison, rises):
    assert comparison.rises is rises
