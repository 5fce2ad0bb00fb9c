"""`toolgate reject`: decide against a held call or a draft."""

from __future__ import annotations

import typer

from toolgate.cli.deciding import TIMEOUT_S, Comment, Kid, Timeout, Wanted, decide
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.schemas.enums import Choice

app = typer.Typer()


@app.command(epilog='Example: toolgate reject 3-1742 --as bob --comment "not this customer"')
def reject(  # noqa: PLR0913 - one parameter for each option
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
    """Decide against a held call or a draft: it is over, and its agent is told.

    One rejection is enough. Exit code 20: the vote changes nothing, and says why.
    """
    decide(
        wanted,
        Choice.REJECT,
        kid=kid,
        comment=comment,
        timeout_s=timeout_s,
        keys_file=keys_file,
        config=config,
        bootstrap_servers=bootstrap_servers,
        prefix=prefix,
        as_json=as_json,
    )
