"""`toolgate contract`: say what one run may touch, before its agent begins."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from toolgate.cli import connection, logs
from toolgate.cli.deadline import deadline as deadline_of
from toolgate.cli.hints import say_next
from toolgate.cli.intent_file import micros
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.cli.wording import safe
from toolgate.inspection.plain import as_plain
from toolgate.sdk.starter import Starter
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import keys

app = typer.Typer()
TIMEOUT_S = 30.0


@app.command(
    epilog="Example: toolgate contract run-42 --workflow mailbox_v1 --tool read_mail --tool send_mail "
    "--value recipients=bob@example.com --max-calls 20 --within 30m --owner ann --as starter-1"
)
def contract(  # noqa: PLR0913 - one parameter for each option
    run: Annotated[str, typer.Argument(help="The run that it is for; its agent must not have begun.")],
    *,
    workflow: Annotated[str, typer.Option(help="The workflow whose agents work on the run.")],
    tenant: Annotated[str, typer.Option(help="The workflow's tenant.")] = "default",
    tool: Annotated[list[str], typer.Option(help="A tool that the task needs; may be repeated.")],
    value: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=TEXT",
            help="Something that the request names; may be repeated. NAME= alone names nothing.",
        ),
    ] = None,
    max_cost: Annotated[str | None, typer.Option(help="US dollars that the run may cost: 0.35.")] = None,
    max_calls: Annotated[int | None, typer.Option(min=0, help="Calls that may be approved.")] = None,
    within: Annotated[
        str | None, typer.Option(help="Nothing is approved later than this from now: 30m. At most a day.")
    ] = None,
    owner: Annotated[str, typer.Option(help="Who answers for the run.")],
    kid: Annotated[str, typer.Option("--as", metavar="KID", help="Who signs: a key with the role starter.")],
    contract_id: Annotated[
        str | None, typer.Option("--id", help="Sending one again repeats it. Default: a new one.")
    ] = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the answer.")
    ] = TIMEOUT_S,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Say what a run may touch: its tools, the values that its request names, and ceilings; wait until that holds.

    The workflow's policy is cut to it, never widened. A run has one contract for good, from before its first approval.
    Exit codes: 0 it holds, 20 the gate refuses it and nothing changed, 3 no answer in time.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    with Starter(settings, keys.load_private(keys_file, kid)) as starter:
        made = starter.contract(
            run,
            workflow,
            tool,
            owner=owner,
            tenant=tenant,
            values=_values(value or []),
            max_cost_micros=None if max_cost is None else micros(max_cost),
            max_calls=max_calls,
            deadline=None if within is None else deadline_of(within, "--within"),
            contract_id=contract_id,
        )
        outcome = starter.publish(made, timeout_s)
    if as_json:
        typer.echo(json.dumps({"contract_id": made.contract_id, "run_id": run, "outcome": as_plain(outcome)}))
    else:
        typer.echo(
            f"{outcome.verdict}  seq {outcome.seq}  contract {safe(made.contract_id)}  run {safe(run)}"
        )
    say_next(f"toolgate tail audit --run {run}", as_json=as_json)


def _values(words: list[str]) -> dict[str, list[str]]:
    """By name, what `--value` says. Raises SettingsError."""
    found: dict[str, list[str]] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign or not name:
            raise SettingsError(
                f"--value {word!r} has no name",
                where="arguments",
                remedy="write --value recipients=bob@example.com",
            )
        found.setdefault(name, []).extend([text] if text else [])
    return found
