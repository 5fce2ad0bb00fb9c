"""The policy file's JSON Schema: committed, and in agreement with the loader."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from toolgate.processors.policy_file import json_schema

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "policy.schema.json"

FULL = {
    "policy": {
        "workflow_id": "w",
        "tenant": "t",
        "mode": "canary:25%",
        "tier": "low_risk_writes",
        "show_limits": True,
        "allowed_tools": ["read_*"],
        "denied_tools": ["x"],
        "limits": {"max_tool_calls": 1, "max_cost_usd": "0.35", "max_denials": 3},
        "budgets": [{"scope": "run", "window": "1d", "unit": "usd", "max": 1.5, "warn_at": 0.8, "tz": "UTC"}],
        "rates": [{"scope": "agent", "max": 5, "per": "1m", "burst": 2}],
        "blast_radius": [{"scope": "tenant", "records": "a.b", "max": 5, "window": "1d"}],
        "attempts": {"run": {"max": 5, "per": "1s"}},
        "on_breach": [
            {"slo": "success_rate", "min": 0.95, "error_budget": "30d", "then": "demote"},
            {"slo": "unit_cost", "max_usd": "0.50", "window": "1d", "min_count": 5, "then": "alert"},
        ],
        "review_share": 0.05,
        "logging": {"capture": ["tool_name"], "retention_days": 30},
        "redact": ["a.b"],
    }
}


def test_the_committed_schema_is_what_the_models_say():
    """docs/reference/policy.schema.json is generated, not written by hand."""
    assert PAGE.read_text(encoding="utf-8") == json_schema()


def test_the_schema_accepts_a_full_policy():
    """Editors do not complain about what the loader takes."""
    jsonschema_rs.Draft202012Validator(json.loads(json_schema())).validate(FULL)


@pytest.mark.parametrize(
    "change",
    [
        {"limtis": {}},
        {"allowed_tools": []},
        {"mode": "canary:0%"},
        {"tier": "trusted"},
        {"workflow_id": "a/b"},
        {"limits": {"max_cost_usd": -1}},
        {"rates": [{"scope": "run", "max": 1, "per": "minute"}]},
        {"on_breach": [{"slo": "speed", "max": 0.1, "window": "1h", "then": "alert"}]},
        {"on_breach": [{"slo": "denial_rate", "max": 1.1, "window": "1h", "then": "alert"}]},
        {"review_share": 2},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(change):
    """Slips are seen while they are written."""
    validator = jsonschema_rs.Draft202012Validator(json.loads(json_schema()))
    assert not validator.is_valid({"policy": {**FULL["policy"], **change}})
