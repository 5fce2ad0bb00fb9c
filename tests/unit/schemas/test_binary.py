"""The prepared encoding covers what the schemas use, and nothing half."""

from __future__ import annotations

import pytest
from fastavro.schema import parse_schema

from toolgate.schemas.binary import prepare


@pytest.mark.parametrize(
    "schema",
    [
        "double",
        "bytes",
        {"type": "fixed", "name": "F", "size": 4},
        {"type": "array", "items": "float"},
        ["string", "null"],
        ["null", "string", "long"],
        ["null"],
    ],
)
def test_a_type_that_no_schema_uses_is_refused_when_it_is_prepared(schema):
    """A schema that could not be carried faithfully stops the program at its start."""
    with pytest.raises(TypeError):
        prepare(parse_schema(schema), {})


@pytest.mark.parametrize("number", [0, -1, 1, 63, -64, 64, 2**31, -(2**31) - 1, 2**53, 2**63 - 1, -(2**63)])
def test_numbers_of_every_length_come_back(number):
    """Zigzag varints take one to ten bytes."""
    binary = prepare("long", {})
    data = binary.write(number)
    assert binary.read(data, 0) == (number, len(data))
    assert len(data) == max(1, -(-((number << 1) ^ (number >> 63)).bit_length() // 7))


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**63])
def test_an_int_has_32_bits(number):
    """Readers in other languages keep it in 32."""
    with pytest.raises(TypeError, match="no integer of 32 bits"):
        prepare("int", {}).write(number)


def test_numbers_are_the_same_when_they_are_no_longer_remembered():
    """The memory of encoded numbers is bounded; forgetting changes nothing."""
    binary = prepare("long", {})
    first = [binary.write(number) for number in range(70_000)]
    assert [binary.write(number) for number in range(70_000)] == first


def test_a_type_is_spelt_out_once_and_named_afterwards():
    """As fastavro gives it: the second use of a named type is its name."""
    enum = {"type": "enum", "name": "t.E", "symbols": ["A", "B"]}
    schema = {
        "type": "record",
        "name": "t.R",
        "fields": [{"name": "a", "type": enum}, {"name": "b", "type": {"type": "array", "items": "t.E"}}],
    }
    binary = prepare(parse_schema(schema), {})
    assert binary.write(("B", ("A", "B"))) == b"\x02\x04\x00\x02\x00"
    assert binary.read(b"\x02\x04\x00\x02\x00", 0) == (("B", ("A", "B")), 5)
