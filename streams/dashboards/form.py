"""A dashboard as data, and as the JSON that Grafana reads.

Panels stand in rows, from left to right, each row 24 columns wide; ids and places are counted, so the same data is
always the same file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

DATASOURCE = {"type": "prometheus", "uid": "toolgate-prometheus"}  # as ops/grafana/provisioning has it
_SCHEMA = 39  # of Grafana 11; newer ones read it
_COLUMNS = 24
_HEIGHT = 8


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and how its lines are called: `{{label}}` is the value of a label."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """What one field of the page shows.

    Args:
        says: what to make of it, in a sentence.
        unit: Grafana's name of it, such as `percentunit`, `s`, `reqps`, `currencyUSD`.
        kind: `timeseries`, `stat` (the newest value) or `bargauge`.
        width: in columns of 24.
        stacked: lines are shares of a whole.
    """

    title: str
    says: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What whoever looks can choose: values of a label of a metric, or of a fixed list."""

    name: str
    metric: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page."""

    uid: str
    title: str
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...] = ()


def render(dashboard: Dashboard) -> str:
    """The file, ending with a line break."""
    body = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["toolgate"],
        "schemaVersion": _SCHEMA,
        "editable": False,
        "graphTooltip": 1,  # one crosshair for all panels
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_choice(choice) for choice in dashboard.choices]},
        "panels": _placed(dashboard.rows),
    }
    return json.dumps(body, indent=2) + "\n"


def _placed(rows: tuple[Row, ...]) -> list[dict[str, Any]]:
    placed: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        heading = {"type": "row", "title": row.title, "collapsed": False, "panels": []}
        placed.append({"id": len(placed) + 1, **heading, "gridPos": _grid(0, y, _COLUMNS, 1)})
        x, y = 0, y + 1
        for panel in row.panels:
            if x + panel.width > _COLUMNS:
                x, y = 0, y + _HEIGHT
            placed.append(
                {"id": len(placed) + 1, **_panel(panel), "gridPos": _grid(x, y, panel.width, _HEIGHT)}
            )
            x += panel.width
        y += _HEIGHT
    return placed


def _grid(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel) -> dict[str, Any]:
    stacking = {"stacking": {"mode": "normal"}, "fillOpacity": 30} if panel.stacked else {"fillOpacity": 5}
    custom = stacking if panel.kind == "timeseries" else {}
    newest = {"reduceOptions": {"calcs": ["lastNotNull"]}}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": DATASOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + n),
                "datasource": DATASOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
            }
            for n, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {"tooltip": {"mode": "multi", "sort": "desc"}} if panel.kind == "timeseries" else newest,
    }


def _choice(choice: Choice) -> dict[str, Any]:
    common = {"name": choice.name, "label": choice.name}
    if choice.values:
        options = [
            {"text": value, "value": value, "selected": n == 0} for n, value in enumerate(choice.values)
        ]
        query = ",".join(choice.values)
        current = {"text": choice.values[0], "value": choice.values[0]}
        return {"type": "custom", **common, "query": query, "options": options, "current": current}
    query = f"label_values({choice.metric}, {choice.name})"
    return {
        "type": "query",
        **common,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": choice.name},
        "refresh": 2,  # when the time range changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
