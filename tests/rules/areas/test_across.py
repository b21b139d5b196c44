"""One number from the values of many sites, some of which are known in part."""

import pytest

from rules.areas.across import Across, Said, aggregate
from rules.measures import UNKNOWN, Bound, Measured

EXACT, LEAST = Bound.EXACT, Bound.AT_LEAST


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([(4, EXACT), (8, EXACT), (9, LEAST)], (6, EXACT), id="enough is known exactly"),
        pytest.param([(4, EXACT), (8, LEAST), (9, LEAST)], (7, LEAST), id="too little is: a lower bound"),
        pytest.param([(8, LEAST), (10, LEAST), (1, Bound.NOTHING)], (9, LEAST), id="lower bounds alone"),
        pytest.param([(8, LEAST), (1, Bound.AT_MOST), (1, Bound.NOTHING)], None, id="too little of either"),
    ],
)
def test_a_mean_of_lower_bounds_is_one(values, expected):
    said = [Said(Measured(float(value), bound, 1), is_known=True) for value, bound in values]
    found = aggregate(Across.MEAN, None, grows=False)(said, len(said))
    assert found == (UNKNOWN if expected is None else Measured(expected[0], expected[1], 1))
