"""What ops/ says is true of the code: metrics, exit codes and commands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from toolgate.cli.exits import Exit
from toolgate.cli.gate import FINAL
from toolgate.streams.gate.metrics import STATES, Metrics

OPS = Path(__file__).parents[2] / "ops"


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    loaded = YAML(typ="safe").load((OPS / "prometheus" / "toolgate.rules.yml").read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_metrics_that_exist(rule: dict[str, Any]):
    """Names and states in expressions are those of a worker."""
    families = {family.name: family for family in Metrics().registry.collect()}
    known = {
        name + suffix
        for name, family in families.items()
        for suffix in {"counter": ("_total",), "histogram": ("_sum", "_count", "_bucket")}.get(
            family.type, ("",)
        )
    }
    assert set(re.findall(r"toolgate_\w+", rule["expr"])) <= known
    assert set(re.findall(r'state="(\w+)"', rule["expr"])) <= set(STATES)
    assert rule["annotations"]["summary"]


def test_prometheus_loads_the_rules():
    """The configuration names the file that is there."""
    loaded = YAML(typ="safe").load((OPS / "prometheus" / "prometheus.yml").read_text())
    assert [(OPS / "prometheus" / name).is_file() for name in loaded["rule_files"]] == [True]


def test_systemd_and_the_page_have_the_final_exit_codes():
    """What a supervisor of ours does not start again, systemd does not either."""
    unit = (OPS / "systemd" / "toolgate-gate@.service").read_text()
    listed = re.search(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE)
    assert listed
    assert {int(code) for code in listed[1].split()} == FINAL
    table = re.findall(r"^\| (\d+) \|.*\| (yes|no) \|", (OPS / "README.md").read_text(), re.MULTILINE)
    assert {int(code) for code, again in table if again == "no"} == FINAL | {Exit.OK}
    assert {int(code) for code, _ in table} <= set(Exit)
