"""`toolgate take`: see to something that waits."""

from __future__ import annotations

from typing import Annotated

import typer

from toolgate.cli import connection
from toolgate.cli.assigning import assigned
from toolgate.cli.deciding import TIMEOUT_S, Comment, Kid, Timeout, Wanted
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.schemas.enums import Choice

app = typer.Typer()


@app.command(epilog="Example: toolgate take 3-1742 --as bob")
def take(  # noqa: PLR0913 - one parameter for each option
    wanted: Wanted,
    *,
    kid: Kid,
    over: Annotated[
        bool, typer.Option("--over", help="Take it over from whoever has it; --comment says why.")
    ] = False,
    comment: Comment = "",
    timeout_s: Timeout = TIMEOUT_S,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Say that you see to something in the queue, so that no two do.

    It gives no right and takes none away: whoever may decide about it still may, and the time to answer runs on.
    Exit code 20: it changes nothing, and says why; of two who take it at once, the second is told who was first.
    """
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    assigned(
        wanted,
        Choice.TAKE_OVER if over else Choice.TAKE,
        kid=kid,
        comment=comment,
        timeout_s=timeout_s,
        keys_file=keys_file,
        settings=settings,
        as_json=as_json,
    )
