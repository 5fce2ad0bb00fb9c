"""`toolgate notify`: tell other systems what people should know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import start_http_server

from toolgate.cli import connection, extras, logs
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.notify import endpoints
from toolgate.notify.counts import Counts
from toolgate.streams import schema_ids
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate.worker import stop_signals

app = typer.Typer()


@app.command(epilog="Example: toolgate notify --webhooks webhooks.yaml")
def notify(  # noqa: PLR0913 - one parameter for each option
    *,
    webhooks: Annotated[Path, typer.Option("--webhooks", help="Who is told of what, where.")] = Path(
        "webhooks.yaml"
    ),
    once: Annotated[bool, typer.Option("--once", help="Tell what there is now, and end.")] = False,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Where metrics listen; 0: a free one, printed at start.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell other systems of holds, drafts, overdue items and alerts by signed webhooks, each at least once.

    Needs Kafka alone. Each endpoint is told in order, whatever becomes of the others; several such processes share the
    work. A new endpoint is told what comes from then on. Exit code 3 with --once: an endpoint takes nothing; what it
    was not told, it will be told.
    """
    settings = connection.load(
        config, bootstrap_servers=bootstrap_servers, prefix=prefix, metrics_port=metrics_port
    )
    logs.configure(as_json=as_json)
    told = endpoints.load(webhooks)
    extras.check("notify")
    from toolgate.notify.notifier import Notifier  # noqa: PLC0415 - needs the extra

    counts = Counts()
    notifier = Notifier(settings, told, counts, schema_ids.registry(settings))
    if once:
        notifier.run(once=True)
        return
    try:
        server, _ = start_http_server(settings.metrics_port, settings.metrics_host, counts.registry)
    except OSError as error:
        raise SettingsError(
            f"metrics cannot listen: {error.strerror}",
            where=f"{settings.metrics_host}:{settings.metrics_port}",
            remedy="give another --metrics-port",
        ) from None
    url = f"http://{settings.metrics_host}:{server.server_port}/metrics"
    if as_json:
        typer.echo(json.dumps({"endpoints": [one.name for one in told], "metrics": url}))
    else:
        typer.echo(f"Telling {', '.join(one.name for one in told)}; {url}", err=True)
    with stop_signals(notifier.stop):
        notifier.run()
