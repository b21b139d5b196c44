import pytest

from citybrain.attributes import Attribute
from citybrain.units import Quantity
from rules.derived import DERIVED, history_inputs

POLLUTANTS = ("so2_1h", "no2_1h", "co_1h", "o3_1h", "pm10_1h", "pm25_1h")
CLEAN = dict.fromkeys(POLLUTANTS, 0.0)
NO_ATTRIBUTES: dict[str, Attribute] = {}
occupancy = DERIVED["occupancy", None].compute


def air_quality_index_2026(inputs, attributes):
    return DERIVED["aqi_1h", "hj633-2026"].compute(inputs, attributes)


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


HOUR = 3_600_000
DIRTY_DAY = {name: [(hours_ago, 100.0 if name == "pm25_1h" else 1.0) for hours_ago in range(24)] for name in POLLUTANTS}


def test_a_history_is_told_in_hours_ago_the_newest_of_each():
    instants = [0, HOUR, HOUR + 1000, 3 * HOUR]
    assert history_inputs(instants, [1.0, 2.0, 3.0, 4.0], 3 * HOUR) == [(3, 1.0), (2, 3.0), (0, 4.0)]


@pytest.mark.parametrize(
    ("name", "edition", "expected"),
    [
        # PM2.5 of 100 µg/m³ for a day: 100 + 50 * 40 / 55 in 2026, 100 + 50 * 25 / 40 in 2012; rounded up.
        ("aqi_24h", "hj633-2026", 137),
        ("aqi_24h", "hj633-2012", 132),
        ("aqi_1h", "hj633-2012", 132),
    ],
)
def test_an_index_of_a_day_follows_its_edition(name, edition, expected):
    assert DERIVED[name, edition].compute(DIRTY_DAY, NO_ATTRIBUTES) == expected


def test_an_index_of_a_day_needs_its_hours():
    short = {name: hours[:10] for name, hours in DIRTY_DAY.items()}
    assert DERIVED["aqi_24h", "hj633-2026"].compute(short, NO_ATTRIBUTES) is None


@pytest.mark.parametrize(
    ("attributes", "expected"), [({}, 3), ({"water_body": ("river",)}, 3), ({"water_body": ("lake",)}, 5)]
)
def test_the_water_class_depends_on_the_water_body(attributes, expected):
    # TP 0.15 mg/L is class Ⅲ in a river and class Ⅴ in a lake.
    assert DERIVED["water_class", "gb3838-2002"].compute({"ph": 7.0, "tp": 0.15}, attributes) == expected


def test_the_share_of_a_permit_is_that_of_the_worst_item():
    permit = {"permit_discharge_cod": Quantity(40, "mg/L"), "permit_discharge_tp": Quantity(0.3, "mg/L")}
    compute = DERIVED["worst_share_of_limit", "permit"].compute
    assert compute({"discharge_cod": 20.0, "discharge_tp": 0.45}, permit) == pytest.approx(1.5)
    assert compute({"discharge_cod": 20.0}, NO_ATTRIBUTES) is None


def test_the_heat_index_needs_both_its_inputs():
    compute = DERIVED["heat_index", None].compute
    assert compute({"air_temperature": 35.0}, NO_ATTRIBUTES) is None
    assert compute({"air_temperature": 35.0, "humidity": 60.0}, NO_ATTRIBUTES) > 40


def test_the_index_of_a_day_is_judged_over_its_hours(rig):
    #  hour   0 .. 23       PM2.5 100 µg/m³ each hour: known from the 20th hourly value on
    driven = rig(
        where={"site": ["aq-a"]},
        measure={"derived": "aqi_24h", "edition": "hj633-2026"},
        at_least={"blue": "130 index"},
    )
    values = dict.fromkeys(POLLUTANTS, 1.0) | {"pm25_1h": 100.0}
    for hour in range(24):
        driven.send(hour * 60, values, site="aq-a")
    assert driven.seen == [f"{19 * 60} blue firing"]
