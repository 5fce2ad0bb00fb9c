"""agent-governance-toolkit-core, in its own environment: its policy engine, its budget, its Merkle audit.

Run with the number of decisions; prints microseconds of processor time of one. It has neither a broker nor a store
that outlives the process. Its conditions know no facts, sums or lists, so its 100 rules are simpler than the gate's.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

from agentmesh.governance.audit import AuditLog  # noqa: E402
from agentmesh.governance.budget import BudgetConfig, BudgetTracker  # noqa: E402
from agentmesh.governance.policy import Policy, PolicyEngine, PolicyRule  # noqa: E402

RULES, RULES_PER_TOOL = 100, 5
AGENT = "agent-00"
CONDITIONS = (
    "params.amount_cents > 50000",
    "booking.cabin == 'basic' and params.cabin != 'basic'",
    "person.level != 'gold' and params.bags > 2",
    "left.cents < 1000",
    "params.cabin == 'first'",
)


def main(decisions: int) -> None:
    """Decide, account and record; every call is allowed."""
    rules = [
        PolicyRule(
            name=f"rule_{number:03d}",
            condition=f"action.type == '{_tool(number // RULES_PER_TOOL)}' and {CONDITIONS[number % RULES_PER_TOOL]}",
            action="deny",
        )
        for number in range(RULES)
    ]
    engine = PolicyEngine(conflict_strategy="deny_overrides")
    engine.load_policy(Policy(name="desk", agents=["*"], rules=rules, default_action="allow"))
    budget, audit = BudgetTracker(BudgetConfig(max_tokens=10**12, max_cost_usd=1e9)), AuditLog()
    since = time.process_time()
    for number in range(decisions):
        context = _context(number)
        decision = engine.evaluate(AGENT, context)
        assert decision.allowed
        assert budget.check_budget(AGENT, 1).allowed
        budget.record_usage(AGENT, 1, 0.01)
        audit.log(
            event_type="policy_evaluation",
            agent_did=AGENT,
            action=context["action"]["type"],
            outcome=decision.action,
            policy_decision=decision.action,
            data={"rule": decision.matched_rule or ""},
        )
    spent = time.process_time() - since
    assert audit.verify_integrity()[0]
    print(json.dumps({"each_us": spent * 1e6 / decisions}))


def _tool(number: int) -> str:
    return f"change_booking_{number:04d}"


def _context(number: int) -> dict[str, dict[str, object]]:
    return {
        "action": {"type": _tool(number % (RULES // RULES_PER_TOOL))},
        "params": {"amount_cents": number % 10_000, "bags": number % 3, "cabin": "economy"},
        "booking": {"cabin": "economy"},
        "person": {"level": "silver"},
        "left": {"cents": 100_000},
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))
