"""`toolgate give-back`: no longer see to something that waits."""

from __future__ import annotations

import typer

from toolgate.cli import connection
from toolgate.cli.assigning import assigned
from toolgate.cli.deciding import TIMEOUT_S, Comment, Kid, Timeout, Wanted
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.schemas.enums import Choice

app = typer.Typer()


@app.command("give-back", epilog='Example: toolgate give-back 3-1742 --as bob --comment "off duty"')
def give_back(  # noqa: PLR0913 - one parameter for each option
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
    """Give back what you have taken, so that somebody else sees to it.

    Exit code 20: it changes nothing, and says why.
    """
    assigned(
        wanted,
        Choice.GIVE_BACK,
        kid=kid,
        comment=comment,
        timeout_s=timeout_s,
        keys_file=keys_file,
        settings=connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix),
        as_json=as_json,
    )
