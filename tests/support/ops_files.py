"""What ops/ holds, read for tests: rules, their own tests, dashboards; and the names of the metrics that exist."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from toolgate.notify.counts import Counts
from toolgate.streams.gate.metrics import Metrics
from toolgate.streams.watch import metrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

OPS = Path(__file__).parents[2] / "ops"
PROMETHEUS = OPS / "prometheus"
_SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_sum", "_count", "_bucket"),
    "info": ("_info",),
}
_NAME = re.compile(r"[a-z][a-z0-9_:]*toolgate_\w+(?::\w+)*|toolgate[_:][\w:]+")


def read_yaml(path: Path) -> Any:
    """A YAML file."""
    return YAML(typ="safe").load(path.read_text("utf-8"))


@cache
def rules() -> tuple[dict[str, Any], ...]:
    """Every rule that Prometheus loads, recording or alerting, in its order."""
    files = read_yaml(PROMETHEUS / "prometheus.yml")["rule_files"]
    return tuple(
        rule for name in files for group in read_yaml(PROMETHEUS / name)["groups"] for rule in group["rules"]
    )


def alerts() -> list[dict[str, Any]]:
    """The rules that tell somebody."""
    return [rule for rule in rules() if "alert" in rule]


def dashboards() -> dict[str, dict[str, Any]]:
    """The committed dashboards by the names of their files."""
    return {
        path.stem: json.loads(path.read_text())
        for path in sorted((OPS / "grafana/dashboards").glob("*.json"))
    }


def named_in(expr: str) -> set[str]:
    """The metrics of ours, and what rules record of them, that an expression names."""
    return set(_NAME.findall(expr))


@cache
def known() -> frozenset[str]:
    """Every sample that gate, notifier and watch serve, and every one that a rule records."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return frozenset(_served(Metrics().registry) | _served(Counts().registry) | metrics.names() | recorded)


def _served(registry: CollectorRegistry) -> set[str]:
    return {
        family.name + suffix for family in registry.collect() for suffix in _SUFFIXES.get(family.type, ("",))
    }
