"""A schema written out as one function reads what the functions made of functions read."""

from __future__ import annotations

import pytest

from toolgate.inspection.decoding import RECORD_TYPES
from toolgate.schemas.binary import NESTED
from toolgate.schemas.bundle import schemas, subject_of
from toolgate.schemas.codec import HEADER_BYTES
from toolgate.schemas.reading import reader
from toolgate.schemas.writing import writer
from toolgate.verification.history import AUDIT, TOLD
from toolgate.verification.unrolled import unrolled


@pytest.mark.parametrize("topic", [AUDIT, *TOLD])
def test_both_give_the_same(past, grants, topic):
    """Of every record in a history with all kinds of them; what alerts tell of is granted in another."""
    schema = schemas(subject_of(RECORD_TYPES[topic]).stem)[-1].runtime
    classes = {**NESTED, schema["name"]: RECORD_TYPES[topic]}
    one, many = unrolled(schema, classes), reader(schema, classes)
    history = grants if topic == "alerts" else past
    values = [e.value for e in history.envelopes if e.topic == topic]
    assert values
    assert [one(v, HEADER_BYTES) for v in values] == [many(v, HEADER_BYTES) for v in values]


_PAIR = {
    "type": "record",
    "name": "t.Pair",
    "fields": [{"name": "text", "type": "string"}, {"name": "number", "type": "long"}],
}


@pytest.mark.parametrize("size", [0, 1, 63, 64, 5000])
@pytest.mark.parametrize("bits", [0, 1, 6, 7, 13, 14, 20, 21, 27, 28, 34, 41, 48, 55, 62, 63])
def test_numbers_and_strings_of_every_length(bits, size):
    """From one byte to ten, on both sides of zero."""
    for number in {(1 << bits) - 1, -(1 << bits)}:
        data = bytes(writer(_PAIR, {})(("é" * size, number)))
        assert unrolled(_PAIR, {})(data, 0) == (("é" * size, number), len(data))
        assert unrolled(_PAIR, {}, ("number",))(data, 0) == ((number,), len(data))


@pytest.mark.parametrize("data", [b"", b"\x02", b"\x00" + b"\xff" * 11, b"\x81\x01", b"\x02\xff\x00"])
def test_what_is_none_is_refused(data):
    """Cut short, overlong, of negative length, no text."""
    with pytest.raises((IndexError, ValueError)):
        unrolled(_PAIR, {})(data, 0)
