"""`python -m bench.policies`: what rules and the number of policies cost; writes policies.json. Needs no broker."""

from __future__ import annotations

import json
import logging
import subprocess
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.table import Table

from bench import alone, inside
from bench.ground import ROOT
from bench.results import Others, machine

OUT = ROOT / "bench" / "policies.json"
AGT_PYTHON = ROOT / ".venv-agt" / "bin" / "python"
AGT_DECISIONS = 500
SIZES = (10, 100, 1_000, 10_000)
PER_S, FLAT, TIMES = 60_000, 1.2, 4


def measure(
    *,
    size: Annotated[
        list[int] | None, typer.Option(help="Workflows of a gate; may be given several times.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured; the least counts.")] = 15,
    out: Annotated[
        Path, typer.Option(help="Where the results go.", show_default="bench/policies.json")
    ] = OUT,
) -> None:
    """Measure rules alone, Cedar, the gate's loop at several numbers of workflows, and the governance toolkit.

    Exit codes: 0 measured, whether or not the targets are met.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    console, others = Console(highlight=False), Others()
    found: dict[str, Any] = {
        "rules": _alone(alone.of_rules(rounds, macro=False)),
        "rules_with_a_macro": _alone(alone.of_rules(rounds, macro=True)),
        "cedarpy": _alone(alone.of_cedar(rounds)),
    }
    sizes = inside.sizes(size or SIZES, rounds)
    found["gate_by_workflows"] = [_size(one) for one in sizes]
    each = [one.each_us for one in sizes]
    found["gate_slowest_vs_fastest"] = round(max(each) / min(each), 3)
    if AGT_PYTHON.exists():
        found["agent_governance_toolkit"] = toolkit = {"each_us": round(_toolkit(rounds), 1)}
        found["gate_vs_agent_governance_toolkit"] = round(toolkit["each_us"] / max(each), 2)
    found["run"] = {**machine(), "rounds": rounds, "others_cores": others.cores()}
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    console.print(_table(found))
    console.print(f"Written to {out}.")


def _alone(one: alone.Alone) -> dict[str, float]:
    return {
        "per_s": round(one.per_s),
        "least_us": round(one.least_us, 2),
        "median_us": round(one.median_us, 2),
        "yard_us": round(one.yard_us, 3),
        "yards": round(one.yards, 1),
    }


def _size(one: inside.Size) -> dict[str, float]:
    return {
        "workflows": one.workflows,
        "rules": one.rules,
        "each_us": round(one.each_us, 1),
        "load_s": round(one.load_s, 2),
        "memory_mb": round(one.memory_mb, 1),
    }


def _toolkit(rounds: int) -> float:
    """Microseconds a decision, the least of some processes: its audit grows and grows slower."""
    argv = [str(AGT_PYTHON), str(ROOT / "bench" / "contenders" / "agt.py"), str(AGT_DECISIONS)]
    told = [subprocess.run(argv, check=True, capture_output=True, text=True).stdout for _ in range(rounds)]
    return min(float(json.loads(one.splitlines()[-1])["each_us"]) for one in told)


def _table(found: dict[str, Any]) -> Table:
    made = Table(title="Policies: processor time of one core", title_justify="left")
    for name in ("what", "us each", "a second", "target"):
        made.add_column(name, justify="left" if name == "what" else "right")
    for key, target in (("rules", f">= {PER_S:,}/s"), ("rules_with_a_macro", ""), ("cedarpy", "")):
        made.add_row(key, f"{found[key]['least_us']:,.1f}", f"{found[key]['per_s']:,}", target)
    for one in found["gate_by_workflows"]:
        name = f"gate in memory, {one['workflows']:,} workflows, {one['rules']:,} rules"
        made.add_row(name, f"{one['each_us']:,.0f}", f"{1e6 / one['each_us']:,.0f}", "")
    made.add_row("slowest / fastest", f"{found['gate_slowest_vs_fastest']:.2f}", "", f"<= {FLAT:g}")
    if toolkit := found.get("agent_governance_toolkit"):
        each = toolkit["each_us"]
        made.add_row("agent-governance-toolkit-core", f"{each:,.0f}", f"{1e6 / each:,.0f}", "")
        made.add_row("gate / it", f"{found['gate_vs_agent_governance_toolkit']:.1f}", "", f">= {TIMES}")
    return made


if __name__ == "__main__":
    typer.run(measure)
