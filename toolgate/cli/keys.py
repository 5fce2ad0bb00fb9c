"""`toolgate keys`: make secrets and key pairs for the keyring, and list them. Never shows a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli import tables
from toolgate.cli.hints import say_next
from toolgate.cli.options import KEYRING, AsJson, KeysFile
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

app = typer.Typer(no_args_is_help=True, help="Who may write what: make keys, list them.")
new = typer.Typer(no_args_is_help=True, help="Make a key and enter it into the keyring file.")
app.add_typer(new, name="new")

Kid = Annotated[str, typer.Argument(help="The key's id: letters, digits and ._:@+-")]


@new.command()
def intent(
    kid: Kid,
    *,
    workflow: Annotated[str, typer.Option(help="The workflow whose intents it signs.")],
    tenant: Annotated[str, typer.Option(help="The workflow's tenant.")] = "default",
    keys_file: KeysFile = KEYRING,
    as_json: AsJson = False,
) -> None:
    """Make the secret with which a workflow's agents sign intents."""
    _made(kid, keys_file, lambda: keys.new_intent(keys_file, kid, workflow, tenant), as_json=as_json)


@new.command()
def executor(
    kid: Kid,
    *,
    executor_id: Annotated[str, typer.Option("--executor", help="The executor's name.")],
    tool: Annotated[list[str], typer.Option(help="A tool, or a glob, that it runs; may be repeated.")],
    keys_file: KeysFile = KEYRING,
    as_json: AsJson = False,
) -> None:
    """Make the secret with which an executor signs the results of its tools."""
    _made(kid, keys_file, lambda: keys.new_executor(keys_file, kid, executor_id, tool), as_json=as_json)


@new.command()
def operator(
    kid: Kid,
    *,
    role: Annotated[
        list[str], typer.Option(help="operator, watch, publisher, starter or approver; may be repeated.")
    ],
    approves: Annotated[
        list[str] | None,
        typer.Option(help="A role of policies that an approver stands for; may be repeated."),
    ] = None,
    keys_file: KeysFile = KEYRING,
    as_json: AsJson = False,
) -> None:
    """Make the key pair with which a person signs control, contracts or votes; the keyring gets the public half."""
    _made(kid, keys_file, lambda: keys.new_operator(keys_file, kid, role, approves or []), as_json=as_json)


@app.command(name="list")
def list_keys(*, keys_file: KeysFile = KEYRING, as_json: AsJson = False) -> None:
    """List the keys of a keyring file."""
    rows = list(_rows(keys.read(keys_file)))
    if as_json:
        typer.echo(json.dumps({"keys": rows}))
        return
    shown = [(row["kid"], row["kind"], row["of"], ", ".join(row["may"]), row["secret"]) for row in rows]
    tables.show(("kid", "kind", "of", "may", "secret"), shown)


def _rows(file: keys.KeyringFile) -> Iterator[dict[str, Any]]:
    for intent_key in file.intents:
        of = f"{intent_key.tenant}/{intent_key.workflow_id}"
        yield _row(intent_key.kid, "intent", of, ["intents"], _source(intent_key))
    for executor_key in file.executors:
        tools = executor_key.tools
        yield _row(executor_key.kid, "executor", executor_key.executor_id, tools, _source(executor_key))
    for person in file.operators:
        yield _row(person.kid, "operator", person.public, [*person.roles, *person.approves], "")


def _row(kid: str, kind: str, of: str, may: Sequence[str], secret: str) -> dict[str, Any]:
    return {"kid": kid, "kind": kind, "of": of, "may": list(may), "secret": secret}


def _source(entry: keys.IntentEntry | keys.ExecutorEntry) -> str:
    return entry.secret_file or f"${entry.secret_env}"


def _made(kid: str, keys_file: Path, make: Callable[[], Path], *, as_json: bool) -> None:
    try:
        path = make()
    except FileExistsError as error:
        raise SettingsError(
            "there is a secret of this name already, and no keyring names it",
            where=str(error.filename),
            remedy="take another key id, or move the file away",
        ) from None
    except OSError as error:
        raise SettingsError(
            f"cannot write: {error.strerror}", where=str(error.filename), remedy="name another --keys file"
        ) from None
    if as_json:
        typer.echo(json.dumps({"kid": kid, "keys_file": str(keys_file), "secret_file": str(path)}))
        return
    typer.echo(f"{kid} is in {keys_file}; its secret is in {path}, readable by you alone.")
    typer.echo("Give that file to whoever signs.")
    say_next(f"toolgate gate --policies DIR --keys {keys_file}")
