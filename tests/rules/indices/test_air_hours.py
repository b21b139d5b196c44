import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.indices.air import AirQuality, Edition, Pollutant
from rules.indices.air_hours import aqi_1h_of_hours, aqi_24h_of_hours, hour_is_valid, max_8h, mean_8h, mean_24h

OLD, NEW = Edition.HJ633_2012, Edition.HJ633_2026
NAMES = ("so2_1h", "no2_1h", "co_1h", "o3_1h", "pm10_1h", "pm25_1h")


def level(value: float, count: int, first: int = 0) -> list[tuple[int, float]]:
    return [(hour, value) for hour in range(first, first + count)]


def clean(**series: list[tuple[int, float]]) -> dict[str, list[tuple[int, float]]]:
    return {**dict.fromkeys(NAMES, level(0.0, 24)), **series}


def quality(index: int, primary: str = "", missing: str = "") -> AirQuality:
    return AirQuality(index, tuple(map(Pollutant, primary.split())), tuple(map(Pollutant, missing.split())))


@pytest.mark.parametrize(("sampled_min", "expected"), [(0, False), (44.9, False), (45, True), (60, True)])
def test_an_hour_needs_45_minutes_of_sampling(sampled_min, expected):
    assert hour_is_valid(sampled_min) is expected


@pytest.mark.parametrize("sampled_min", [-1, 60.1, math.nan, math.inf])
def test_an_hour_has_no_more_than_60_minutes(sampled_min):
    with pytest.raises(ValueError, match=r"sampled_min is .*, expected"):
        hour_is_valid(sampled_min)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(level(90, 8), 90, id="all"),
        pytest.param(level(90, 6), 90, id="6 are enough"),
        pytest.param(level(90, 5), None, id="5 are too few"),
        pytest.param(level(90, 8, first=2), 90, id="the last 2 missing"),
        pytest.param(level(90, 8, first=3), None, id="the last 3 missing"),
        pytest.param(level(90, 8) + level(500, 16, first=8), 90, id="older ones do not count"),
        pytest.param([(0, 10), (7, 20), (3, 0), (1, 0), (2, 0), (4, 0)], 5, id="any order"),
        pytest.param([], None, id="none"),
    ],
)
def test_8_hours_need_6_values(hours, expected):
    assert mean_8h(hours) == expected


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(level(40, 24), 40, id="all"),
        pytest.param(level(40, 20), 40, id="20 are enough"),
        pytest.param(level(40, 19), None, id="19 are too few"),
        pytest.param(level(40, 24, first=4), 40, id="the last 4 missing"),
        pytest.param(level(40, 24, first=5), None, id="the last 5 missing"),
        pytest.param(level(40, 24) + level(900, 24, first=24), 40, id="yesterday does not count"),
    ],
)
def test_a_day_needs_20_values(hours, expected):
    assert mean_24h(hours) == expected


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(level(10, 24), 10, id="level"),
        pytest.param(level(10, 8) + level(90, 8, first=8) + level(10, 8, first=16), 90, id="in the middle"),
        pytest.param(level(10, 16) + level(90, 8, first=16), 90, id="the first window of the day"),
        # Of the window that reaches one hour into yesterday only 7 of 8 would be the high ones.
        pytest.param(level(10, 17) + level(90, 8, first=17), 80, id="yesterday does not count"),
        pytest.param(level(90, 20), 90, id="20 values are enough"),
        pytest.param(level(90, 19), None, id="19 are too few"),
        pytest.param(level(160, 19), None, id="19 up to the limit are too few"),
        pytest.param(level(161, 6), 161, id="6 above the limit are enough"),
        pytest.param(level(161, 5), None, id="5 make no mean of 8 h"),
        pytest.param(level(200, 6, first=24), None, id="all of it yesterday"),
        pytest.param([], None, id="none"),
    ],
)
def test_the_greatest_8_h_mean_of_a_day(hours, expected):
    assert max_8h(hours) == expected


@pytest.mark.parametrize(
    ("edition", "series", "expected"),
    [
        pytest.param(NEW, clean(), quality(1), id="clean"),
        pytest.param(NEW, clean(pm25_1h=[(0, 61)]), quality(101, "pm25"), id="2026: this hour alone"),
        pytest.param(NEW, clean(pm25_1h=level(61, 23, first=1)), None, id="2026: this hour missing"),
        pytest.param(
            NEW,
            clean(pm25_1h=level(61, 23, first=1), no2_1h=[(0, 700)]),
            quality(150, "no2", "pm25"),
            id="2026: this hour missing, but bad",
        ),
        pytest.param(OLD, clean(pm25_1h=level(75, 20, first=4)), quality(100, "pm25"), id="2012: moving mean"),
        pytest.param(OLD, clean(pm25_1h=level(75, 19)), None, id="2012: moving mean of too few"),
        pytest.param(OLD, clean(o3_1h=level(160, 6)), quality(100, "o3"), id="2012: ozone of 8 h"),
        pytest.param(OLD, clean(o3_1h=level(300, 5)), quality(150, "o3", "o3"), id="2012: ozone of 1 h alone"),
        pytest.param(
            OLD, clean(so2_1h=[(0, 925), *level(457, 23, first=1)]), quality(151, "so2"), id="2012: SO2 of the day"
        ),
        pytest.param(OLD, clean(so2_1h=[(0, 925)]), None, id="2012: SO2 of no day"),
        pytest.param(NEW, {}, None, id="nothing"),
    ],
)
def test_the_index_of_the_hour_just_ended(edition, series, expected):
    assert aqi_1h_of_hours(series, edition) == expected


@pytest.mark.parametrize(
    ("edition", "series", "expected"),
    [
        pytest.param(NEW, clean(), quality(1), id="clean"),
        pytest.param(
            NEW, clean(pm10_1h=level(240, 12) + level(0, 12, first=12)), quality(100, "pm10"), id="2026: mean"
        ),
        pytest.param(OLD, clean(pm10_1h=level(240, 12) + level(0, 12, first=12)), quality(85, "pm10"), id="2012: mean"),
        pytest.param(NEW, clean(o3_1h=level(0, 8) + level(215, 16, first=8)), quality(150, "o3"), id="worst 8 h"),
        pytest.param(NEW, clean(co_1h=level(4, 19)), None, id="19 values are too few"),
        pytest.param(
            NEW, clean(co_1h=level(4, 19), no2_1h=level(180, 24)), quality(150, "no2", "co"), id="too few, but bad"
        ),
        pytest.param(
            NEW, clean(o3_1h=level(265, 6)), quality(200, "o3", "o3"), id="a bad third of a day of ozone is not lost"
        ),
        pytest.param(OLD, clean(o3_1h=[(0, 1000), *level(900, 23, first=1)]), quality(400, "o3"), id="2012: worst 1 h"),
        pytest.param(
            NEW, clean(o3_1h=[(0, 1000), *level(900, 23, first=1)]), quality(300, "o3"), id="2026: stays at 300"
        ),
    ],
)
def test_the_index_of_the_last_24_hours(edition, series, expected):
    assert aqi_24h_of_hours(series, edition) == expected


@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_a_value_that_cannot_be_is_refused_by_name(value):
    for index in (aqi_1h_of_hours, aqi_24h_of_hours):
        with pytest.raises(ValueError, match=rf"pm10_1h is {value}, expected a finite number >= 0"):
            index(clean(pm10_1h=[(30, value)]), NEW)
    for mean in (mean_8h, mean_24h, max_8h):
        with pytest.raises(ValueError, match=rf"value is {value}, expected a finite number >= 0"):
            mean([(0, value)])


def test_a_faulty_series_is_refused():
    with pytest.raises(ValueError, match="hours_ago is -1, expected a whole number >= 0"):
        mean_8h([(-1, 1.0)])
    with pytest.raises(ValueError, match="hours_ago 3 stands twice in the series"):
        mean_24h([(3, 1.0), (3, 2.0)])
    with pytest.raises(ValueError, match="'pm25_24h' is no hourly series of the index, expected one of so2_1h"):
        aqi_24h_of_hours({"pm25_24h": []}, NEW)


SERIES = st.dictionaries(st.integers(0, 30), st.floats(0, 700)).map(lambda values: list(values.items()))


@settings(derandomize=True)
@given(st.fixed_dictionaries(dict.fromkeys(NAMES, SERIES)), st.sampled_from(Edition), st.floats(0, 100))
def test_no_index_falls_when_every_hour_gets_worse(series, edition, more):
    worse = {name: [(hour, value + more) for hour, value in hours] for name, hours in series.items()}
    for index in (aqi_1h_of_hours, aqi_24h_of_hours):
        before, after = index(series, edition), index(worse, edition)
        assert before is None or after.index >= before.index


@settings(derandomize=True)
@given(SERIES)
def test_the_greatest_8_h_mean_is_one_of_those_hour_by_hour(hours):
    greatest = max_8h(hours)
    shifted = [[(hour - ended, value) for hour, value in hours if ended <= hour < 24] for ended in range(17)]
    means = [mean for window in shifted if (mean := mean_8h(window)) is not None]
    assert greatest is None or greatest == max(means)
