"""The shipped feeds, sites and zones: complete, where they say they are, and marked for what they are."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from citybrain import registry as registry_module
from citybrain.geometry import AreaIndex, distance_m
from citybrain.instants import HOUR, parse_instant
from citybrain.metrics import Shape
from citybrain.model import Feed
from citybrain.registry import load_registry
from citybrain.rivers import run_m
from citybrain.units import UNITS
from simulators.basins import BASINS

CATALOG = Path(registry_module.__file__).parent / "catalog"
COUNTIES = {"331102", "331121", "331122", "331123", "331124", "331125", "331126", "331127", "331181"}
STAGES = ("base_stage", "warning_stage", "guarantee_stage", "record_stage")


@pytest.fixture(scope="module")
def registry():
    return load_registry()


def sites_of(registry, kind):
    return [site for site in registry.sites.values() if site.kind == kind]


def test_every_feed_is_declared(registry):
    assert set(registry.feeds) == set(Feed)


def test_every_metric_is_measured_by_a_kind_and_every_kind_measures_known_metrics(registry):
    measured = {metric for kind in registry.kinds.values() for metric in kind.metrics}
    assert measured == set(registry.metrics)


def test_every_metric_says_where_it_is_from_and_how_fine_it_is(registry):
    for name, metric in registry.metrics.items():
        assert re.search(r"\[[VKE]\]|by definition", metric.source), name
        assert metric.meaning.endswith("."), name
        assert metric.resolution is not None, name


def test_attributes_have_a_known_unit_or_are_words(registry):
    for name, kind in registry.kinds.items():
        assert set(kind.attributes.values()) <= {*UNITS, "word", "hours"}, name


def test_official_air_values_are_hourly_means(registry):
    for name, metric in registry.metrics.items():
        if name.endswith("_1h"):
            assert (metric.shape, metric.covers) == (Shape.MEAN, HOUR), name
    assert registry.kinds["air-station"].period == HOUR


def test_what_moves_is_an_asset_on_water(registry):
    moving = {name for name, kind in registry.kinds.items() if kind.moves}
    assert moving == {"sightseeing-boat", "water-quality-buoy", "work-barge"}


def test_every_site_lies_in_its_county(registry):
    counties = AreaIndex((zone.id, zone.area) for zone in registry.zones.values() if zone.kind == "county")
    for site in registry.sites.values():
        assert counties.containing(site.position) == {site.county}, site.id


def test_every_county_has_a_rain_gauge_and_an_air_station(registry):
    for kind in ("rain-gauge", "air-station"):
        assert {site.county for site in sites_of(registry, kind)} == COUNTIES, kind


def test_no_two_sites_share_a_place_or_a_name(registry):
    for one, other in combinations(registry.sites.values(), 2):
        assert one.words != other.words, one.id
        assert distance_m(one.position, other.position) > 20, (one.id, other.id)


def test_the_stages_of_a_gauge_rise(registry):
    for site in sites_of(registry, "river-gauge"):
        stages = [site.attributes[name].number for name in STAGES]
        assert stages == sorted(set(stages)), site.id


def test_every_car_park_and_berth_section_has_a_capacity_and_a_purpose(registry):
    sections = sites_of(registry, "berth-section")
    assert len(sections) == 75
    assert sum(site.attributes["capacity"].number for site in sections) == 3000
    assert all(20 <= site.attributes["capacity"].number <= 60 for site in sections)
    for site in [*sections, *sites_of(registry, "car-park")]:
        assert site.attributes["capacity"].number > 0
        assert site.attributes["serves"]


def test_scenic_car_parks_lie_in_scenic_zones(registry):
    scenic = AreaIndex((zone.id, zone.area) for zone in registry.zones.values() if zone.kind == "scenic")
    for site in sites_of(registry, "car-park"):
        if site.attributes["serves"] == ("scenic",):
            assert scenic.containing(site.position), site.id


@pytest.mark.parametrize(
    ("site", "kind"), [("gd-etdz-1", "chemical"), ("gd-gallery-1", "pipe-gallery"), ("wq-huangcun", "drinking-water")]
)
def test_a_detector_lies_in_the_zone_that_it_guards(registry, site, kind):
    zones = AreaIndex((zone.id, zone.area) for zone in registry.zones.values() if zone.kind == kind)
    assert zones.containing(registry.sites[site].position)


def test_a_boat_is_moored_outside_dam_water(registry):
    zones = AreaIndex((zone.id, zone.area) for zone in registry.zones.values() if zone.kind == "dam-safety")
    for site in sites_of(registry, "sightseeing-boat"):
        assert not zones.containing(site.position), site.id


@pytest.mark.parametrize("path", sorted(CATALOG.glob("*s/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_of_sites_or_zones_says_that_it_is_no_survey(path):
    text = path.read_text(encoding="utf-8")
    if path.parent.name != "feeds":
        assert re.search(r'^source: "(schematic|illustrative)', text, re.MULTILINE)


def test_the_county_outlines_carry_their_notice():
    text = (CATALOG / "zones" / "README.md").read_text(encoding="utf-8")
    for words in ("Schematic", "MIT", "Copyright (c)", "geoBoundaries", "not for navigation"):
        assert words in text


def test_the_flood_limit_of_a_large_reservoir_goes_by_season(registry):
    limit = registry.sites["dam-jinshuitan"].attributes["flood_limit_stage"]
    days = {"04-14": None, "04-15": 182.0, "07-15": 182.0, "07-16": 181.8, "10-15": 181.8, "10-16": None}
    for day, number in days.items():
        value = limit.at(parse_instant(f"2026-{day}T12:00:00+08:00"))
        assert (value and value.number) == number, day


def test_the_noise_limit_of_a_residential_area_goes_by_day_and_night(registry):
    zones = [zone for zone in registry.zones.values() if zone.kind == "residential"]
    assert zones
    for zone in zones:
        limit = zone.attributes["noise_limit"]
        day, night = (limit.at(parse_instant(f"2026-06-20T{hour}:00:00+08:00")).number for hour in (12, 23))
        assert (day, night) in [(55, 45), (60, 50)], "class 1 and 2 of GB 3096"


def test_every_gauge_and_reservoir_has_its_place_on_the_river(registry):
    for kind in ("river-gauge", "reservoir", "rain-gauge", "water-quality-station"):
        for site in sites_of(registry, kind):
            assert site.river is not None, site.id


def test_the_rivers_agree_with_those_that_are_simulated(registry):
    for basin in BASINS:
        for above, length_km in basin.upstream:
            points = [registry.sites[site].river for site in (above, basin.id)]
            assert run_m(registry.reaches, *points) == pytest.approx(length_km * 1000), (above, basin.id)


def test_five_rivers_run_out_of_the_city(registry):
    ends = {"oujiang", "songyuanxi", "wuxijiang", "xinjianxi", "feiyunjiang"}
    assert {name for name, reach in registry.reaches.items() if reach.next is None} == ends
    assert "schematic" in (CATALOG / "rivers.yaml").read_text(encoding="utf-8")
