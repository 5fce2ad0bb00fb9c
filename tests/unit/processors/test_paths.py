"""Dotted paths into parameters and schemas."""

from __future__ import annotations

import pytest

from toolgate.processors.paths import in_schema, path_fault, steps, values_at

PARAMS = {"user": {"id": "u1"}, "flights": [{"no": 1}, {"no": 2}, {}], "ids": ["a", "b"], "none": None}
SCHEMA = {
    "properties": {
        "user": {"properties": {"id": {}}, "additionalProperties": False},
        "flights": {"items": {"properties": {"no": {}}, "additionalProperties": False}},
        "free": {"additionalProperties": {"properties": {"x": {}}, "additionalProperties": False}},
        "either": {"anyOf": [{}]},
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("user.id", ["u1"]),
        ("params.user.id", ["u1"]),
        ("flights.*.no", [1, 2]),
        ("ids", ["a", "b"]),
        ("ids.*", ["a", "b"]),
        ("none", [None]),
        ("user.name", []),
        ("user.*", []),
        ("ids.x", []),
    ],
)
def test_finds_what_stands_at_a_path(path, found):
    """Absent parts give nothing; lists give their items."""
    assert values_at(PARAMS, steps(path)) == found


@pytest.mark.parametrize(
    ("path", "possible"),
    [
        ("user", True),
        ("user.id", True),
        ("user.name", False),
        ("flights.*.no", True),
        ("flights.*.nr", False),
        ("free.anything.x", True),
        ("free.anything.y", False),
        ("either.whatever", True),
        ("nobody", False),
    ],
)
def test_knows_which_paths_a_schema_admits(path, possible):
    """A path that no parameters can have is a slip of the pen."""
    assert in_schema(SCHEMA, steps(path)) is possible


@pytest.mark.parametrize("text", ["", ".", "a..b", "a.", "*", "*.a", "a b", "a.0", "a" + ".a" * 16])
def test_refuses_what_is_no_path(text):
    """A path begins with a name and has at most sixteen steps."""
    assert path_fault(text)


def test_a_path_has_an_end():
    """Account names are made of paths, and an approval writes them."""
    assert path_fault("a" * 256) == ""
    assert path_fault("a" * 257) == "has 257 characters, at most 256 are allowed"
