"""What really happened is written down as the storyline tells it, and does not depend on what the sensors saw."""

from dataclasses import replace

import pytest

from citybrain.errors import MissingError, SnapshotError
from citybrain.instants import HOUR, MINUTE
from simulators.kinds import IncidentKind
from simulators.rates import USUAL
from simulators.storyline import load_storyline
from simulators.truth import Truth, read_truth, thinned, truth_path, write_truth
from simulators.witness import truth_of

SEED = 7


@pytest.fixture(scope="module")
def truth(registry) -> Truth:
    story = load_storyline("first-light", registry.sites)
    return truth_of(registry, story, seed=SEED, start=story.start, hours=6)


def of(truth, kind):
    return [one for one in truth.incidents if one.kind is kind]


@pytest.mark.parametrize(
    ("kind", "place", "county", "since_min", "until_min", "least", "most"),
    [
        (IncidentKind.STORM, "storm-0", "331181", 0, 360, 300, 350),
        (IncidentKind.SMOKE, "plume-0", "331102", 20, 260, 162, 164),
        (IncidentKind.GAS, "leak-0", "331102", 80, 121, 71, 73),
        (IncidentKind.CROWDING, "pk-xiandu", "331122", 30, None, 98, 100),
        (IncidentKind.DRIFT, "bt-nanming-1", "331102", 130, 175, 1000, 9000),
    ],
)
def test_what_the_storyline_tells_stands_in_the_truth(truth, kind, place, county, since_min, until_min, least, most):
    (one,) = [one for one in of(truth, kind) if one.place == place]
    assert county in one.counties
    assert one.since == truth.start + since_min * MINUTE
    assert until_min is None or one.until == truth.start + until_min * MINUTE
    assert least <= one.peak[1] <= most
    assert all(one.since <= at <= one.until for at, _ in one.course)


def test_floods_are_the_rivers_that_leave_their_banks(truth, first_light):
    floods = {one.place: one for one in of(truth, IncidentKind.FLOOD)}
    assert {"hs-longquan", "hs-yunhe", "hs-songyang"} <= set(floods)
    assert "hs-jinyun" not in floods
    seen = dict(first_light.series("hs-longquan", "stage"))
    first_seen = min(hour for hour, stage in seen.items() if stage > 6.0)
    assert abs((floods["hs-longquan"].since - truth.start) / HOUR - first_seen) < 0.2
    assert floods["hs-longquan"].peak[1] == pytest.approx(max(seen.values()), abs=0.1)


def test_a_storm_touches_those_downstream(truth):
    (storm,) = [one for one in of(truth, IncidentKind.STORM) if one.place == "storm-0"]
    assert "331121" in storm.counties  # Qingtian lies 100 km down the river, and dry.
    assert "331126" not in storm.counties


def test_nothing_happens_on_a_quiet_day(registry):
    story = load_storyline("quiet-day", registry.sites)
    assert truth_of(registry, story, seed=SEED, start=story.start, hours=24).incidents == ()


def test_faults_change_no_incident(registry, truth):
    story = load_storyline("first-light", registry.sites).model_copy(update={"faults": USUAL})
    faulty = truth_of(registry, story, seed=SEED, start=story.start, hours=6)
    assert faulty.incidents == truth.incidents
    assert faulty.faults
    assert truth.faults == ()


def test_a_truth_comes_back_as_it_was_written(tmp_path, registry, truth):
    story = load_storyline("faulty-week", registry.sites)
    faulty = truth_of(registry, story, seed=SEED, start=story.start, hours=24)
    whole = replace(truth, faults=faulty.faults)
    path = tmp_path / "a.truth.jsonl"
    write_truth(path, whole)
    found = read_truth(path)
    assert found.faults == whole.faults
    assert [replace(one, course=()) for one in found.incidents] == [replace(one, course=()) for one in whole.incidents]
    for one, other in zip(found.incidents, whole.incidents, strict=True):
        assert one.course == tuple((at, round(value, 3)) for at, value in other.course)


def test_a_course_is_thinned_but_keeps_its_worst():
    course = [(at, float(at == 517)) for at in range(1000)]
    thin = thinned(course, 50)
    assert len(thin) <= 53
    assert max(thin, key=lambda point: point[1]) == (517, 1.0)
    assert thin[0] == course[0]
    assert thin[-1] == course[-1]


@pytest.mark.parametrize("name", ["a/storm.jsonl", "a/storm.jsonl.gz"])
def test_the_truth_lies_beside_its_trace(tmp_path, name):
    assert truth_path(tmp_path / name) == tmp_path / "a" / "storm.truth.jsonl"


@pytest.mark.parametrize("text", ["", "{}\n", '{"truth":2}\n', "no\n", '{"truth":1}\n{"fault":{}}\n'])
def test_what_is_no_truth_is_refused(tmp_path, text):
    path = tmp_path / "a.truth.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SnapshotError, match=r"a\.truth\.jsonl"):
        read_truth(path)


def test_a_missing_truth_is_missing(tmp_path):
    with pytest.raises(MissingError, match=r"a\.truth\.jsonl"):
        read_truth(tmp_path / "a.truth.jsonl")
