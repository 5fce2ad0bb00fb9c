"""Records that endpoints are told of."""

from __future__ import annotations

from toolgate.schemas.records import Alert, Draft, Hold, Reason

NOW = 1_790_000_000_000
HOLD = Hold(
    *("0-1", "i1", 7, NOW, "t", "w", "r", "a", "pay", "1", "d", "p", 2, ("cfo",), NOW + 9_000_000, "open"),
    reasons=(Reason("HELD_BY_RULE", "large", "$9,000 is more than $500"),),
    diff='{"account":"DE1","cents":900000}',
    cost_micros=5,
    records=("DE1",),
    owner="payments-desk",
    answer_by=NOW + 60_000,
)
DRAFT = Draft("0-2", "i2", 2, NOW, "t", "w", "r", "a", "pay", "1", "", "d", "p", "open", roles=("approver",))
ALERT = Alert(
    "break_glass/0-9", "break_glass", "critical", "t", "w", "r", "0-9", "done under a grant", "{}", 9, NOW
)
