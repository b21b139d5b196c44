"""`outside: [2 m, 4 m]`, and `and` on a whole limit, through the engine. Gauge A speaks every 5 minutes."""

import pytest

BANDS = {"blue": ["2 m", "4 m"], "yellow": ["1 m", "5 m"]}
TWO = {"stage": {"metric": "stage"}, "inflow": {"metric": "inflow"}}


@pytest.mark.parametrize(
    ("fields", "stages", "expected"),
    [
        # minute       0    5    10   15
        pytest.param({}, "2   3    4", [], id="at either value"),
        pytest.param({}, "3 1.99", ["5 blue firing"], id="below the first"),
        pytest.param({}, "3 4.01", ["5 blue firing"], id="above the second"),
        pytest.param({}, "1.5 0.9", ["0 blue firing", "5 yellow firing"], id="a wider band is a higher level"),
        pytest.param({}, "1.9 2.1 2.11", ["0 blue firing", "10 blue cleared"], id="deadband inside the first"),
        pytest.param({}, "4.1 3.8 3.79", ["0 blue firing", "10 blue cleared"], id="deadband inside the second"),
        pytest.param({}, "4.1 1.9 3", ["0 blue firing", "10 blue cleared"], id="from one side to the other"),
        pytest.param(
            {"clear": ["2.5 m", "3.5 m"]},
            "1.9 3.5 2.5 3",
            ["0 blue firing", "15 blue cleared"],
            id="clear takes a pair",
        ),
        pytest.param({"deadband": "0.5 m"}, "0.9 1.5 1.6", ["0 yellow firing", "10 blue firing"], id="steps down"),
        pytest.param({"for_": "10min"}, "1 1 5", [], id="each side counts its own time"),
    ],
)
def test_stages_outside_a_band(rig, fields, stages, expected):
    driven = rig(outside=BANDS, at_least=None, **fields)
    driven.series(stages)
    assert driven.seen == expected


@pytest.mark.parametrize(("stage", "side", "limit"), [(1.5, "below", 2.0), (4.5, "above", 4.0)])
def test_the_evidence_names_the_side(rig, stage, side, limit):
    driven = rig(outside=BANDS, at_least=None)
    driven.send(0, stage)
    assert (driven.events[0].evidence.comparison, driven.events[0].evidence.limit) == (side, limit)


@pytest.mark.parametrize(("inflow", "fires"), [(9.0, True), (10.0, False), (20.0, False), (21.0, True), (None, False)])
def test_a_condition_outside_a_band(rig, inflow, fires):
    driven = rig(
        measure=None,
        measures=TWO,
        limits=[
            {
                "measure": "stage",
                "at_least": {"blue": "4 m"},
                "and": [{"measure": "inflow", "outside": ["10 m³/s", "20 m³/s"]}],
            }
        ],
    )
    driven.send(0, {"stage": 4.0, **({} if inflow is None else {"inflow": inflow})})
    assert bool(driven.seen) is fires


def test_a_condition_of_the_limit_is_asked_beside_that_of_the_level(rig):
    limit = {
        "measure": "stage",
        "at_least": {"blue": "4 m", "yellow": {"value": "5 m", "and": [{"measure": "inflow", "above": "20 m³/s"}]}},
        "and": [{"measure": "inflow", "above": "10 m³/s"}],
    }
    for inflow, expected in ((10.0, []), (15.0, ["0 blue firing"]), (25.0, ["0 yellow firing"])):
        driven = rig(measure=None, measures=TWO, limits=[limit])
        driven.send(0, {"stage": 5.0, "inflow": inflow})
        assert driven.seen == expected


def test_a_side_without_its_attribute_is_not_judged(rig):
    driven = rig(
        outside={"blue": [{"site": "normal_inflow"}, "400 m³/s"]},
        at_least=None,
        measure={"metric": "inflow"},
        where={"site": ["hs-b"]},
    )
    assert "normal_inflow" not in driven.engine._rules.registry.sites["hs-b"].attributes
    driven.send(0, {"inflow": 0.0}, site="hs-b")
    driven.send(5, {"inflow": 401.0}, site="hs-b")
    assert driven.seen == ["5 blue firing"]
