import pytest

from citybrain.instants import HOUR, MINUTE
from simulators.basins import BASINS, Basin
from simulators.rain import RainField, chicago_mm_h
from simulators.rivers import Channel, Rivers, response_hours
from simulators.storyline import Storm

PLACE = (119.5, 28.2)
BROOK = Basin("brook", 100, (PLACE,))


def storm(**change):
    words = {
        "starts": "1h",
        "lasts": "3h",
        "return_period_years": 50,
        "radius": "20 km",
        "path": [[119.5, 28.2]],
    }
    return Storm.model_validate(words | change)


def field(*storms):
    return RainField(storms, drizzle_mm=0.0, seed=1, start=0)


def rise(basins, rain, hours=12, wetness=0.8):
    rivers = Rivers(basins, rain, wetness=wetness, start=0)
    course = []
    for at in range(0, hours * HOUR + 1, 5 * MINUTE):
        rivers.advance(at)
        course.append((at / HOUR, {basin.id: rivers[basin.id].stage_m for basin in basins}))
    return course


def test_the_once_in_ten_years_storm_has_its_calibrated_depths():
    # Mean over t minutes of i = a / (t + b)^n, so the heaviest hour of the storm is 60 mm and the heaviest 3 h 89 mm.
    def heaviest(minutes):
        before, after = 0.4 * minutes, 0.6 * minutes
        steps = [-before + (before + after) * (k + 0.5) / 3000 for k in range(3000)]
        return sum(chicago_mm_h(t, peak=0.4, return_period_years=10) for t in steps) / 3000 * minutes / 60

    assert heaviest(60) == pytest.approx(60, abs=1)
    assert heaviest(180) == pytest.approx(89, abs=1.5)


def test_rain_falls_only_in_the_life_of_a_storm_and_thins_out_from_its_centre():
    rain = field(storm())
    assert rain.amount_mm(PLACE, 0, HOUR) == 0
    assert rain.amount_mm(PLACE, 4 * HOUR, 5 * HOUR) == 0
    here, near, far = (rain.amount_mm((lon, 28.2), HOUR, 4 * HOUR) for lon in (119.5, 119.7, 120.3))
    assert here > near > 0
    assert far == 0


def test_a_storm_reaches_the_places_on_its_path_one_after_the_other():
    rain = field(storm(path=[[119.0, 28.2], [120.0, 28.2]], radius="10 km", peak=0.5))
    heaviest = [
        max(range(HOUR, 4 * HOUR, MINUTE), key=lambda at: rain.intensity_mm_h((lon, 28.2), at))
        for lon in (119.1, 119.5, 119.9)
    ]
    assert heaviest[0] < heaviest[1] < heaviest[2]


def test_drizzle_never_exceeds_its_most_and_depends_on_the_seed():
    def hours(seed):
        rain = RainField((), drizzle_mm=1.5, seed=seed, start=0)
        return [rain.amount_mm(PLACE, hour * HOUR, (hour + 1) * HOUR) for hour in range(500)]

    assert 0 < max(hours(1)) <= 1.5 + 1e-9
    assert hours(1) == hours(1) != hours(2)


def test_a_river_lags_the_rain_and_recedes_after_it():
    course = [(hour, stage["brook"]) for hour, stage in rise([BROOK], field(storm()))]
    peak_hour, peak = max(course, key=lambda point: point[1])
    heaviest_rain = 1 + 0.4 * 3
    assert heaviest_rain + 0.5 < peak_hour < heaviest_rain + 2 * response_hours(100)
    assert course[0][1] == pytest.approx(BROOK.low_stage_m, abs=0.01)
    after = [stage for hour, stage in course if hour > peak_hour + 1]
    assert after == sorted(after, reverse=True)
    assert after[-1] < 0.7 * peak


def test_dry_ground_gives_less_water():
    highest = [max(stage["brook"] for _, stage in rise([BROOK], field(storm()), wetness=wet)) for wet in (0.0, 1.0)]
    assert highest[0] < highest[1]


def test_a_flood_arrives_downstream_later_by_the_length_of_the_channel():
    below = Basin("below", 100, ((118.0, 27.0),), (("brook", 16.0),))
    course = rise([BROOK, below], field(storm()))
    peaks = {name: max(course, key=lambda point, name=name: point[1][name])[0] for name in ("brook", "below")}
    assert peaks["below"] - peaks["brook"] == pytest.approx(2.0, abs=0.2)


def test_a_channel_hands_on_every_drop():
    channel = Channel(8.0, flow_m3s=1.0)
    assert [channel.advance(float(flow)) for flow in range(120)] == [1.0] * 60 + [*map(float, range(60))]


def test_without_rain_every_dam_and_gauge_stays_calm_for_two_days():
    for hour, stages in rise(BASINS, field(), hours=48):
        if hour > 1:
            for basin in BASINS:
                low = basin.dam.start_stage_m if basin.dam else basin.low_stage_m
                assert abs(stages[basin.id] - low) < 1.0, (basin.id, hour)


def test_basins_stand_in_flow_order():
    seen = set()
    for basin in BASINS:
        assert {name for name, _ in basin.upstream} <= seen
        assert basin.id not in seen
        seen.add(basin.id)
