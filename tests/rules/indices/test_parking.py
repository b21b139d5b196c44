import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.indices.parking import mean_occupancy, occupancy


@pytest.mark.parametrize(
    ("occupied", "capacity", "out_of_service", "expected"),
    [
        pytest.param(0, 200, 0, 0, id="empty"),
        pytest.param(200, 200, 0, 100, id="full"),
        pytest.param(199, 200, 0, 100, id="99.5 is 100"),
        pytest.param(198, 200, 0, 99, id="99"),
        pytest.param(189, 200, 0, 95, id="94.5 is 95"),
        pytest.param(188, 200, 0, 94, id="94"),
        pytest.param(161, 200, 0, 81, id="80.5 is 81"),
        pytest.param(1, 201, 0, 0, id="below half a percent"),
        pytest.param(220, 200, 0, 100, id="drifted counts are cut"),
        pytest.param(90, 200, 100, 90, id="usable places only"),
        pytest.param(1, 1, 0, 100, id="a berth, taken"),
        pytest.param(0, 1, 0, 0, id="a berth, free"),
        pytest.param(0, 200, 200, None, id="all out of service"),
        pytest.param(5, 200, 210, None, id="more than all out of service"),
        pytest.param(0, 0, 0, None, id="no places"),
    ],
)
def test_occupancy_is_in_whole_percent_of_the_usable_places(occupied, capacity, out_of_service, expected):
    assert occupancy(occupied, capacity, out_of_service) == expected


def test_nothing_is_out_of_service_unless_it_is_said():
    assert occupancy(50, 200) == 25


@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
@pytest.mark.parametrize("name", ["occupied", "capacity", "out_of_service"])
def test_a_count_that_cannot_be_is_refused_by_name(name, value):
    counts = {"occupied": 1.0, "capacity": 10.0, "out_of_service": 0.0, name: value}
    with pytest.raises(ValueError, match=rf"{name} is {value}, expected a finite number >= 0"):
        occupancy(**counts)


@pytest.mark.parametrize(
    ("parks", "expected"),
    [
        pytest.param([(80, 100)], 80, id="one"),
        pytest.param([(100, 300), (20, 100)], 80, id="by capacity"),
        pytest.param([(100, 300), (20, 0)], 100, id="no places, no weight"),
        pytest.param([(50, 1), (51, 1)], 50.5, id="not rounded"),
        pytest.param([], None, id="none"),
        pytest.param([(50, 0)], None, id="none with places"),
    ],
)
def test_the_mean_goes_by_capacity(parks, expected):
    assert mean_occupancy(parks) == expected


@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
def test_a_park_that_cannot_be_is_refused_by_name(value):
    with pytest.raises(ValueError, match=rf"occupancy is {value}, expected a finite number >= 0"):
        mean_occupancy([(10, 10), (value, 10)])
    with pytest.raises(ValueError, match=rf"capacity is {value}, expected a finite number >= 0"):
        mean_occupancy([(10, value)])


@settings(derandomize=True)
@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 5000), st.integers(0, 5000))
def test_occupancy_never_falls_with_another_car_or_another_closed_place(occupied, more, capacity, out_of_service):
    found = occupancy(occupied, capacity, out_of_service)
    if found is not None:
        assert 0 <= found <= occupancy(occupied + more, capacity, out_of_service) <= 100
    fewer = occupancy(occupied, capacity, min(out_of_service, capacity - 1) // 2)
    assert found is None or fewer <= found


@settings(derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(1, 1000)), min_size=1, max_size=8),
    st.integers(0, 7),
    st.integers(0, 100),
)
def test_the_mean_lies_within_and_never_falls_with_a_fuller_park(parks, place, more):
    found = mean_occupancy(parks)
    shares = [share for share, _ in parks]
    assert min(shares) - 1e-9 <= found <= max(shares) + 1e-9
    place %= len(parks)
    fuller = [(share + more * (number == place), capacity) for number, (share, capacity) in enumerate(parks)]
    assert mean_occupancy(fuller) >= found
