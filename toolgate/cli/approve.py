"""`toolgate approve`: approve a held call."""

from __future__ import annotations

import typer

from toolgate.cli.deciding import TIMEOUT_S, Comment, Kid, Timeout, Wanted, decide
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.schemas.enums import Choice

app = typer.Typer()


@app.command(epilog='Example: toolgate approve 3-1742 --as bob --comment "checked with the customer"')
def approve(  # noqa: PLR0913 - one parameter for each option
    wanted: Wanted,
    *,
    kid: Kid,
    comment: Comment = "",
    timeout_s: Timeout = TIMEOUT_S,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Approve a held call: your vote, signed, on exactly what was asked.

    With the last approval that it needs the call is judged again, as things stand then, and approved or denied in that
    moment. Exit code 20: the vote changes nothing, and says why.
    """
    decide(
        wanted,
        Choice.APPROVE,
        kind="hold",
        kid=kid,
        comment=comment,
        timeout_s=timeout_s,
        keys_file=keys_file,
        config=config,
        bootstrap_servers=bootstrap_servers,
        prefix=prefix,
        as_json=as_json,
    )
