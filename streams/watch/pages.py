"""Pages: what the watch answers on its port: metrics, health, and its figures as JSON. From views the loop has left."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from prometheus_client.exposition import choose_encoder

from toolgate.streams.gate.health import JSON
from toolgate.streams.watch import measures
from toolgate.streams.watch.figures import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.streams.gate.health import Answer
    from toolgate.streams.watch.figures import Figures, Workflow
    from toolgate.streams.watch.judging import Judged
    from toolgate.streams.watch.measures import Prices
    from toolgate.streams.watch.metrics import Metrics
    from toolgate.streams.watch.rows import Row
    from toolgate.streams.watch.runs import Runs

AGENTS_MAX, TOOLS_MAX = 20, 100
_DAY_MS = 86_400_000


class Pages:
    """Answers for any thread."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.view: dict[str, Any] = {"workflows": [], "agents": []}
        self.state: dict[str, Any] = {"ready": False, "lag": {}}
        self.alive = True

    def answer(self, path: str, accept: str = "") -> Answer:
        """Status code, content type and body for a path."""
        match path.partition("?")[0].rstrip("/"):
            case "/metrics":
                encode, content_type = choose_encoder(accept)
                return 200, content_type, encode(self._metrics.registry)
            case "/figures":
                return _json(200, self.view)
            case "/health":
                return _json(200 if self.alive else 503, self.state)
            case "/live":
                return _json(200 if self.alive else 503, {"alive": self.alive})
            case "/ready":
                ready = self.alive and self.state["ready"]
                return _json(200 if ready else 503, {"ready": ready})
            case _:
                return _json(404, {"paths": ["/figures", "/health", "/live", "/ready", "/metrics"]})


def figures_view(
    figures: Figures, runs: Runs, judged: Mapping[tuple[str, str], Judged], prices: Prices, now_ms: int
) -> dict[str, Any]:
    """What /figures shows: workflows over the last day and for ever, how they stand, tools, who is denied most."""
    end_ms = now_ms - now_ms % MINUTE_MS + MINUTE_MS
    whose = sorted(figures.workflows.values(), key=lambda one: (one.tenant, one.workflow_id))
    days = [(one, one.window(end_ms, _DAY_MS)) for one in whose]
    return {
        "at_ms": now_ms,
        "workflows": [
            _workflow(one, day, judged.get((one.tenant, one.workflow_id)), prices) for one, day in days
        ],
        "tools": _tools(days),
        "agents": [
            {"tenant": tenant, "agent_id": agent, "denied": codes}
            for tenant, agent, codes in runs.agents(AGENTS_MAX)
        ],
    }


def _tools(days: Iterable[tuple[Workflow, Row]]) -> list[dict[str, Any]]:
    """Of each tool how often it was asked for and failed, over all workflows of a tenant; most asked first."""
    calls: dict[tuple[str, str], int] = {}
    errors: dict[tuple[str, str], int] = {}
    for workflow, day in days:
        for into, tally in ((calls, day.tools), (errors, day.tool_errors)):
            for tool, count in tally.items():
                into[workflow.tenant, tool] = into.get((workflow.tenant, tool), 0) + count
    first = sorted(calls | errors, key=lambda one: (-calls.get(one, 0), one))[:TOOLS_MAX]
    return [
        {
            "tenant": tenant,
            "tool": tool,
            "calls": calls.get((tenant, tool), 0),
            "errors": errors.get((tenant, tool), 0),
        }
        for tenant, tool in first
    ]


def _workflow(workflow: Workflow, day: Row, judged: Judged | None, prices: Prices) -> dict[str, Any]:
    return {
        "tenant": workflow.tenant,
        "workflow_id": workflow.workflow_id,
        "mode": judged.mode if judged else None,
        "breached": judged.breached if judged else {},
        "slos": judged.slos if judged else {},
        "rise": judged.rise if judged else {},
        "budgets": {rule: asdict(budget) for rule, budget in judged.budgets.items()} if judged else {},
        "reviewed": asdict(found)
        if (found := measures.reviewed(version.ever for version in workflow.versions.values()))
        else None,
        "day": measured(day, prices),
        "versions": {
            name: {**measured(version.ever, prices), "sums": sums(version.ever)}
            for name, version in workflow.versions.items()
        },
    }


def measured(row: Any, prices: Prices) -> dict[str, Any]:
    """The measures of a row."""
    found = measures.detection(row)
    return {
        **{name: share(row).ratio for name, share in measures.SHARES.items()},
        "unit_cost_micros": measures.unit_cost(row, prices),
        "cost_micros": asdict(measures.cost(row, prices)),
        "detection_ms": {"mean": found.mean_ms, "max": found.longest_ms, "count": found.count},
        "records_touched": {"p99": measures.percentile(row.records, 0.99), "max": measures.widest(row)},
        "blast_radius": {"rule": radius.rule, "used": radius.used, "max": radius.max, "share": radius.share}
        if (radius := measures.blast_radius(row))
        else None,
    }


def sums(row: Any) -> dict[str, Any]:
    """All that is summed; not the marks and what is remembered, which say how it came about."""
    fields = zip(row.__struct_fields__, msgspec.to_builtins(row), strict=True)
    return {name: value for name, value in fields if name not in {"mark", "told", "reviewed"}}


def _json(code: int, body: Mapping[str, Any]) -> Answer:
    return code, JSON, json.dumps(body, indent=2).encode() + b"\n"
