"""Names: ids that cannot be confused, and globs."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.names import compile_globs, glob_fault, id_fault, is_glob, is_id


@pytest.mark.parametrize("text", ["a", "A-1", "billing_adjustments_v3", "x:y.z@q+w", "9", "a" * 128])
def test_accepts_plain_ids(text):
    """Letters, digits and a few marks, up to 128 characters."""
    assert is_id(text)
    assert id_fault(text) == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("a" * 129, "has 129 characters"),
        ("a/b", "'/' at character 2"),
        ("a b", "' ' at character 2"),
        ("a\n", "'\\n' at character 2"),
        ("-a", "starts with '-'"),
        ("p\u0430y", "U+0430 CYRILLIC SMALL LETTER A at character 2"),
        ("a\u200b", "U+200B ZERO WIDTH SPACE at character 2"),
        ("\u0661", "U+0661 ARABIC-INDIC DIGIT ONE at character 1"),
    ],
)
def test_says_what_is_wrong_with_an_id(text, fault):
    """The character and its name are given, so that a look-alike is seen."""
    assert not is_id(text)
    assert fault in id_fault(text)


@given(st.text())
def test_every_text_is_an_id_or_has_a_fault(text):
    """The two functions never disagree."""
    assert bool(is_id(text)) == (id_fault(text) == "")


@pytest.mark.parametrize("text", ["*", "get_*", "a?c", "x*y*z"])
def test_accepts_globs(text):
    """Stars and question marks stand for characters."""
    assert is_glob(text)
    assert glob_fault(text) == ""


def test_a_glob_takes_no_brackets():
    """Character classes are not part of the language."""
    assert "'['" in glob_fault("a[bc]")


def test_no_globs_match_nothing():
    """An empty list allows and denies nothing."""
    assert compile_globs(()).fullmatch("") is None


@given(st.lists(st.text("ab.*?", min_size=1, max_size=8), max_size=4), st.text("ab.", max_size=8))
def test_globs_match_what_any_of_them_does(globs, name):
    """One compiled pattern says the same as each glob by itself."""
    expected = any(fnmatch.fnmatchcase(name, glob) for glob in globs)
    assert (compile_globs(tuple(globs)).fullmatch(name) is not None) is expected


def test_a_hostile_name_does_not_stall_a_glob_of_many_stars():
    """Matching stays linear: this would not end with a pattern that tries every split."""
    assert compile_globs(("*a" * 60 + "b",)).fullmatch("a" * 128) is None
