"""Strict YAML: plain data with places, exact numbers, no surprises."""

from __future__ import annotations

from decimal import Decimal

import pytest

from toolgate.processors.strict_yaml import FILE_BYTES_MAX, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-7", -7),
        ("0.35", Decimal("0.35")),
        ("1e-3", Decimal("0.001")),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("'1'", "1"),
        ('"yes"', "yes"),
        ("1d", "1d"),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("[1, a]", [1, "a"]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("|\n  line", "line\n"),
    ],
)
def test_reads_plain_values_by_yaml_1_2(text, value):
    """Sexagesimals, dates and old booleans are not what YAML 1.1 makes of them."""
    document, problems = parse("f", f"a: {text}\n".encode())
    assert problems == ()
    assert document is not None
    assert document.data == {"a": value}


def test_keeps_the_place_of_keys_and_values():
    """A problem stands where its part of the file is, or at the nearest part above it."""
    document, _ = parse("f", b"a:\n  b: [1,\n    2]\n")
    assert document is not None
    assert str(document.problem(("a", "b", 1), "what", "hint")) == "f:3:5: what; hint"
    assert str(document.problem(("a", "b"), "what", at_key=True)) == "f:2:3: what"
    assert str(document.problem(("a", "nowhere"), "what")) == "f:2:3: what"


def test_reads_on_after_a_slip():
    """Slips that leave the structure whole are collected."""
    _, problems = parse("f", b"a: yes\nb: 007\na: 1\non: 2\n")
    assert [(problem.line, problem.column) for problem in problems] == [(1, 4), (2, 4), (3, 1), (4, 1)]


def test_an_alias_bomb_is_refused_before_it_unfolds():
    """The first anchor ends the reading, however many aliases follow."""
    text = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 90))
    document, problems = parse("f", text.encode())
    assert document is None
    assert "anchor &a0" in problems[0].what


def test_refuses_a_huge_file_unread():
    """Size is looked at first."""
    document, problems = parse("f", b"a" * (FILE_BYTES_MAX + 1))
    assert document is None
    assert str(problems[0]) == "f: the file has 1,048,577 bytes, at most 1,048,576 are read; split it"


@pytest.mark.parametrize("text", [b"? [a]\n: 1\n", b"&x a: 1\n", b"!!str a: 1\n", b"? {a: 1}\n: 1\n"])
def test_a_key_is_plain_text(text):
    """Nested, anchored and tagged keys are refused."""
    document, problems = parse("f", text)
    assert document is None
    assert problems[0].what == "a key must be plain text"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused_without_recursion_trouble(opening):
    """Ten thousand levels are an error like any other."""
    document, problems = parse("f", (opening * 10_000).encode())
    assert document is None
    assert problems


def test_reads_a_byte_order_mark_and_refuses_control_characters():
    """What editors put in front is skipped; what YAML forbids is refused."""
    document, problems = parse("f", b"\xef\xbb\xbfa: 1\n")
    assert document is not None
    assert (document.data, problems) == ({"a": 1}, ())
    document, problems = parse("f", b"a: \x01\n")
    assert document is None
    assert "this is not YAML" in problems[0].what
