"""`toolgate policy`: does a folder of policies load, and what does it say?

The other commands of the group have modules of their own; the foot of this one names them.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli import (
    folders,
    policy_activation,
    policy_cases,
    policy_diff,
    policy_explain,
    policy_fmt,
    tables,
)
from toolgate.cli.exits import Exit
from toolgate.cli.hints import say_next
from toolgate.cli.options import AsJson  # noqa: TC001
from toolgate.processors.amounts import USD_MICROS, amount, duration, share, usd
from toolgate.processors.problems import LoadError
from toolgate.whatif.cases import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.catalogue import Price, Tool
    from toolgate.processors.policy import PolicySet, WorkflowPolicy
    from toolgate.processors.problems import Problem

app = typer.Typer(
    no_args_is_help=True, help="Check, test, explain, compare and format policies, put them in force."
)


@app.callback()
def policy() -> None:
    """Check, test, explain, compare and format policies, put them in force."""


@app.command(epilog="Example: toolgate policy check examples/small examples/airline")
def check(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Folders with tools.yaml and policy.yaml or policies/*.yaml, or files of one.",
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Load policies as the gate would, and show what they allow; exit code 7 and every mistake if they do not load.

    Every folder is looked at, the cases that lie in it too, and a mistake in one hides none in another. It is told with
    file, line, column and, for a name, the nearest one that exists.
    """
    directories = list(dict.fromkeys(map(folders.of, paths)))
    loaded: list[PolicySet] = []
    problems: list[Problem] = []
    for directory in directories:
        try:
            loaded.append(folders.load(directory))
            find(directory, loaded[-1])
        except LoadError as error:
            problems += error.problems
    if problems and not as_json:
        raise LoadError(problems)
    if problems:
        typer.echo(json.dumps({"ok": False, "problems": [asdict(problem) for problem in sorted(problems)]}))
        raise typer.Exit(Exit.FILES) from None
    if as_json:
        sets = [_as_json(policies) for policies in loaded]
        several = {
            "ok": True,
            "sets": [{"path": str(d), **one} for d, one in zip(directories, sets, strict=True)],
        }
        typer.echo(json.dumps(sets[0] if len(sets) == 1 else several))
        return
    for directory, policies in zip(directories, loaded, strict=True):
        if len(loaded) > 1:
            typer.echo(f"{'' if policies is loaded[0] else chr(10)}{directory}")
        _show(policies)
    say_next(f"toolgate gate --policies {directories[0]} --keys keyring.yaml")


def _as_json(policies: PolicySet) -> dict[str, Any]:
    return {
        "ok": True,
        "digest": policies.digest,
        "workflows": [
            # model names, not those of the file: amounts are micro-dollars and milliseconds here
            workflow.written.model_dump(mode="json") | {"tools": sorted(workflow.plans)}
            for workflow in policies.workflows.values()
        ],
        "tools": [_tool_json(tool) for tool in policies.tools.values()],
        "registries": {name: len(rows) for name, rows in policies.registries.items()},
    }


def _tool_json(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "version": tool.version,
        "effect": tool.effect,
        "system": tool.system,
        "cost_micros": None if tool.price.path else tool.price.fixed_micros,
        "cost_micros_by_value": dict(tool.price.by_value),
        "records": None if tool.records is None else [".".join(path) for path in tool.records],
        "usage": dict(tool.usage),
        "inverse": tool.inverse[0] if tool.inverse else None,
        "idempotent": tool.idempotent,
    }


def _show(policies: PolicySet) -> None:
    workflows = policies.workflows.values()
    names = ("workflow", "mode", "tools", "writing", "calls a run", "cost a run", "denials a run")
    tables.show(names, (_workflow_row(workflow, policies) for workflow in workflows))
    limits = [row for workflow in workflows for row in _limit_rows(workflow)]
    typer.echo()
    tables.show(("limits of", "rule", "at most", "for each", "in"), limits)
    if limits:
        typer.echo()
    asked = [row for workflow in workflows for row in _approval_rows(workflow)]
    if asked:
        tables.show(("approvals of", "entry", "holds", "needs"), asked)
        typer.echo()
    promised = [row for workflow in workflows for row in _breach_rows(workflow)]
    if promised:
        tables.show(("promised of", "entry", "at", "over", "else"), promised)
        typer.echo()
    columns = ("tool", "effect", "system", "cost", "records", "allowed to")
    tables.show(columns, (_tool_row(tool, policies) for tool in policies.tools.values()))
    counts = f"{amount(len(workflows), 'workflows')}, {amount(len(policies.tools), 'tools')}"
    if policies.registries:
        counts += f", {amount(len(policies.registries), 'registries')}"
    typer.echo(f"\n{counts}; digest {policies.digest}")


def _workflow_row(workflow: WorkflowPolicy, policies: PolicySet) -> tuple[str, ...]:
    limits = workflow.written.limits
    writing = sum(policies.tools[name].writes for name in workflow.plans)
    return (
        _named(workflow),
        workflow.mode,
        str(len(workflow.plans)),
        str(writing),
        "any" if limits.max_tool_calls is None else f"{limits.max_tool_calls:,}",
        "any" if limits.max_cost_micros is None else usd(limits.max_cost_micros),
        f"{limits.max_denials:,}",
    )


def _named(workflow: WorkflowPolicy) -> str:
    """The workflow, with its tenant where that is not the default."""
    tenant = workflow.tenant
    return workflow.workflow_id if tenant == "default" else f"{tenant}/{workflow.workflow_id}"


def _limit_rows(workflow: WorkflowPolicy) -> Iterator[tuple[str, ...]]:
    """Budgets, rates and blast radii as one list: all of them hold."""
    written, name = workflow.written, _named(workflow)
    for place, budget in enumerate(written.budgets):
        most = amount(budget.max, USD_MICROS if budget.unit == "usd" else budget.unit)
        window = {"none": "all", "calendar_month": "a month"}.get(budget.window, budget.window)
        zone = "" if budget.tz == "UTC" else f", {budget.tz}"
        yield name, f"budgets[{place}]", most, budget.scope, f"{window}{zone}"
    for place, rate in enumerate(written.rates):
        burst = "" if rate.burst is None else f", {rate.burst:,} at once"
        yield name, f"rates[{place}]", amount(rate.max, "calls") + burst, rate.scope, duration(rate.per_ms)
    for place, blast in enumerate(written.blast_radius):
        what = f" ({blast.records})" if blast.records else ""
        window = duration(blast.window_ms) if blast.window_ms else "all"
        yield name, f"blast_radius[{place}]", amount(blast.max, "records") + what, blast.scope, window


def _approval_rows(workflow: WorkflowPolicy) -> Iterator[tuple[str, ...]]:
    """Which calls wait for people, by entry; one that is about no tool that may be called is left out."""
    for place in range(len(workflow.written.approvals)):
        name = f"approvals[{place}]"
        about = [
            (tool, one) for tool, all_of in workflow.approvals.items() for one in all_of if one.name == name
        ]
        for _, entry in about[:1]:
            held = ", ".join(tool for tool, _ in about)
            where = "" if entry.holds else f" where {' or '.join(sorted(entry.held_by))} holds it"
            by = f" by {' or '.join(entry.roles)}" if entry.roles else ""
            needs = f"{amount(entry.approvers, 'approvals')}{by} within {duration(entry.wait_ms)}"
            yield _named(workflow), name, held + where, needs


def _breach_rows(workflow: WorkflowPolicy) -> Iterator[tuple[str, ...]]:
    """What the watch judges, and does where it does not hold."""
    for one in workflow.breaches:
        bound = usd(one.bound) if one.is_money else share(one.bound)
        at = f"{one.slo} {'at least' if one.is_floor else 'at most'} {bound}"
        over = (
            f"an error budget of {duration(one.error_budget_ms)}"
            if one.error_budget_ms
            else duration(one.window_ms)
        )
        yield _named(workflow), one.name, at, f"{over}, from {one.min_count:,} on", one.then
    if workflow.review_share_ppm:
        what = f"{share(workflow.review_share_ppm)} of completed commands are reviewed"
        yield _named(workflow), "review_share", what, "", ""


def _tool_row(tool: Tool, policies: PolicySet) -> tuple[str, ...]:
    allowed = [_named(w) for w in policies.workflows.values() if tool.name in w.plans]
    records = "unknown" if tool.records is None else ", ".join(map(".".join, tool.records)) or "none"
    to = ", ".join(allowed) or "nobody"
    return tool.name, tool.effect, tool.system or "-", _cost(tool.price), records, to


def _cost(price: Price) -> str:
    if not price.path:
        return usd(price.fixed_micros)
    return f"{usd(min(price.by_value.values()))} to {usd(max(price.by_value.values()))} by {'.'.join(price.path)}"


app.command("test", epilog="Example: toolgate policy test examples/small")(policy_cases.run_cases)
app.command("explain", epilog="Example: toolgate policy explain intent.json --policy examples/small")(
    policy_explain.explain
)
app.command("diff", epilog="Example: toolgate policy diff old new --log recorded.jsonl")(policy_diff.diff)
app.command("fmt", epilog="Example: toolgate policy fmt --check examples")(policy_fmt.fmt)
app.command(epilog="Example: toolgate policy activate policies --as pat --reason TICKET-7")(
    policy_activation.activate
)
app.command()(policy_activation.history)
