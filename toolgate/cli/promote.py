"""`toolgate promote`: let a draft happen."""

from __future__ import annotations

import typer

from toolgate.cli.deciding import TIMEOUT_S, Comment, Kid, Timeout, Wanted, decide
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.schemas.enums import Choice

app = typer.Typer()


@app.command(epilog='Example: toolgate promote 3-1742 --as bob --comment "as proposed"')
def promote(  # noqa: PLR0913 - one parameter for each option
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
    """Let a draft happen: approve the write that it stands for.

    One by one, through the same approval as a held call; the call is judged again as things stand then.
    Exit code 20: the vote changes nothing, and says why.
    """
    decide(
        wanted,
        Choice.APPROVE,
        kind="draft",
        kid=kid,
        comment=comment,
        timeout_s=timeout_s,
        keys_file=keys_file,
        config=config,
        bootstrap_servers=bootstrap_servers,
        prefix=prefix,
        as_json=as_json,
    )
