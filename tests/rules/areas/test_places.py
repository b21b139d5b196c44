"""Measures from elsewhere: along the river, around, and to one side of the wind."""

import pytest

# The gas detectors of the chemical area; the air station stands there too. Names and places: citybrain/catalog.


def wind(driven, minute, direction, speed=4.0):
    driven.send(minute, {"ws-liandu": {"wind_direction": direction, "wind_speed": speed}})


@pytest.mark.parametrize(
    ("direction", "speed", "is_met"),
    [
        pytest.param("towards", 4.0, True, id="the-wind-brings-it"),
        pytest.param("away", 4.0, False, id="the-wind-takes-it-away"),
        pytest.param("away", 0.3, True, id="calm"),
        pytest.param(None, None, True, id="no-wind-known"),
    ],
)
def test_only_what_lies_upwind_counts(rig, shipped, direction, speed, is_met):
    # The town lies to the north-east of the chemical area: a south-westerly brings the gas to it.
    driven = rig(
        group_by={"zone": "town"},
        measure={"metric": "combustible_gas", "from": {"upwind": "30 km", "spread": "90 deg"}, "across": "max"},
        at_least={"blue": "10 %LEL"},
        minimum_sites=1,
    )
    if direction is not None:
        wind(driven, 0, 225.0 if direction == "towards" else 45.0, speed)
    driven.gas(0.5, 12, 12, 12, 12)
    town = [event for event in driven.areas.finish() + driven.events if event.subject.zone == "zn-town-liandu"]
    assert bool(town) is is_met


def test_an_old_wind_is_no_wind(rig):
    driven = rig(
        group_by={"zone": "town"},
        measure={"metric": "combustible_gas", "from": {"upwind": "30 km", "spread": "90 deg"}, "across": "max"},
    )
    wind(driven, 0, 45.0)
    driven.gas(29, 12, 12, 12, 12)
    assert not any(event.subject.zone == "zn-town-liandu" for event in driven.areas.finish())
    driven.gas(31, 12, 12, 12, 12)
    assert any(event.subject.zone == "zn-town-liandu" for event in driven.areas.finish())


def test_alerts_upwind_of_a_place_count_for_it(rig):
    leak = {
        "id": "fr-04",
        "type": "threshold",
        "where": {"kind": ["combustible-gas-detector"]},
        "measure": {"metric": "combustible_gas"},
        "at_least": {"yellow": "10 %LEL", "red": {"value": "50 %LEL", "repeated": "1 of 1 samples"}},
    }
    driven = rig(
        leak,
        id="cd-05",
        group_by={"zone": "town"},
        measure={"alerts": ["fr-04"], "from": {"upwind": "30 km", "spread": "90 deg"}, "across": "max_level"},
        at_least={"yellow": "yellow", "red": "red"},
    )
    wind(driven, 0, 45.0)
    driven.gas(0.5, 12)
    assert driven.seen == []
    wind(driven, 1, 225.0)
    assert driven.seen == ["1 yellow firing"]
    driven.gas(1.5, 60)
    assert driven.seen[1:] == ["1.5 red firing"]


def test_a_village_looks_at_the_gauges_upstream_of_it(rig, shipped):
    driven = rig(
        group_by={"zone": "town"},
        measure={
            "metric": "rain",
            "from": {"kind": "rain-gauge", "upstream": "60 km"},
            "over": "1h",
            "take": "sum",
            "across": "max",
        },
        at_least={"blue": "20 mm"},
    )
    listening = {key.partition("/")[2]: sorted(plan.members[0]) for key, plan in driven.rules.areas.plan.plans.items()}
    assert listening
    town, gauges = next((town, gauges) for town, gauges in listening.items() if gauges)
    far = next(site.id for site in shipped.sites.values() if site.kind == "rain-gauge" and site.id not in gauges)
    driven.send(0, {far: {"rain": 30.0}})
    assert all(event.subject.zone != town for event in driven.areas.finish())
    driven.send(5, {gauges[0]: {"rain": 30.0}})
    assert any(event.subject.zone == town for event in driven.areas.finish())


def test_a_share_is_of_the_sites_upwind_alone(rig, shipped):
    # Two of the four detectors lie upwind of the air station between them; the others are not missed.
    station = next(site for site in shipped.sites.values() if site.id == "aq-etdz-1")
    driven = rig(
        group_by={"site": "air-station"},
        measure={
            "metric": "combustible_gas",
            "from": {"upwind": "5 km", "spread": "180 deg"},
            "across": "share",
            "sites_where": {"at_least": "10 %LEL"},
        },
        at_least={"blue": "100 %"},
    )
    east = [number for number in range(4) if shipped.sites[f"gd-etdz-{number + 1}"].position[0] > station.position[0]]
    assert 0 < len(east) < 4
    wind(driven, 0, 90.0)
    driven.gas(0.5, *(12 if number in east else 1 for number in range(4)))
    assert "0.5 blue firing" in [
        line for line, event in zip(driven.seen, driven.events, strict=True) if event.subject.site == station.id
    ]
