"""The quick reader says what the full parser says, or nothing at all."""

import random
from pathlib import Path
from typing import Any

import pytest

from citybrain import documents
from citybrain.documents import load
from citybrain.plain_yaml import read_plain
from citybrain.registry import SHIPPED
from rules.ruleset import SHIPPED_RULES

SEED = 20261124
NOTHING = object()
SAMPLE = """\
# A file with every form.
kind: river-gauge
crs: wgs84  # The usual one.
source: "schematic: it's a test"
period: 5min
numbers: [1, -2.5, +3, 0.10, 007, 1e5, .5, 1_000, 0x1f, 04-15..07-15, true, null, ~, 'no']
hours: 06:00-22:00
sites:
  - id: hs-a
    name: {zh: 甲站，上游(模拟), en: "Gauge: A"}
    attributes:
      flood_limit_stage:
        - {dates: 04-15..07-15, value: 182.0 m}
        - {dates: 07-16..10-15, value: 181.8 m}
      reach: [upper, lower]
    metrics: [
      stage, rain,
      nested, [deep, {er: µg/m3}],
    ]
    expect: []
  - id: hs-b
    note: plain text, with # no comment
"""
LETTERS = " -:,#[]{}\"'|>&*!?%@`~\\\t\n：，｛“\u3000.0a甲"


def full(text: str) -> Any:
    """Return the data that the full parser gives, NOTHING for a text that has a fault."""
    try:
        root = documents._composed(text)
    except Exception:
        return NOTHING
    problems: list[Any] = []
    data = documents._Plain(Path("x.yaml"), problems).value(root) if root is not None else None
    return NOTHING if problems else data


def quick(text: str) -> Any:
    return read_plain(text, documents._sure_scalar)


@pytest.mark.parametrize(
    "path", sorted([*SHIPPED.rglob("*.yaml"), *SHIPPED_RULES.rglob("*.yaml")]), ids=lambda p: p.stem
)
def test_the_shipped_catalogs_are_read_quickly_and_alike(path):
    text = path.read_text(encoding="utf-8")
    assert repr(quick(text)) == repr(full(text))


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1", {"a": 1}),
        ("a: -1.50 m", {"a": "-1.50 m"}),
        ("a: x#y", {"a": "x#y"}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: [x, {b: y}]  # Why.", {"a": ["x", {"b": "y"}]}),
        ("a:\n  - b: 1\n    c: 2\n  - 3", {"a": [{"b": 1, "c": 2}, 3]}),
        ("- a\n- b", ["a", "b"]),
        ("a: [x,\n  y]", {"a": ["x", "y"]}),
        ("true: 'yes'", {"true": "yes"}),
    ],
)
def test_plain_forms_are_read(text, data):
    assert quick(text) == data == full(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a: 1\na: 2",
        "{a: 1, a: 2}",
        "a: b: c",
        "a: x\n  y",
        "a: |\n  x",
        "a: >-\n  x",
        "a: &x 1",
        "a: *x",
        "a: !t 1",
        'a: "x\\ny"',
        "a: [x\n  y]",
        "a: [x",
        "a: x]y: [",
        "a: 1\n b: 2",
        "a:\n  b: 1\n c: 2",
        "\ta: 1",
        "a: 1\t",
        "a：1",
        "a: ｛b: 1｝",
        "a: 1e5",
        "a: 007",
        "a: 1234567890123456789",
        "a:",
        "---\na: 1",
        "a: 1\n---\nb: 2",
        "a: x \u3000",
        "? a\n: 1",
        "[" * 3000,
    ],
)
def test_anything_else_is_left_to_the_full_parser(text):
    assert quick(text) is None


def test_a_torn_text_is_read_alike_or_left_to_the_full_parser():
    generator = random.Random(SEED)
    read = 0
    for _ in range(2500):
        text = torn(generator)
        found = quick(text)
        if found is not None:
            read += 1
            assert repr(found) == repr(full(text)), f"seed {SEED}:\n{text}"
    assert read > 200, "the test would prove nothing"


def torn(generator: random.Random) -> str:
    """Return a part of the sample with one to three slips."""
    lines = SAMPLE.splitlines(keepends=True)
    start = generator.choice([0, 5, 7])
    text = "".join(lines[start : start + generator.randrange(3, 16)])
    for _ in range(generator.randrange(1, 4)):
        at = generator.randrange(len(text) + 1)
        match generator.randrange(3):
            case 0:
                text = text[:at] + text[at + 1 :]
            case 1:
                text = text[:at] + generator.choice(LETTERS) + text[at:]
            case 2:
                other = generator.randrange(len(text) + 1)
                text = text[: min(at, other)] + text[max(at, other) :] if abs(at - other) < 12 else text
    return text


def test_a_fault_in_a_plain_file_has_its_place(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("kind: a\nsites:\n  - id: b\n    county: c\n", encoding="utf-8")
    document, problems = load(path)
    assert document is not None
    assert not problems
    assert document.place(("sites", 0, "county")) == (4, 5)
