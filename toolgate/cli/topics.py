"""`toolgate topics`: create the topics, check them, list them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from toolgate.cli import connection, tables
from toolgate.cli.hints import say_next
from toolgate.cli.options import AsJson, Bootstrap, Config, Partitions, Prefix  # noqa: TC001
from toolgate.streams import topic_admin
from toolgate.streams.topics import FOREVER, TOPICS, Topic

if TYPE_CHECKING:
    from toolgate.streams.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Create, check and list the topics of a prefix.")


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
    settings = connection.load(
        config, bootstrap_servers=bootstrap_servers, prefix=prefix, partitions=partitions
    )
    created = topic_admin.apply(topic_admin.connect(settings), settings)
    if as_json:
        typer.echo(json.dumps(_summary(settings) | {"created": list(created)}))
        return
    for name in created:
        typer.echo(f"created {name}")
    typer.echo(f"{len(TOPICS)} topics of {settings.prefix!r} stand, {len(created)} of them new.")
    say_next("toolgate gate --policies DIR --keys keyring.yaml")


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
    settings = connection.load(
        config, bootstrap_servers=bootstrap_servers, prefix=prefix, partitions=partitions
    )
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
    rows = []
    for topic in TOPICS:
        kept = "for ever" if topic.retention_ms == FOREVER else f"{topic.retention_ms // 86_400_000} d"
        rows.append(
            (
                topic.name,
                ", ".join(topic.writers),
                ", ".join(topic.readers),
                "many" if topic.co_partitioned else "1",
                "newest" if topic.cleanup == "compact" else kept,
                topic.about,
            )
        )
    tables.show(("topic", "written by", "read by", "partitions", "kept", "what"), rows)
    say_next("toolgate tail TOPIC")


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
