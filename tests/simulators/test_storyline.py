import pytest

from citybrain.errors import CatalogError, MissingError
from simulators.storyline import load_storyline, read_storyline, storyline_path

HEAD = """storyline: s
name: {zh: 试, en: Test}
about: A test.
start: 2026-05-13T00:00:00+08:00
hours: 1
"""


@pytest.mark.parametrize(
    ("body", "place", "says"),
    [
        ("storm: []\n", (6, 1), "storm"),
        (
            "surges:\n  - {site: pk-nowhere, starts: 0s, lasts: 1h, arrivals_per_hour: 5 vehicles}\n",
            (7, 6),
            "pk-nowhere",
        ),
        (
            "leaks:\n  - starts: 0s\n    rises: 1min\n    lasts: 1min\n    fades: 1min\n    centre: [119, 28]\n"
            "    strength: 50 ℃\n    spread: 1 km\n",
            (12, 5),
            "expected %LEL",
        ),
        ("drizzle: 5m\n", (6, 1), "metres are `5 m`"),
        (
            "drifts:\n"
            "  - {site: bt-a, starts: 0s, goes: 1h, stays: 0s, returns: 1h, to: [119, 28]}\n"
            "  - {site: bt-a, starts: 1h, goes: 1h, stays: 0s, returns: 1h, to: [119, 28]}\n",
            (1, 1),
            "overlap",
        ),
    ],
    ids=["unknown field", "unknown site", "wrong unit", "not a rain", "overlapping drifts"],
)
def test_a_wrong_storyline_is_refused_at_its_place(tmp_path, body, place, says):
    path = tmp_path / "s.yaml"
    path.write_text(HEAD + body, encoding="utf-8")
    story, problems = read_storyline(path, {"bt-a"})
    assert story is None
    assert [(problem.line, problem.column) for problem in problems] == [place]
    assert says in str(problems[0].values)


def test_a_missing_storyline_names_those_there_are():
    with pytest.raises(MissingError, match=r"no-such.*first-light"):
        storyline_path("no-such")


def test_a_storyline_with_faults_raises_a_catalog_error(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(HEAD + "wetness: 2\n", encoding="utf-8")
    with pytest.raises(CatalogError, match=r"s\.yaml:6:1"):
        load_storyline(str(path), ())
