"""No plate, face, phone, card, name or household anywhere: not in a catalog, not in a schema, and none gets in."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from citybrain.codec import _READING
from citybrain.documents import load

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(path for path in ROOT.glob("*/catalog/**/*") if path.suffix in (".yaml", ".geojson"))
SCHEMAS = sorted((ROOT / "docs" / "generated" / "schemas").glob("*.json"))

IDENTIFYING = re.compile(
    r"(^|_)(plate|licen[cs]e|face|phone|mobile|telephone|id_?card|identity|imei|imsi|mac|ssid|owner|driver|person|"
    r"passport|email|wechat|surname|birth|gender|household|resident|patient|visitor_id|full_?name)(_|$)"
)
# A unit and a count, not a who.
ALLOWED = {"persons"}
# Plates of Zhejiang, mobile phones, identity cards, addresses of mail.
VALUE = re.compile(r"浙[A-L][·-]?[A-Z0-9]{5,6}\b|(?<![\d.])1[3-9]\d{9}(?![\d.])|(?<!\d)\d{17}[\dXx](?!\d)|\w@\w+\.\w")


def keys_in(data: Any) -> Iterator[str]:
    """Yield every key, however deep."""
    if isinstance(data, dict):
        yield from (str(key) for key in data)
        for value in data.values():
            yield from keys_in(value)
    elif isinstance(data, list):
        for value in data:
            yield from keys_in(value)


def texts_in(data: Any) -> Iterator[str]:
    """Yield every text, however deep."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for value in data.values() if isinstance(data, dict) else data:
            yield from texts_in(value)


def fields_in(schema: Any) -> Iterator[str]:
    """Yield the fields that a schema lets through."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from fields_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from fields_in(value)


def objects_in(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield the schemas of objects, however deep."""
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects_in(value)


def tells_who(name: str) -> bool:
    """Tell whether a field of that name would say who somebody is."""
    return name not in ALLOWED and IDENTIFYING.search(name.lower().replace("-", "_")) is not None


def data_of(path: Path) -> Any:
    """Return what a catalog file says."""
    if path.suffix == ".geojson":
        return json.loads(path.read_text("utf-8"))
    document, problems = load(path)
    assert problems == []
    assert document is not None
    return document.data


def test_all_catalogs_and_all_schemas_are_looked_at():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == {"citybrain", "rules", "scenarios", "simulators"}
    assert {"reading", "alert-event", "script-file", "incident", "storyline"} <= {
        path.name.partition(".")[0] for path in SCHEMAS
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_catalog_says_who_it_is(path: Path):
    data = data_of(path)
    assert [key for key in keys_in(data) if tells_who(key)] == []
    assert [text for text in texts_in(data) if VALUE.search(text)] == []


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_no_schema_has_a_field_for_who_it_is(path: Path):
    assert [name for name in fields_in(json.loads(path.read_text("utf-8"))) if tells_who(name)] == []


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_every_schema_refuses_fields_that_it_does_not_have(path: Path):
    objects = list(objects_in(json.loads(path.read_text("utf-8"))))
    assert objects
    assert [one.get("title") for one in objects if one.get("additionalProperties") is not False] == []


def test_what_is_decoded_refuses_them_too():
    found = list(objects_in(_READING.json_schema()))
    assert found
    assert all(one.get("additionalProperties") is False for one in found)


@pytest.mark.parametrize(
    "name",
    [
        "license_plate",
        "plate",
        "face-id",
        "phone",
        "idcard",
        "id_card",
        "imei",
        "owner",
        "driver_id",
        "patient",
        "household",
    ],
)
def test_a_planted_field_is_found(name: str):
    assert tells_who(name)


@pytest.mark.parametrize("name", ["surface", "visitors_inside", "persons", "machine", "limits", "data_owners"])
def test_an_innocent_field_is_not(name: str):
    assert not tells_who(name)


@pytest.mark.parametrize("text", ["浙K12345", "浙K·D12345", "call 13805780000", "33250119900101123X", "a@b.cn"])
def test_a_planted_value_is_found(text: str):
    assert VALUE.search(text)


@pytest.mark.parametrize("text", ["331102", "119.913", "浙政办发〔2008〕11号", "2026-06-20T08:00:00+08:00"])
def test_an_innocent_value_is_not(text: str):
    assert not VALUE.search(text)
