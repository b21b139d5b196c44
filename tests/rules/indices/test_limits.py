import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citybrain.attributes import Attribute
from citybrain.units import Quantity
from rules.indices.limits import GRADE_1_1H, Share, grade_1_share, permit_share, worst_share

OUTFALL: dict[str, Attribute] = {
    "permit_discharge_cod": Quantity(40, "mg/L"),
    "permit_discharge_nh3_n": Quantity(2, "mg/L"),
    "reach": ("ou-1",),
}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"discharge_cod": 36.0}, Share(0.9, "discharge_cod"), id="one"),
        pytest.param({"discharge_cod": 40.0, "discharge_nh3_n": 0.5}, Share(1.0, "discharge_cod"), id="at the limit"),
        pytest.param({"discharge_cod": 41.0, "discharge_nh3_n": 3.0}, Share(1.5, "discharge_nh3_n"), id="the worst"),
        pytest.param({"discharge_nh3_n": 2.0, "discharge_cod": 40.0}, Share(1.0, "discharge_cod"), id="equal: by name"),
        pytest.param({"discharge_cod": 0.0}, Share(0.0, "discharge_cod"), id="nothing discharged"),
        pytest.param({"discharge_tp": 9.0}, None, id="no permit for it"),
        pytest.param({"discharge_tp": 9.0, "discharge_cod": 4.0}, Share(0.1, "discharge_cod"), id="the rest"),
        pytest.param({}, None, id="nothing known"),
    ],
)
def test_the_worst_share_of_a_permit(values, expected):
    assert permit_share(values, OUTFALL) == expected


def test_a_site_without_permit_has_no_share():
    assert permit_share({"discharge_cod": 1.0}, {}) is None
    assert permit_share({"discharge_cod": 1.0}, {"permit_discharge_cod": ("none",)}) is None


# GB 3095-2026 table 1, grade 1, 1 h; µg/m³, CO mg/m³.
@pytest.mark.parametrize(("metric", "limit"), [("so2_1h", 150), ("no2_1h", 200), ("co_1h", 10), ("o3_1h", 160)])
def test_the_share_of_grade_1_is_1_at_the_limit(metric, limit):
    assert grade_1_share({metric: limit}) == Share(1.0, metric)
    assert grade_1_share({metric: limit - 0.1}).ratio < 1
    assert grade_1_share({metric: limit + 0.1}).ratio > 1


def test_the_worst_share_of_grade_1():
    assert grade_1_share({"so2_1h": 15, "no2_1h": 20, "co_1h": 1, "o3_1h": 240}) == Share(1.5, "o3_1h")
    assert grade_1_share({"pm25_1h": 400.0, "pm10_1h": 500.0}) is None, "particles have no limit of 1 h"
    assert grade_1_share({"pm25_1h": 400.0, "co_1h": 5.0}) == Share(0.5, "co_1h")
    assert grade_1_share({}) is None


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_a_value_that_cannot_be_is_refused_by_name(value):
    with pytest.raises(ValueError, match=rf"discharge_cod is {value}, expected a finite number >= 0"):
        permit_share({"discharge_cod": value}, OUTFALL)
    with pytest.raises(ValueError, match=rf"pm25_1h is {value}, expected a finite number >= 0"):
        grade_1_share({"pm25_1h": value})


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf])
def test_a_limit_that_is_not_above_0_is_refused_by_name(limit):
    with pytest.raises(ValueError, match=rf"limit of discharge_cod is {limit}, expected a finite number > 0"):
        permit_share({"discharge_cod": 1.0}, {"permit_discharge_cod": Quantity(limit, "mg/L")})


@settings(derandomize=True)
@given(
    st.dictionaries(st.sampled_from(sorted(GRADE_1_1H)), st.floats(0, 1000), min_size=1),
    st.sampled_from(sorted(GRADE_1_1H)),
    st.floats(0, 1000),
)
def test_the_share_never_falls_when_a_value_rises(values, name, more):
    worse = {**values, name: values.get(name, 0.0) + more}
    assert worst_share(worse, GRADE_1_1H).ratio >= worst_share(values, GRADE_1_1H).ratio
