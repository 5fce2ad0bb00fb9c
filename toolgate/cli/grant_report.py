"""`toolgate grant-report`: everything that was done under a grant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from toolgate.cli import connection, logs, progress, tables
from toolgate.cli.hints import say_next
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.cli.wording import safe
from toolgate.inspection.decoding import as_time
from toolgate.inspection.plain import as_plain
from toolgate.inspection.search import Readers
from toolgate.processors.amounts import usd
from toolgate.review.grant_uses import AUDIT, done_under, find
from toolgate.streams import schema_ids

if TYPE_CHECKING:
    from toolgate.review.grant_uses import Use
    from toolgate.schemas.records import Control

app = typer.Typer()


@app.command("grant-report", epilog="Example: toolgate grant-report grant-5be1a40c77d20f93 --json")
def grant_report(
    control_id: Annotated[
        str, typer.Argument(metavar="GRANT", help="Its id: audit, commands and alerts name it.")
    ],
    *,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """List every decision under a grant, also one that has ended, and what became of its commands.

    Of the audit, which is kept for ever: who asked for what, the verdict, what was waived for it, and what was heard of
    the command since. Exit code 14: no grant has this id.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    registry = schema_ids.registry(settings)
    with Readers(settings) as readers, progress.bars("Reading") as notify:
        word, given_ms = find(readers, control_id, registry)
        done = done_under(
            readers, word, given_ms, registry, lambda so_far, total: notify(AUDIT, so_far, total)
        )
    if as_json:
        typer.echo(
            json.dumps(
                {"grant": as_plain(word), "given_at": given_ms, "done": [use.as_json() for use in done]}
            )
        )
        return
    typer.echo(_given(word, given_ms))
    tables.show(
        ("seq", "at", "verdict", "tool", "asked by", "command", "costs", "waived", "became"), map(_row, done)
    )
    if not done:
        typer.echo("Nothing was done under it.")
    else:
        say_next(f"toolgate explain {safe(done[-1].event.intent_id)}")


def _given(word: Control, given_ms: int) -> str:
    until = f" until {as_time(word.expires_at)}" if word.expires_at else ""
    target = f"{word.scope} {word.value}"
    people = " and ".join(word.issued_by)
    return safe(
        f"{target} may call {', '.join(word.tools)}{until}, given {as_time(given_ms)} by {people}: {word.reason}"
    )


def _row(use: Use) -> tuple[str, ...]:
    event = use.event
    return tuple(
        map(
            safe,
            (
                str(event.seq),
                as_time(event.clk),
                event.verdict,
                event.tool,
                f"{event.workflow_id}/{event.agent_id} run {event.run_id}",
                event.command_id,
                usd(event.cost_micros) if event.command_id else "",
                ", ".join(reason.code for reason in event.waived),
                ", ".join(use.became)
                or ("" if event.command_id else ", ".join(one.code for one in event.reasons)),
            ),
        )
    )
