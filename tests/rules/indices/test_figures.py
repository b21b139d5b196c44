import math

import pytest

from rules.indices.figures import not_negative, positive, rounded, within

NO_NUMBERS = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("value", [-0.001, *NO_NUMBERS])
def test_a_value_below_zero_or_no_number_is_refused_by_name(value):
    with pytest.raises(ValueError, match=rf"^depth is {value}, expected a finite number >= 0$"):
        not_negative("depth", value)


@pytest.mark.parametrize("value", [0, -1, *NO_NUMBERS])
def test_a_value_that_is_not_above_zero_is_refused_by_name(value):
    with pytest.raises(ValueError, match=rf"^limit is {value}, expected a finite number > 0$"):
        positive("limit", value)


@pytest.mark.parametrize("value", [-0.1, 14.1, *NO_NUMBERS])
def test_a_value_outside_its_range_is_refused_by_name(value):
    with pytest.raises(ValueError, match=rf"^ph is {value}, expected a number from 0 to 14$"):
        within("ph", value, low=0, high=14)


def test_a_sound_value_comes_back():
    assert not_negative("a", 0.0) == 0.0
    assert positive("a", 0.5) == 0.5
    assert within("a", 0, low=0, high=14) == 0
    assert within("a", 14, low=0, high=14) == 14


@pytest.mark.parametrize(
    ("value", "parts", "expected"),
    [(0.4, 1, 0), (0.5, 1, 1), (1.5, 1, 2), (2.5, 1, 3), (0.15, 10, 2), ((0.1 + 0.2) / 2, 10, 2), (0.1499, 10, 1)],
)
def test_a_half_is_rounded_up(value, parts, expected):
    assert rounded(value, parts=parts) == expected
