"""Schemas that would let a few bytes do harm are refused."""

from __future__ import annotations

import json

import pytest

from toolgate.schemas.bundle import SUBJECTS, schemas
from toolgate.schemas.lint import findings

EMPTY = {"type": "record", "name": "Empty", "doc": "d", "fields": []}
NOTHING = {
    "type": "record",
    "name": "Nothing",
    "doc": "d",
    "fields": [{"name": "n", "type": "null", "doc": "d"}, {"name": "e", "type": EMPTY, "doc": "d"}],
}


def record(field_type, **changes):
    """A record with one field of the type."""
    return {
        "type": "record",
        "name": "R",
        "namespace": "t",
        "doc": "d",
        "fields": [{"name": "f", "type": field_type, "doc": "d"}],
    } | changes


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.stem)
def test_the_bundled_schemas_are_clean(subject):
    """Nothing that the package carries recurses, explodes or goes undocumented."""
    assert {findings(json.loads(schema.text)) for schema in schemas(subject.stem)} == {()}


@pytest.mark.parametrize(
    ("schema", "finding"),
    [
        (record({"type": "array", "items": "null"}), "t.R.f: items of the array may take no bytes"),
        (record({"type": "array", "items": EMPTY}), "t.R.f: items of the array may take no bytes"),
        (record({"type": "array", "items": NOTHING}), "t.R.f: items of the array may take no bytes"),
        (record({"type": "map", "values": "null"}), "t.R.f: values of the map may take no bytes"),
        (
            record({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0, "doc": "d"}}),
            "t.R.f: items of the array may take no bytes",
        ),
        (record({"type": "array", "items": {"type": "null"}}), "t.R.f: items of the array may take no bytes"),
        (record("R"), "t.R.f: t.R holds itself"),
        (record(["null", "t.R"]), "t.R.f: t.R holds itself"),
        (record({"type": "array", "items": record("R", name="S")}), ""),
        (record({"type": "map", "values": {"type": "array", "items": "R"}}), "t.R.f[][]: t.R holds itself"),
        (record("string", doc=" "), "t.R: has no doc"),
        (record("string", fields=[{"name": "f", "type": "string"}]), "t.R.f: has no doc"),
        (record({"type": "enum", "name": "E", "symbols": ["A"]}), "t.R.f<t.E>: has no doc"),
    ],
)
def test_a_harmful_schema_is_found(schema, finding):
    """Each rule names the path to what breaks it."""
    found = findings(schema)
    assert any(line.startswith(finding) for line in found) if finding else found


@pytest.mark.parametrize(
    "schema",
    [
        record({"type": "array", "items": ["null", "string"]}),
        record({"type": "array", "items": {"type": "fixed", "name": "F", "size": 1, "doc": "d"}}),
        record({"type": "array", "items": {"type": "array", "items": "string"}}),
        record(EMPTY),
        record("null"),
    ],
)
def test_what_takes_a_byte_for_each_item_passes(schema):
    """A union's index and a list's count take a byte; a single empty value does no harm."""
    assert findings(schema) == ()
