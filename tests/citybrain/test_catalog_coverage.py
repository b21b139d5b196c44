"""The catalog at the scale of the city: every kind has its sites and zones, and they stand where rules look."""

from itertools import combinations
from pathlib import Path

import pytest

from citybrain.attributes import Dated, Hours, quantities_of
from citybrain.documents import load
from citybrain.geometry import AreaIndex, distance_m, inner_point, widened
from citybrain.instants import parse_instant
from citybrain.places import PlaceWord, sites_from
from citybrain.registry import SHIPPED, load_registry
from citybrain.rivers import run_m

# The least count of sites of a kind; of every other kind at least two.
LEAST = {
    "river-gauge": 60,
    "rain-gauge": 80,
    "reservoir": 30,
    "hydropower-station": 60,
    "berth-section": 75,
    "air-station": 18,
    "weather-station": 18,
    "hydrant": 20,
    "siren": 12,
    "car-park": 6,
    "agency-county": 9,
}
# What stands in each zone of a kind, or within so many metres of it: the metric that rules judge there.
STANDS_IN = [
    ("basic-farmland", 0, "turbidity"),
    ("basic-farmland", 0, "laeq_1h"),
    ("basic-farmland", 0, "soil_moisture"),
    ("basic-farmland", 5000, "pm25_1h"),
    ("building", 0, "smoke_alarm"),
    ("building", 0, "detector_temperature"),
    ("building", 0, "residual_current"),
    ("chemical", 0, "combustible_gas"),
    ("chemical", 0, "toxic_gas"),
    ("choke-point", 0, "crowd_density"),
    ("drinking-water", 0, "nh3_n"),
    ("flood-plain", 0, "stage"),
    ("flood-plain", 0, "turbidity"),
    ("flood-plain", 0, "water_temperature"),
    ("flood-plain", 5000, "free_chlorine"),
    ("forest", 0, "humidity"),
    ("greenhouse", 5000, "gust"),
    ("hill-village", 10000, "rain"),
    ("kitchen", 0, "combustible_gas"),
    ("kitchen", 0, "store_temperature"),
    ("landslide-slope", 10000, "rain"),
    ("landslide-slope", 10000, "soil_moisture"),
    ("mooring", 0, "dissolved_oxygen"),
    ("nature-reserve", 0, "pm25_1h"),
    ("nature-reserve", 0, "turbidity"),
    ("nature-reserve", 0, "laeq_1h"),
    ("paddy", 0, "soil_moisture"),
    ("paddy", 5000, "air_temperature"),
    ("paddy", 10000, "rain"),
    ("pipe-gallery", 0, "combustible_gas"),
    ("public-service", 0, "occupied"),
    ("red-line", 0, "turbidity"),
    ("red-line", 0, "laeq_1h"),
    ("residential", 0, "laeq_1h"),
    ("road", 0, "visibility"),
    ("road-slope", 2000, "rain"),
    ("scenic", 0, "visitors_inside"),
    ("scenic", 0, "gust"),
    ("scenic-road", 0, "visibility"),
    ("scenic-stream", 0, "stage"),
    ("shelter", 0, "co2"),
    ("shelter", 0, "water_depth"),
    ("supply", 0, "water_pressure"),
    ("supply", 0, "free_chlorine"),
    ("tea", 0, "air_temperature"),
]
LADDERS = {
    "river-gauge": ["record_low_stage", "season_low_stage", "drought_stage", "base_stage", "warning_stage"],
    "reservoir": ["record_low_stage", "season_low_stage", "drought_stage", "normal_stage", "design_flood_stage"],
}
COUNTIES = 9


@pytest.fixture(scope="module")
def registry():
    return load_registry()


def sites_of(registry, kind):
    return [site for site in registry.sites.values() if site.kind == kind]


def zones_of(registry, kind):
    return [zone for zone in registry.zones.values() if zone.kind == kind]


def elevations(kind: str) -> dict[str, float]:
    """Return the written elevations of the sites of a kind in metres; the registry has no use for them."""
    document, problems = load(Path(SHIPPED / "sites" / f"{kind}.yaml"))
    assert document is not None
    assert not problems
    return {site["id"]: float(site["elevation"].removesuffix(" m")) for site in document.data["sites"]}


def test_every_kind_of_site_is_there_in_number(registry):
    for kind in registry.kinds:
        assert len(sites_of(registry, kind)) >= LEAST.get(kind, 2), kind
    assert 700 <= len(registry.sites) <= 1000


def test_every_county_has_two_stations_for_air_and_for_weather(registry):
    for kind in ("air-station", "weather-station", "siren", "tap-water-station"):
        counties = [site.county for site in sites_of(registry, kind)]
        assert min(counties.count(county) for county in counties) >= 2, kind
        assert len(set(counties)) == COUNTIES, kind


def test_each_county_has_one_place_of_agency_values(registry):
    assert len({site.county for site in sites_of(registry, "agency-county")}) == COUNTIES
    assert len(sites_of(registry, "agency-county")) == COUNTIES


def test_every_standing_kind_of_zone_has_zones_and_no_temporary_one_has(registry):
    for name, kind in registry.zone_kinds.items():
        count = len(zones_of(registry, name))
        assert (count == 0) if kind.temporary else (2 <= count <= 10), name


def test_every_zone_lies_in_the_city(registry):
    counties = AreaIndex((zone.id, zone.area) for zone in zones_of(registry, "county"))
    for zone in registry.zones.values():
        assert counties.containing(inner_point(zone.area)), zone.id


@pytest.mark.parametrize(
    ("kind", "within_m", "metric"), STANDS_IN, ids=[f"{kind}-{metric}" for kind, _, metric in STANDS_IN]
)
def test_what_is_judged_in_a_zone_stands_there(registry, kind, within_m, metric):
    zones = zones_of(registry, kind)
    index = AreaIndex((zone.id, widened(zone.area, by_m=within_m) if within_m else zone.area) for zone in zones)
    found = set()
    for site in registry.sites.values():
        if metric in site.metrics:
            found |= index.containing(site.position)
    assert found == {zone.id for zone in zones}


@pytest.mark.parametrize(
    ("kind", "place", "metric"),
    [
        ("hill-village", {"kind": "rain-gauge", "upstream": "10 km"}, "rain"),
        ("hill-village", {"kind": "river-gauge", "upstream": "10 km"}, "stage"),
        ("scenic-stream", {"kind": "rain-gauge", "upstream": "20 km"}, "rain"),
    ],
)
def test_what_is_judged_upstream_of_a_zone_stands_there(registry, kind, place, metric):
    for zone in zones_of(registry, kind):
        assert sites_from(registry, zone, PlaceWord(**place)), zone.id


def test_a_town_has_enough_sites_to_tell_a_blackout_from_one_fault(registry):
    index = AreaIndex((zone.id, zone.area) for zone in zones_of(registry, "town"))
    inside = [name for site in registry.sites.values() for name in index.containing(site.position)]
    for zone in zones_of(registry, "town"):
        assert inside.count(zone.id) >= 5, zone.id


def test_a_gauge_downstream_stands_lower(registry):
    heights = elevations("river-gauge")
    pairs = 0
    for one, other in combinations(sites_of(registry, "river-gauge"), 2):
        for above, below in ((one, other), (other, one)):
            run = run_m(registry.reaches, above.river, below.river)
            if run is not None and run > 0:
                pairs += 1
                assert heights[above.id] > heights[below.id], (above.id, below.id)
    assert pairs > 300


@pytest.mark.parametrize("kind", LADDERS)
def test_the_levels_of_a_site_are_in_order(registry, kind):
    for site in sites_of(registry, kind):
        levels = [site.attributes[name].number for name in LADDERS[kind]]
        assert levels == sorted(set(levels)), site.id


def test_a_flood_limit_lies_below_the_levels_that_follow_it(registry):
    dated = 0
    for site in sites_of(registry, "reservoir"):
        limits = list(quantities_of(site.attributes["flood_limit_stage"]))
        dated += isinstance(site.attributes["flood_limit_stage"], Dated)
        assert max(limit.number for limit in limits) < site.attributes["normal_stage"].number, site.id
        assert site.attributes["design_flood_stage"].number < site.attributes["check_flood_stage"].number, site.id
    assert dated >= 30


def test_the_normal_inflow_of_a_reservoir_is_known_all_year(registry):
    for site in sites_of(registry, "reservoir"):
        inflow = site.attributes["normal_inflow"]
        wet, dry = (inflow.at(parse_instant(f"2026-{day}T12:00:00+08:00")).number for day in ("06-20", "01-20"))
        assert wet > site.attributes["mean_annual_flow"].number > dry, site.id


def test_the_approved_ecological_flow_is_a_tenth_of_the_mean(registry):
    for kind in ("hydropower-station", "reservoir"):
        for site in sites_of(registry, kind):
            mean, least = site.attributes["mean_annual_flow"], site.attributes["ecological_flow"]
            assert least.number == pytest.approx(mean.number / 10, rel=0.01), site.id


def test_the_limits_of_a_toxic_gas_rise_and_can_be_measured(registry):
    for site in sites_of(registry, "toxic-gas-detector"):
        oel, idlh, red, greatest = (site.attributes[name].number for name in ("oel", "idlh", "toxic_red", "range_max"))
        assert red == max(idlh / 10, 4 * oel), site.id
        assert red < greatest <= registry.metrics["toxic_gas"].range[1], site.id


@pytest.mark.parametrize("kind", ["outfall", "stack"])
def test_a_source_has_a_permit_for_all_that_it_lets_out(registry, kind):
    for site in sites_of(registry, kind):
        assert {f"permit_{metric}" for metric in site.metrics} <= set(site.attributes), site.id


def test_hot_food_has_hours_of_serving(registry):
    for site in sites_of(registry, "hot-holding"):
        assert isinstance(site.attributes["serving_hours"], Hours), site.id


def test_hydrants_stand_in_clusters(registry):
    hydrants = sites_of(registry, "hydrant")
    for site in hydrants:
        near = [other for other in hydrants if distance_m(site.position, other.position) <= 1000]
        assert len(near) >= 3, site.id


def test_a_noise_limit_goes_by_day_and_night(registry):
    zones = [zone for zone in registry.zones.values() if "noise_limit" in zone.attributes]
    assert {"residential", "nature-reserve", "red-line", "basic-farmland"} <= {zone.kind for zone in zones}
    for zone in zones:
        limit = zone.attributes["noise_limit"]
        day, night = (limit.at(parse_instant(f"2026-06-20T{hour}:00:00+08:00")).number for hour in ("12", "23"))
        assert day == night + 10, zone.id
