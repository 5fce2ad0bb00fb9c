"""A small policy set, and calls that it denies, for tests of near misses."""

from __future__ import annotations

from console_site import NOW

from toolgate.nearmiss.case_file import Asked
from toolgate.processors.loader import from_files
from toolgate.schemas.records import Intent, Reason

TOOLS = b"""tools:
  - name: pay
    effect: write
    system: bank
    records: [id]
    cost: 0.01
    redact: [params.card]
    params: {properties: {id: {type: string}, card: {type: string}}, required: [id]}
"""
POLICY = b"""policy:
  workflow_id: refunds_v1
  allowed_tools: [pay]
  rules: [{id: never, tools: [pay], when: params.id == "no", then: deny, because: never so}]
  budgets: [{scope: workflow, unit: usd, max: 0.02, window: none}]
"""
BUDGET = Reason(
    "BUDGET_EXCEEDED", "budgets[0]", "$0.01 over", "workflow", "usd_micros", 30_000, 20_000, 10_000
)


POLICIES = from_files({"tools.yaml": TOOLS, "policy.yaml": POLICY})


def asked(number: int, params: str, run: str = "run-1") -> Asked:
    """A call of that run."""
    intent = Intent(f"i{number}", "call", "default", "refunds_v1", run, "agent-1", "pay", params=params)
    return Asked(intent, NOW + number)
