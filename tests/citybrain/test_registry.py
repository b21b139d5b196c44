"""Catalog folders: one small good one, and each fault planted in it."""

import json
from pathlib import Path

import pytest

from citybrain.attributes import Hours, attributes_at
from citybrain.coordinates import Crs, to_wgs84
from citybrain.errors import CatalogError
from citybrain.geometry import distance_m, inner_point
from citybrain.i18n import LANGUAGES
from citybrain.instants import MINUTE, parse_instant
from citybrain.model import Feed, Words
from citybrain.registry import load_registry, read_registry
from citybrain.rivers import RiverPoint

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
    attributes: {warning_stage: m, reach: word, chainage: km, flood_limit: m, open: hours}
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
KINDS = """\
source: "invented"
attributes: {noise_limit: dB}
kinds:
  dam: {name: {zh: 坝, en: Dam}, attributes: {target_class: class, guards: word}}
  venue: {name: {zh: 会场, en: Venue}, temporary: true}
"""
ZONES = """\
kind: dam
crs: wgs84
source: "invented"
zones:
  - id: zn-a
    name: {zh: 甲坝, en: Dam A}
    circle: {centre: [119.5, 28.5], radius: 300 m}
    attributes: {noise_limit: 50 dB, target_class: 2 class, guards: [town]}
  - id: zn-b
    name: {zh: 乙坝, en: Dam B}
    box: [119.4, 28.4, 119.6, 28.6]
  - id: zn-c
    name: {zh: 丙坝, en: Dam C}
    polygon: [[119, 28], [120, 28], [120, 29]]
"""
VENUES = """\
kind: venue
crs: wgs84
source: "invented"
zones:
  - id: zn-match
    name: {zh: 比赛, en: Match}
    circle: {centre: [119.5, 28.5], radius: 300 m}
    start: 2026-10-01T18:00:00+08:00
    end: 2026-10-01T22:00:00+08:00
"""
HOLIDAYS = 'source: "invented"\nyears:\n  2026:\n    holidays: [01-01]\n'
ON_RIVER = "reach: upper, chainage: 10 km"
RIVERS = """\
source: "invented"
reaches:
  upper: {name: {zh: 上段, en: Upper}, length: 10 km, next: lower}
  lower: {name: {zh: 下段, en: Lower}, length: 5 km}
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
        files = {
            "feeds/a.yaml": FEED,
            "sites/a.yaml": SITES,
            "zone-kinds.yaml": KINDS,
            "zones/a.yaml": ZONES,
            "zones/a.geojson": counties(),
        }
        names = {
            "feed": "feeds/a.yaml",
            "sites": "sites/a.yaml",
            "kinds": "zone-kinds.yaml",
            "zones": "zones/a.yaml",
            "venues": "zones/venues.yaml",
            "rivers": "rivers.yaml",
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
    assert {name: str(value) for name, value in registry.zones["zn-a"].attributes.items()} == {
        "noise_limit": "50 dB",
        "target_class": "2 class",
        "guards": "('town',)",
    }
    assert registry.zones["zn-b"].span is None
    assert registry.county_name("331102") == Words("西县", "West County")
    assert registry.county_name("330000") == Words("330000", "330000")
    assert registry.metrics["flow"].unit == "m³/s"


@pytest.mark.parametrize("zone", ["zn-a", "zn-b", "zn-c"])
def test_positions_of_a_web_map_are_converted_when_they_are_read(catalog, zone):
    plain = load_registry(catalog())
    shifted = load_registry(catalog(sites=edited(SITES, "wgs84", "gcj02"), zones=edited(ZONES, "wgs84", "bd09")))
    assert shifted.sites["hs-a"].position == to_wgs84((119.5, 28.5), Crs.GCJ02)
    assert 500 < distance_m(shifted.sites["hs-a"].position, plain.sites["hs-a"].position) < 700
    moved = distance_m(inner_point(shifted.zones[zone].area), inner_point(plain.zones[zone].area))
    assert 900 < moved < 1500


def test_reach_and_chainage_together_are_a_place_on_the_river(catalog):
    registry = load_registry(catalog(rivers=RIVERS, sites=edited(SITES, "reach: upper", ON_RIVER)))
    assert registry.sites["hs-a"].river == RiverPoint("upper", 10_000)
    assert registry.sites["hs-b"].river is None, "without a chainage a reach is a word like any other"
    assert registry.reaches["upper"].length == 10_000


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("04-14T12:00", "2 m", id="the first entry"),
        pytest.param("04-14T20:00", None, id="none: before the second"),
        pytest.param("05-01T12:00", "2 m", id="both: the first counts"),
        pytest.param("05-01T20:00", "3 m", id="the second"),
        pytest.param("07-15T23:59", "3 m", id="its last day counts whole"),
        pytest.param("07-16T00:00", None, id="none: after it"),
    ],
)
def test_a_dated_attribute_has_the_value_of_the_first_entry_that_holds(catalog, at, expected):
    site = load_registry(catalog(sites=dated_sites())).sites["hs-a"]
    instant = parse_instant(f"2026-{at}:00+08:00")
    value = site.attributes["flood_limit"].at(instant)
    assert (value and str(value)) == expected
    known = attributes_at(site.attributes, instant)
    assert known.get("flood_limit") == value
    assert site.is_dated
    assert known["warning_stage"] == site.attributes["warning_stage"]
    assert site.attributes["open"] == Hours(((630, 810), (1320, 120)))


@pytest.mark.parametrize(
    ("at", "is_in_force"),
    [("17:59:59", False), ("18:00:00", True), ("21:59:59", True), ("22:00:00", False)],
)
def test_a_temporary_zone_is_in_force_from_its_start_until_its_end(catalog, at, is_in_force):
    zones = load_registry(catalog(venues=VENUES)).zones
    instant = parse_instant(f"2026-10-01T{at}+08:00")
    assert zones["zn-match"].is_in_force(instant) is is_in_force
    assert zones["zn-a"].is_in_force(instant)


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


DATED = """\
warning_stage: 4.5 m
      flood_limit:
        - {months: [4, 5], hours: 08:00-20:00, value: 2 m}
        - {dates: 04-15..07-15, value: 3 m}
      open: [10:30-13:30, 22:00-02:00]
      reach: upper"""


def dated_sites(old="", new=""):
    block = edited(SITES, "attributes: {warning_stage: 4.5 m, reach: upper}", "attributes:\n      " + DATED)
    return edited(block, old, new)


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
        pytest.param({"sites": edited(SITES, "wgs84", "utm")}, ["2:1: R108"], id="coordinate system"),
        pytest.param(
            {"sites": edited(SITES, "[119.5, 28.5]", "[28.5, 119.5]")}, ["9:16: R109", "9:22: R109"], id="lat, lon"
        ),
        pytest.param({"sites": edited(SITES, "source:", "sauce:")}, ["1:1: R105", "4:1: R104"], id="misspelt"),
        pytest.param({"sites": edited(SITES, "10min", "10m")}, ["3:1: R110"], id="unclear period"),
        pytest.param({"zones": edited(ZONES, "300 m", "300 mm")}, ["5:5: R110"], id="unit of a radius"),
        pytest.param({"zones": edited(ZONES, "300 m", "-300 m")}, ["5:5: R110"], id="negative radius"),
        pytest.param({"zones": edited(ZONES, "300 m", "0 m")}, ["5:5: R110"], id="no radius"),
        pytest.param({"zones": edited(ZONES, "119.4, 28.4", "119.9, 28.4")}, ["9:5: R110"], id="empty box"),
        pytest.param({"kinds": None}, [":1:1: R120", "zones/a.yaml:1:1: R230"], id="no kinds of zone"),
        pytest.param({"zones": edited(ZONES, "kind: dam", "kind: damn")}, ["1:1: R230"], id="kind of zone"),
        pytest.param({"zones": edited(ZONES, "noise_limit", "sound_limit")}, ["8:18: R124"], id="zone attribute"),
        pytest.param({"zones": edited(ZONES, "50 dB", "50 m")}, ["8:18: R125"], id="unit of a zone's attribute"),
        pytest.param(
            {"venues": edited(VENUES, "    start: 2026-10-01T18:00:00+08:00\n", "")}, ["5:5: R110"], id="no start"
        ),
        pytest.param({"venues": edited(VENUES, "10-01T18", "10-03T18")}, ["5:5: R110"], id="end before start"),
        pytest.param(
            {
                "venues": edited(
                    VENUES, "    start: 2026-10-01T18:00:00+08:00\n    end: 2026-10-01T22:00:00+08:00\n", ""
                )
            },
            ["5:5: R231"],
            id="a venue for ever",
        ),
        pytest.param({"venues": edited(VENUES, "kind: venue", "kind: dam")}, ["8:5: R232"], id="a dam for a time"),
        pytest.param({"holidays.yaml": edited(HOLIDAYS, "01-01", "13-01")}, ["4:16: R110"], id="no day of a year"),
        pytest.param({"holidays.yaml": edited(HOLIDAYS, "2026", "soon")}, ["3:3: R109"], id="no year"),
        pytest.param({"sites": dated_sites("3 m", "3 cm")}, ["12:7: R125"], id="unit of a dated attribute"),
        pytest.param({"sites": dated_sites("3 m", "3m")}, ["12:7: R110"], id="quantity of a dated attribute"),
        pytest.param({"sites": dated_sites("04-15..", "04-31..")}, ["14:12: R110"], id="date of a dated attribute"),
        pytest.param({"sites": dated_sites("dates: 04-15..07-15, ", "")}, ["14:11: R110"], id="no date at all"),
        pytest.param({"sites": dated_sites("13:30", "13:30:00")}, ["15:7: R110"], id="hours of an attribute"),
        pytest.param(
            {"sites": dated_sites("reach: upper", "reach: [{months: [4], value: upper}]")},
            ["16:7: R110"],
            id="a dated word",
        ),
        pytest.param(
            {"rivers": edited(RIVERS, "next: lower", "next: sea")}, ["rivers.yaml:3:53: R233"], id="next reach"
        ),
        pytest.param(
            {"rivers": edited(RIVERS, "length: 5 km", "length: 5 km, next: upper")},
            ["rivers.yaml:4:52: R234"],
            id="a circle",
        ),
        pytest.param(
            {"rivers": edited(RIVERS, "next: lower", "next: upper")}, ["rivers.yaml:3:53: R234"], id="into itself"
        ),
        pytest.param(
            {"rivers": RIVERS, "sites": edited(SITES, "reach: upper", "reach: uper")}, ["10:40: R233"], id="reach"
        ),
        pytest.param({"sites": edited(SITES, "reach: upper", ON_RIVER)}, ["10:40: R233"], id="no river file"),
        pytest.param(
            {"rivers": RIVERS, "sites": edited(SITES, "reach: upper", edited(ON_RIVER, "10 km", "10.1 km"))},
            ["10:54: R235"],
            id="chainage above the reach",
        ),
        pytest.param(
            {"rivers": RIVERS, "sites": edited(SITES, "[upper, lower]", "[upper, lower], chainage: 1 km")},
            ["16:41: R235"],
            id="chainage on two reaches",
        ),
        pytest.param(
            {"rivers": RIVERS, "sites": edited(SITES, "reach: upper", "chainage: 1 km")},
            ["10:40: R235"],
            id="chainage on none",
        ),
        pytest.param({"zones": edited(ZONES, "[120, 28], ", "")}, ["12:5: R110"], id="two points"),
        pytest.param(
            {"zones": edited(ZONES, "    box:", "    circle: {centre: [119.5, 28.5], radius: 1 km}\n    box:")},
            ["9:5: R110"],
            id="two outlines",
        ),
        pytest.param(
            {"zones": edited(ZONES, "    box: [119.4, 28.4, 119.6, 28.6]\n", "")}, ["9:5: R110"], id="no outline"
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
