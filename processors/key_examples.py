"""An example for every key of the files that people write, for the page about them; each is loaded by a test.

An example is what stands within the braces of its mapping, with the keys beside it that it needs. It is about the desk
of `CATALOGUE`.
"""

from __future__ import annotations

EXAMPLES: dict[str, dict[str, str]] = {
    "Policy": {
        "workflow_id": "workflow_id: refunds_v1",
        "tenant": "tenant: acme",
        "tier": "tier: draft_and_suggest, allowed_tools: [read_order]",
        "mode": 'mode: "canary:10%"',
        "show_limits": "show_limits: true",
        "allowed_tools": 'allowed_tools: ["read_*", issue_refund]',
        "denied_tools": "denied_tools: [export_customers]",
        "limits": "limits: {max_tool_calls: 20, max_cost_usd: 5}",
        "budgets": 'budgets: [{scope: workflow, window: 1d, max: "500.00"}]',
        "rates": "rates: [{scope: agent, max: 60, per: 1m}]",
        "blast_radius": "blast_radius: [{scope: run, max: 3}]",
        "rules": "rules: [{id: small, tools: [issue_refund], when: params.amount_cents > 5000, because: ask a person}]",
        "cedar": "cedar: refunds.cedar",
        "requires": (
            "requires: [{id: read_it, tools: [issue_refund], after: [read_order], by: order_id, because: look first}]"
        ),
        "approvals": "approvals: [{tools: [issue_refund], approvers: 2, expires: 4h}]",
        "contract": "contract: {required: true, values: [recipients]}",
        "tables": "tables: {limit_cents: {basic: 1000, gold: 5000}, rank: [basic, gold]}",
        "now": 'now: "2026-03-31T09:00:00Z"',
        "on_breach": "on_breach: [{slo: denial_rate, max: 0.2, window: 1h, then: demote}]",
        "review_share": "review_share: 0.05",
        "attempts": "attempts: {run: {max: 60, per: 1m}}",
        "logging": "logging: {capture: [tool_name, params_hash], retention_days: 30}",
        "redact": "redact: [iban]",
    },
    "Limits": {
        "max_tool_calls": "max_tool_calls: 12",
        "max_cost_usd": "max_cost_usd: 0.35",
        "max_denials": "max_denials: 5",
    },
    "Budget": {
        "scope": "scope: tenant",
        "window": "window: calendar_month",
        "unit": "unit: letters, max: 100",
        "max": 'max: "1500.25"',
        "warn_at": "warn_at: 0.8",
        "on_expiry": "on_expiry: release",
        "tz": "window: 1d, tz: Europe/Berlin",
    },
    "Rate": {"scope": "scope: tool", "max": "max: 60", "per": "per: 1m", "burst": "burst: 10"},
    "BlastRadius": {
        "scope": "scope: run",
        "records": "records: customer_id",
        "max": "max: 3",
        "window": "window: 1d",
    },
    "Rule": {
        "id": "id: small_refunds",
        "tools": "tools: [issue_refund]",
        "when": 'when: params.amount_cents > 5000 && params.customer_id != "C-1"',
        "then": "then: hold",
        "mode": "mode: shadow",
        "roles": "then: hold, roles: [refund_desk]",
        "missing": "when: 'facts.order[params.order_id].paid_cents < params.amount_cents', missing: deny",
        "untrusted": "when: 'facts.mail[params.order_id].sender == \"\"', untrusted: [mail]",
        "because": "because: refunds over $50 are for people",
    },
    "Requirement": {
        "id": "id: one_refund",
        "tools": "tools: [issue_refund]",
        "after": "after: [read_order]",
        "at_most": "at_most: 1",
        "by": "by: order_id, at_most: 1",
        "after_by": "after: [read_order], by: order_id, after_by: order_id",
        "identical": "identical: true, at_most: 1",
        "amount": "amount: amount_cents, at_most: 10000",
        "because": "because: one refund an order",
    },
    "Approval": {
        "tools": 'tools: ["issue_*"]',
        "rules": "rules: [large_refunds], approvers: 2",
        "approvers": "approvers: 2",
        "roles": "roles: [refunds_lead]",
        "expires": "expires: 4h",
        "owner": "owner: refunds-team",
        "answer_within": "answer_within: 30m",
    },
    "Objective": {
        "slo": "slo: tool_error_rate, max: 0.05, window: 1h",
        "min": "slo: success_rate, min: 0.95, window: 1d",
        "max": "slo: denial_rate, max: 0.2, window: 1h",
        "max_usd": "slo: unit_cost, max_usd: 0.50, window: 1d",
        "window": "slo: intervention_rate, max: 0.3, window: 6h",
        "error_budget": "slo: success_rate, min: 0.95, error_budget: 30d",
        "min_count": "slo: denial_rate, max: 0.2, window: 1h, min_count: 50",
        "then": "slo: denial_rate, max: 0.4, window: 1h, then: draft_only",
    },
    "ContractTerms": {"required": "required: false", "values": "values: [recipients, orders]"},
    "Attempts": {"run": "run: {max: 60, per: 1m}", "agent": "agent: {max: 600, per: 1m}"},
    "AttemptRate": {"max": "max: 60", "per": "per: 1m", "burst": "burst: 10"},
    "Logging": {
        "capture": "capture: [tool_name, params_hash, params.order_id]",
        "retention_days": "retention_days: 30",
    },
    "ToolEntry": {
        "name": "name: issue_refund",
        "version": 'version: "2"',
        "description": "description: Sends money back to the customer's card.",
        "params": 'params: {properties: {order_id: {type: string, pattern: "^O-[0-9]{6}$"}}, required: [order_id]}',
        "effect": "effect: irreversible",
        "system": "system: payments",
        "cost": "cost: 0.30",
        "records": "records: [order_id]",
        "usage": "usage: {letters: 1}",
        "inverse": "inverse: {tool: read_order, params: {order_id: order_id}}",
        "draft": "draft: proposal",
        "redact": "redact: [iban]",
        "idempotent": "idempotent: true",
        "result": "result: {properties: {paid_cents: {type: integer}}}",
        "current": (
            "result: {properties: {plan: {type: string}}}, "
            "remember: [{fact: booked, key: params.order_id, fields: {plan: result.plan}}], "
            'current: {plan: "facts.booked[params.order_id].plan"}'
        ),
        "remember": (
            "result: {properties: {paid_cents: {type: integer}}}, "
            "remember: [{fact: order, key: params.order_id, fields: {paid_cents: result.paid_cents}}]"
        ),
    },
    "Cost": {
        "usd": "usd: 0.30",
        "path": "path: plan, prices: {basic: 0.01, team: 0.02}",
        "prices": "path: plan, prices: {basic: 0.01, team: 0.02}",
    },
    "Inverse": {"tool": "tool: read_order", "params": "params: {order_id: order_id}"},
    "Remember": {
        "fact": "fact: order",
        "each": "fact: item, each: result.items, key: each.sku, fields: {price: each.price}",
        "key": "key: [params.order_id, result.state]",
        "fields": "fields: {paid_cents: result.paid_cents, state: result.state}",
        "trusted": "trusted: true",
    },
    "Registry": {
        "description": "description: whom the desk writes to; kept by the office",
        "rows": "rows: {V-1: {iban: DE02120300000000202051, open: true}}",
    },
    "CaseEntry": {
        "name": "name: a refund over the cap is denied",
        "tenant": "tenant: default",
        "workflow": "workflow: refunds_v1",
        "begin": 'begin: "2026-03-31T09:00:00Z"',
        "contract": "contract: {tools: [read_order], values: {orders: [O-000001]}, max_calls: 3}",
        "before": "before: [{call: read_order, params: {order_id: O-000001}, times: 3}]",
        "codes": "expect: deny, codes: [RULE_DENIED]",
        "rules": 'expect: deny, rules: [small_refunds, "budgets[0]"]',
        "distances": "expect: deny, distances: {limits.max_cost_usd: 0.03, small_refunds: 200}",
        "needs": "expect: hold, needs: {approvers: 2, roles: [refunds_lead], expires: 4h}",
    },
    "Needs": {"approvers": "approvers: 2", "roles": "roles: [refunds_lead]", "expires": "expires: 4h"},
    "CaseContract": {
        "tools": "tools: [read_order]",
        "values": "values: {orders: [O-000001]}",
        "max_cost_usd": "max_cost_usd: 0.50",
        "max_calls": "max_calls: 3",
        "deadline": "deadline: +30m",
        "owner": "owner: ann",
    },
    "Came": {
        "status": "status: error",
        "body": "body: {paid_cents: 4900, state: paid}",
        "cost_usd": "cost_usd: 0.25",
        "records": "records: [O-000001]",
    },
}
# What a case's own step and each step before it have in common.
_STEP: dict[str, str] = {
    "call": "call: read_order",
    "params": "params: {order_id: O-000001}",
    "spend_usd": "spend_usd: 0.02",
    "finish": "finish: succeeded",
    "at": "at: +5m",
    "times": "times: 12",
    "run": "run: run-2",
    "agent": "agent: agent-2",
    "version": 'version: "1"',
    "cost_usd": "cost_usd: 0.30",
    "records": "records: [O-000001]",
    "reason": "reason: the parcel was lost",
    "ttl": "ttl: 30s",
    "dry_run": "dry_run: true",
    "expect": "expect: deny",
    "result": "result: {body: {paid_cents: 4900}}",
}
EXAMPLES["CaseEntry"] |= _STEP
EXAMPLES["Step"] = _STEP | {"workflow": "workflow: refunds_v1"}

CATALOGUE = """\
tools:
  - name: read_order
    effect: read
    records: []
    params: {properties: {order_id: {type: string}, customer_id: {type: string}}, required: [order_id]}
    result: {properties: {paid_cents: {type: integer}, state: {type: string}}}
    remember:
      - {fact: order, key: params.order_id, trusted: true, fields: {paid_cents: result.paid_cents}}
      - {fact: mail, key: params.order_id, fields: {sender: result.state}}
  - name: issue_refund
    effect: irreversible
    records: [order_id]
    usage: {letters: 1}
    params:
      properties:
        order_id: {type: string}
        customer_id: {type: string}
        amount_cents: {type: integer}
        iban: {type: string}
      required: [order_id, customer_id, amount_cents]
"""
