"""Rules ask for what exists, tell who must act and how, and each is tried both ways by promtool's own tests."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ops_files import OPS, PROMETHEUS, alerts, known, named_in, read_yaml, rules

from toolgate.schemas.enums import Verdict
from toolgate.streams.gate.metrics import STATES

CONFIG = read_yaml(PROMETHEUS / "prometheus.yml")
ALERTS = alerts()
TESTS = [
    test for path in sorted((PROMETHEUS / "tests").glob("*.test.yml")) for test in read_yaml(path)["tests"]
]


def _name(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


def _values(expr: str, label: str) -> set[str]:
    """The values that an expression gives a label, one by one."""
    return {value for found in re.findall(rf'\b{label}=~?"([^"]+)"', expr) for value in found.split("|")}


@pytest.mark.parametrize("rule", rules(), ids=_name)
def test_a_rule_asks_for_metrics_that_exist(rule: dict[str, Any]):
    """Metrics, states, verdicts and jobs in expressions are those of the code and of the scrape configuration."""
    assert named_in(rule["expr"]) <= known()
    assert _values(rule["expr"], "state") <= set(STATES)
    assert _values(rule["expr"], "verdict") <= set(Verdict)
    assert _values(rule["expr"], "job") <= {job["job_name"] for job in CONFIG["scrape_configs"]}


def test_a_recorded_series_is_used():
    """Nobody computes every fifteen seconds what no alert, dashboard or other rule asks for."""
    asked = {name for rule in rules() for name in named_in(rule["expr"])}
    assert {rule["record"] for rule in rules() if "record" in rule} <= asked


@pytest.mark.parametrize("rule", ALERTS, ids=_name)
def test_an_alert_says_who_must_act_and_where_it_is_written(rule: dict[str, Any]):
    """Severity, owner, what was rolled back, and a page of its own that says the same of owner and severity."""
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["labels"]["owner"] in {"platform", "workflows"}
    assert set(rule["annotations"]) == {"summary", "rolled_back", "runbook"}
    assert rule["annotations"]["runbook"] == f"ops/runbooks/{rule['alert']}.md"
    page = (OPS.parent / rule["annotations"]["runbook"]).read_text()
    assert f"**Owner:** {rule['labels']['owner']} ({rule['labels']['severity']})." in page


def test_no_alert_has_the_name_of_another():
    """Pages and silences go by it."""
    names = [rule["alert"] for rule in ALERTS]
    assert len(names) == len(set(names))


def test_prometheus_loads_every_file_of_rules():
    """None lies there unread."""
    assert sorted(CONFIG["rule_files"]) == sorted(path.name for path in PROMETHEUS.glob("*.rules.yml"))


@pytest.mark.parametrize("rule", ALERTS, ids=_name)
def test_an_alert_is_tried_both_ways(rule: dict[str, Any]):
    """Some test of promtool sees it fire at one time and not at another, and knows everything else that fires then."""

    def fires(at: dict[str, Any]) -> bool:
        return any(f'alertname="{rule["alert"]}"' in sample["labels"] for sample in at.get("exp_samples", []))

    looks = [[fires(at) for at in test["promql_expr_test"]] for test in TESTS]
    assert any(True in fired and False in fired for fired in looks)
    assert {at["expr"] for test in TESTS for at in test["promql_expr_test"]} == {
        'count by (alertname) (ALERTS{alertstate="firing"})'
    }
