import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.indices.air import AirQuality, Edition, Mean, Pollutant, aqi_1h, aqi_24h, individual_index

OLD, NEW = Edition.HJ633_2012, Edition.HJ633_2026

# HJ 633 table 1, turned on its side: the concentration at each IAQI; µg/m³, CO mg/m³.
IAQI = (0, 50, 100, 150, 200, 300, 400, 500)
GASES = {
    "so2_24h": (0, 50, 150, 475, 800, 1600, 2100, 2620),
    "so2_1h": (0, 150, 500, 650, 800),
    "no2_24h": (0, 40, 80, 180, 280, 565, 750, 940),
    "no2_1h": (0, 100, 200, 700, 1200, 2340, 3090, 3840),
    "co_24h": (0, 2, 4, 14, 24, 36, 48, 60),
    "co_1h": (0, 5, 10, 35, 60, 90, 120, 150),
    "o3_1h": (0, 160, 200, 300, 400, 800, 1000, 1200),
    "o3_8h": (0, 100, 160, 215, 265, 800),
}
TABLES = {
    OLD: {
        **GASES,
        "pm10_24h": (0, 50, 150, 250, 350, 420, 500, 600),
        "pm25_24h": (0, 35, 75, 115, 150, 250, 350, 500),
    },
    NEW: {
        **GASES,
        "pm10_24h": (0, 50, 120, 250, 350, 420, 500, 600),
        "pm25_24h": (0, 35, 60, 115, 150, 250, 350, 500),
        "pm10_1h": (0, 50, 120, 250, 350, 420, 500, 600),
        "pm25_1h": (0, 35, 60, 115, 150, 250, 350, 500),
    },
}
COLUMNS = [(edition, mean) for edition, table in TABLES.items() for mean in table]
POINTS = [(edition, mean, place) for edition, mean in COLUMNS for place in range(len(TABLES[edition][mean]))]
SHORT = ("so2_1h", "o3_8h")


def step(mean: str) -> Fraction:
    return Fraction(1, 10) if mean.startswith("co") else Fraction(1)


def by_the_formula(edition, mean: str, concentration: Fraction) -> int:
    """The formula of HJ 633 section 4 in exact numbers, for a concentration within the column."""
    points = TABLES[edition][mean]
    place = max(1, next(place for place, point in enumerate(points) if concentration <= point))
    low, high = points[place - 1], points[place]
    rise = Fraction(IAQI[place] - IAQI[place - 1], high - low)
    return math.ceil(rise * (concentration - low) + IAQI[place - 1])


@pytest.mark.parametrize(("edition", "mean", "place"), POINTS)
def test_the_index_is_exact_at_every_breakpoint(edition, mean, place):
    assert individual_index(mean, float(TABLES[edition][mean][place]), edition) == IAQI[place]


@pytest.mark.parametrize(("edition", "mean", "place"), [point for point in POINTS if point[2]])
def test_one_step_below_a_breakpoint_the_index_is_rounded_up(edition, mean, place):
    below = TABLES[edition][mean][place] - step(mean)
    found = individual_index(mean, float(below), edition)
    assert found == by_the_formula(edition, mean, below)
    assert IAQI[place - 1] < found <= IAQI[place]


@pytest.mark.parametrize(("edition", "mean", "place"), POINTS)
def test_one_step_above_a_breakpoint_the_index_has_passed_it(edition, mean, place):
    above = TABLES[edition][mean][place] + step(mean)
    if place < len(TABLES[edition][mean]) - 1:
        found = individual_index(mean, float(above), edition)
        assert found == by_the_formula(edition, mean, above)
        assert found > IAQI[place]
    elif mean in SHORT and edition is OLD:
        assert individual_index(mean, float(above), edition) is None
    else:
        assert individual_index(mean, float(above), edition) == IAQI[place], "the cap"


@pytest.mark.parametrize(
    ("edition", "mean", "concentration", "expected"),
    [
        # Worked by hand.
        (NEW, "pm25_24h", 75, 114),  # 100 + 50 × 15 / 55 = 113.6.
        (OLD, "pm25_24h", 75, 100),
        (NEW, "pm10_24h", 150, 112),  # 100 + 50 × 30 / 130 = 111.5.
        (OLD, "pm10_24h", 150, 100),
        (NEW, "pm25_1h", 36, 52),
        (NEW, "so2_24h", 523, 158),  # 150 + 50 × 48 / 325 = 157.4.
        (OLD, "o3_8h", 112, 60),
        (OLD, "o3_8h", 169, 109),  # 100 + 50 × 9 / 55 = 108.2.
        # The concentration is rounded before the index, a half goes up.
        (NEW, "pm25_1h", 35.4, 50),
        (NEW, "pm25_1h", 35.5, 52),
        (OLD, "pm25_24h", 0.4, 0),
        (OLD, "pm25_24h", 0.5, 2),
        (NEW, "co_1h", 4.94, 49),
        (NEW, "co_1h", 5.04, 50),
        (NEW, "co_1h", 5.05, 51),
        (OLD, "co_24h", 2.04, 50),
        (OLD, "co_24h", 2.05, 53),
        # The ends of the columns.
        (OLD, "so2_1h", 800.4, 200),
        (OLD, "so2_1h", 800.5, None),
        (NEW, "so2_1h", 3000, 200),
        (OLD, "o3_8h", 800.4, 300),
        (OLD, "o3_8h", 801, None),
        (NEW, "o3_8h", 1500, 300),
        (OLD, "pm25_24h", 1000, 500),
        (NEW, "pm25_1h", 1000, 500),
        (NEW, "co_1h", 200, 500),
    ],
)
def test_an_individual_index(edition, mean, concentration, expected):
    assert individual_index(mean, concentration, edition) == expected


def test_half_a_tenth_of_carbon_monoxide_is_rounded_up():
    # Written as text, `x.x5` is half way between two tenths; the next tenth counts, whatever its binary neighbour.
    for tenths in range(1500):
        half, next_tenth = float(f"{tenths // 10}.{tenths % 10}5"), (tenths + 1) / 10
        assert individual_index("co_1h", half, NEW) == individual_index("co_1h", next_tenth, NEW), half


@settings(derandomize=True)
@given(
    st.sampled_from([(edition, mean) for edition, mean in COLUMNS if edition is NEW or mean not in SHORT]),
    st.floats(0, 5000),
    st.floats(0, 5000),
)
def test_the_index_never_falls_when_the_air_gets_worse(column, one, other):
    edition, mean = column
    low, high = sorted((one, other))
    assert individual_index(mean, low, edition) <= individual_index(mean, high, edition) <= 500


@settings(derandomize=True)
@given(st.sampled_from(COLUMNS), st.integers(0, 5000))
def test_the_index_is_that_of_the_formula_in_exact_numbers(column, steps):
    edition, mean = column
    concentration = min(steps * step(mean), Fraction(TABLES[edition][mean][-1]))
    assert individual_index(mean, float(concentration), edition) == by_the_formula(edition, mean, concentration)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("edition", Edition)
def test_a_concentration_that_cannot_be_is_refused_by_name(value, edition):
    with pytest.raises(ValueError, match=rf"so2_1h is {value}, expected a finite number >= 0"):
        individual_index("so2_1h", value, edition)
    for index in (aqi_1h, aqi_24h):
        with pytest.raises(ValueError, match=rf"no2_24h is {value}, expected a finite number >= 0"):
            index({"no2_24h": value}, edition)


def test_a_mean_without_a_column_is_refused_by_name():
    with pytest.raises(ValueError, match="'lead_1h' has no column in hj633-2026, expected one of so2_24h, so2_1h"):
        individual_index("lead_1h", 1.0, NEW)
    with pytest.raises(ValueError, match="'pm25_1h' has no column in hj633-2012"):
        individual_index("pm25_1h", 1.0, OLD)
    with pytest.raises(ValueError, match="'lead_1h' is no mean of the index, expected one of so2_1h"):
        aqi_1h({"lead_1h": 1.0}, NEW)


def quality(index: int, primary: str = "", missing: str = "") -> AirQuality:
    return AirQuality(index, tuple(map(Pollutant, primary.split())), tuple(map(Pollutant, missing.split())))


CLEAN_1H = dict.fromkeys(["so2_1h", "no2_1h", "co_1h", "o3_1h", "pm10_1h", "pm25_1h"], 0.0)
CLEAN_1H_2012 = dict.fromkeys(["so2_1h", "no2_1h", "co_1h", "o3_1h", "o3_8h", "pm10_24h", "pm25_24h"], 0.0)
CLEAN_24H = dict.fromkeys(["so2_24h", "no2_24h", "co_24h", "o3_8h", "pm10_24h", "pm25_24h"], 0.0)


def less(means: dict, *names: str) -> dict:
    return {name: value for name, value in means.items() if name not in names}


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        pytest.param(CLEAN_1H, quality(1), id="at least 1"),
        pytest.param({**CLEAN_1H, "pm25_1h": 35}, quality(50), id="50 has no primary pollutant"),
        pytest.param({**CLEAN_1H, "pm25_1h": 36}, quality(52, "pm25"), id="above 50 it has"),
        pytest.param({**CLEAN_1H, "pm25_1h": 60, "no2_1h": 200}, quality(100, "no2 pm25"), id="two primary ones"),
        pytest.param({**CLEAN_1H, "so2_1h": 900}, quality(200, "so2"), id="SO2 stays at 200"),
        pytest.param({**CLEAN_1H, "pm10_1h": 9000}, quality(500, "pm10"), id="cap"),
        pytest.param({**CLEAN_1H, "o3_8h": 800, "pm25_24h": 500}, quality(1), id="other means do not count"),
        pytest.param({}, None, id="nothing known"),
        pytest.param({"o3_8h": 300}, None, id="nothing known of this hour"),
        pytest.param(less(CLEAN_1H, "so2_1h"), None, id="clean but one missing"),
        pytest.param({"pm25_1h": 60}, None, id="the rest missing: 100 says nothing"),
        pytest.param({"pm25_1h": 61}, quality(101, "pm25", "so2 no2 co o3 pm10"), id="the rest missing: 101 does"),
    ],
)
def test_the_real_time_index_of_2026(means, expected):
    assert aqi_1h(means, NEW) == expected


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        pytest.param(CLEAN_1H_2012, quality(0), id="0 is a value"),
        pytest.param({**CLEAN_1H_2012, "pm25_24h": 75}, quality(100, "pm25"), id="the old column of particles"),
        pytest.param({**CLEAN_1H_2012, "pm25_1h": 300}, quality(0), id="one hour of particles does not count"),
        pytest.param({**CLEAN_1H_2012, "o3_1h": 160, "o3_8h": 160}, quality(100, "o3"), id="the worse of ozone: 8 h"),
        pytest.param({**CLEAN_1H_2012, "o3_1h": 300, "o3_8h": 160}, quality(150, "o3"), id="the worse of ozone: 1 h"),
        pytest.param({**CLEAN_1H_2012, "o3_1h": 900, "o3_8h": 850}, quality(350, "o3"), id="ozone above 800"),
        pytest.param({**CLEAN_1H_2012, "so2_1h": 900, "so2_24h": 475}, quality(150, "so2"), id="SO2 above 800"),
        pytest.param({**CLEAN_1H_2012, "so2_1h": 800, "so2_24h": 2620}, quality(200, "so2"), id="SO2 at 800"),
        pytest.param({**CLEAN_1H_2012, "so2_1h": 900}, None, id="SO2 above 800 without its day"),
        pytest.param(
            {**CLEAN_1H_2012, "so2_1h": 900, "no2_1h": 700}, quality(150, "no2", "so2"), id="the same, with bad NO2"
        ),
        pytest.param(less(CLEAN_1H_2012, "o3_8h"), None, id="half of ozone is not ozone"),
        pytest.param({"o3_1h": 300}, quality(150, "o3", "so2 no2 co o3 pm10 pm25"), id="half of ozone, but bad"),
        pytest.param(less(CLEAN_1H_2012, "pm25_24h"), None, id="clean but one missing"),
    ],
)
def test_the_real_time_index_of_2012(means, expected):
    assert aqi_1h(means, OLD) == expected


@pytest.mark.parametrize(
    ("edition", "means", "expected"),
    [
        pytest.param(NEW, CLEAN_24H, quality(1), id="2026: at least 1"),
        pytest.param(OLD, CLEAN_24H, quality(0), id="2012: 0 is a value"),
        pytest.param(NEW, {**CLEAN_24H, "pm25_24h": 75}, quality(114, "pm25"), id="2026: particles"),
        pytest.param(OLD, {**CLEAN_24H, "pm25_24h": 75}, quality(100, "pm25"), id="2012: particles"),
        pytest.param(NEW, {**CLEAN_24H, "o3_8h": 900, "o3_1h": 1200}, quality(300, "o3"), id="2026: ozone above 800"),
        pytest.param(OLD, {**CLEAN_24H, "o3_8h": 900, "o3_1h": 1000}, quality(400, "o3"), id="2012: ozone above 800"),
        pytest.param(OLD, {**CLEAN_24H, "o3_8h": 900}, None, id="2012: ozone above 800 without its hour"),
        pytest.param(OLD, {**CLEAN_24H, "o3_8h": 100, "o3_1h": 1000}, quality(50), id="2012: else 8 h alone"),
        pytest.param(NEW, {**CLEAN_24H, "so2_1h": 800}, quality(1), id="one hour does not count"),
        pytest.param(NEW, less(CLEAN_24H, "co_24h"), None, id="clean but one missing"),
        pytest.param(NEW, {"co_24h": 14}, quality(150, "co", "so2 no2 o3 pm10 pm25"), id="the rest missing"),
        pytest.param(NEW, {}, None, id="nothing known"),
    ],
)
def test_the_daily_index(edition, means, expected):
    assert aqi_24h(means, edition) == expected


@settings(derandomize=True)
@given(
    st.sampled_from(Edition),
    st.fixed_dictionaries(dict.fromkeys(map(str, Mean), st.floats(0, 700))),
    st.sampled_from(Mean),
    st.floats(0, 100),
)
def test_no_index_falls_when_one_pollutant_gets_worse(edition, means, mean, more):
    # Up to 800 µg/m³ both editions compute everything.
    worse = {**means, str(mean): means[mean] + more}
    assert aqi_1h(worse, edition).index >= aqi_1h(means, edition).index
    assert aqi_24h(worse, edition).index >= aqi_24h(means, edition).index
