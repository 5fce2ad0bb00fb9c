"""`toolgate snapshot`: write snapshots of the ledger's accounts as they become due, or one now."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

from toolgate.cli import connection, logs
from toolgate.streams import schema_ids
from toolgate.streams.gate import snapshotting
from toolgate.streams.gate.worker import stop_signals

app = typer.Typer()


@app.command()
def snapshot(  # noqa: PLR0913 - one parameter for each option
    *,
    once: Annotated[bool, typer.Option("--once", help="Write one now and end.")] = False,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings.")] = None,
    bootstrap_servers: Annotated[str | None, typer.Option(help="Kafka's addresses.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Topic prefix. Default: toolgate.")] = None,
    partitions: Annotated[int | None, typer.Option(help="Of co-partitioned topics. Default: 8.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and logs as JSON.")] = False,
) -> None:
    """Write a snapshot every 60 seconds or 100,000 decisions, so that a recovery begins there.

    Needs Kafka alone. One such process for a prefix is enough; a newer one takes over from an older.
    """
    settings = connection.load(
        config, bootstrap_servers=bootstrap_servers, prefix=prefix, partitions=partitions
    )
    logs.configure(as_json=as_json)
    registry = schema_ids.registry(settings)
    if not once:
        stopped: list[bool] = []
        with stop_signals(lambda: stopped.append(True)):
            snapshotting.run(settings, lambda: bool(stopped), registry)
        return
    written = snapshotting.write_once(settings, registry)
    if as_json:
        typer.echo(json.dumps({"written": written is not None, "seq": written.seq if written else None}))
    elif written:
        typer.echo(f"Snapshot as of seq {written.seq}: {len(written.accounts)} accounts.")
    else:
        typer.echo("Nothing new since the last snapshot.")
