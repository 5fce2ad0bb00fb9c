"""`toolgate export`: the topics of a prefix as a file."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

from toolgate.cli import connection, logs, progress, tables
from toolgate.cli.hints import say_next
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.inspection.decoding import Decoder
from toolgate.inspection.search import Readers
from toolgate.processors.problems import nearest
from toolgate.streams import schema_ids
from toolgate.streams.errors import SettingsError
from toolgate.verification import exporting, topics
from toolgate.verification.history import TOPICS

app = typer.Typer()


def _names(incomplete: str) -> list[str]:
    return [name for name in TOPICS if name.startswith(incomplete)]


@app.command(epilog="Example: toolgate export history.jsonl.gz && toolgate verify history.jsonl.gz")
def export(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to; compressed where the name ends in .gz.")
    ],
    *,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="Only this topic; may be given several times.", autocompletion=_names),
    ] = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Write what was asked, decided, commanded and reported to a file, one JSON object a line.

    The committed records of intents, contracts, results, control, commands, denials, holds, drafts, outcomes, audit and
    quarantine up to where each topic ends now, as `toolgate tail --json` prints them. `toolgate verify` and `toolgate
    policy diff --log` read the file.
    """
    wanted = _wanted(topic)
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    with Readers(settings) as readers, progress.bars("Exporting") as notify:
        stretch = topics.spans(readers, wanted)
        decoder = Decoder(schema_ids.registry(settings))
        counts = exporting.export(file, readers, stretch, decoder, notify)
    missing = [name for name in wanted if name not in stretch]
    if as_json:
        typer.echo(json.dumps({"file": str(file), "records": counts, "missing": missing}))
        return
    tables.show(("topic", "records"), [(name, f"{count:,}") for name, count in counts.items()])
    for name in missing:
        typer.echo(f"There is no topic {settings.topic(name)}, or this user may not read it.", err=True)
    if topic is None:
        say_next(f"toolgate verify {file}")


def _wanted(named: list[str] | None) -> tuple[str, ...]:
    for name in named or ():
        if name not in TOPICS:
            raise SettingsError(
                f"topic {name} is not exported",
                where="arguments",
                remedy=nearest(name, TOPICS) or f"known are {', '.join(sorted(TOPICS))}",
            )
    return tuple(name for name in TOPICS if named is None or name in named)
