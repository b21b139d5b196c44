"""Catalog folders: one small good one, and each fault planted in it."""

import json
from pathlib import Path

import pytest

from citybrain.errors import CatalogError
from citybrain.i18n import LANGUAGES
from citybrain.instants import MINUTE
from citybrain.model import Feed, Words
from citybrain.registry import load_registry, read_registry

FEED = """\
feed: hydrology
name: {zh: 水文, en: Hydrology}
late_max: 2h
metrics:
  stage: {name: {zh: 水位, en: Stage}, unit: m, range: [-10, 400], meaning: Height., source: "[E]"}
  flow: {name: {zh: 流量, en: Flow}, unit: m3/s, range: [0, 9], shape: on_change, meaning: Flow., source: "[E]"}
kinds:
  gauge:
    name: {zh: 站, en: Gauge}
    metrics: [stage, flow]
    attributes: {warning_stage: m, reach: word}
"""
SITES = """\
kind: gauge
crs: wgs84
period: 10min
source: "invented"
sites:
  - id: hs-a
    name: {zh: 甲, en: A}
    county: "331102"
    position: [119.5, 28.5]
    attributes: {warning_stage: 4.5 m, reach: upper}
  - id: hs-b
    name: {zh: 乙, en: B}
    county: "331102"
    position: [119.6, 28.5]
    period: 1min
    attributes: {reach: [upper, lower]}
"""
ZONES = """\
kind: dam
crs: wgs84
source: "invented"
zones:
  - id: zn-a
    name: {zh: 甲坝, en: Dam A}
    circle: {centre: [119.5, 28.5], radius: 300 m}
  - id: zn-b
    name: {zh: 乙坝, en: Dam B}
    box: [119.4, 28.4, 119.6, 28.6]
  - id: zn-c
    name: {zh: 丙坝, en: Dam C}
    polygon: [[119, 28], [120, 28], [120, 29]]
"""
RING = [[119, 28], [120, 28], [120, 29], [119, 29], [119, 28]]


def counties(geometry=None, **properties) -> str:
    feature = {
        "type": "Feature",
        "id": "331102",
        "properties": {
            "adcode": "331102",
            "name_zh": "西县",
            "name_en": "West County",
            "seat": [119.5, 28.5],
            "schematic": True,
            "polygon_area_km2": 1,
            **properties,
        },
        "bbox": [119, 28, 120, 29],
        "geometry": geometry or {"type": "Polygon", "coordinates": [RING]},
    }
    return json.dumps({"type": "FeatureCollection", "name": "counties", "features": [feature]})


@pytest.fixture
def catalog(tmp_path):
    """Return what writes a catalog folder; parts are replaced by name, None leaves one out."""

    def write(**parts: str | None) -> Path:
        files = {"feeds/a.yaml": FEED, "sites/a.yaml": SITES, "zones/a.yaml": ZONES, "zones/a.geojson": counties()}
        names = {
            "feed": "feeds/a.yaml",
            "sites": "sites/a.yaml",
            "zones": "zones/a.yaml",
            "counties": "zones/a.geojson",
        }
        for part, text in parts.items():
            files[names.get(part, part)] = text
        for name, text in files.items():
            if text is not None:
                (tmp_path / name).parent.mkdir(exist_ok=True)
                (tmp_path / name).write_text(text, "utf-8")
        return tmp_path

    return write


def test_a_feed_says_how_long_its_readings_are_put_in_order(catalog):
    assert load_registry(catalog()).feeds[Feed.HYDROLOGY].reorder_for == 0
    slow = FEED.replace("late_max: 2h", "late_max: 2h\nreorder_for: 10min")
    assert load_registry(catalog(feed=slow)).feeds[Feed.HYDROLOGY].reorder_for == 10 * MINUTE


def test_a_good_catalog_is_read(catalog):
    registry = load_registry(catalog())
    first, second = registry.sites["hs-a"], registry.sites["hs-b"]
    assert (first.feed, first.kind, first.metrics) == (Feed.HYDROLOGY, "gauge", ("stage", "flow"))
    assert str(first.attributes["warning_stage"]) == "4.5 m"
    assert first.attributes["reach"] == ("upper",)
    assert second.attributes["reach"] == ("upper", "lower")
    assert (first.period, second.period) == (10 * MINUTE, MINUTE)
    assert {zone.kind for zone in registry.zones.values()} == {"dam", "county"}
    assert registry.county_name("331102") == Words("西县", "West County")
    assert registry.county_name("330000") == Words("330000", "330000")
    assert registry.metrics["flow"].unit == "m³/s"


def test_a_value_is_known_for_three_and_a_half_periods(catalog):
    registry = load_registry(catalog())
    site = registry.sites["hs-a"]
    assert registry.silent_for(site, "stage") == 35 * MINUTE
    assert registry.silent_for(site, "flow") is None, "it speaks only on change"
    assert site.silent_for(60 * MINUTE) == 210 * MINUTE


def test_the_hash_names_the_content_and_not_how_it_is_laid_out(catalog):
    first = load_registry(catalog()).content_hash
    assert load_registry(catalog(sites="# A remark.\n" + SITES)).content_hash == first
    assert load_registry(catalog(sites=SITES.replace("4.5 m", "4.6 m"))).content_hash != first


def edited(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({"feed": None}, ["feeds:1:1: R120", "sites/a.yaml:1:1: R122"], id="no feed"),
        pytest.param({"sites": None}, ["sites:1:1: R120"], id="no sites"),
        pytest.param({"feeds/b.yaml": FEED}, ["R121"] * 4, id="feed, metrics and kinds twice"),
        pytest.param({"sites/b.yaml": SITES}, ["R121"] * 2, id="sites twice"),
        pytest.param({"zones/b.yaml": ZONES}, ["R121"] * 3, id="zones twice"),
        pytest.param({"zones/b.geojson": counties()}, ["R121"], id="a county twice"),
        pytest.param({"sites": edited(SITES, "kind: gauge", "kind: gage")}, ["sites/a.yaml:1:1: R122"], id="kind"),
        pytest.param({"counties": counties(adcode="331199")}, ["8:5: R123", "13:5: R123"], id="county"),
        pytest.param({"sites": edited(SITES, "warning_stage", "warn_stage")}, ["10:18: R124"], id="attribute"),
        pytest.param({"sites": edited(SITES, "4.5 m", "45 cm")}, ["10:18: R125"], id="unit of an attribute"),
        pytest.param({"sites": edited(SITES, "4.5 m", "4.5m")}, ["10:18: R110"], id="quantity of an attribute"),
        pytest.param({"sites": edited(SITES, "wgs84", "gcj02")}, ["2:1: R109"], id="coordinate system"),
        pytest.param(
            {"sites": edited(SITES, "[119.5, 28.5]", "[28.5, 119.5]")}, ["9:16: R109", "9:22: R109"], id="lat, lon"
        ),
        pytest.param({"sites": edited(SITES, "source:", "sauce:")}, ["1:1: R105", "4:1: R104"], id="misspelt"),
        pytest.param({"sites": edited(SITES, "10min", "10m")}, ["3:1: R110"], id="unclear period"),
        pytest.param({"zones": edited(ZONES, "300 m", "300 mm")}, ["5:5: R110"], id="unit of a radius"),
        pytest.param({"zones": edited(ZONES, "300 m", "-300 m")}, ["5:5: R110"], id="negative radius"),
        pytest.param({"zones": edited(ZONES, "300 m", "0 m")}, ["5:5: R110"], id="no radius"),
        pytest.param({"zones": edited(ZONES, "119.4, 28.4", "119.9, 28.4")}, ["8:5: R110"], id="empty box"),
        pytest.param({"zones": edited(ZONES, "[120, 28], ", "")}, ["11:5: R110"], id="two points"),
        pytest.param(
            {"zones": edited(ZONES, "    box:", "    circle: {centre: [119.5, 28.5], radius: 1 km}\n    box:")},
            ["8:5: R110"],
            id="two outlines",
        ),
        pytest.param(
            {"zones": edited(ZONES, "    box: [119.4, 28.4, 119.6, 28.6]\n", "")}, ["8:5: R110"], id="no outline"
        ),
        pytest.param(
            {"counties": counties({"type": "Point", "coordinates": [1, 1]})},
            ["R123", "R123", "zones/a.geojson:1:"],
            id="county as a point",
        ),
        pytest.param(
            {"counties": counties({"type": "Polygon"})},
            ["R123", "R123", "zones/a.geojson:1:"],
            id="county without outline",
        ),
        pytest.param(
            {"feed": edited(FEED, "[-10, 400]", "[400, -10]")}, ["5:3: R110", "sites/a.yaml:1:1: R122"], id="range"
        ),
        pytest.param(
            {"feed": edited(FEED, "unit: m,", "unit: metre,")}, ["5:38: R110", "sites/a.yaml:1:1: R122"], id="unit"
        ),
        pytest.param(
            {"feed": edited(FEED, "unit: m,", "unit: m, covers: 1h,")},
            ["5:3: R110", "sites/a.yaml:1:1: R122"],
            id="covers",
        ),
        pytest.param(
            {"feed": edited(FEED, "unit: m,", "unit: m, shape: increment,")},
            ["5:3: R110", "sites/a.yaml:1:1: R122"],
            id="negative increment",
        ),
    ],
)
def test_every_fault_is_found_at_its_place(catalog, parts, expected):
    folder = catalog(**parts)
    registry, problems = read_registry(folder)
    lines = [problem.line_of_report("en").removeprefix(f"{folder}/") for problem in problems]
    assert registry is None
    assert len(lines) == len(expected), lines
    for line, piece in zip(lines, expected, strict=True):
        assert piece in line
    for language in LANGUAGES:
        assert all(problem.line_of_report(language) for problem in problems)


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        pytest.param({"feed": edited(FEED, "[-10, 400]", "[-10, nan]")}, "feeds/a.yaml:5:", id="a range up to nan"),
        pytest.param(
            {"feed": edited(FEED, "[stage, flow]", "[stage, flaw]")}, "feeds/a.yaml:", id="an undeclared metric"
        ),
        pytest.param(
            {"feed": edited(FEED, "warning_stage: m", "warning_stage: furlong")},
            "feeds/a.yaml:11:",
            id="an attribute of an unknown unit",
        ),
        pytest.param(
            {"feeds/b.yaml": "feed: hydrology\nname: {zh: 水, en: W}\nlate_max: 1d\nmetrics: {}\nkinds: {}\n"},
            "feeds/b.yaml:1:1",
            id="a feed twice",
        ),
    ],
)
def test_a_feed_file_that_contradicts_itself_is_a_problem(catalog, parts, place):
    folder = catalog(**parts)
    lines = [problem.line_of_report("en").removeprefix(f"{folder}/") for problem in read_registry(folder)[1]]
    assert any(line.startswith(place) for line in lines)


def test_loading_a_bad_catalog_names_all_faults_in_one_error(catalog):
    folder = catalog(sites=edited(SITES, "4.5 m", "45 cm"), zones=edited(ZONES, "300 m", "300 mm"))
    with pytest.raises(CatalogError) as raised:
        load_registry(folder)
    assert [line.split(" ")[1] for line in str(raised.value).splitlines()] == ["R125", "R110"]
    assert raised.value.exit_code == 4
