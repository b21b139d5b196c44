import pytest

from citybrain.instants import HOUR, MINUTE
from simulators.air import plume_ug_m3
from simulators.boats import Course
from simulators.gas import leak_lel
from simulators.sound import NoiseMeter
from simulators.storyline import Drift, Leak, Plume

SOURCE = (119.8, 28.37)
PLUME = Plume.model_validate(
    {
        "starts": "1h",
        "rises": "1h",
        "lasts": "2h",
        "source": list(SOURCE),
        "blows_to": "90 deg",
        "strength": "100 µg/m3",
        "reach": "30 km",
        "width": "3 km",
    }
)
LEAK = Leak.model_validate(
    {
        "starts": "10min",
        "rises": "10min",
        "lasts": "10min",
        "fades": "5min",
        "centre": list(SOURCE),
        "strength": "60 %LEL",
        "spread": "100 m",
    }
)
DRIFT = Drift.model_validate(
    {"site": "bt-x", "starts": "1h", "goes": "10min", "stays": "5min", "returns": "10min", "to": [119.9, 28.4]}
)


@pytest.mark.parametrize(
    ("hour", "expected"), [(0.5, 0), (1.0, 0), (1.5, 50), (2.0, 100), (4.0, 100), (6.0, 100 / 2.71828)]
)
def test_a_plume_rises_holds_and_fades(hour, expected):
    assert plume_ug_m3(PLUME, 0, SOURCE, int(hour * HOUR)) == pytest.approx(expected, rel=0.01)


def test_a_plume_goes_down_the_wind():
    east, west, north = ((119.9, 28.37), (119.7, 28.37), (119.8, 28.46))
    down, up, across = (plume_ug_m3(PLUME, 0, place, 3 * HOUR) for place in (east, west, north))
    assert down > 50 > 1 > up
    assert across < 1


@pytest.mark.parametrize(("minute", "expected"), [(5, 0), (15, 30), (20, 60), (30, 60), (35, 60 / 2.71828), (120, 0)])
def test_a_leak_rises_holds_and_ends(minute, expected):
    assert leak_lel(LEAK, 0, SOURCE, minute * MINUTE) == pytest.approx(expected, rel=0.01, abs=0.01)


def test_gas_thins_out_around_the_leak():
    levels = [leak_lel(LEAK, 0, (119.8 + east, 28.37), 25 * MINUTE) for east in (0, 0.0005, 0.001, 0.01)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] < 0.01


@pytest.mark.parametrize(("minute", "share"), [(60, 0), (65, 0.5), (70, 1), (75, 1), (80, 0.5), (85, 0), (200, 0)])
def test_a_vessel_drifts_and_comes_back(minute, share):
    home = (119.8, 28.3)
    night = 18 * HOUR - 8 * HOUR  # It lies moored, so that only the drift moves it.
    course = Course("bt-x", home, drifts=[DRIFT], seed=1, start=night)
    lon, lat = course.position(night + minute * MINUTE)
    assert lon == pytest.approx(home[0] + share * 0.1, abs=1e-4)
    assert lat == pytest.approx(home[1] + share * 0.1, abs=1e-4)


def test_the_hourly_level_is_the_energy_mean_of_its_minutes():
    meter = NoiseMeter("ns-x", seed=1)
    said = [meter.read(minute * MINUTE) for minute in range(1, 61)]
    assert ["laeq_1h" in values for values in said] == [False] * 59 + [True]
    minutes = [values["laeq_1min"] for values in said]
    assert sum(minutes) / 60 < said[-1]["laeq_1h"] < max(minutes)
