"""`toolgate replay`: every recorded decision made again, and compared with the audit."""

from __future__ import annotations

import gc
import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from toolgate import __version__
from toolgate.cli import connection, folders, logs, tables
from toolgate.cli.exits import Exit
from toolgate.cli.hints import say_next
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.cli.wording import safe
from toolgate.processors.keyring import Keyring
from toolgate.processors.policy_store import PolicyStore, loader_of
from toolgate.replaying.kafka import KafkaRecords
from toolgate.replaying.outcome import outcome
from toolgate.replaying.redeciding import Replay
from toolgate.streams import schema_ids
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import keys as key_files
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.worker import GC_OBJECTS
from toolgate.streams.ports import UnavailableError
from toolgate.streams.settings import not_set

if TYPE_CHECKING:
    from toolgate.processors.policy import PolicySet
    from toolgate.replaying.difference import Difference
    from toolgate.replaying.outcome import Outcome
    from toolgate.streams.settings import Settings

app = typer.Typer()
_CHARS_MAX = 400  # of a value on a terminal; --json has all


@app.command(epilog="Example: toolgate replay --keys keyring.yaml --policy policies")
def replay(  # noqa: PLR0913 - one parameter for each option
    *,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="Folder that was in force until one was activated, as the gate's."),
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="The gate's keyring file.")] = None,
    insecure_dev: Annotated[
        bool, typer.Option("--insecure-dev", help="The gate believed unsigned records.")
    ] = False,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Decide the whole log again, and compare each decision with its audit event, byte by byte.

    Reads the inputs in the order of the audit, and control and policies as they were; needs no Redis, writes nothing.
    Ends at the first difference and names it: the input, the audit event, every field as recorded and as replayed.
    Exit code 0 when there is none, 10 when there is one, 9 when the log does not begin at its beginning any more.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(
        config,
        policies_dir=policy,
        keys_file=keys,
        bootstrap_servers=bootstrap_servers,
        prefix=prefix,
        insecure_dev=insecure_dev or None,
    )
    # A decision makes objects and no cycles, as in a worker.
    gc.freeze()
    gc.set_threshold(GC_OBJECTS)
    keyring = _keyring(settings)
    local = folders.load(settings.policies_dir) if settings.policies_dir is not None else None
    with KafkaRecords(settings) as records:
        found = _replayed(records, settings, local, keyring)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        _show(found)
    if found.first is not None:
        raise typer.Exit(Exit.DIFFERENCE)


def _replayed(
    records: KafkaRecords, settings: Settings, local: PolicySet | None, keyring: Keyring
) -> Outcome:
    registry = schema_ids.registry(settings)
    store = PolicyStore(loader_of(__version__))
    intake = Intake(local, keyring, registry, len(records.partitions("intents")), store)
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("Replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
            offsets = sum(records.end(("audit", partition)) for partition in records.partitions("audit"))
            bar = progress.add_task("", total=offsets)  # some are markers of transactions
            return outcome(Replay(records, intake, registry), lambda: progress.advance(bar))
    except UnavailableError as error:
        raise SettingsError(
            f"this cannot be decided again: {error}",
            where=f"policies of {settings.prefix}",
            remedy="name the folder that the gate had, with --policy, and use the gate's version of toolgate",
        ) from error


def _keyring(settings: Settings) -> Keyring:
    if settings.insecure_dev:
        return Keyring.insecure()
    if settings.keys_file is None:
        raise SettingsError(
            f"settings: {not_set('keys_file')}",
            where="arguments and environment",
            remedy="name the keyring that the gate has; --insecure-dev if it has none",
        )
    return key_files.load(settings.keys_file)


def _show(found: Outcome) -> None:
    if found.first is None:
        typer.echo(f"{found.decisions:,} decisions, made again: every audit event is the same, byte by byte")
        if found.beside_lost:
            typer.echo(
                f"  {found.beside_lost:,} of them as far as the log can tell: stricter than it alone explains, "
                "while the ledger held decisions that were never committed"
            )
    else:
        _show_difference(found.decisions, found.first)
    if found.undecided:
        typer.echo(f"  {found.undecided:,} inputs have no audit event: not decided yet")


def _show_difference(decisions: int, first: Difference) -> None:
    typer.echo(f"{decisions - 1:,} decisions are the same; then {first.place} differs, seq {first.seq}")
    typer.echo(f"  {safe(first.reason)}")
    typer.echo(f"  audit event: audit[{first.audit_partition}]@{first.audit_offset}\n")
    rows = [(one.name, _shown(one.recorded), _shown(one.replayed)) for one in first.fields]
    tables.show(("field", "recorded", "replayed"), rows)
    say_next(
        f"toolgate tail audit --partition {first.audit_partition} --from {first.audit_offset} --limit 1 --json"
    )


def _shown(value: Any) -> str:
    return safe(json.dumps(value, ensure_ascii=False), _CHARS_MAX)
