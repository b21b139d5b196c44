"""Which sites take part, and that the whole city can."""

from dataclasses import replace

import orjson
import pytest

from citybrain.errors import CatalogError, MissingError
from citybrain.registry import load_registry
from simulators.fleet import simulate
from simulators.fleets import load_fleet, taking_part
from simulators.storyline import SHIPPED, load_storyline


@pytest.fixture(scope="module")
def city():
    return load_registry()


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_storyline_plays_about_a_hundred_sites_or_the_few_of_a_drill(path, city):
    story = load_storyline(path.stem, city.sites)
    named = load_fleet(story.fleet).sites
    assert len(set(named)) == len(named) == len(taking_part(city, story).sites)
    assert 90 <= len(named) <= 130 if story.fleet in ("demo", "special") else len(named) <= 20


def test_a_site_of_the_fleet_that_the_catalog_lacks_is_passed_over(city):
    story = load_storyline("quiet-day", city.sites)
    fewer = replace(city, sites={name: city.sites[name] for name in ("hs-hecheng", "hs-wenxi")})
    assert set(taking_part(fewer, story).sites) == {"hs-hecheng"}


def test_all_sites_of_another_city_take_part(city):
    story = load_storyline("quiet-day", city.sites)
    other = replace(city, sites={"hs-wenxi": city.sites["hs-wenxi"]})
    assert taking_part(other, story) is other


def test_the_whole_city_speaks_plausibly_where_a_storyline_names_no_fleet(city):
    story = load_storyline("quiet-day", city.sites).model_copy(update={"fleet": None})
    readings = [
        orjson.loads(record.reading)
        for record in simulate(city, story, seed=7, start=story.start, hours=0.5)
        if record.reading is not None
    ]
    spoke = {reading["site"] for reading in readings}
    soon = {site.id for site in city.sites.values() if site.period <= 900_000}
    assert len(city.sites) > 700
    assert soon <= spoke
    for reading in readings:
        for metric, value in reading["values"].items():
            least, most = city.metrics[metric].range
            assert least <= value <= most, (reading["site"], metric)


def test_a_fleet_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(MissingError, match=r"no fleet 'demos'.*demo"):
        load_fleet("demos")


@pytest.mark.parametrize(("text", "code"), [("fleet: a", "R105"), ("fleet: a\nsites: []", "R109"), ("a: [", "R101")])
def test_a_wrong_fleet_is_told_with_its_place(text, code, tmp_path):
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError, match=rf"a\.yaml:\d+:\d+: {code}"):
        load_fleet("a", tmp_path)
