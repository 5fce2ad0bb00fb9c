"""Words on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.cli.wording import because, safe
from toolgate.schemas.records import Reason


@given(st.text(alphabet=st.characters()))
def test_nothing_is_left_that_does_not_print(text):
    """And what prints is left as it is."""
    assert safe(text).isprintable()
    assert not text.isprintable() or safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202eabc", "\\u202eabc"),
        ("\U000e0041", "\\ue0041"),
        ("Müller 北京", "Müller 北京"),
    ],
)
def test_what_does_not_print_stands_as_its_escape(text, shown):
    """Cursor movements, line breaks and marks of direction."""
    assert safe(text) == shown


def test_long_text_is_cut_where_it_is_asked():
    """One place for the mark that it was cut."""
    assert safe("abcdef", 4) == "abc…"
    assert safe("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (Reason("KILLED"), "KILLED"),
        (Reason("X", "budgets[0]", "$0.03 over"), "X budgets[0]: $0.03 over"),
        (Reason("X", "r", "", "run", "calls", 3, 2, 1), "X r: 1 call too far"),
        (Reason("X", because="\x1b[1m"), "X: \\x1b[1m"),
    ],
)
def test_a_reason_is_one_line(reason, told):
    """Code, rule, and what was missing."""
    assert because(reason) == told
