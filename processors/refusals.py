"""Refusals: a claim that the ledger refused, as a reason with its distance to allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.amounts import USD_MICROS, amount, duration
from toolgate.processors.claims import (
    FACTS_BYTES_MAX,
    Charge,
    Count,
    Deadline,
    Distinct,
    Forbid,
    Own,
    Rate,
    Remember,
    Require,
    Spend,
)
from toolgate.processors.reasons import Code
from toolgate.processors.run_contract import LATE, TAKEN
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from toolgate.processors.claims import Claim

_WINDOWS = {"": "", "hour": " an hour", "day": " a day", "month": " a month"}
_ARTICLES = {"agent": "an"}
_STOPPED = {  # by code, or by rule where a code has several
    Code.RUN_LATCHED.value: "the run is stopped: one of its budgets is overdrawn",
    Code.RUN_FINISHED.value: "the run is finished",
    LATE: "the run has begun, and a contract counts only before its first approval",
    TAKEN: "the run has a contract already, and has it for good",
}

_TIMES = {
    Code.CONTRACT_EXPIRED.value: "the deadline of its run",
    Code.VOTE_REFUSED.value: "the time that people had to decide",
    Code.GRANT_ENDED.value: "the time of the grant that allows it",
}


def refusal(claim: Claim, level: int) -> Reason:
    """Why the ledger refused a claim. `level` is what it found, as streams.ports.Decision.refused defines it.

    Raises TypeError for what is never refused.
    """
    reason = _refusal(claim, level)
    said = claim.label.because
    return changed(reason, because=f"{said} ({reason.because})") if said else reason


def _refusal(claim: Claim, level: int) -> Reason:  # noqa: PLR0911 - one a claim
    match claim:
        case Charge():
            window = _WINDOWS[claim.window.partition(":")[0]]
            return _over(claim, claim.max, level + claim.amount, claim.amount, window)
        case Distinct():
            window = f" in {duration(claim.window_ms)}" if claim.window_ms else ""
            return _over(claim, claim.max, level, len(claim.records), window)
        case Rate():
            return _wait(claim, level)
        case Count() | Forbid() | Require():
            return _counter(claim, level)
        case Own():
            return _owned(claim, level)
        case Deadline():
            return _late(claim, level)
        case Remember():
            return _full(claim, level)
        case Spend():
            raise TypeError("a Spend is never refused")


def _over(claim: Charge | Distinct | Count, cap: int, reached: int, asked: int, window: str = "") -> Reason:
    label = claim.label
    over = max(reached - cap, 1)  # refused, so it is over by something
    # "7 records over 50": the unit stands once, unless it is money.
    limit = amount(cap, label.unit) if label.unit == USD_MICROS else f"{cap:,}"
    name = "" if isinstance(claim, Distinct) else f"{_ARTICLES.get(label.scope, 'a')} {label.scope} cap of "
    because = f"{amount(over, label.unit)} over {name}{limit}{window}"
    return Reason(label.code, label.rule, because, label.scope, label.unit, asked, cap, over)


def _late(claim: Deadline, late_ms: int) -> Reason:
    label = claim.label
    what = _TIMES.get(label.code, "its time to live")
    because = f"decided {late_ms:,} ms after {what} had passed"
    return Reason(label.code, label.rule, because, label.scope, label.unit, None, None, late_ms)


def _full(claim: Remember, kept: int) -> Reason:
    label = claim.label
    because = f"the {label.scope} keeps {kept:,} of {FACTS_BYTES_MAX:,} bytes: nothing more can wait for people in it"
    return Reason(label.code, label.rule, because, label.scope, label.unit, None, FACTS_BYTES_MAX, None)


def _wait(claim: Rate, excess_us: int) -> Reason:
    label = claim.label
    wait_ms = max(-(-excess_us // 1_000), 1)
    because = f"retry in {wait_ms:,} ms"
    return Reason(label.code, label.rule, because, label.scope, label.unit, None, None, wait_ms)


def _counter(claim: Count | Forbid | Require, level: int) -> Reason:
    label = claim.label
    if because := _STOPPED.get(label.code) or _STOPPED.get(label.rule):
        return Reason(label.code, label.rule, because, label.scope, label.unit)
    if isinstance(claim, Require):
        short = max(claim.n - level, 1)
        because = f"{amount(short, label.unit)} short of {claim.n:,}"
        return Reason(label.code, label.rule, because, label.scope, label.unit, None, claim.n, short)
    if isinstance(claim, Forbid):
        because = f"{amount(level, label.unit)}, and the {label.scope} stops at {claim.n:,}"
        return Reason(
            label.code,
            label.rule,
            because,
            label.scope,
            label.unit,
            None,
            claim.n,
            max(level - claim.n + 1, 1),
        )
    if claim.max is None:
        raise TypeError("a count without max is never refused")
    return _over(claim, claim.max, level + claim.n, claim.n)


def _owned(claim: Own, level: int) -> Reason:
    label = claim.label
    if level == 1:
        because = f"run {claim.run_id} belongs to somebody else than {claim.owner}"
        return Reason(Code.RUN_NOT_YOURS, label.rule, because, label.scope)
    because = f"run {claim.run_id} was idle for {duration(claim.idle_ms)} and has ended"
    return Reason(Code.RUN_ENDED, label.rule, because, label.scope)
