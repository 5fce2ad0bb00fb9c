"""JSON has one meaning or none."""

from __future__ import annotations

import json
import math
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.schemas.strict_json import INTEGER_MAX, JsonError, digest, dumps_canonical, loads_strict

MAX = 96 * 1024


def nested(depth: int) -> str:
    """An object with lists inside, `depth` deep in all."""
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ('{"a":1,"b":[true,false,null,"x",1.5]}', {"a": 1, "b": [True, False, None, "x", 1.5]}),
        (' {"b" : 1, "a":\t2 }\n', {"a": 2, "b": 1}),
        ('{"a":1.50,"b":1E3,"c":-0,"d":1.0}', {"a": 1.5, "b": 1000.0, "c": 0, "d": 1.0}),
        ('{"a":"\\u00e9\\ud83d\\ude00"}', {"a": "\u00e9\N{GRINNING FACE}"}),
        ('{"a":{"k":1},"b":{"k":1}}', {"a": {"k": 1}, "b": {"k": 1}}),
        (f'{{"a":{INTEGER_MAX},"b":-{INTEGER_MAX}}}', {"a": INTEGER_MAX, "b": -INTEGER_MAX}),
        (f'{{ "a":{INTEGER_MAX},"b":-{INTEGER_MAX}}}', {"a": INTEGER_MAX, "b": -INTEGER_MAX}),
        ('{"a":1e300}', {"a": 1e300}),
        (nested(32), json.loads(nested(32))),
    ],
)
def test_what_is_clear_is_read(text, value):
    """Canonical or not, as text or as bytes."""
    assert loads_strict(text, max_bytes=MAX) == value
    assert loads_strict(text.encode(), max_bytes=MAX) == value


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{} {}", "not JSON"),
        ('{"a":1,}', "not JSON"),
        ("{'a':1}", "not JSON"),
        ('{"a":01}', "not JSON"),
        ('{"a":NaN}', "not JSON"),
        ('{"a":-Infinity}', "not JSON"),
        ('{"a":1e400}', "not JSON"),
        ('{"a":-1e400 }', "not JSON"),
        ('{"a":"\\ud800"}', "not JSON"),
        ('{"a":"\\udc00\\ud800"}', "not JSON"),
        ('{"a":"\ud800"}', "lone surrogate at character 6"),
        ('{"a":"\n"}', "not JSON"),
        ("\ufeff{}", "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":"\xed\xa0\x80"}', "not JSON"),
        ("[]", "the top is an array, not an object"),
        ('"a"', "the top is a string, not an object"),
        ("1", "the top is a number, not an object"),
        ("true", "the top is a boolean, not an object"),
        ("null", "the top is null, not an object"),
        ('{"a":1,"a":1}', "key 'a' stands twice"),
        ('{"a":1,"a":2}', "key 'a' stands twice"),
        ('{"x":[{"b":1,"a":1,"\\u0061":2}]}', "key 'a' stands twice"),
        (f'{{"a":{INTEGER_MAX + 1}}}', "9007199254740992 is beyond"),
        (f'{{"a":-{INTEGER_MAX + 1}}}', "-9007199254740992 is beyond"),
        ('{"a":[123456789012345678901234567890]}', "123456789012345678901234567890 is beyond"),
        ('{"a":18446744073709551615}', "18446744073709551615 is beyond"),
        ('{"a":' + "9" * 300 + "}", "9999 is beyond"),
        ('{"a":' + "9" * 50_000 + "}", "not JSON"),
        (nested(33), "nested deeper than 32"),
        (" " + nested(33), "nested deeper than 32"),
        (nested(2_000), "not JSON"),
        ('{"a":' * 16_000, "not JSON"),
        ("[" * MAX, "not JSON"),
        ('{"a":"' + "x" * MAX + '"}', "more than 98304"),
        ('{"a":"' + "\u00e9" * (MAX // 2) + '"}', "98312 bytes, more than 98304"),
    ],
)
def test_what_is_not_clear_is_refused(text, detail):
    """Whatever two parsers could read differently, and whatever could cost the reader."""
    with pytest.raises(JsonError, match=detail):
        loads_strict(text, max_bytes=MAX)


def test_the_depth_is_the_callers_to_choose():
    """An outermost object is depth 1."""
    assert loads_strict("{}", max_bytes=MAX, max_depth=1) == {}
    with pytest.raises(JsonError, match="deeper than 1"):
        loads_strict('{"a":{}}', max_bytes=MAX, max_depth=1)


class Colour(StrEnum):
    """A string that is more than a string."""

    RED = "red"


CYCLE: list[object] = []
CYCLE += [CYCLE, CYCLE]


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ({"a": math.nan}, "nan is no JSON number"),
        ({"a": -math.inf}, "-inf is no JSON number"),
        ({"a": 2**53}, "9007199254740992 is beyond"),
        ({"a": 10**5_000}, "an integer is beyond"),
        ({"a": b"x"}, "a bytes has no JSON"),
        ({"a": {1, 2}}, "a set has no JSON"),
        ({"a": Colour.RED}, "a Colour has no JSON"),
        ({1: "a"}, "no JSON for this value"),
        ({"a": "\ud800"}, "no JSON for this value"),
        (CYCLE, "nested deeper than 32"),
        (json.loads(nested(33)), "nested deeper than 32"),
    ],
)
def test_what_has_no_clear_json_is_not_written(value, detail):
    """Orjson alone would write null for NaN and follow a cycle to its limit."""
    with pytest.raises(JsonError, match=detail):
        dumps_canonical(value)


def test_a_value_has_one_text():
    """Keys are sorted at every depth, and nothing is padded."""
    assert (
        dumps_canonical({"b": [{"z": 1, "y": (2,)}], "a": "\u00e9"}) == '{"a":"\u00e9","b":[{"y":[2],"z":1}]}'
    )


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=6)


@given(OBJECTS)
def test_reading_what_was_written_gives_the_value_again(value):
    """Canonical text is read back, and writing it again changes nothing."""
    text = dumps_canonical(value)
    again = loads_strict(text, max_bytes=10**6)
    assert again == value
    assert dumps_canonical(again) == text


@given(OBJECTS, st.sampled_from([None, 2]), st.booleans())
def test_spelling_does_not_matter(value, indent, ascii_only):
    """Another writer's spacing, order and escapes give the same value."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert loads_strict(text, max_bytes=10**6) == value


@given(st.text() | st.text(alphabet='{}[]":,\\u0123456789eE+-. ntrafls', max_size=60))
def test_no_text_makes_anything_but_a_value_or_a_json_error(text):
    """There is one exception, whatever comes."""
    try:
        value = loads_strict(text, max_bytes=MAX)
    except JsonError:
        return
    assert loads_strict(dumps_canonical(value), max_bytes=MAX * 10) == value


def test_the_digest_is_blake2b_128():
    """The digest of 128 bits, which is not the longer one cut short."""
    assert digest(b"") == "cae66941d9efbd404e4d88758ea67670"
    assert len(digest(b"x")) == 32
