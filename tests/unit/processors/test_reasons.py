"""Reason codes: one list, its precedence, and the page made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.processors.reasons import TABLE, Code
from toolgate.processors.reasons_page import table
from toolgate.processors.verdicts import ends_case, ordered, retryable
from toolgate.schemas.records import Reason

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "reasons.md"

# The number of each code, for ever: a row may be added, none may change or go.
NUMBERS = {
    "BAD_IDENTITY": 1,
    "UNKNOWN_WORKFLOW": 2,
    "KILLED": 3,
    "ID_CONFLICT": 4,
    "RUN_NOT_YOURS": 5,
    "RUN_ENDED": 6,
    "RUN_FINISHED": 7,
    "RUN_LATCHED": 8,
    "TOO_MANY_DENIALS": 9,
    "EXPIRED": 10,
    "UNSEEN_RESULTS": 11,
    "BAD_INTENT": 12,
    "TOOL_UNKNOWN": 13,
    "TOOL_VERSION": 14,
    "TOOL_DENIED": 15,
    "TOOL_NOT_ALLOWED": 16,
    "READ_ONLY": 17,
    "PARAMS_NOT_JSON": 18,
    "PARAMS_SCHEMA": 19,
    "COST_INVALID": 20,
    "RECORDS_INVALID": 21,
    "OUTPUT_TOO_LARGE": 22,
    "CALLS_EXCEEDED": 23,
    "BUDGET_EXCEEDED": 24,
    "BLAST_RADIUS": 25,
    "RATE_LIMITED": 26,
    "ATTEMPTS_LIMITED": 27,
    "CANNOT_JUDGE": 28,
    "RULE_FAILED": 29,
    "RULE_DENIED": 30,
    "READ_FIRST": 31,
    "HISTORY_EXCEEDED": 50,
    "HISTORY_REQUIRED": 51,
    "CONTROL_REFUSED": 40,
    "CEDAR_FAILED": 41,
    "CEDAR_DENIED": 42,
    "HELD_BY_RULE": 32,
    "DRAFTED": 33,
    "SHADOWED": 34,
    "CONTRACT_REFUSED": 60,
    "VOTE_REFUSED": 71,
    "HOLD_REJECTED": 72,
    "HOLD_WITHDRAWN": 73,
    "HOLD_EXPIRED": 74,
    "HOLDS_EXCEEDED": 75,
    "GRANT_ENDED": 76,
    "CONTRACT_EXPIRED": 61,
    "CONTRACT_DENIED": 62,
    "CONTRACT_REQUIRED": 63,
    "TOOL_FROZEN": 70,
}


def test_every_code_keeps_its_number():
    """A number stands for the same code for ever."""
    assert {code.value: entry.number for code, entry in TABLE.items()} == NUMBERS


def test_every_code_has_an_entry():
    """No code is without meaning and words for the agent."""
    assert list(TABLE) == list(Code)


@pytest.mark.parametrize("code", list(Code))
def test_words_for_agents_name_no_threshold(code):
    """What an agent is told has no figure in it, so no limit can be read off it."""
    assert not any(char.isdigit() for char in TABLE[code].for_agent)


def test_the_committed_page_is_what_the_codes_say():
    """docs/reference/reasons.md is printed by the module, not written by hand."""
    assert PAGE.read_text(encoding="utf-8") == table()


def test_orders_by_precedence_then_rule_and_keeps_equal_ones():
    """The most severe reason comes first; two of one code stand by rule, two of one rule as they came."""
    late, b1, b0, first, second = (
        Reason(Code.RATE_LIMITED, "rates[0]"),
        Reason(Code.BUDGET_EXCEEDED, "budgets[1]"),
        Reason(Code.BUDGET_EXCEEDED, "budgets[0]"),
        Reason(Code.PARAMS_SCHEMA, "params", "b"),
        Reason(Code.PARAMS_SCHEMA, "params", "a"),
    )
    assert ordered([late, b1, b0, first, second]) == (first, second, b0, b1, late)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), False),
        ((Code.RATE_LIMITED,), True),
        ((Code.RATE_LIMITED, Code.ATTEMPTS_LIMITED), True),
        ((Code.RATE_LIMITED, Code.KILLED), False),
        (("A_CODE_OF_TOMORROW",), False),
    ],
)
def test_is_retryable_only_when_every_reason_is(codes, expected):
    """One terminal reason makes the whole denial terminal."""
    assert retryable(Reason(code) for code in codes) is expected


@pytest.mark.parametrize("code", list(Code))
def test_only_unusable_intents_end_a_case(code):
    """All other reasons are collected, so that people see everything at once."""
    ending = {Code.CANNOT_JUDGE, Code.BAD_IDENTITY, Code.UNKNOWN_WORKFLOW, Code.BAD_INTENT}
    assert ends_case([Reason(code)]) is (code in ending)


def test_an_unknown_code_ends_a_case():
    """A code that this version does not know is not judged further."""
    assert ends_case([Reason("A_CODE_OF_TOMORROW")])
