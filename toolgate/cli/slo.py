"""`toolgate slo`: how workflows do, asked of a running watch."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli import tables
from toolgate.cli.options import AsJson  # noqa: TC001
from toolgate.cli.watch import PORT
from toolgate.cli.wording import safe
from toolgate.inspection.errors import NotFoundError
from toolgate.processors.amounts import usd
from toolgate.streams.errors import SettingsError, UnreachableError
from toolgate.streams.watch.wording import said

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 10.0
_SHARES = ("success_rate", "intervention_rate", "denial_rate", "tool_error_rate")

app = typer.Typer()


@app.command(epilog="Example: toolgate slo refunds_v1")
def slo(
    workflow: Annotated[
        str | None, typer.Argument(help="One workflow, in full. Default: all, a line each.")
    ] = None,
    *,
    url: Annotated[
        str, typer.Option("--watch", help="Where the watch listens.")
    ] = f"http://127.0.0.1:{PORT}",
    tools: Annotated[
        bool, typer.Option("--tools", help="Tools instead: how often asked for and failed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """How workflows did over the last day, what they promise, and what they lack for the next rung of autonomy.

    Where several watches share the work, each knows its own workflows; it is said which part that is.
    Exit codes: 3 no watch answers there, 14 it knows no such workflow.
    """
    found = _figures(url)
    part = found.get("partitions", {"owned": 0, "of": 0})
    if part["owned"] < part["of"]:
        rest = f"{part['of'] - part['owned']} of {part['of']} partitions"
        typer.echo(f"note: workflows in {rest} are another watch's: ask it too (--watch URL)", err=True)
    chosen = [one for one in found["workflows"] if workflow in {None, one["workflow_id"]}]
    if workflow is not None and not chosen:
        raise NotFoundError(
            f"no pulse has told of workflow {safe(workflow)}",
            where=url,
            remedy="see `toolgate slo`; where several watches share the work, ask each: --watch URL. A workflow is "
            "known once the gate has decided on one of its intents",
        )
    if as_json:
        typer.echo(json.dumps({**found, "workflows": chosen}))
    elif tools:
        rows = (
            (safe(f"{one['tenant']}/{one['tool']}"), str(one["calls"]), str(one["errors"]))
            for one in found["tools"]
        )
        tables.show(("tool", "calls", "errors"), rows)
    elif workflow is None:
        tables.show(
            (
                "workflow",
                "mode",
                "success",
                "people",
                "denied",
                "tool errors",
                "an outcome costs",
                "not kept",
            ),
            map(_line, chosen),
        )
        if not chosen:
            typer.echo(
                "No pulse has come to this watch yet; where several share the work, ask each: --watch URL."
            )
    else:
        for one in chosen:
            tables.show(("", ""), _detail(one))


def _figures(url: str) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise SettingsError(
            f"{url!r} is no address", where="--watch", remedy="write one such as http://127.0.0.1:9460"
        )
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/figures", timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked
            return dict(json.load(answer))
    except (OSError, ValueError) as error:
        why = error.reason if isinstance(error, urllib.error.URLError) else error
        raise UnreachableError(
            f"no watch answers: {why}",
            where=url,
            remedy="start one (toolgate watch), or say where it is: --watch URL",
        ) from None


def _line(one: dict[str, Any]) -> tuple[str, ...]:
    day = one["day"]
    broken = [name for name, broken in one["breached"].items() if broken]
    shares = (_percent(day[name]) for name in _SHARES)
    name = safe(f"{one['tenant']}/{one['workflow_id']}")
    return (name, one["mode"] or "", *shares, _usd(day["unit_cost_micros"]), ", ".join(broken))


def _detail(one: dict[str, Any]) -> Iterator[tuple[str, str]]:
    day, rise = one["day"], one["rise"]
    yield "workflow", safe(f"{one['tenant']}/{one['workflow_id']}")
    yield "mode", one["mode"] or "unknown"
    for name in _SHARES:
        yield name, _percent(day[name])
    yield "an outcome costs", _usd(day["unit_cost_micros"])
    spent = day["cost_micros"]
    yield (
        "of that",
        f"calls {_usd(spent['calls'])}, reviews {_usd(spent['review'])}, repairs {_usd(spent['remedy'])}",
    )
    found = day["detection_ms"]
    if found["count"]:
        mean, longest = found["mean"] / 1_000, found["max"] / 1_000
        yield "found wrong", f"{found['count']} commands, after {mean:.1f} s, {longest:.1f} s at most"
    touched = day["records_touched"]
    if touched["max"] is not None:
        yield "records touched", f"{touched['max']}; 99 % at most {touched['p99']}"
    if (radius := day["blast_radius"]) is not None:
        used = f"{radius['used']} of {radius['max']} records, {radius['share']:.0%}"
        yield "nearest to its limit", f"{safe(radius['rule'])}: {used}"
    if (reviewed := one["reviewed"]) is not None:
        low, high = reviewed["low"], reviewed["high"]
        rate = f"{reviewed['rate']:.1%} wrong, {low:.1%} to {high:.1%} in 95 of 100 samples"
        yield "by reviews", f"{rate}; {reviewed['judged']} looked at"
    for name, broken in one["breached"].items():
        kept = {True: "NOT KEPT", False: "kept", None: "too little happened to say"}[broken]
        yield f"objective {name}", f"{kept}: {safe(said(one['slos'].get(name, {})))}"
    for rule, budget in one["budgets"].items():
        left = budget["exhausted_in_ms"]
        when = "" if left is None else f"; used up in {left // 60_000} minutes at this pace"
        yield f"limit {safe(rule)}", f"{budget['share']:.0%}{when}"
    yield from _rise(one, rise)


def _rise(one: dict[str, Any], rise: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not rise or rise["next"] is None:
        return
    lacks = "; ".join(rise["lacks"])
    yield "next rung", f"{rise['next']}: {'lacks ' + lacks if lacks else 'nothing speaks against it'}"
    if not lacks:
        name = safe(one["workflow_id"])
        how = (
            f"toolgate mode {name} {rise['next']} --tenant {safe(one['tenant'])} --as KID --reason ..."
            if rise["by"] == "order"
            else "a new policy says so: toolgate policy activate DIR"
        )
        yield "to let it", how


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _usd(micros: int | None) -> str:
    return "" if micros is None else usd(micros)
