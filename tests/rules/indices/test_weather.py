import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.indices.weather import (
    RainGrade,
    beaufort,
    forest_fire_grade,
    forest_fire_index,
    heat_index,
    rain_grade_12h,
    rain_grade_24h,
)

NO_AMOUNTS = [-0.1, math.nan, math.inf]

# GB/T 28592-2012 table 1: the least and the greatest amount of each grade, mm.
RAIN_12H = [(0.1, 4.9), (5.0, 14.9), (15.0, 29.9), (30.0, 69.9), (70.0, 139.9), (140.0, 900.0)]
RAIN_24H = [(0.1, 9.9), (10.0, 24.9), (25.0, 49.9), (50.0, 99.9), (100.0, 249.9), (250.0, 1800.0)]
BANDS = [
    (grade_of, grade, *band)
    for grade_of, bands in ((rain_grade_12h, RAIN_12H), (rain_grade_24h, RAIN_24H))
    for grade, band in enumerate(bands, 1)
]


@pytest.mark.parametrize(("grade_of", "grade", "least", "most"), BANDS)
def test_a_grade_of_rain_holds_from_its_least_to_its_greatest_amount(grade_of, grade, least, most):
    assert grade_of(least) == grade_of(most) == grade
    assert grade_of(round(least - 0.1, 1)) == grade - 1


@pytest.mark.parametrize("grade_of", [rain_grade_12h, rain_grade_24h])
def test_no_rain_and_a_trace_have_no_grade(grade_of):
    assert grade_of(0.0) is grade_of(0.04) is RainGrade.NONE
    assert grade_of(0.05) is RainGrade.LIGHT


def test_rain_is_rounded_to_tenths_before_it_is_graded():
    assert rain_grade_24h(49.94) is RainGrade.HEAVY
    assert rain_grade_24h(49.95) is RainGrade.STORM
    # A sum of tenths misses 50 in its last bits.
    assert sum([0.1] * 500) != 50.0
    assert rain_grade_24h(sum([0.1] * 500)) is RainGrade.STORM


@pytest.mark.parametrize("value", NO_AMOUNTS)
def test_an_amount_that_cannot_be_is_refused_by_name(value):
    for grade_of in (rain_grade_12h, rain_grade_24h):
        with pytest.raises(ValueError, match=rf"rain_mm is {value}, expected a finite number >= 0"):
            grade_of(value)
    with pytest.raises(ValueError, match=rf"wind_m_s is {value}, expected a finite number >= 0"):
        beaufort(value)


@settings(derandomize=True)
@given(st.floats(0, 2000), st.floats(0, 2000))
def test_no_grade_falls_with_more_rain_and_12_hours_are_the_stricter(one, other):
    low, high = sorted((one, other))
    assert rain_grade_12h(low) <= rain_grade_12h(high)
    assert rain_grade_24h(low) <= rain_grade_24h(high) <= rain_grade_12h(high)


# The least speed of each force, m/s.
BEAUFORT = [
    *((1, 0.3), (2, 1.6), (3, 3.4), (4, 5.5), (5, 8.0), (6, 10.8), (7, 13.9), (8, 17.2), (9, 20.8)),
    *((10, 24.5), (11, 28.5), (12, 32.7), (13, 37.0), (14, 41.5), (15, 46.2), (16, 51.0), (17, 56.1)),
]


@pytest.mark.parametrize(("force", "least"), BEAUFORT)
def test_a_force_begins_at_its_least_speed(force, least):
    assert beaufort(least) == beaufort(least + 0.1) == force
    assert beaufort(least - 0.1) == force - 1


def test_calm_storm_and_rounding():
    assert beaufort(0) == beaufort(0.2) == beaufort(0.24) == 0
    assert beaufort(0.25) == 1
    assert beaufort(17.14) == 7
    assert beaufort(17.15) == 8
    assert beaufort(75) == 17, "there is no greater force"


@settings(derandomize=True)
@given(st.floats(0, 120), st.floats(0, 120))
def test_no_force_falls_with_more_wind(one, other):
    low, high = sorted((one, other))
    assert 0 <= beaufort(low) <= beaufort(high) <= 17


# The chart of the US National Weather Service, ℉: temperature, humidity in %, heat index. It knows no adjustment.
CHART = [
    *((80, 40, 80), (80, 60, 82), (80, 80, 84), (82, 70, 86), (84, 85, 96), (86, 60, 91)),
    *((86, 85, 102), (88, 40, 88), (88, 85, 110), (90, 40, 91), (90, 55, 97), (90, 85, 117), (92, 65, 108)),
    *((94, 55, 106), (96, 50, 108), (98, 45, 109), (98, 70, 134), (100, 40, 109), (100, 60, 129), (104, 55, 137)),
    *((106, 50, 137), (108, 45, 137), (110, 40, 136)),
]


@pytest.mark.parametrize(("temperature_f", "humidity", "expected_f"), CHART)
def test_the_heat_index_is_that_of_the_chart(temperature_f, humidity, expected_f):
    found_f = heat_index((temperature_f - 32) * 5 / 9, humidity) * 9 / 5 + 32
    # The regression is good to 1.3 ℉; the chart is in whole degrees.
    assert found_f == pytest.approx(expected_f, abs=1.3)


@pytest.mark.parametrize(
    ("temperature_c", "humidity", "expected"),
    [
        # Worked in decimals, in ℉: the regression, then the adjustment.
        (35, 7, 31.465),  # 90.136 - (13 - 7) / 4 × √(17 / 17) = 88.636
        (35, 13, 32.451),  # 90.411
        (40, 12, 37.263),  # 99.245 - (13 - 12) / 4 × √(8 / 17) = 99.073
        (28, 85, 32.896),  # 91.213
        (28, 100, 36.379),  # 96.102 + (100 - 85) / 10 × (87 - 82.4) / 5 = 97.482
        (30, 95, 42.515),  # 108.327 + (95 - 85) / 10 × (87 - 86) / 5 = 108.527
    ],
)
def test_dry_and_damp_air_is_adjusted(temperature_c, humidity, expected):
    assert heat_index(temperature_c, humidity) == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize(
    ("temperature_c", "humidity"), [(-15.0, 50), (0.0, 0), (20.0, 100), (25.0, 80), (26.6, 30), (26.7, 20)]
)
def test_below_the_range_of_the_formula_the_heat_index_is_the_air_temperature(temperature_c, humidity):
    assert heat_index(temperature_c, humidity) == temperature_c


def test_the_formula_begins_where_the_simple_one_and_the_air_average_80_f():
    # At 40 %: simple = 1.1 t - 8.42, so the mean is 80 at t = 80.2 ℉.
    below, above = (80.1 - 32) * 5 / 9, (80.3 - 32) * 5 / 9
    assert heat_index(below, 40) == below
    assert heat_index(above, 40) != above
    assert heat_index(above, 40) == pytest.approx(above, abs=0.5)


@pytest.mark.parametrize("humidity", [-0.1, 100.1, math.nan, math.inf])
def test_a_humidity_that_cannot_be_is_refused_by_name(humidity):
    with pytest.raises(ValueError, match=rf"humidity_percent is {humidity}, expected a number from 0 to 100"):
        heat_index(30, humidity)
    with pytest.raises(ValueError, match=rf"humidity_percent is {humidity}, expected a number from 0 to 100"):
        forest_fire_index(30, humidity, wind_m_s=1, dry_days=1)


@pytest.mark.parametrize("temperature", [math.nan, math.inf, -math.inf])
def test_a_temperature_that_cannot_be_is_refused_by_name(temperature):
    with pytest.raises(ValueError, match=rf"temperature_c is {temperature}, expected a finite number"):
        heat_index(temperature, 50)
    with pytest.raises(ValueError, match=rf"temperature_c is {temperature}, expected a finite number"):
        forest_fire_index(temperature, 50, wind_m_s=1, dry_days=1)


def test_a_temperature_below_absolute_zero_is_refused():
    with pytest.raises(ValueError, match=r"temperature_c is -273\.2, expected a finite number >= -273\.15"):
        heat_index(-273.2, 50)


# Above the meeting of the two branches, where dry air falls by up to 2 ℃.
@settings(derandomize=True)
@given(st.floats(27.4, 50), st.floats(27.4, 50), st.floats(0, 100), st.floats(0, 100))
def test_the_heat_index_never_falls_in_hotter_or_damper_air(one, other, dry, damp):
    cool, hot = sorted((one, other))
    dry, damp = sorted((dry, damp))
    assert heat_index(cool, dry) <= heat_index(hot, dry) + 1e-9
    assert heat_index(cool, dry) <= heat_index(cool, damp) + 1e-9


CALM_WET = {"temperature_c": 0.0, "humidity_percent": 100.0, "wind_m_s": 0.0, "dry_days": 0.0}


@pytest.mark.parametrize(
    ("name", "value", "points"),
    [
        ("temperature_c", 5.0, 0),
        ("temperature_c", 5.1, 4),
        ("temperature_c", 10.0, 4),
        ("temperature_c", 10.1, 8),
        ("temperature_c", 15.1, 12),
        ("temperature_c", 20.1, 16),
        ("temperature_c", 25.0, 16),
        ("temperature_c", 25.1, 20),
        ("temperature_c", 40.0, 20),
        ("temperature_c", -20.0, 0),
        ("humidity_percent", 65.0, 0),
        ("humidity_percent", 64.0, 4),
        ("humidity_percent", 55.0, 4),
        ("humidity_percent", 54.0, 8),
        ("humidity_percent", 44.0, 12),
        ("humidity_percent", 34.0, 16),
        ("humidity_percent", 25.0, 16),
        ("humidity_percent", 24.0, 20),
        ("humidity_percent", 0.0, 20),
        ("wind_m_s", 0.2, 0),
        ("wind_m_s", 0.3, 5),
        ("wind_m_s", 5.4, 15),
        ("wind_m_s", 5.5, 20),
        ("wind_m_s", 17.1, 35),
        ("wind_m_s", 17.2, 40),
        ("wind_m_s", 40.0, 40),
        ("dry_days", 0.9, 0),
        ("dry_days", 1.0, 5),
        ("dry_days", 9.0, 45),
        ("dry_days", 10.0, 50),
        ("dry_days", 60.0, 50),
    ],
)
def test_each_part_of_the_fire_weather_has_its_points(name, value, points):
    assert forest_fire_index(**{**CALM_WET, name: value}) == points


@pytest.mark.parametrize(
    ("temperature", "humidity", "wind", "days", "index", "grade"),
    [
        (0, 100, 0, 0, 0, 1),
        (0, 100, 0, 5, 25, 1),
        (12, 60, 3.4, 0, 27, 2),  # 8 + 4 + 15.
        (0, 100, 0, 10, 50, 2),
        (12, 54, 0, 7, 51, 3),  # 8 + 8 + 35.
        (18, 44, 5.5, 5, 69, 3),  # 12 + 12 + 20 + 25.
        (22, 34, 1.6, 6, 72, 3),  # 16 + 16 + 10 + 30.
        (12, 100, 3.4, 10, 73, 4),  # 8 + 15 + 50.
        (26, 24, 0, 10, 90, 4),  # 20 + 20 + 50.
        (22, 64, 5.5, 10, 90, 4),  # 16 + 4 + 20 + 50.
        (6, 64, 8.0, 10, 83, 4),  # 4 + 4 + 25 + 50.
        (18, 64, 8.0, 10, 91, 5),  # 12 + 4 + 25 + 50.
        (40, 0, 30, 30, 130, 5),
    ],
)
def test_the_grade_of_fire_weather(temperature, humidity, wind, days, index, grade):
    weather = {"wind_m_s": wind, "dry_days": days}
    assert forest_fire_index(temperature, humidity, **weather) == index
    assert forest_fire_grade(temperature, humidity, **weather) == grade


@pytest.mark.parametrize(
    ("humidity", "wind", "days", "grade"), [(44.9, 0.3, 6, 3), (34.9, 5.6, 10, 4), (24.9, 8.1, 15, 5)]
)
def test_on_a_mild_day_the_steps_of_the_forest_fire_rule_reach_their_grade(humidity, wind, days, grade):
    assert forest_fire_grade(15.1, humidity, wind_m_s=wind, dry_days=days) >= grade


@pytest.mark.parametrize("value", NO_AMOUNTS)
@pytest.mark.parametrize("name", ["wind_m_s", "dry_days"])
def test_a_wind_or_drought_that_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=rf"{name} is {value}, expected a finite number >= 0"):
        forest_fire_grade(**{**CALM_WET, name: value})


WEATHER = st.fixed_dictionaries(
    {
        "temperature_c": st.floats(-30, 50),
        "humidity_percent": st.floats(0, 100),
        "wind_m_s": st.floats(0, 60),
        "dry_days": st.floats(0, 60),
    }
)


@settings(derandomize=True)
@given(WEATHER, st.sampled_from(sorted(CALM_WET)), st.floats(0, 1))
def test_the_danger_never_falls_in_hotter_drier_or_windier_weather(weather, name, share):
    worst = {"temperature_c": 50.0, "humidity_percent": 0.0, "wind_m_s": 60.0, "dry_days": 60.0}[name]
    worse = {**weather, name: weather[name] + share * (worst - weather[name])}
    assert forest_fire_index(**weather) <= forest_fire_index(**worse) <= 130
    assert 1 <= forest_fire_grade(**weather) <= forest_fire_grade(**worse) <= 5
