"""`toolgate console`: the review queue and what belongs to it, in a browser; and who may sign in there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from toolgate.cli import connection, extras, logs, tables
from toolgate.cli.deadline import duration_of
from toolgate.cli.hints import say_next
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.streams import schema_ids
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import keys

app = typer.Typer()
user = typer.Typer(no_args_is_help=True, help="Who may sign in.")
app.add_typer(user, name="user")

UsersFile = Annotated[
    Path, typer.Option("--users", envvar="TOOLGATE_CONSOLE_USERS", help="The file of those who may sign in.")
]
USERS = Path("console-users.json")
Name = Annotated[str, typer.Argument(metavar="NAME", help="As it is typed to sign in.")]


@app.callback(
    invoke_without_command=True,
    epilog="Example: toolgate console --keys keyring.yaml --users console-users.json",
)
def console(  # noqa: PLR0913 - one parameter for each option
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: a free one, printed at start.")] = 8437,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name", help="A host name under which browsers reach it; repeatable. Default: this machine."
        ),
    ] = None,
    proxies: Annotated[
        str,
        typer.Option("--proxy", help="Addresses of the proxies that end TLS, by comma; they are believed."),
    ] = "",
    idle: Annotated[str, typer.Option(help="A session ends when nothing is done for so long.")] = "15m",
    recent: Annotated[
        str, typer.Option(help="How old denials and decisions may be that are read at the start.")
    ] = "30d",
    users_file: UsersFile = USERS,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Serve the console until Ctrl-C or SIGTERM: queue, near misses, runs, budgets, stop and modes, policies.

    It listens on this machine alone, without TLS; for others put a proxy in front that ends TLS, and name it. What
    people decide there is signed with their own keys, which their passwords open. Needs the extra `console`.
    """
    if context.invoked_subcommand is not None:
        return
    extras.check("console")
    from toolgate.console import serving, users  # noqa: PLC0415 - the extra may be missing

    logs.configure(as_json=as_json)
    idle_ms = duration_of("--idle", idle, "15m or 7d")
    recent_ms = duration_of("--recent", recent, "15m or 7d")
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    ring = keys.load_operators(keys_file)
    known = users.read(users_file)
    where = serving.Where(host, port, tuple(names or ("127.0.0.1", "localhost", "[::1]", host)), proxies)
    if warning := serving.open_to_others(where):
        typer.echo(warning, err=True)
    with serving.bound(where) as listening:
        url = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/"
        if as_json:
            typer.echo(json.dumps({"url": url, "users": [one.name for one in known]}))
        else:
            typer.echo(f"Console: {url}")
            if not known:
                typer.echo(
                    f"Nobody can sign in yet: toolgate console user add NAME --key KID --users {users_file}"
                )
        sys.stdout.flush()
        serving.serve(
            settings,
            ring,
            schema_ids.registry(settings),
            users_file,
            where,
            listening,
            idle_s=idle_ms / 1_000,
            recent_ms=recent_ms,
        )


@user.command()
def add(  # noqa: PLR0913 - one parameter for each option
    name: Name,
    *,
    kid: Annotated[
        str | None,
        typer.Option("--key", metavar="KID", help="Whose decisions it signs. Default: reads only."),
    ] = None,
    from_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Take the password from the first line of stdin.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="In the place of the user of that name.")
    ] = False,
    users_file: UsersFile = USERS,
    keys_file: KeysFile = KEYRING,
    as_json: AsJson = False,
) -> None:
    """Let somebody sign in; with a key, its private half is sealed under their password.

    The private key is read from beside the keyring, as KID.private, and stays there: move it to a safe place
    afterwards. A forgotten password opens nothing; then add the user anew.
    """
    from toolgate.console import users  # noqa: PLC0415 - hashing takes a moment to load

    known = users.read(users_file)
    if not replace and any(one.name == name for one in known):
        raise SettingsError(
            f"there is a user {name} already",
            where=str(users_file),
            remedy="take another name, or add --replace",
        )
    key = keys.load_private(keys_file, kid) if kid else None
    made = users.made(name, _password(from_stdin=from_stdin), key)
    users.write(users_file, [*(one for one in known if one.name != name), made])
    if as_json:
        typer.echo(json.dumps({"name": name, "kid": made.kid, "users_file": str(users_file)}))
    else:
        typer.echo(
            f"{name} can sign in and {f'signs as {kid}' if kid else 'reads only'}; {users_file} has it."
        )
    say_next(f"toolgate console --users {users_file}", as_json=as_json)


@user.command()
def remove(name: Name, *, users_file: UsersFile = USERS, as_json: AsJson = False) -> None:
    """Let somebody sign in no longer. Sessions that are open go on until they end; stop the console to end them."""
    from toolgate.console import users  # noqa: PLC0415 - likewise

    known = users.read(users_file)
    if all(one.name != name for one in known):
        raise SettingsError(
            f"there is no user {name}", where=str(users_file), remedy="toolgate console user list"
        )
    users.write(users_file, [one for one in known if one.name != name])
    typer.echo(json.dumps({"removed": name}) if as_json else f"{name} cannot sign in any longer.")


@user.command(name="list")
def list_users(*, users_file: UsersFile = USERS, as_json: AsJson = False) -> None:
    """List who may sign in, and which key each signs with."""
    from toolgate.console import users  # noqa: PLC0415 - likewise

    known = users.read(users_file)
    if as_json:
        typer.echo(json.dumps({"users": [{"name": one.name, "kid": one.kid} for one in known]}))
        return
    tables.show(("name", "signs as"), [(one.name, one.kid or "reads only") for one in known])


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed
