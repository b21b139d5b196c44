"""What the shipped storylines must show, against the limits that the sites themselves carry."""

import pytest

from citybrain.attributes import quantities_of
from citybrain.geometry import AreaIndex
from citybrain.registry import load_registry
from simulators.storyline import SHIPPED, load_storyline


def first_hour(series, limit):
    return next((hour for hour, value in series if value >= limit), None)


def above(series, limit):
    return [hour for hour, value in series if value >= limit]


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_storyline_loads_and_is_named_after_its_file(path):
    assert load_storyline(path.stem, load_registry().sites).storyline == path.stem


@pytest.mark.parametrize(("gauge", "by_hour"), [("hs-longquan", 4), ("hs-yunhe", 4), ("hs-jingjukou", 6)])
def test_first_light_takes_a_gauge_over_all_its_stages(gauge, by_hour, first_light, registry):
    attributes, series = registry.sites[gauge].attributes, first_light.series(gauge, "stage")
    assert abs(series[0][1] - attributes["base_stage"].number) < 0.3
    stages = ("warning_stage", "guarantee_stage", "record_stage")
    reached = [first_hour(series, attributes[stage].number) for stage in stages]
    assert None not in reached
    assert 1.0 < reached[0] < reached[1] < reached[2] < by_hour


def test_first_light_sends_the_flood_down_to_dagangtou(first_light, registry):
    warning = registry.sites["hs-dagangtou"].attributes["warning_stage"].number
    upstream = first_hour(first_light.series("hs-jingjukou", "stage"), warning)
    assert upstream + 1 < first_hour(first_light.series("hs-dagangtou", "stage"), warning) < 6


def test_first_light_leaves_the_other_rivers_alone(first_light):
    for gauge in ("hs-jinyun", "hs-qingyuan", "hs-hecheng", "hs-suichang"):
        stages = [stage for _, stage in first_light.series(gauge, "stage")]
        assert max(stages) - min(stages) < 0.3, gauge


def test_first_light_fills_the_car_park_of_xiandu_for_an_hour_and_more(first_light, registry):
    capacity = registry.sites["pk-xiandu"].attributes["capacity"].number
    closed = first_light.by_site["pk-xiandu"][0].values["out_of_service"]
    full = above(first_light.series("pk-xiandu", "occupied"), capacity - closed)
    assert full[0] < 2
    assert full[-1] - full[0] > 1.5
    assert first_light.series("pk-xiandu", "occupied")[-1][1] < 0.8 * capacity


def test_first_light_raises_smoke_at_the_city_and_not_beyond(first_light):
    # 2026 edition: 115 µg/m³ is AQI 150, 150 is 200, 250 is 300.
    for station in ("aq-liandu-1", "aq-liandu-2", "aq-etdz-1"):
        values = [value for _, value in first_light.series(station, "pm25_1h")]
        assert sum(122 <= value <= 180 for value in values) >= 3, station
    for station in ("aq-longquan-1", "aq-qingyuan-1", "aq-suichang-1"):
        assert max(value for _, value in first_light.series(station, "pm25_1h")) < 60


def test_first_light_leaks_gas_at_two_detectors_and_ends_it(first_light):
    for detector in ("gd-etdz-1", "gd-etdz-2"):
        series = first_light.series(detector, "combustible_gas")
        low, high = above(series, 25), above(series, 50)
        assert 1.3 < low[0] < high[0] < high[-1] < low[-1] < 2.3
        assert series[-1][1] < 1
    for detector in ("gd-etdz-4", "gd-gallery-1"):
        assert not above(first_light.series(detector, "combustible_gas"), 5)


def test_first_light_lets_one_boat_into_dam_water_for_ten_minutes(first_light, registry):
    water = AreaIndex((zone.id, zone.area) for zone in registry.zones.values() if zone.kind == "dam-safety")
    inside = {
        boat: [first_light.hours(seen.observed_at) for seen in there if water.containing(seen.position)]
        for boat, there in first_light.by_site.items()
        if registry.sites[boat].moves
    }
    assert inside["bt-qianxia-1"] == []
    times = inside["bt-nanming-1"]
    assert 8 / 60 < times[-1] - times[0] < 13 / 60


def test_nothing_happens_on_a_quiet_day(quiet_day, registry):
    for site in registry.sites.values():
        match site.kind:
            case "river-gauge":
                limit = site.attributes["warning_stage"].number - 0.5
                assert not above(quiet_day.series(site.id, "stage"), limit)
            case "reservoir":
                limit = min(value.number for value in quantities_of(site.attributes["flood_limit_stage"]))
                assert not above(quiet_day.series(site.id, "stage"), limit)
            case "rain-gauge":
                assert sum(value for _, value in quiet_day.series(site.id, "rain")) < 20
            case "air-station":
                assert not above(quiet_day.series(site.id, "pm25_1h"), 60)
            case "car-park":
                assert not above(quiet_day.series(site.id, "occupied"), 0.95 * site.attributes["capacity"].number)
            case "combustible-gas-detector":
                assert not above(quiet_day.series(site.id, "combustible_gas"), 5)
