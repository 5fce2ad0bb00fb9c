"""Refusals: what the ledger refused, in words, with the distance to allow."""

from __future__ import annotations

import pytest

from toolgate.processors.claims import (
    Charge,
    Count,
    Deadline,
    Distinct,
    Forbid,
    Label,
    Own,
    Rate,
    Require,
    Spend,
)
from toolgate.processors.reasons import Code
from toolgate.processors.refusals import refusal


def label(code, scope="run", unit=""):
    """A label of a rule named "rule"."""
    return Label(code, "rule", scope, unit)


COST = label(Code.BUDGET_EXCEEDED, unit="usd_micros")
CALLS = label(Code.CALLS_EXCEEDED, unit="calls")
TEAM = label(Code.BUDGET_EXCEEDED, "agent", "calls")
RECORDS = label(Code.BLAST_RADIUS, "run", "records")

REFUSED = [
    (
        Charge("a", 50_000, 350_000, COST),
        330_000,
        (Code.BUDGET_EXCEEDED, "$0.03 over a run cap of $0.35", 50_000, 350_000, 30_000),
    ),
    (
        Charge("a", 3, 12, TEAM, "day:UTC"),
        10,
        (Code.BUDGET_EXCEEDED, "1 call over an agent cap of 12 a day", 3, 12, 1),
    ),
    (
        Charge("a", 0, 10, TEAM, "month:Europe/Berlin"),
        2_000,
        (Code.BUDGET_EXCEEDED, "1,990 calls over an agent cap of 10 a month", 0, 10, 1_990),
    ),
    (
        Distinct("k", ("x",) * 9, 50, RECORDS, 86_400_000),
        57,
        (Code.BLAST_RADIUS, "7 records over 50 in 1d", 9, 50, 7),
    ),
    (Distinct("k", ("x",), 0, RECORDS), 1, (Code.BLAST_RADIUS, "1 record over 0", 1, 0, 1)),
    (
        Rate("k", 1, 1, label(Code.RATE_LIMITED, unit="ms")),
        2_399_001,
        (Code.RATE_LIMITED, "retry in 2,400 ms", None, None, 2_400),
    ),
    (
        Rate("k", 1, 1, label(Code.ATTEMPTS_LIMITED, unit="ms")),
        1,
        (Code.ATTEMPTS_LIMITED, "retry in 1 ms", None, None, 1),
    ),
    (Count("k", 1, 12, CALLS), 12, (Code.CALLS_EXCEEDED, "1 call over a run cap of 12", 1, 12, 1)),
    (
        Count("k", 1, 1, label(Code.RUN_FINISHED)),
        1,
        (Code.RUN_FINISHED, "the run is finished", None, None, None),
    ),
    (
        Forbid("k", 1, label(Code.RUN_FINISHED)),
        1,
        (Code.RUN_FINISHED, "the run is finished", None, None, None),
    ),
    (
        Forbid("k", 1, label(Code.RUN_LATCHED)),
        1,
        (Code.RUN_LATCHED, "the run is stopped: one of its budgets is overdrawn", None, None, None),
    ),
    (
        Forbid("k", 20, label(Code.TOO_MANY_DENIALS, unit="denials")),
        20,
        (Code.TOO_MANY_DENIALS, "20 denials, and the run stops at 20", None, 20, 1),
    ),
    (
        Require("k", 2, label(Code.UNSEEN_RESULTS, unit="results")),
        1,
        (Code.UNSEEN_RESULTS, "1 result short of 2", None, 2, 1),
    ),
    (
        Own("r1", "t/w/a", label(Code.RUN_NOT_YOURS)),
        1,
        (Code.RUN_NOT_YOURS, "run r1 belongs to somebody else than t/w/a", None, None, None),
    ),
    (
        Own("r1", "t/w/a", label(Code.RUN_NOT_YOURS)),
        2,
        (Code.RUN_ENDED, "run r1 was idle for 1d and has ended", None, None, None),
    ),
    (
        Deadline(5, label(Code.EXPIRED, "", "ms")),
        1_200,
        (Code.EXPIRED, "decided 1,200 ms after its time to live had passed", None, None, 1_200),
    ),
]


@pytest.mark.parametrize(("claim", "level", "expected"), REFUSED)
def test_says_how_far_it_was_from_being_allowed(claim, level, expected):
    """Code, sentence, amount asked, limit and distance follow from the claim and the level found."""
    reason = refusal(claim, level)
    assert (reason.code, reason.because, reason.asked, reason.limit, reason.distance) == expected
    assert (reason.rule, reason.scope) == ("rule", claim.label.scope)


@pytest.mark.parametrize("claim", [Spend("a", 1, 1, COST), Count("k", 1, None, CALLS)])
def test_what_is_never_refused_has_no_refusal(claim):
    """A refusal of such a claim is a mistake of the ledger, not a reason."""
    with pytest.raises(TypeError, match="never refused"):
        refusal(claim, 1)
