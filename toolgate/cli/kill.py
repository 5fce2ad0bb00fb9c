"""`toolgate kill`: stop something at once, or list what is stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from toolgate.cli import connection, logs
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.cli.saying import Saying
from toolgate.cli.signing import Signers, Timeout, Why  # noqa: TC001
from toolgate.cli.stopping import listed, say, value_of
from toolgate.processors.control_state import SCOPES
from toolgate.review.orders import TIMEOUT_S

app = typer.Typer()


@app.command(
    epilog='Example: toolgate kill workflow refunds_v1 --as ann --reason "refunds to closed accounts"'
)
def kill(  # noqa: PLR0913 - one parameter for each option
    scope: Annotated[
        str | None,
        typer.Argument(metavar="SCOPE", help=f"{', '.join(SCOPES)}. Default: list what is stopped."),
    ] = None,
    value: Annotated[str | None, typer.Argument(metavar="NAME", help="Which one; none for all.")] = None,
    *,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only. Default: of every tenant.")] = None,
    signers: Signers = [],  # noqa: B006 - the framework copies it
    reason: Why = "",
    timeout_s: Timeout = TIMEOUT_S,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Stop a tenant, workflow, run, agent, tool or system, or all; without words, list what is stopped.

    From one place of the order on, for every worker, nothing that it covers is approved, whoever comes later; executors
    do not run what was approved before. Ends when the audit has it. One operator can stop; to lift it takes two. Exit
    code 20: the record changes nothing.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    if scope is None:
        listed(keys_file, settings, as_json=as_json)
        return
    said = Saying(signers, reason, timeout_s, keys_file, settings)
    say("kill", scope, value_of(scope, value, tenant), said, as_json=as_json)
