import math

import pytest
from pydantic import TypeAdapter, ValidationError

from citybrain.model import LEVELS, Level, Reading, Scenario, Words

READING = TypeAdapter(Reading)
GOOD = {"site": "hs-a", "observed_at": "2026-06-20T08:00:00+08:00", "values": {"stage": 4.5}}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"values": {"stage": 4}},
        {"values": {"stage": -1e3}},
        {"flags": {"stage": "N"}},
        {"position": [119.5, 28.5]},
        {"position": [-180, 90]},
        {"status": "exercise"},
        {"flags": None, "position": None, "status": None},
    ],
)
def test_a_reading_is_taken(more):
    reading = READING.validate_python({**GOOD, **more})
    assert all(isinstance(value, float) for value in reading.values.values())


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"owner": "x"}, id="unknown field"),
        pytest.param({"values": {"stage": "4.5"}}, id="number as text"),
        pytest.param({"values": {"stage": True}}, id="number as bool"),
        pytest.param({"values": {"stage": None}}, id="no number"),
        pytest.param({"values": {"stage": math.nan}}, id="nan"),
        pytest.param({"values": {"stage": math.inf}}, id="infinite"),
        pytest.param({"values": {}}, id="no value"),
        pytest.param({"values": {f"m{n}": 1.0 for n in range(65)}}, id="65 values"),
        pytest.param({"values": [4.5]}, id="a list of values"),
        pytest.param({"site": ""}, id="no site"),
        pytest.param({"site": "x" * 65}, id="long site"),
        pytest.param({"site": 5}, id="site as number"),
        pytest.param({"observed_at": "2026-06-20T08:00:00"}, id="no offset"),
        pytest.param({"observed_at": 1781913600}, id="instant as number"),
        pytest.param({"flags": {"stage": ""}}, id="empty flag"),
        pytest.param({"flags": {"stage": "NTX"}}, id="long flag"),
        pytest.param({"position": [28.5, 119.5]}, id="lat, lon"),
        pytest.param({"position": [119.5]}, id="half a position"),
        pytest.param({"position": [119.5, 28.5, 10.0]}, id="with a height"),
        pytest.param({"position": ["119.5", "28.5"]}, id="position as texts"),
        pytest.param({"position": [math.nan, 28.5]}, id="position nan"),
        pytest.param({"status": "Actual"}, id="status in capitals"),
    ],
)
def test_a_reading_is_refused(more):
    with pytest.raises(ValidationError):
        READING.validate_python({**GOOD, **more})


@pytest.mark.parametrize("field", list(GOOD))
def test_no_field_of_a_reading_may_be_missing(field):
    with pytest.raises(ValidationError):
        READING.validate_python({key: value for key, value in GOOD.items() if key != field})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_reading_built_in_code_checks_its_numbers_too(value):
    with pytest.raises(ValueError, match=r"values.stage is .*, expected a finite number"):
        Reading("hs-a", 0, {"stage": value})


def test_levels_rise_from_blue_to_red():
    assert [(level.value, level.rank, level.numeral) for level in LEVELS] == [
        ("blue", 1, "Ⅳ"),
        ("yellow", 2, "Ⅲ"),
        ("orange", 3, "Ⅱ"),
        ("red", 4, "Ⅰ"),
    ]
    assert max(Level, key=lambda level: level.rank) is Level.RED


def test_there_are_thirteen_scenarios_and_the_system():
    assert len(Scenario) == 14


def test_words_are_never_empty():
    for wrong in ({"zh": "", "en": "x"}, {"zh": "x"}, {"zh": "x", "en": "y", "fr": "z"}):
        with pytest.raises(ValidationError):
            TypeAdapter(Words).validate_python(wrong)
    assert [Words("一", "one").in_language(language) for language in ("zh", "en")] == ["一", "one"]
