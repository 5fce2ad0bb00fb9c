"""`toolgate revoke`: end a grant before its time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from toolgate.cli import connection, logs
from toolgate.cli.granting import target_of
from toolgate.cli.hints import say_next
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.cli.saying import Saying
from toolgate.cli.signing import Signers, Timeout, Why  # noqa: TC001
from toolgate.processors.grants import SCOPES
from toolgate.review import orders
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from toolgate.processors.control_state import ControlState
    from toolgate.schemas.records import Control

app = typer.Typer()


@app.command(epilog='Example: toolgate revoke workflow refunds_v1 --as ann --reason "all are paid back"')
def revoke(  # noqa: PLR0913 - one parameter for each option
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help=" or ".join(SCOPES))],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which one.")],
    *,
    tenant: Annotated[str | None, typer.Option(help="As the grant named it.")] = None,
    signers: Signers = [],  # noqa: B006 - the framework copies it
    reason: Why = "",
    timeout_s: Timeout = orders.TIMEOUT_S,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """End the grant of exactly this scope and name; one operator suffices.

    What was approved under it stands: `toolgate kill` stops that too. Exit code 20: the record changes nothing.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    target = target_of("revoke", scope, name, tenant)

    def word(state: ControlState) -> Control:
        if not state.grant(*target).tools:
            raise SettingsError(
                f"nothing is granted to {' '.join(target)}",
                where="arguments",
                remedy="see what is: toolgate grant",
            )
        return orders.revoking(*target, reason, signers)

    held = Saying(signers, reason, timeout_s, keys_file, settings).say(word)
    if as_json:
        found = {"scope": scope, "value": target[1], "offset": held.offset, "after": held.after}
        typer.echo(json.dumps(found))
    else:
        typer.echo(
            f"{' '.join(target)} may do what its policy allows, after seq {held.after}, "
            f"by control record {held.offset}."
        )
    say_next("toolgate grant", as_json=as_json)
