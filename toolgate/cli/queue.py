"""`toolgate queue`: what waits for people."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli import connection, logs, tables
from toolgate.cli.hints import say_next
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.cli.queue_item import as_json_of, lines_of
from toolgate.cli.wording import about, safe
from toolgate.inspection.errors import NotFoundError
from toolgate.inspection.search import Readers
from toolgate.review.assigning import reason_of
from toolgate.review.items import ItemKind, chosen
from toolgate.review.queue import read
from toolgate.review.waiting import Waiting
from toolgate.schemas.records import Hold
from toolgate.streams import schema_ids

if TYPE_CHECKING:
    from toolgate.review.items import Item
    from toolgate.review.queue import Queue

app = typer.Typer()
_ASKED_CHARS = 80
SHOWN = 100  # a table of ten thousand rows takes ten seconds to lay out, and nobody reads it
_VERBS = {
    ItemKind.HOLD: "approve",
    ItemKind.DRAFT: "promote",
    ItemKind.OUTCOME: "release --did-not",
    ItemKind.RECORD: "release",
}


@app.command(epilog="Example: toolgate queue --role cfo --overdue")
def queue(  # noqa: PLR0913 - one parameter for each option
    wanted: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="One of them, also a hold or a draft that is over: all of it."),
    ] = None,
    *,
    kind: Annotated[ItemKind | None, typer.Option(help="Only of this kind.")] = None,
    role: Annotated[str | None, typer.Option(help="Only what this role may decide about.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only of this workflow.")] = None,
    taken_by: Annotated[str | None, typer.Option(metavar="KID", help="Only what this one has taken.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what should be answered by now.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"At most so many. Default: {SHOWN}; with --json all."),
    ] = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Show what waits for people, what should be answered first before the rest.

    Four kinds: held calls, drafts, outcomes (commands that may have had their effect, and nobody knows) and records
    (input that could not be read). Each has an id; `approve`, `reject`, `promote`, `withdraw` and `release` decide
    about it, `take` says that you see to it. With an ID, everything about that one. Exit code 14: nothing has this id.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    now_ms = time.time_ns() // 1_000_000
    registry, why_taken = schema_ids.registry(settings), ""
    with Readers(settings) as readers:
        whole = read(readers, registry)
        if wanted is not None:
            found = [_found(whole, wanted, now_ms)]
            has = found[0].assignee
            why_taken = reason_of(has, readers, registry) if has and has.before else ""
    if wanted is None:
        found = chosen(
            whole.items(now_ms),
            now_ms,
            kind=kind,
            role=role,
            workflow=workflow,
            overdue=overdue,
            taken_by=taken_by,
        )
    late = sum(item.overdue(now_ms) for item in found)
    if as_json:
        shown = [as_json_of(item, now_ms, why_taken) for item in found[:limit]]
        told: dict[str, Any] = {"waiting": shown, "total": len(found)}
        typer.echo(json.dumps(told | {"overdue": late, "missing": whole.missing}))
        return
    for topic in whole.missing:
        typer.echo(f"not all is shown: {safe(topic)}", err=True)
    if wanted is not None:
        typer.echo("\n".join(lines_of(found[0], now_ms, why_taken)))
        return
    columns = ("id", "kind", "age", "answer", "owner", "taken by", "needs", "tool", "asked", "by", "why")
    tables.show(columns, [_row(item, now_ms) for item in found[: limit or SHOWN]])
    typer.echo(f"{len(found)} waiting, {late} overdue" if found else "Nothing waits.")
    if len(found) > (limit or SHOWN):
        typer.echo(f"the {limit or SHOWN} that should be answered first are shown: --limit shows more")
    if found:
        say_next(f"toolgate {_VERBS[found[0].kind]} {found[0].id} --as KID")


def _found(whole: Queue, wanted: str, now_ms: int) -> Item:
    item = whole.find(wanted, now_ms)
    if item is None:
        raise NotFoundError(
            f"nothing waits, or ever waited, as {wanted!r}",
            where=", ".join(whole.missing) or "holds, drafts and the last 30 days of the audit",
            remedy="see what waits: toolgate queue",
        )
    return item


def _row(item: Item, now_ms: int) -> tuple[str, ...]:
    left_ms = item.answer_by_ms - now_ms
    of_run = f"{item.workflow_id}/{item.agent_id} run {item.run_id}" if item.run_id else ""
    return (
        item.id,
        item.kind,
        about(item.age_ms(now_ms)),
        f"in {about(left_ms)}" if left_ms > 0 else f"OVERDUE by {about(-left_ms)}",
        safe(item.owner),
        f"{safe(item.assignee.kid)} for {about(now_ms - item.assignee.since_ms)}" if item.assignee else "",
        _needs(item),
        safe(item.tool),
        safe(_asked(item), _ASKED_CHARS),
        safe(of_run),
        safe("; ".join(item.why)),
    )


def _needs(item: Item) -> str:
    if isinstance(item.subject, Waiting):
        held = item.subject.latest
        return f"{len(held.approvals)} of {held.approvals_needed} {' or '.join(item.roles)}"
    return " or ".join(item.roles)


def _asked(item: Item) -> str:
    if not isinstance(item.subject, Waiting):
        return "what happened?" if item.kind == ItemKind.OUTCOME else "a look"
    held = item.subject.opened
    return held.diff if isinstance(held, Hold) else f"a draft{' by ' + held.twin if held.twin else ''}"
