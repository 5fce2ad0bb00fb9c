"""`toolgate dev`: a real Kafka and a real Valkey on this machine, for as long as it runs."""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from toolgate.cli import connection
from toolgate.streams import topic_admin
from toolgate.streams.local import Stack
from toolgate.streams.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

app = typer.Typer()
# What somebody who has a Kafka and a Redis wants next: keys, then a gate, from the policies at hand.
NEXT = """\
  toolgate keys new intent agent-1 --workflow WORKFLOW_ID    # signs what its agents ask for
  toolgate keys new executor tools-1 --executor tools --tool '*'
  toolgate gate --policies FOLDER --keys keyring.yaml
  toolgate submit --run run-1 --tool TOOL --params '{}'      # one intent, by hand
  toolgate tail denials --follow
"""


@app.command()
def dev(
    *,
    directory: Annotated[Path, typer.Option("--dir", help="Where data and logs are kept.")] = Path(
        ".toolgate/dev"
    ),
    partitions: Annotated[
        int | None, typer.Option(help="Of co-partitioned topics; fixed for the life of the data. Default: 8.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON object.")] = False,
) -> None:
    """Start Kafka and Valkey, create the topics, print the addresses; runs until Ctrl-C or SIGTERM.

    Needs no Docker and no Java. The first start fetches Kafka (43 MB); later ones take seconds.
    """
    try:
        console = Console(stderr=True, highlight=False)
        with _stop_signals(), console.status("Starting") as status:
            notify = status.update if console.is_terminal else console.print
            with Stack(directory, notify) as stack:
                notify("Applying topics")
                # connection settings of another cluster must not reach for the local one
                settings = load(
                    bootstrap_servers=stack.bootstrap,
                    redis_url=stack.redis_url,
                    partitions=partitions,
                    kafka={},
                )
                created = topic_admin.apply(topic_admin.connect(settings), settings)
                status.stop()
                with connection.announced(stack.directory, settings):
                    _announce(stack, settings, len(created), as_json=as_json)
                    while True:
                        stack.check()
                        time.sleep(0.5)
    except KeyboardInterrupt:
        if not as_json:
            typer.echo(f"Stopped. The data stays in {directory}.")


@contextmanager
def _stop_signals() -> Iterator[None]:
    """The first SIGINT or SIGTERM raises KeyboardInterrupt; later ones must not disturb the stopping."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _announce(stack: Stack, settings: Settings, created: int, *, as_json: bool) -> None:
    variables = _variables(settings)
    exports = _leave_exports(stack.directory, variables)
    if as_json:
        facts: dict[str, Any] = {
            "bootstrap_servers": stack.bootstrap,
            "redis_url": stack.redis_url,
            "prefix": settings.prefix,
            "partitions": settings.partitions,
            "topics_created": created,
            "directory": str(stack.directory),
            "pid": os.getpid(),
            "kafka_pid": stack.broker.pid,
            "redis_pid": stack.redis.pid,
            "env": variables,
        }
        typer.echo(json.dumps(facts))
        return
    width = max(len(stack.broker.name), len(stack.redis.name)) + 2
    typer.echo(f"{stack.broker.name:<{width}}{stack.bootstrap}")
    typer.echo(f"{stack.redis.name:<{width}}{stack.redis_url}")
    typer.echo(f"{'data, logs':<{width}}{stack.directory}\n")
    found = connection.running()
    if found is not None and found[0] == stack.directory:
        typer.echo("Commands that are started in this folder find it by themselves. Elsewhere:\n")
    else:
        typer.echo("In another terminal:\n")
    for name, value in variables.items():
        typer.echo(f"  export {name}={value}")
    typer.echo(f"\nwhich is what this does:\n\n  . {shlex.quote(str(exports))}")
    typer.echo(f"\nThen:\n\n{NEXT}")
    typer.echo("Ctrl-C stops both; the data stays.")


def _leave_exports(directory: Path, variables: dict[str, str]) -> Path:
    """A file to be sourced by whoever starts programs of their own; the addresses stay from start to start."""
    path = directory / "env"
    path.write_text(
        "".join(f"export {name}={value}\n" for name, value in variables.items()), encoding="utf-8"
    )
    return path


def _variables(settings: Settings) -> dict[str, str]:
    """What another process must be told; defaults are left out."""
    variables = {
        "TOOLGATE_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "TOOLGATE_REDIS_URL": settings.ledger_url,
    }
    for field in ("prefix", "partitions"):
        value = getattr(settings, field)
        if value != type(settings).model_fields[field].default:
            variables[f"TOOLGATE_{field.upper()}"] = str(value)
    return variables
