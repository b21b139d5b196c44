import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.series import Arrival, Series


def series(*samples: tuple[int, float], keep: int = 1000, late_max: int = 100) -> Series:
    made = Series(keep=keep, late_max=late_max)
    for instant, value in samples:
        made.add(instant, value)
    return made


@pytest.mark.parametrize(
    ("instant", "value", "expected", "instants", "values"),
    [
        pytest.param(210, 3, Arrival.NEWEST, [100, 200, 210], [1, 2, 3], id="newest"),
        pytest.param(150, 3, Arrival.INSIDE, [100, 150, 200], [1, 3, 2], id="late, but taken"),
        pytest.param(100, 3, Arrival.INSIDE, [100, 200], [3, 2], id="revision at the edge of what is taken"),
        pytest.param(200, 3, Arrival.INSIDE, [100, 200], [1, 3], id="revision of the newest"),
        pytest.param(200, 2, Arrival.DUPLICATE, [100, 200], [1, 2], id="duplicate of the newest"),
        pytest.param(100, 1, Arrival.DUPLICATE, [100, 200], [1, 2], id="duplicate of an older one"),
        pytest.param(99, 1, Arrival.LATE, [100, 200], [1, 2], id="too late"),
    ],
)
def test_a_sample_goes_where_it_belongs(instant, value, expected, instants, values):
    made = series((100, 1.0), (200, 2.0))
    assert made.add(instant, value) is expected
    assert (list(made.instants), list(made.values)) == (instants, values)


def test_a_window_is_half_open():
    made = series((100, 1), (110, 2), (120, 3), (130, 4))
    assert made.window(130, 20) == (2, 4), "(110, 130] leaves 110 out and takes 130 in"
    assert made.window(125, 20) == (1, 3)
    assert made.window(90, 20) == (0, 0)


@pytest.mark.parametrize(("instant", "expected"), [(99, None), (100, 0), (149, 0), (150, 1), (999, 1)])
def test_the_value_as_of_an_instant_is_the_newest_before_it(instant, expected):
    assert series((100, 1), (150, 2)).place_at(instant) == expected


def test_an_empty_series_has_neither_newest_nor_value():
    assert series().newest_at is None
    assert series().place_at(5) is None
    assert series().window(5, 5) == (0, 0)


@settings(max_examples=60, derandomize=True)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=300), st.integers(10, 400))
def test_pruning_keeps_what_a_window_may_ask_for_and_is_bounded(steps, keep):
    made, instant = Series(keep=keep, late_max=keep // 2), 0
    everything = []
    for step in steps:
        instant += step
        made.add(instant, float(instant))
        everything.append(instant)
        needed = [at for at in everything if at >= instant - keep]
        assert list(made.instants[-len(needed) :]) == needed
        # The value as of the edge is there too: `change_over` asks for it.
        edge = [at for at in everything if at <= instant - keep]
        assert not edge or edge[-1] in made.instants
        assert made.instants[0] >= instant - keep - keep // 4 - 2 - 40
        assert list(made.values) == [float(at) for at in made.instants]


@settings(max_examples=60, derandomize=True)
@given(st.permutations(list(range(0, 100, 10))))
def test_the_order_of_arrival_does_not_matter_inside_the_late_span(order):
    made = series(*((instant, float(instant)) for instant in order), late_max=100)
    assert list(made.instants) == list(range(0, 100, 10))
    assert list(made.values) == [float(instant) for instant in made.instants]


def test_a_series_survives_its_plain_form():
    made, other = series((1, 2.0), (3, 4.0)), series()
    other.load(made.dump())
    assert (list(other.instants), list(other.values)) == ([1, 3], [2.0, 4.0])


def test_a_value_known_in_part_is_remembered_until_it_is_whole_or_gone():
    made = series((100, 1.0), (200, 2.0))
    assert made.compute(300, 5.0, is_whole=False) is Arrival.NEWEST
    assert made.compute(300, 5.0, is_whole=False) is Arrival.DUPLICATE
    again = series()
    again.load(made.dump())
    assert (again.in_part, again.dump()) == ({300}, made.dump())
    assert again.remove(300)
    assert not again.in_part
    assert made.compute(300, 5.0, is_whole=True) is Arrival.INSIDE, "it says more than before"
    assert made.dump() == [[100, 200, 300], [1.0, 2.0, 5.0]]


def test_what_is_known_in_part_is_dropped_with_its_sample():
    made = series(keep=100)
    for instant in range(0, 1000, 10):
        made.compute(instant, 1.0, is_whole=False)
    assert made.in_part == set(made.instants)
