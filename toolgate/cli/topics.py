"""`toolgate topics`: create the topics, check them, list them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from toolgate.streams import topic_admin
from toolgate.streams.settings import Settings, load
from toolgate.streams.topics import FOREVER, TOPICS, Topic

app = typer.Typer(no_args_is_help=True, help="Create, check and list the topics of a prefix.")

Config = Annotated[Path | None, typer.Option("--config", help="A TOML file of settings.")]
Bootstrap = Annotated[str | None, typer.Option("--bootstrap-servers", help="Kafka's addresses.")]
Prefix = Annotated[str | None, typer.Option("--prefix", help="Topic prefix. Default: toolgate.")]
Partitions = Annotated[int | None, typer.Option("--partitions", help="Of co-partitioned topics. Default: 8.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def apply(
    *,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    partitions: Partitions = None,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing and check all; alters none, refuses what would break a promise."""
    settings = load(config, bootstrap_servers=bootstrap_servers, prefix=prefix, partitions=partitions)
    created = topic_admin.apply(topic_admin.connect(settings), settings)
    if as_json:
        typer.echo(json.dumps(_summary(settings) | {"created": list(created)}))
        return
    for name in created:
        typer.echo(f"created {name}")
    typer.echo(f"{len(TOPICS)} topics of {settings.prefix!r} stand, {len(created)} of them new.")


@app.command()
def check(
    *,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    partitions: Partitions = None,
    as_json: AsJson = False,
) -> None:
    """Check that every topic is there and keeps its promises; exit code 4 and names if one does not."""
    settings = load(config, bootstrap_servers=bootstrap_servers, prefix=prefix, partitions=partitions)
    topic_admin.check(topic_admin.connect(settings), settings)
    if as_json:
        typer.echo(json.dumps(_summary(settings)))
        return
    typer.echo(f"{len(TOPICS)} topics of {settings.prefix!r} stand and keep their promises.")


@app.command(name="list")
def list_topics(*, as_json: AsJson = False) -> None:
    """List the topics with their writers, readers and settings. Needs no broker."""
    if as_json:
        typer.echo(json.dumps([_record(topic) for topic in TOPICS]))
        return
    table = Table("topic", "written by", "read by", "partitions", "kept", "what", box=None, pad_edge=False)
    for topic in TOPICS:
        kept = "for ever" if topic.retention_ms == FOREVER else f"{topic.retention_ms // 86_400_000} d"
        table.add_row(
            topic.name,
            ", ".join(topic.writers),
            ", ".join(topic.readers),
            "many" if topic.co_partitioned else "1",
            "newest" if topic.cleanup == "compact" else kept,
            topic.about,
        )
    Console().print(table)


def _summary(settings: Settings) -> dict[str, Any]:
    return {"prefix": settings.prefix, "partitions": settings.partitions, "topics": len(TOPICS)}


def _record(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "key": topic.key,
        "value": topic.value,
        "about": topic.about,
        "writers": topic.writers,
        "readers": topic.readers,
        "co_partitioned": topic.co_partitioned,
        "config": topic.config(),
    }
