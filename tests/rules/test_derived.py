import math

import pytest

from citybrain.sites import Attribute
from citybrain.units import Quantity
from rules.derived import DERIVED, air_quality_index_2026, individual_index_2026, occupancy

# HJ 633-2026 table 1: the concentration at each IAQI; µg/m³, CO mg/m³.
TABLE = {
    "so2_1h": {0: 0, 50: 150, 100: 500, 150: 650, 200: 800},
    "no2_1h": {0: 0, 50: 100, 100: 200, 150: 700, 200: 1200, 300: 2340, 400: 3090, 500: 3840},
    "co_1h": {0: 0, 50: 5, 100: 10, 150: 35, 200: 60, 300: 90, 400: 120, 500: 150},
    "o3_1h": {0: 0, 50: 160, 100: 200, 150: 300, 200: 400, 300: 800, 400: 1000, 500: 1200},
    "pm10_1h": {0: 0, 50: 50, 100: 120, 150: 250, 200: 350, 300: 420, 400: 500, 500: 600},
    "pm25_1h": {0: 0, 50: 35, 100: 60, 150: 115, 200: 150, 300: 250, 400: 350, 500: 500},
}
POINTS = [(pollutant, index, at) for pollutant, points in TABLE.items() for index, at in points.items()]
STEP = {pollutant: 0.1 if pollutant == "co_1h" else 1.0 for pollutant in TABLE}
CLEAN = dict.fromkeys(TABLE, 0.0)
NO_ATTRIBUTES: dict[str, Attribute] = {}


@pytest.mark.parametrize(("pollutant", "index", "at"), POINTS)
def test_the_index_is_exact_at_every_breakpoint(pollutant, index, at):
    assert individual_index_2026(pollutant, float(at)) == index


@pytest.mark.parametrize(("pollutant", "index", "at"), [point for point in POINTS if point[1]])
def test_one_step_beside_a_breakpoint_the_index_is_rounded_up(pollutant, index, at):
    points = TABLE[pollutant]
    indices = sorted(points)
    low = indices[indices.index(index) - 1]
    rise = (index - low) / (points[index] - points[low])
    below = individual_index_2026(pollutant, at - STEP[pollutant])
    assert below == math.ceil(round(index - rise * STEP[pollutant], 6))
    above = individual_index_2026(pollutant, at + STEP[pollutant])
    if index == indices[-1]:
        assert above == index, "the highest is the cap"
    else:
        high = indices[indices.index(index) + 1]
        rise = (high - index) / (points[high] - points[index])
        assert above == math.ceil(round(index + rise * STEP[pollutant], 6))


@pytest.mark.parametrize(
    ("pollutant", "concentration", "expected"),
    [
        ("pm25_1h", 35.4, 50),
        ("pm25_1h", 35.5, 52),  # 36 µg/m³: 50 + 2.
        ("pm25_1h", 0.4, 0),
        ("pm25_1h", 0.5, 2),  # 1 µg/m³: 1.43, rounded up.
        ("co_1h", 4.94, 49),
        ("co_1h", 5.04, 50),
        ("co_1h", 5.05, 51),
        ("co_1h", 10.05, 101),
        ("o3_1h", 200.5, 101),
    ],
)
def test_a_concentration_is_rounded_before_the_index(pollutant, concentration, expected):
    assert individual_index_2026(pollutant, concentration) == expected


def test_half_a_tenth_of_carbon_monoxide_is_rounded_up():
    # Written as text, `x.x5` is half way between two tenths; the next tenth counts, whatever its binary neighbour.
    for tenths in range(1500):
        half, next_tenth = float(f"{tenths // 10}.{tenths % 10}5"), (tenths + 1) / 10
        assert individual_index_2026("co_1h", half) == individual_index_2026("co_1h", next_tenth), half


@pytest.mark.parametrize(
    ("pollutant", "concentration", "cap"), [("so2_1h", 3000, 200), ("pm25_1h", 1000, 500), ("co_1h", 200, 500)]
)
def test_the_index_is_capped(pollutant, concentration, cap):
    assert individual_index_2026(pollutant, float(concentration)) == cap


def test_an_unknown_pollutant_is_a_key_error():
    with pytest.raises(KeyError):
        individual_index_2026("lead_1h", 1.0)


def test_the_index_never_falls_when_the_air_gets_worse():
    for pollutant, points in TABLE.items():
        top = points[max(points)]
        indices = [individual_index_2026(pollutant, top * number / 500) for number in range(520)]
        assert indices == sorted(indices)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        pytest.param(CLEAN, 1, id="at least 1"),
        pytest.param({**CLEAN, "pm25_1h": 125.0}, 165, id="the worst decides"),
        pytest.param({**CLEAN, "pm25_1h": 60.0}, 100, id="at the limit"),
        pytest.param({**CLEAN, "pm25_1h": 900.0, "o3_1h": 10.0}, 500, id="cap"),
        pytest.param({}, None, id="nothing known"),
        pytest.param({"pm25_1h": 60.0}, None, id="one missing: 100 says nothing"),
        pytest.param({"pm25_1h": 61.0}, 101, id="one missing: above 100 it is bad enough"),
        pytest.param({k: v for k, v in CLEAN.items() if k != "so2_1h"}, None, id="clean but one missing"),
    ],
)
def test_the_air_quality_index_of_one_hour(inputs, expected):
    assert air_quality_index_2026(inputs, NO_ATTRIBUTES) == expected


CAPACITY: dict[str, Attribute] = {"capacity": Quantity(200, "vehicles")}


@pytest.mark.parametrize(
    ("inputs", "attributes", "expected"),
    [
        pytest.param({"occupied": 0.0}, CAPACITY, 0, id="empty"),
        pytest.param({"occupied": 199.0}, CAPACITY, 100, id="half a percent is rounded up"),
        pytest.param({"occupied": 198.0}, CAPACITY, 99, id="99"),
        pytest.param({"occupied": 189.0}, CAPACITY, 95, id="94.5 is 95"),
        pytest.param({"occupied": 179.0}, CAPACITY, 90, id="89.5 is 90"),
        pytest.param({"occupied": 161.0}, CAPACITY, 81, id="80.5 is 81"),
        pytest.param({"occupied": 220.0}, CAPACITY, 100, id="drifted counts are cut"),
        pytest.param({"occupied": 90.0, "out_of_service": 100.0}, CAPACITY, 90, id="usable places only"),
        pytest.param({"occupied": 0.0, "out_of_service": 200.0}, CAPACITY, None, id="no usable place"),
        pytest.param({"out_of_service": 2.0}, CAPACITY, None, id="not counted"),
        pytest.param({"occupied": 10.0}, NO_ATTRIBUTES, None, id="no capacity"),
        pytest.param({"occupied": 10.0}, {"capacity": ("many",)}, None, id="a capacity in words"),
    ],
)
def test_occupancy_is_in_whole_percent_of_the_usable_places(inputs, attributes, expected):
    assert occupancy(inputs, attributes) == expected


def test_every_derived_value_has_words_a_unit_and_inputs():
    for (name, _), derived in DERIVED.items():
        assert derived.words.zh, name
        assert derived.words.en, name
        assert derived.inputs, name
