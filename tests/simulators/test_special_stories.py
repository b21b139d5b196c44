"""Each storyline is physically what it tells: read off at the sites, and written in the truth."""

from dataclasses import replace
from functools import cache

import orjson
import pytest

from citybrain.errors import CatalogError
from citybrain.instants import HOUR, MINUTE, parse_instant
from citybrain.registry import load_registry
from simulators.changes import Changes, place_share, time_share
from simulators.fleet import simulate
from simulators.kinds import IncidentKind
from simulators.storyline import SHIPPED, Change, load_storyline
from simulators.witness import truth_of

SEED = 3
CITY = load_registry()


@cache
def story_of(name):
    return load_storyline(name, CITY.sites, metrics=CITY.metrics)


@cache
def course(name, site, metric):
    """Return what a site says of a metric as (hours after the start, value), alone in the city."""
    story = story_of(name)
    alone = replace(CITY, sites={site: CITY.sites[site]})
    found = []
    for record in simulate(alone, story, seed=SEED, start=story.start, hours=story.hours):
        if record.reading is not None:
            reading = orjson.loads(record.reading)
            if metric in reading["values"]:
                hour = (parse_instant(reading["observed_at"]) - story.start) / HOUR
                found.append((hour, reading["values"][metric]))
    return sorted(found)


def at_hour(name, site, metric, hour):
    """Return what it said last."""
    return max(point for point in course(name, site, metric) if point[0] <= hour + 1e-6)[1]


@pytest.mark.parametrize(
    ("name", "site", "metric", "hour", "least", "most"),
    [
        # Smoke at the fire and down the wind; none up the wind, none before.
        ("straw-burning", "aq-farmland-bihu", "pm25_1h", 2, 5, 50),
        ("straw-burning", "aq-farmland-bihu", "pm25_1h", 5, 130, 400),
        ("straw-burning", "aq-liandu-1", "pm25_1h", 5, 50, 300),
        ("straw-burning", "aq-farmland-songgu", "pm25_1h", 5, 5, 50),
        ("straw-burning", "aq-farmland-bihu", "pm25_1h", 12, 5, 90),
        # Particles gather for days, everywhere.
        ("inversion", "aq-liandu-1", "pm25_1h", 6, 10, 80),
        ("inversion", "aq-liandu-1", "pm25_1h", 60, 140, 250),
        ("inversion", "aq-longquan-1", "pm25_1h", 60, 140, 250),
        ("inversion", "aq-liandu-1", "pm25_1h", 82, 10, 90),
        ("inversion", "ws-liandu", "visibility", 55, 250, 2500),
        # Ozone and heat by day.
        ("ozone-day", "aq-liandu-1", "o3_1h", 3, 10, 60),
        ("ozone-day", "aq-liandu-1", "o3_1h", 12, 200, 320),
        ("ozone-day", "aq-liandu-1", "o3_1h", 19, 10, 110),
        ("ozone-day", "ws-liandu", "air_temperature", 11, 37, 42),
        # The cloud lies to the north-east first, then to the south-west.
        ("gas-wind-turns", "gd-etdz-1", "combustible_gas", 0.1, 0, 1),
        ("gas-wind-turns", "gd-etdz-1", "combustible_gas", 0.8, 20, 80),
        ("gas-wind-turns", "gd-etdz-1", "combustible_gas", 1.5, 0, 10),
        ("gas-wind-turns", "gd-etdz-8", "combustible_gas", 0.8, 0, 45),
        ("gas-wind-turns", "gd-etdz-8", "combustible_gas", 1.5, 55, 80),
        ("gas-wind-turns", "ws-liandu", "wind_direction", 1.6, 20, 120),
        # Smoke near the fire alone, then heat.
        ("building-fire", "sd-dengta-tower-1", "smoke_alarm", 0.6, 1, 1),
        ("building-fire", "sd-dengta-tower-5", "smoke_alarm", 0.9, 0, 0),
        ("building-fire", "sd-dengta-tower-5", "smoke_alarm", 1.4, 1, 1),
        ("building-fire", "sd-cityhall-1", "smoke_alarm", 1.5, 0, 0),
        ("building-fire", "hd-dengta-tower-1", "detector_temperature", 1.6, 75, 100),
        ("building-fire", "hd-dengta-tower-1", "heat_alarm", 1.6, 1, 1),
        ("building-fire", "sd-dengta-tower-1", "smoke_alarm", 3.9, 0, 0),
        # A store warms up and is cooled again; its neighbour stays cold.
        ("cold-store", "cs-hospital", "store_temperature", 0.5, 2, 6),
        ("cold-store", "cs-hospital", "store_temperature", 7, 14, 16),
        ("cold-store", "cs-station", "store_temperature", 7, 2, 6),
        ("cold-store", "fz-station", "store_temperature", 10.5, -5, -2),
        # Frost before sunrise, none at noon before.
        ("frost-night", "ws-tea-damushan", "air_temperature", 0.5, 5, 18),
        ("frost-night", "ws-tea-damushan", "air_temperature", 13, -5, -1),
        # All stations feel the rain, one the source.
        ("radon-rain", "ra-liandu-1", "gamma_dose_rate", 2.5, 110, 155),
        ("radon-rain", "ra-etdz", "gamma_dose_rate", 7.5, 80, 125),
        ("radon-rain", "ra-etdz", "gamma_dose_rate", 9, 480, 560),
        ("radon-rain", "ra-liandu-1", "gamma_dose_rate", 9, 80, 125),
        # The outlet is shut while water flows in.
        ("withheld-flow", "hp-kaitan", "released_flow", 1, 25, 33),
        ("withheld-flow", "hp-kaitan", "released_flow", 8, 0, 3),
        ("withheld-flow", "hp-kaitan", "inflow", 8, 200, 300),
        ("withheld-flow", "hp-yuxi", "released_flow", 8, 11.4, 15),
        # Scenic car parks on a Saturday, at a festival, on a holiday, and those of the town.
        ("scenic-saturday", "pk-guyan", "occupied", 7, 300, 480),
        ("golden-week", "vc-guyan", "visitors_inside", 7, 5800, 6000),
        ("golden-week", "ws-xiandu", "visibility", 2.5, 50, 400),
    ],
)
def test_a_site_sees_what_the_storyline_tells(name, site, metric, hour, least, most):
    assert least <= at_hour(name, site, metric, hour) <= most


@pytest.mark.parametrize(("name", "hour", "share"), [("scenic-saturday", 8, 0.95), ("scenic-saturday", 1, 0.15)])
def test_a_festival_fills_a_car_park(name, hour, share):
    capacity = CITY.sites["pk-xiandu"].attributes["capacity"].number
    found = at_hour(name, "pk-xiandu", "occupied", hour) / capacity
    assert found >= share if share > 0.5 else found <= share


def test_guests_of_an_event_leave_in_a_pulse_at_its_end():
    exits = course("evening-concert", "pk-nanminghu", "exits")
    pulse = sum(count for hour, count in exits if 5.5 <= hour < 6)
    before = sum(count for hour, count in exits if 4.5 <= hour < 5)
    assert pulse > 3 * before
    assert pulse > 100


def test_a_state_is_told_at_the_moment_it_changes():
    hours = [hour for hour, state in course("building-fire", "sd-dengta-tower-1", "smoke_alarm") if state == 1]
    assert hours[0] == pytest.approx(32 / 60, abs=0.001)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("straw-burning", {"smoke"}),
        ("inversion", {"inversion", "fog"}),
        ("ozone-day", {"heat", "ozone"}),
        ("gas-wind-turns", {"gas"}),
        ("building-fire", {"fire", "smoke"}),
        ("cold-store", {"store"}),
        ("frost-night", {"frost"}),
        ("radon-rain", {"storm", "ponding", "radiation"}),
        ("withheld-flow", {"low-flow"}),
        ("golden-week", {"fog", "crowding"}),
        ("scenic-saturday", {"crowding"}),
        ("evening-concert", {"crowding", "jam"}),
        ("blackout", {"blackout"}),
    ],
)
def test_the_truth_has_what_the_storyline_tells_and_nothing_else(name, kinds):
    story = story_of(name)
    truth = truth_of(CITY, story, seed=SEED, start=story.start, hours=story.hours)
    assert {one.kind.value for one in truth.incidents} == kinds
    assert all(one.counties and one.since < one.until for one in truth.incidents)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_storyline_fits_the_metrics(path):
    assert story_of(path.stem).storyline == path.stem


def change(**words):
    told = {"kind": "frost", "starts": "1h", "rises": "1h", "lasts": "2h", "fades": "1h", "adds": {"stage": "2 m"}}
    return Change.model_validate(told | words)


@pytest.mark.parametrize(
    ("minute", "share"), [(-1, 0), (0, 0), (30, 0.5), (60, 1), (180, 1), (240, 1 / 2.71828), (900, 0)]
)
def test_a_change_rises_holds_and_fades(minute, share):
    assert time_share(change(), minute * MINUTE) == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize(("minute", "share"), [(-1, 0), (0, 1), (120, 1), (121, 0)])
def test_a_change_may_begin_and_end_at_once(minute, share):
    assert time_share(change(rises="0s", fades="0s"), minute * MINUTE) == share


@pytest.mark.parametrize(
    ("where", "share"),
    [
        ({}, 1),
        ({"site": "hs-a"}, 1),
        ({"site": "hs-b"}, 0),
        ({"centre": [119.9, 28.4], "radius": "5 km"}, 1),
        ({"centre": [119.9, 28.4 + 5 / 111.195], "radius": "5 km"}, 1 / 2.71828),
        ({"centre": [119.9, 28.6], "radius": "5 km"}, 0),
    ],
)
def test_a_change_is_somewhere(where, share):
    assert place_share(change(**where), "hs-a", (119.9, 28.4)) == pytest.approx(share, abs=0.001)


def test_a_change_adds_to_a_value_or_draws_it_to_another():
    site = CITY.sites["ws-liandu"]
    told = [change(adds={"humidity": "10 %"}), change(adds={}, becomes={"visibility": "100 m"})]
    values = {"humidity": 50.0, "visibility": 2100.0, "gust": 3.0}
    Changes(told, site, CITY.metrics, start=0).apply(values, int(1.5 * HOUR))
    assert values == {"humidity": 55.0, "visibility": 1100.0, "gust": 3.0}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{lasts: 1h, starts: 0s, adds: {stages: 1 m}}", "R201"),
        ("{lasts: 1h, starts: 0s, adds: {stage: 1 ℃}}", "R211"),
        ("{lasts: 1h, starts: 0s}", "what it `adds`"),
        ("{lasts: 1h, starts: 0s, centre: [119, 28], adds: {stage: 1 m}}", "with its `radius`"),
        ("{lasts: 1h, starts: 0s, site: hs-nowhere, adds: {stage: 1 m}}", "no site 'hs-nowhere'"),
        ("{kind: flodo, lasts: 1h, starts: 0s, adds: {stage: 1 m}}", "R108"),
    ],
)
def test_a_wrong_change_is_told_with_its_place(tmp_path, body, says):
    path = tmp_path / "s.yaml"
    head = "storyline: s\nname: {zh: 试, en: Test}\nabout: A test.\nstart: 2026-05-13T00:00:00+08:00\nhours: 1\n"
    path.write_text(f"{head}changes:\n  - {body}\n", encoding="utf-8")
    with pytest.raises(CatalogError, match=r"s\.yaml:7:\d+") as raised:
        load_storyline(str(path), CITY.sites, metrics=CITY.metrics)
    assert says in str(raised.value)


def test_every_kind_of_incident_has_its_signs_and_its_words():
    from citybrain.i18n import messages  # noqa: PLC0415
    from scenarios.score import _SIGNS  # noqa: PLC0415

    assert set(_SIGNS) == set(IncidentKind)
    assert {f"incident.{kind}" for kind in IncidentKind} <= set(messages("en"))
