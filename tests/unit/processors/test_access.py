"""Access: not listed is denied, deny wins, and reading is not writing."""

from __future__ import annotations

import pytest

from toolgate.processors.chain import judge
from toolgate.processors.reasons import Code

HEAD = "policy: {workflow_id: billing_adjustments_v3, "
DENIED, NOT_ALLOWED, READ_ONLY = [Code.TOOL_DENIED], [Code.TOOL_NOT_ALLOWED], [Code.READ_ONLY]


@pytest.mark.parametrize(
    ("policy", "tool", "codes"),
    [
        ("allowed_tools: [read_invoice]", "read_invoice", []),
        ("allowed_tools: [read_invoice]", "create_adjustment_draft", NOT_ALLOWED),
        ('allowed_tools: ["*_invoice"]', "read_invoice", []),
        ('allowed_tools: ["*"]', "read_invoice", []),
        ('allowed_tools: ["*"]', "create_adjustment_draft", NOT_ALLOWED),
        ('allowed_tools: ["*"]', "execute_refund", NOT_ALLOWED),
        ('allowed_tools: ["*", execute_refund]', "execute_refund", []),
        ("allowed_tools: [read_invoice], denied_tools: [read_invoice]", "read_invoice", DENIED),
        ('allowed_tools: [read_invoice], denied_tools: ["read_*"]', "read_invoice", DENIED),
        ('allowed_tools: ["read_*"], denied_tools: [read_invoice]', "read_invoice", DENIED),
        ("allowed_tools: [read_invoice], denied_tools: [execute_refund]", "execute_refund", DENIED),
        ("mode: read_only, allowed_tools: [read_invoice]", "read_invoice", []),
        ("mode: read_only, allowed_tools: [execute_refund]", "execute_refund", READ_ONLY),
        ("mode: read_only, allowed_tools: [read_invoice]", "execute_refund", NOT_ALLOWED + READ_ONLY),
        (
            "mode: read_only, allowed_tools: [read_invoice], denied_tools: [execute_refund]",
            "execute_refund",
            DENIED + READ_ONLY,
        ),
        ("allowed_tools: [read_invoice]", "nobody", [Code.TOOL_UNKNOWN]),
        (
            "allowed_tools: [read_invoice], denied_tools: [wire_money]",
            "wire_money",
            [Code.TOOL_UNKNOWN, Code.TOOL_DENIED],
        ),
    ],
)
def test_decides_by_list_and_mode(policy, tool, codes, case, world):
    """One row for each way in which a tool is allowed or refused."""
    judged = judge(case(tool=tool), world(f"{HEAD}{policy}}}\n"))
    assert [reason.code for reason in judged.reasons] == codes


@pytest.mark.parametrize(
    ("kind", "more"), [("usage", {"declared_cost_micros": 1}), ("finish", {"run_outcome": "failed"})]
)
def test_reports_need_no_tool(kind, more, case, world):
    """Spend and outcome are no use of a tool."""
    assert (
        judge(
            case(kind=kind, **more), world(f"{HEAD}mode: read_only, allowed_tools: [read_invoice]}}\n")
        ).reasons
        == ()
    )
