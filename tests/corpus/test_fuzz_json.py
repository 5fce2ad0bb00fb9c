"""The strict JSON reader beside a reference: the same texts are taken, and they give the same value."""

from __future__ import annotations

import json

import json_reference
from changes import changed_bytes, changed_text
from fuzzing import examples, fuzz
from hypothesis import strategies as st

from toolgate.schemas.strict_json import INTEGER_MAX, JsonError, loads_strict, read_strict

SIZE_MAX, DEPTH_MAX = 4096, 8
TEXTS = (
    '{"a":1,"b":[true,false,null,"x",1.5],"c":{"d":{"e":[[]]}}}',
    '{ "k" : -0.0 , "e":1E+3,"u":"\\u00e9\\ud83d\\ude00\\n","z":9007199254740991 }',
    '{"":"","a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}',
    '{"n":[0,-0,-1,0.1,1e-400,123456789.125,5e-324,1.7976931348623157e308,0.30000000000000004]}',
)
# Pieces of JSON, of what is nearly JSON, and of what other readers take.
PIECES = (
    *'{}[]",: \t\n\r\x0b\x0c\x00\xa0/\\-+.eE019', '"a"', '"a":', '"\\u0061":', '"b":1,', "{}", "[]", "[1]",
    "null", "true",
    "nan", "NaN", "Infinity", "-Infinity", "//", "/**/", "'a'", "\\ud83d\\ude00", "\\ud83d", "\\ude00", "\\u0000",
    "\\x41",
    "\ufeff", "\u2028", "1e400", "-1e400", "1e-400", "0x1", "01", "1.", ".5", "-", "--1", "1_0", "9007199254740992",
    "-9007199254740992", "18446744073709551616", "9" * 60, "0." + "9" * 60, "True", "None", "undefined",
)  # fmt: skip
JUNK = st.lists(st.sampled_from(PIECES), max_size=16).map("".join)
WRAPPED = JUNK.map(lambda text: '{"a":' + text + "}")
INNER = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX - 2, INTEGER_MAX + 2) | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=2), below, max_size=3),
    max_leaves=12,
)  # fmt: skip
WRITTEN = st.builds(
    lambda value, indent, plain, order: json.dumps(value, indent=indent, ensure_ascii=plain, sort_keys=order),
    st.dictionaries(st.text(max_size=3), INNER, max_size=4),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.booleans(),
)
BYTES = (
    (JUNK | WRAPPED | WRITTEN | changed_text(TEXTS)).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | changed_bytes([text.encode() for text in TEXTS])
    | WRITTEN.flatmap(lambda text: changed_bytes([text.encode()]))
)


def alike(data: bytes) -> None:
    """Both take it, with one value to the type of every number; or both refuse it."""
    if len(data) > SIZE_MAX:
        return
    try:
        expected = json_reference.read(data, DEPTH_MAX)
    except json_reference.RefusedError:
        try:
            found = loads_strict(data, max_bytes=SIZE_MAX, max_depth=DEPTH_MAX)
        except JsonError:
            return
        raise AssertionError(f"taken as {found!r}") from None
    value, canonical = read_strict(data, max_bytes=SIZE_MAX, max_depth=DEPTH_MAX)
    assert repr(_sorted(value)) == repr(_sorted(expected))  # 1 is not 1.0, and 0.0 not -0.0
    assert read_strict(canonical, max_bytes=10 * SIZE_MAX, max_depth=DEPTH_MAX) == (value, canonical)
    assert loads_strict(data.decode(), max_bytes=SIZE_MAX, max_depth=DEPTH_MAX) == value


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return [(key, _sorted(value[key])) for key in sorted(value)]
    return [_sorted(item) for item in value] if isinstance(value, list) else value


@examples(400)
def test_the_reader_takes_what_the_reference_takes(count):
    """Canonical text, other spellings, nearly JSON, changed bytes."""

    @fuzz(count, BYTES)
    def law(data):
        alike(data)


@examples(30)
def test_depth_and_size_cost_no_more_than_their_bytes(count):
    """Brackets, braces and digits by the ten thousand are refused, each in one way: neither stack nor time runs out."""

    @fuzz(count, st.lists(st.tuples(st.sampled_from(PIECES), st.integers(1, 20_000)), min_size=1, max_size=4))
    def law(parts):
        text = '{"a":' + "".join(piece * times for piece, times in parts)
        try:
            loads_strict(text, max_bytes=96 * 1024)
        except JsonError as error:
            assert len(error.detail) < 300  # noqa: PT017 - whether it is refused is not the question
