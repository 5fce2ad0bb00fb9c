"""`toolgate lift`: let go what was stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from toolgate.cli import connection, logs
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.cli.saying import Saying
from toolgate.cli.signing import Signers, Timeout, Why  # noqa: TC001
from toolgate.cli.stopping import say, value_of
from toolgate.processors.control_state import SCOPES
from toolgate.review.orders import TIMEOUT_S

app = typer.Typer()


@app.command(
    epilog='Example: toolgate lift workflow refunds_v1 --as ann --as ben --reason "accounts are right again"'
)
def lift(  # noqa: PLR0913 - one parameter for each option
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help=", ".join(SCOPES))],
    value: Annotated[str | None, typer.Argument(metavar="NAME", help="Which one; none for all.")] = None,
    *,
    tenant: Annotated[str | None, typer.Option(help="As the kill named it.")] = None,
    signers: Signers = [],  # noqa: B006 - the framework copies it
    reason: Why = "",
    timeout_s: Timeout = TIMEOUT_S,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Let go exactly what a kill of the same scope and name has stopped; it takes two operators.

    Exit code 20: the record changes nothing.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    said = Saying(signers, reason, timeout_s, keys_file, settings)
    say("lift", scope, value_of(scope, value, tenant), said, as_json=as_json)
