"""`toolgate gate`: one worker in this process, or several under a small supervisor."""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli import connection, logs
from toolgate.cli.exits import Exit
from toolgate.cli.hints import say_next
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import worker
from toolgate.streams.gate.supervisor import Job, Supervisor

if TYPE_CHECKING:
    from toolgate.streams.gate.worker import Started
    from toolgate.streams.settings import Settings

app = typer.Typer()

# What starting again cannot mend: a person has to do something first.
FINAL = frozenset(
    {
        Exit.USAGE,
        Exit.REFUSED,
        Exit.CODE_MISMATCH,
        Exit.FILES,
        Exit.CLOCK,
        Exit.LOST_RECORDS,
        Exit.SLOT_IN_USE,
    }
)
INSECURE = "WARNING: --insecure-dev: every record is believed, whoever wrote it. Never in production."


@app.command()
def gate(  # noqa: PLR0913 - one parameter for each option
    *,
    slot: Annotated[
        int | None, typer.Option(help="Which worker this is: 0 to partitions - 1. Default: 0.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Run slots 0 to N - 1 and a snapshot process as children.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings.")] = None,
    policies: Annotated[Path | None, typer.Option(help="Folder in force until one is activated.")] = None,
    keys: Annotated[Path | None, typer.Option(help="The keyring file.")] = None,
    bootstrap_servers: Annotated[str | None, typer.Option(help="Kafka's addresses.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Topic prefix. Default: toolgate.")] = None,
    partitions: Annotated[int | None, typer.Option(help="Of co-partitioned topics. Default: 8.")] = None,
    take_over_code: Annotated[
        bool, typer.Option("--take-over-code", help="Rebuild a ledger that another version runs.")
    ] = False,
    insecure_dev: Annotated[
        bool, typer.Option("--insecure-dev", help="Believe unsigned records. Never in production.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the addresses and all logs as JSON.")
    ] = False,
) -> None:
    """Decide on intents until SIGTERM or Ctrl-C: the batch at hand is finished and partitions are released.

    Redis is named by TOOLGATE_REDIS_URL. Exit codes: 0 stopped, 2 settings, 3 no answer, 4 Kafka or Redis
    would break a promise, 5 the ledger runs other code, 7 faulty files, 8 broker clock ahead, 9 records lost,
    11 another process took this slot.
    """
    if slot is not None and workers is not None:
        raise SettingsError("--slot and --workers exclude each other", remedy="give one of them")
    settings = connection.load(
        config,
        slot=slot,
        policies_dir=policies,
        keys_file=keys,
        bootstrap_servers=bootstrap_servers,
        prefix=prefix,
        partitions=partitions,
        insecure_dev=insecure_dev or None,
    )
    logs.configure(as_json=as_json)
    if settings.insecure_dev:
        typer.echo(INSECURE, err=True)
    if workers is None:
        worker.run(
            settings,
            take_over_code=take_over_code,
            announce=lambda started: _announce(settings, started, as_json=as_json),
        )
        return
    _supervise(settings, workers, config, take_over_code=take_over_code, as_json=as_json)


def _announce(settings: Settings, started: Started, *, as_json: bool) -> None:
    facts: dict[str, Any] = {
        "slot": started.slot,
        "health": started.health_url,
        "bootstrap_servers": settings.bootstrap_servers,
        "redis": settings.ledger_address,
        "prefix": settings.prefix,
        "policy_digest": started.policy_digest,
        "workflows": started.workflows,
        "tools": started.tools,
        "code": started.code,
        "insecure_dev": settings.insecure_dev,
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for name in ("slot", "prefix", "bootstrap_servers", "redis", "policy_digest", "workflows", "tools"):
        none = "none beside this worker: toolgate policy activate DIR" if name == "policy_digest" else ""
        typer.echo(f"{name:<19}{facts[name] if facts[name] != '' else none}")
    typer.echo(f"{'health, metrics':<19}{started.health_url}/health, {started.health_url}/metrics\n")
    typer.echo(f"Watch it:  curl -s {started.health_url}/health")
    typer.echo("Ctrl-C stops it in order.")
    say_next("toolgate tail audit --follow")


def _supervise(
    settings: Settings, workers: int, config: Path | None, *, take_over_code: bool, as_json: bool
) -> None:
    """Settings reach the children by the environment: no secret stands among the words of a process."""
    if workers > settings.partitions:
        raise SettingsError(
            f"{workers} workers for {settings.partitions} partitions: the others would have nothing to do",
            remedy=f"--workers {settings.partitions} at most",
        )
    worker.files(settings)  # faulty files are told once, not by every child
    common = [*(["--config", str(config)] if config else []), *(["--json"] if as_json else [])]
    given = _environment(settings)
    jobs = []
    for slot in range(workers):
        words = [sys.executable, "-m", "toolgate.cli", "gate", "--slot", str(slot), *common]
        port = settings.metrics_port and settings.metrics_port + slot
        first = [*words, "--take-over-code"] if take_over_code else words
        jobs.append(Job(f"gate-{slot}", first, words, given | {"TOOLGATE_METRICS_PORT": str(port)}))
    words = [sys.executable, "-m", "toolgate.cli", "snapshot", *common]
    jobs.append(Job("snapshots", words, words, given))
    stopped: list[bool] = []
    with worker.stop_signals(lambda: stopped.append(True)):
        code = Supervisor(jobs, FINAL).run(lambda: bool(stopped))
    if code:
        raise typer.Exit(code)


def _environment(settings: Settings) -> dict[str, str]:
    """The options of the command line as the variables that mean the same."""
    fields = ("policies_dir", "keys_file", "bootstrap_servers", "redis_url", "prefix", "partitions")
    found = {name: getattr(settings, name) for name in fields}
    given = {f"TOOLGATE_{name.upper()}": str(value) for name, value in found.items() if value is not None}
    return given | ({"TOOLGATE_INSECURE_DEV": "true"} if settings.insecure_dev else {})
