"""`toolgate watch`: figures, alerts and automatic demotion, from the stream."""

from __future__ import annotations

import json
import os
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

from toolgate.cli import connection, logs
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001

PORT = 9460  # a gate beside it has 9464 and on

app = typer.Typer()


@app.command(epilog="Example: toolgate watch --policies policies --keys keyring.yaml --as watch-1")
def watch(  # noqa: PLR0913 - one parameter for each option
    *,
    policies: Annotated[Path | None, typer.Option(help="Folder in force until a set is activated.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="The keyring file: whose orders and reviews count.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--as", metavar="KID", help="Its own key, of role watch. Without one it only tells."),
    ] = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    metrics_port: Annotated[
        int | None, typer.Option(help=f"Where metrics and figures listen; 0: a free one. Default: {PORT}.")
    ] = None,
    insecure_dev: Annotated[
        bool, typer.Option("--insecure-dev", help="Believe unsigned reviews. Never in production.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Watch over workflows: objectives, budgets, drift, loops; alert, and order a tighter mode where a policy says so.

    Needs Kafka alone, and may be down: it catches up, and its figures are then the same. Several share the work. Exit
    codes: 0 stopped, 2 settings, 3 no answer, 4 a topic or a right is missing, 7 faulty files, 70 something was not
    understood: start it again.
    """
    from toolgate.streams.watch import standalone  # noqa: PLC0415 - Faust takes a second to load
    from toolgate.streams.watch.running import Watch  # noqa: PLC0415

    settings = connection.load(
        config,
        policies_dir=policies,
        keys_file=keys,
        bootstrap_servers=bootstrap_servers,
        prefix=prefix,
        metrics_port=_port(metrics_port, config),
        insecure_dev=insecure_dev or None,
    )
    logs.configure(as_json=as_json)
    with Watch(standalone.parts(settings, key)) as made:
        url = made.endpoint.url
        if as_json:
            typer.echo(json.dumps({"url": url, "prefix": settings.prefix, "acts": key is not None}))
        else:
            does = f"orders as {key}" if key else "only tells: it has no key to order with (--as KID)"
            typer.echo(f"Watching {settings.prefix}; {does}. {url}/figures, {url}/metrics", err=True)
        made.run()


def _port(given: int | None, config: Path | None) -> int | None:
    """What the option says, else what the settings do, else the watch's own."""
    said = given is not None or config is not None or "TOOLGATE_METRICS_PORT" in os.environ
    return given if said else PORT
