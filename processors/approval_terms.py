"""Approval terms: how many people of which roles decide on a held call, and how long they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.claims import DAY_MS
from toolgate.processors.rule_sheets import APPROVERS
from toolgate.schemas.frozen import frozen

if TYPE_CHECKING:
    from toolgate.processors.case import Case

WAIT_MS = DAY_MS


@frozen
class ApprovalTerms:
    """What a hold needs; `wait_ms` counts from the append time of the intent."""

    approvers: int
    roles: tuple[str, ...]
    wait_ms: int


def terms_of(case: Case) -> ApprovalTerms:
    """The terms of a held call."""
    tool, policy = case.tool, case.policy
    if tool is None or policy is None:
        raise AssertionError("a held call has no tool or no policy")
    sheet = policy.rules.get(tool.name)
    return ApprovalTerms(policy.approvals, sheet.roles if sheet else APPROVERS, WAIT_MS)
