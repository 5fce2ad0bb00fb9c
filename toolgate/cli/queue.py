"""`toolgate queue`: what waits for people."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli import connection, logs, tables
from toolgate.cli.asked import asked_lines
from toolgate.cli.hints import say_next
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.cli.wording import because, safe
from toolgate.inspection.decoding import as_time
from toolgate.inspection.plain import as_plain
from toolgate.inspection.search import Readers
from toolgate.processors.amounts import duration
from toolgate.review.waiting import read
from toolgate.schemas.records import Hold

if TYPE_CHECKING:
    from toolgate.review.waiting import Waiting

app = typer.Typer()
_PARAMS_CHARS = 80


@app.command(epilog="Example: toolgate queue --role cfo")
def queue(  # noqa: PLR0913 - one parameter for each option
    wanted: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A hold or a draft, also one that is over: all of it."),
    ] = None,
    *,
    role: Annotated[str | None, typer.Option(help="Only what this role may decide about.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only of this workflow.")] = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Show what waits for people: held calls and drafts, what expires first before the rest.

    What waits has an id; `approve`, `reject`, `promote` and `withdraw` decide about it. With an ID, everything about
    that one: what is asked, why it waits, who has voted.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    now_ms = time.time_ns() // 1_000_000
    with Readers(settings) as readers:
        board = read(readers, connection.registry(settings))
    if wanted is not None:
        found = [one for name, one in board.by_id.items() if name == wanted]
    else:
        found = [
            one
            for one in board.waiting(now_ms)
            if role in {None, *one.opened.roles} and workflow in {None, one.opened.workflow_id}
        ]
    if as_json:
        typer.echo(json.dumps({"waiting": [_json(one, now_ms) for one in found]}))
    elif wanted is not None:
        for one in found:
            _whole(one, now_ms)
    else:
        rows = [_row(one, now_ms) for one in found]
        tables.show(("id", "left", "needs", "tool", "asked", "by", "why"), rows)
    if not found and not as_json:
        typer.echo(f"Nothing ever waited as {safe(wanted)}." if wanted else "Nothing waits.")
    if found and wanted is None:
        say_next(f"toolgate approve {found[0].id} --as KID", as_json=as_json)


def _row(one: Waiting, now_ms: int) -> tuple[str, ...]:
    held = one.opened
    needs = f"{len(one.latest.approvals)} of {held.approvals_needed} {' or '.join(held.roles)}"
    asked = held.diff if isinstance(held, Hold) else f"a draft{' by ' + held.twin if held.twin else ''}"
    return (
        one.id,
        duration(held.expires_at - now_ms),
        needs,
        safe(held.tool),
        safe(asked, _PARAMS_CHARS),
        safe(f"{held.workflow_id}/{held.agent_id} run {held.run_id}"),
        "; ".join(map(because, held.reasons)),
    )


def _json(one: Waiting, now_ms: int) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "state": one.state(now_ms),
        "age_ms": now_ms - one.opened_ms,
        "approvals": list(one.latest.approvals),
        "opened": as_plain(one.opened),
        "votes": [as_plain(vote) for vote in one.votes],
    }


def _whole(one: Waiting, now_ms: int) -> None:
    held = one.opened
    lines = [
        f"{one.kind} {one.id}: {one.state(now_ms)}",
        f"asked by   {safe(held.workflow_id)}/{safe(held.agent_id)} of tenant {safe(held.tenant)}",
        f"for        run {safe(held.run_id)}, intent {safe(held.intent_id)}",
        f"tool       {safe(held.tool)} {safe(held.tool_version)}",
        *_asked(held),
        f"needs      {held.approvals_needed} of {', '.join(held.roles)} until {as_time(held.expires_at)}",
        *(f"why        {because(reason)}" for reason in held.reasons),
        f"intent     {held.body_topic}[{held.body_partition}]@{held.body_offset} digest {held.digest}",
        f"policies   {held.policy_digest}",
    ]
    for vote in one.votes:
        said = f"refused: {safe(vote.refused)}" if vote.refused else vote.state
        lines.append(f"vote       {safe(vote.voter)} {vote.choice}, {said}  {safe(vote.comment)}".rstrip())
    typer.echo("\n".join(lines))


def _asked(held: Any) -> list[str]:
    draft = (
        []
        if isinstance(held, Hold)
        else [f"draft      {f'made by {held.twin}' if held.twin else 'a proposal'}"]
    )
    return [*map(safe, draft), *asked_lines(held)]
