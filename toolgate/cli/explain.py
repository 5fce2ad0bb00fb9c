"""`toolgate explain`: everything that the log knows of one intent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from toolgate.cli import connection, logs, progress, story
from toolgate.cli.hints import say_next
from toolgate.cli.options import Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.inspection.decoding import Decoder
from toolgate.inspection.explanation import how_to_undo
from toolgate.inspection.policies import published
from toolgate.inspection.search import Readers, Search
from toolgate.processors import loader
from toolgate.streams import schema_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.inspection.explanation import Explanation
    from toolgate.processors.policy import PolicySet
    from toolgate.streams.settings import Settings

app = typer.Typer()


@app.command(epilog="Example: toolgate explain 0b81c6f2a1d94f0e --run billing-07 --policies examples/small")
def explain(  # noqa: PLR0913 - one parameter for each option
    intent_id: Annotated[str, typer.Argument(help="The intent's id, as outcomes and denials name it.")],
    *,
    tenant: Annotated[
        str | None, typer.Option(help="Whose intent; needed where several tenants used the id.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="Its run: then one partition is searched, not all.")] = None,
    policies: Annotated[
        Path | None,
        typer.Option(
            help="Folder that says how to undo the command. Default: the set it was approved under."
        ),
    ] = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, all records in full.")
    ] = False,
) -> None:
    """Tell everything that the log knows of an intent.

    What was asked, every decision with its reasons and how far each was from being allowed, what it took from which
    account, who allowed it and under which policy, what the agent was told, the command, what came of it, and how to
    undo it. Exit code 14 when the log knows no such intent.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(
        config, bootstrap_servers=bootstrap_servers, prefix=prefix, policies_dir=policies
    )
    with Readers(settings) as readers, progress.bars("Searching") as notify:
        decoder = Decoder(schema_ids.registry(settings))
        search = Search(readers, decoder, lambda at: notify(at.topic, at.done, at.total))
        found = search.explain(intent_id, tenant, run)
    found = _with_undo(found, settings)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
        return
    story.tell(found)
    say_next(*_next(found))


def _with_undo(found: Explanation, settings: Settings) -> Explanation:
    if found.command is None or found.command.record is None:
        return found
    command = found.command.record
    if settings.policies_dir is not None:
        policies: PolicySet | None = loader.load(settings.policies_dir)
    else:
        policies = published(settings, command.policy_digest)
    return replace(found, undo=how_to_undo(command, found.results, policies)) if policies else found


def _next(found: Explanation) -> Iterator[str]:
    runs = [each.event.run_id for each in found.decisions if each.event.run_id]
    if runs:
        yield f"toolgate tail audit --from beginning --run {runs[0]}"
    if found.command is not None and found.undo is None:
        yield f"toolgate explain {found.intent_id} --policies DIR    # says how to undo it"
