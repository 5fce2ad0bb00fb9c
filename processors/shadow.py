"""Shadow: a judged case of which only is recorded what it would have come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.modes import RULE, SHADOW
from toolgate.processors.reasons import Code
from toolgate.processors.verdicts import ordered, verdict_of
from toolgate.schemas.enums import Kind, Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.processors.case import Case
    from toolgate.processors.world import World


def shadow_of(case: Case, world: World) -> str:
    """Why nothing is commanded for a case but recorded, as a sentence for people, or ""."""
    if case.policy is None:
        return ""
    mode, order = world.mode(case.policy, case.intent.run_id)
    if mode != SHADOW:
        return ""
    said = order.mode if order else case.policy.mode
    if said != SHADOW:
        because = f" ({order.because})" if order else ""
        return f"this run is not one that the canary enforces{because}"
    return f"the workflow is in shadow ({order.because})" if order else "the policy is in shadow"


def shadowed(case: Case, because: str) -> Case:
    """The case as the ledger is asked about it: its claims are looked at, and no account moves."""
    return changed(
        case,
        verdict=Verdict.RECORDED,
        reasons=(Reason(Code.SHADOWED, RULE, because),),
        shadow_reasons=ordered(case.reasons + case.shadow_reasons),
        claims=() if case.verdict == Verdict.DENY else case.always + case.claims,
        always=(),
        on_deny=(),
        reserve=None,
    )


def would_have(case: Case, reasons: Iterable[Reason], shadow_reasons: tuple[Reason, ...]) -> str:
    """The verdict of a decided case if nothing were in shadow, or "" where nothing is.

    Args:
        case: as the chain judged it.
        reasons: of the published verdict.
        shadow_reasons: those that did not count, the ledger's with them.
    """
    recorded = case.verdict == Verdict.RECORDED
    if not recorded and not shadow_reasons:
        return ""
    verdict = verdict_of((*(() if recorded else reasons), *shadow_reasons))
    reported = verdict == Verdict.APPROVE and case.intent.kind != Kind.CALL
    return Verdict.RECORDED.value if reported else verdict.value
