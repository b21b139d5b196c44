import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.indices.water import ITEMS, WaterBody, WaterClass, item_class, water_class

RIVER, LAKE = WaterBody.RIVER, WaterBody.LAKE

# GB 3838-2002 table 1, classes Ⅰ to Ⅴ, mg/L.
BOTH = {
    "cod_mn": (2, 4, 6, 10, 15),
    "cod_cr": (15, 15, 20, 30, 40),
    "bod5": (3, 3, 4, 6, 10),
    "nh3_n": (0.15, 0.5, 1.0, 1.5, 2.0),
    "copper": (0.01, 1, 1, 1, 1),
    "zinc": (0.05, 1, 1, 2, 2),
    "fluoride": (1, 1, 1, 1.5, 1.5),
    "arsenic": (0.05, 0.05, 0.05, 0.1, 0.1),
    "mercury": (0.00005, 0.00005, 0.0001, 0.001, 0.001),
    "cadmium": (0.001, 0.005, 0.005, 0.005, 0.01),
    "chromium_6": (0.01, 0.05, 0.05, 0.05, 0.1),
    "lead": (0.01, 0.01, 0.05, 0.05, 0.1),
    "cyanide": (0.005, 0.05, 0.2, 0.2, 0.2),
    "volatile_phenol": (0.002, 0.002, 0.005, 0.01, 0.1),
    "petroleum": (0.05, 0.05, 0.05, 0.5, 1.0),
}
TABLES = {
    RIVER: {"tp": (0.02, 0.1, 0.2, 0.3, 0.4), **BOTH},
    LAKE: {"tp": (0.01, 0.025, 0.05, 0.1, 0.2), "tn": (0.2, 0.5, 1.0, 1.5, 2.0), **BOTH},
}
LIMITS = [(body, item, place) for body, table in TABLES.items() for item in table for place in range(5)]
OXYGEN = (7.5, 6, 5, 3, 2)


def first_class(limits: tuple[float, ...], value: float) -> int:
    """The best class whose limit the value keeps; where classes share a limit, the first of them."""
    return next((number for number, limit in enumerate(limits, 1) if value <= limit), 6)


@pytest.mark.parametrize(("body", "item", "place"), LIMITS)
def test_an_item_keeps_its_class_at_the_limit_and_loses_it_above(body, item, place):
    limits = TABLES[body][item]
    limit = limits[place]
    assert item_class(item, limit, body) == limits.index(limit) + 1
    assert item_class(item, limit * 0.999, body) == limits.index(limit) + 1
    above = item_class(item, limit * 1.001, body)
    assert above == first_class(limits, limit * 1.001)
    assert above > place + 1 or (limits[place] == limits[-1] and above == 6)


@pytest.mark.parametrize("body", WaterBody)
@pytest.mark.parametrize(
    ("value", "expected"),
    [(20, 1), (7.5, 1), (7.49, 2), (6, 2), (5.99, 3), (5, 3), (4.99, 4), (3, 4), (2.99, 5), (2, 5), (1.99, 6), (0, 6)],
)
def test_less_oxygen_is_a_worse_class(body, value, expected):
    assert item_class("dissolved_oxygen", value, body) == expected


@pytest.mark.parametrize(("value", "expected"), [(6, 1), (7.2, 1), (9, 1), (5.99, 6), (9.01, 6), (0, 6), (14, 6)])
def test_ph_is_good_from_6_to_9_or_not_at_all(value, expected):
    assert item_class("ph", value, RIVER) == expected


def test_phosphorus_is_judged_by_the_water_body():
    assert water_class({"tp": 0.2}, RIVER) == WaterClass(3, ("tp",))
    assert water_class({"tp": 0.2}, LAKE) == WaterClass(5, ("tp",))


def test_nitrogen_is_judged_in_lakes_only():
    assert water_class({"tn": 9.0}, LAKE) == WaterClass(6, ("tn",))
    assert water_class({"tn": 9.0}, RIVER) is None
    assert water_class({"tn": 9.0, "cod_mn": 1.0}, RIVER) == WaterClass(1, ("cod_mn",))


GOOD = {"ph": 7.4, "dissolved_oxygen": 8.0, "cod_mn": 1.5, "nh3_n": 0.1, "tp": 0.02}


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        pytest.param(GOOD, WaterClass(1, ("ph", "dissolved_oxygen", "tp", "cod_mn", "nh3_n")), id="all of class 1"),
        pytest.param({**GOOD, "nh3_n": 1.2}, WaterClass(4, ("nh3_n",)), id="the worst decides"),
        pytest.param(
            {**GOOD, "tp": 0.25, "dissolved_oxygen": 4.0}, WaterClass(4, ("dissolved_oxygen", "tp")), id="two"
        ),
        pytest.param({**GOOD, "ph": 9.2}, WaterClass(6, ("ph",)), id="acidity"),
        pytest.param({"cod_mn": 5.0}, WaterClass(3, ("cod_mn",)), id="missing items: the class of the rest"),
        pytest.param({}, None, id="nothing known"),
    ],
)
def test_the_class_of_a_river_sample(sample, expected):
    assert water_class(sample, RIVER) == expected


@pytest.mark.parametrize("value", [-0.01, math.nan, math.inf])
@pytest.mark.parametrize("item", ITEMS)
def test_a_value_that_cannot_be_is_refused_by_name(item, value):
    for body in WaterBody:
        with pytest.raises(ValueError, match=rf"{item} is {value}, expected a .*number"):
            water_class({item: value}, body)


def test_what_the_standard_does_not_know_is_refused():
    with pytest.raises(ValueError, match="'turbidity' is no item of the water class, expected one of ph, dissolved"):
        water_class({"turbidity": 3.0}, RIVER)
    with pytest.raises(ValueError, match=r"ph is 14\.1, expected a number from 0 to 14"):
        water_class({"ph": 14.1}, RIVER)


@settings(derandomize=True)
@given(st.sampled_from(WaterBody), st.sampled_from(ITEMS[1:]), st.floats(0, 60), st.floats(0, 60))
def test_the_class_never_improves_when_an_item_gets_worse(body, item, one, other):
    good, bad = sorted((one, other), reverse=item == "dissolved_oxygen")
    before, after = item_class(item, good, body), item_class(item, bad, body)
    if before is None:
        assert after is None
    else:
        assert 1 <= before <= after <= 6


@settings(derandomize=True)
@given(st.dictionaries(st.sampled_from(ITEMS), st.floats(0, 14), min_size=1), st.sampled_from(ITEMS))
def test_one_more_item_never_improves_the_class(sample, item):
    rest = {name: value for name, value in sample.items() if name != item}
    found, whole = water_class(rest, LAKE), water_class(sample, LAKE)
    assert found is None or found.number <= whole.number
