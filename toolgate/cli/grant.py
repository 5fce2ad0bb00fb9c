"""`toolgate grant`: allow for a short time what a policy does not, or list what is granted."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from toolgate.cli import connection, logs
from toolgate.cli.deadline import deadline
from toolgate.cli.granting import listed, target_of
from toolgate.cli.hints import say_next
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.cli.saying import Saying
from toolgate.cli.signing import Signers, Timeout, Why  # noqa: TC001
from toolgate.inspection.decoding import as_time
from toolgate.processors.amounts import duration
from toolgate.processors.grants import LIFE_MS_MAX, SCOPES
from toolgate.review import orders
from toolgate.streams.errors import SettingsError

app = typer.Typer()


@app.command(
    epilog="Example: toolgate grant workflow refunds_v1 --tools refund --for 30m --as ann --as ben "
    '--reason "double charges of this morning"'
)
def grant(  # noqa: PLR0913 - one parameter for each option
    scope: Annotated[
        str | None,
        typer.Argument(metavar="SCOPE", help=f"{' or '.join(SCOPES)}. Default: list what is granted."),
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which one.")] = None,
    *,
    tools: Annotated[list[str], typer.Option(help="A tool, or a glob of some. Repeatable.")] = [],  # noqa: B006
    life: Annotated[
        str, typer.Option("--for", help=f"How long, like 30m; at most {duration(LIFE_MS_MAX)}.")
    ] = "",
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only. Default: of every tenant.")] = None,
    signers: Signers = [],  # noqa: B006 - the framework copies it
    reason: Why = "",
    timeout_s: Timeout = orders.TIMEOUT_S,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Allow a workflow or a run some tools for a short time, whatever its policy's lists and rules say of them.

    Nothing else is widened: no budget, limit, rate, mode, contract or kill. What cannot be undone is not covered.
    It takes two operators; everything done under it is marked in the audit and alerted. A newer grant of the same scope
    and name replaces it. Ends when the audit has it. Exit code 20: the record changes nothing.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    if scope is None:
        listed(keys_file, settings, as_json=as_json)
        return
    target = target_of("grant", scope, name, tenant)
    if not tools or not life:
        what, remedy = ("which tools?", "--tools GLOB") if not tools else ("for how long?", "--for 30m")
        raise SettingsError(what, where="arguments", remedy=f"say {remedy}")
    expires_at = deadline(life, "--for")

    held = Saying(signers, reason, timeout_s, keys_file, settings).say(
        lambda state: orders.granting(*target, reason, signers, state, tools=tools, expires_at=expires_at)
    )
    if as_json:
        found = {"scope": scope, "value": target[1], "tools": tools, "expires_at": expires_at}
        typer.echo(json.dumps({**found, "offset": held.offset, "after": held.after}))
    else:
        may = f"{', '.join(tools)} until {as_time(expires_at)}"
        typer.echo(
            f"{' '.join(target)} may call {may}, after seq {held.after}, by control record {held.offset}."
        )
    say_next("toolgate tail alerts", f"toolgate revoke {scope} {name}", as_json=as_json)
