"""Parameter schemas: closed, local, linear, and silent about values."""

from __future__ import annotations

from decimal import Decimal

import pytest

from toolgate.processors.param_schema import ParamSchema, SchemaError

NESTED = {
    "properties": {
        "user": {"type": "object", "properties": {"id": {"type": "string"}}},
        "lines": {"type": "array", "items": {"properties": {"sku": {}}}},
        "maybe": {"type": ["object", "null"], "properties": {"a": {}}},
        "free": {"type": "object", "additionalProperties": True},
        "payment": {"$ref": "#/$defs/payment"},
    },
    "$defs": {"payment": {"type": "object", "properties": {"card": {}}}},
}


@pytest.mark.parametrize(
    ("params", "fits"),
    [
        ({}, True),
        ({"extra": 1}, False),
        ({"user": {"id": "a"}}, True),
        ({"user": {"id": "a", "admin": True}}, False),
        ({"lines": [{"sku": 1}]}, True),
        ({"lines": [{"sku": 1, "x": 1}]}, False),
        ({"maybe": {"b": 1}}, False),
        ({"maybe": None}, True),
        ({"free": {"anything": 1}}, True),
        ({"payment": {"card": 1}}, True),
        ({"payment": {"card": 1, "x": 1}}, False),
    ],
)
def test_objects_are_closed_unless_they_say_otherwise(params, fits):
    """Parameters that no schema names are refused at every level."""
    assert (ParamSchema.compile(NESTED).faults(params) == ()) is fits


@pytest.mark.parametrize(
    ("params", "fits"),
    [
        ({"kind": "a", "x": 1}, True),
        ({"kind": "b", "y": 1}, True),
        ({"kind": "a", "z": 1}, False),
        ({"kind": "a", "x": {"p": 1}}, True),
    ],
)
def test_compound_schemas_are_closed_as_a_whole(params, fits):
    """Each branch sees the others' properties; what none of them names is refused."""
    schema = {
        "properties": {"kind": {}},
        "oneOf": [
            {"properties": {"kind": {"const": "a"}, "x": {}}, "required": ["kind"]},
            {"properties": {"kind": {"const": "b"}, "y": {}}, "required": ["kind"]},
        ],
    }
    assert (ParamSchema.compile(schema).faults(params) == ()) is fits


def test_messages_name_the_place_and_never_the_value():
    """What an agent sent, a secret perhaps, is not repeated to people and logs."""
    schema = {"properties": {"card": {"type": "integer"}, "mode": {"enum": ["a", "b"]}}, "required": ["id"]}
    faults = ParamSchema.compile(schema).faults({"card": "4111-1111", "mode": "s3cret"})
    assert faults == (
        '"id" is a required property',
        'card: the value is not of type "integer"',
        'mode: the value is not one of "a" or "b"',
    )


def test_reports_at_most_five_faults_of_bounded_length():
    """A thousand wrong parameters do not make a thousand reasons, nor a huge one."""
    schema = ParamSchema.compile({"properties": {"a": {"type": "array", "items": {"type": "integer"}}}})
    assert len(schema.faults({"a": ["x"] * 1_000})) == 5
    assert all(len(fault) <= 200 for fault in schema.faults({"b" * 5_000: 1}))


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "string"}, ("type",)),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, ("$schema",)),
        ({"properties": {"a": {"$ref": "other.json"}}}, ("properties", "a", "$ref")),
        (
            {"properties": {"a": {"allOf": [{"$ref": "file:///etc/passwd"}]}}},
            ("properties", "a", "allOf", 0, "$ref"),
        ),
        ({"$id": "https://example.com/x"}, ("$id",)),
        ({"properties": {"a": {"minimum": "3"}}}, ("properties", "a", "minimum")),
        ({"properties": {"a": {"pattern": "("}}}, ("properties", "a", "pattern")),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, ()),
    ],
)
def test_refuses_schemas_that_cannot_be_used(schema, path):
    """The error names the place in the schema."""
    with pytest.raises(SchemaError) as caught:
        ParamSchema.compile(schema)
    assert caught.value.path == path


def test_exact_numbers_of_the_file_reach_the_schema():
    """Decimals of a YAML file serve as bounds."""
    schema = ParamSchema.compile({"properties": {"a": {"maximum": Decimal("0.5")}}})
    assert schema.faults({"a": 0.5}) == ()
    assert schema.faults({"a": 0.51}) != ()


def test_a_hostile_text_does_not_stall_a_pattern():
    """Patterns run in linear time: this would not end in an engine that backtracks."""
    schema = ParamSchema.compile({"properties": {"a": {"pattern": "^(a+)+$"}}})
    assert schema.faults({"a": "a" * 5_000 + "!"}) != ()


def test_formats_are_checked():
    """A format is a promise of the schema, not a remark."""
    schema = ParamSchema.compile({"properties": {"on": {"type": "string", "format": "date"}}})
    assert schema.faults({"on": "2024-02-30"}) != ()
    assert schema.faults({"on": "2024-02-29"}) == ()
