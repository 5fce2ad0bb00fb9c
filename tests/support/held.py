"""A hold and a draft, open, as what waits for people: tests change what they are about."""

from __future__ import annotations

from typing import Any

from toolgate.schemas.records import Draft, Hold

NOW = 1_790_000_000_000
_BOTH: dict[str, Any] = {
    "clk": NOW,
    "tenant": "t",
    "workflow_id": "w",
    "run_id": "r",
    "agent_id": "a",
    "tool": "pay",
    "tool_version": "1",
    "digest": "d",
    "policy_digest": "p",
    "state": "open",
}
HOLD = Hold(
    hold_id="0-1",
    intent_id="i1",
    seq=1,
    approvals_needed=2,
    roles=("cfo",),
    expires_at=NOW + 9 * 3_600_000,
    **_BOTH,
)
DRAFT = Draft(draft_id="0-2", intent_id="i2", seq=2, twin="", **_BOTH)
