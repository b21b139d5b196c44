import pytest

from citybrain.instants import HOUR, MINUTE, parse_instant
from simulators.parking import LOT_STAY, Park, profile_of, wanted_share
from simulators.storyline import Surge

WEDNESDAY = parse_instant("2026-05-13T00:00:00+08:00")
SATURDAY = parse_instant("2026-05-16T00:00:00+08:00")
LABOUR_DAY = parse_instant("2026-05-01T00:00:00+08:00")


def park(*surges, start=WEDNESDAY, capacity=400, serves="centre", seed=3):
    profile = profile_of((serves,), is_kerb=False)
    return Park(capacity=capacity, profile=profile, stay=LOT_STAY, surges=surges, start=start, seed=seed, name="p")


def surge(rate, starts="1h", lasts="2h"):
    return Surge.model_validate(
        {"site": "p", "starts": starts, "lasts": lasts, "arrivals_per_hour": f"{rate} vehicles"}
    )


@pytest.mark.parametrize("surges", [(), (surge(2000),)], ids=["ordinary", "surge"])
def test_occupancy_stays_within_capacity_and_equals_the_balance_of_the_gates(surges):
    there = park(*surges)
    first = there.occupied
    for at in range(WEDNESDAY, WEDNESDAY + 24 * HOUR, MINUTE):
        there.advance(at)
        assert 0 <= there.occupied <= there.capacity
        assert there.occupied == first + there.entries - there.exits


@pytest.mark.parametrize(
    ("hour", "least", "most"), [(4, 0.08, 0.25), (10.5, 0.62, 0.88), (15, 0.65, 0.88), (23, 0.12, 0.42)]
)
def test_the_centre_is_empty_at_night_and_busy_by_day(hour, least, most):
    there = park()
    there.advance(WEDNESDAY + int(hour * HOUR))
    assert least <= there.occupied / there.capacity <= most


def test_a_surge_fills_the_place_and_it_empties_afterwards():
    there = park(surge(900))
    there.advance(WEDNESDAY + 2 * HOUR)
    assert there.occupied == there.capacity
    there.advance(WEDNESDAY + 6 * HOUR)
    assert there.occupied < 0.6 * there.capacity


def test_scenic_places_fill_on_weekends_and_holidays():
    profile = profile_of(("scenic",), is_kerb=False)
    shares = [wanted_share(profile, day + 11 * HOUR) for day in (WEDNESDAY, SATURDAY, LABOUR_DAY)]
    assert shares[0] < shares[1] < shares[2] == 1.0


def test_the_next_change_is_always_ahead():
    there, at = park(), WEDNESDAY
    for _ in range(3000):
        assert there.next_at > at - 1
        at = there.step()


def test_a_seed_gives_one_course():
    one, same, other = park(seed=3), park(seed=3), park(seed=4)
    for there in (one, same, other):
        there.advance(WEDNESDAY + 12 * HOUR)
    assert (one.entries, one.exits) == (same.entries, same.exits) != (other.entries, other.exits)
