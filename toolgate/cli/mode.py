"""`toolgate mode`: order how much of a workflow's policy takes effect, or list what is ordered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from toolgate.cli import connection, logs, signing, tables
from toolgate.cli.hints import say_next
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.cli.signing import Signers, Why  # noqa: TC001
from toolgate.cli.wording import safe
from toolgate.processors import modes
from toolgate.processors.problems import nearest
from toolgate.review import orders
from toolgate.streams.errors import ControlRefusedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.control_state import ControlState

app = typer.Typer()


@app.command(epilog='Example: toolgate mode refunds_v1 read_only --as ann --reason "odd refunds since noon"')
def mode(  # noqa: PLR0913 - one parameter for each option
    workflow: Annotated[
        str | None,
        typer.Argument(help=f"The workflow, or '{orders.EVERY}' for all of a tenant or of everybody."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Argument(metavar="MODE", help=f"{modes.WORDS}: the loosest it may be in."),
    ] = None,
    *,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only. Default: of every tenant.")] = None,
    signers: Signers = [],  # noqa: B006 - the framework copies it
    reason: Why = "",
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Order a mode for a workflow, from one place of the order on, for every worker; without words, list the orders.

    An order only tightens what the policy says; `enforce` takes it back. What tightens may be signed by an operator
    or the watch, what loosens for any run by an operator. Exit code 20: the record changes nothing.
    """
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    logs.configure(as_json=as_json)
    if workflow is None:
        with signing.operating(settings, keys_file) as operating:
            _list(operating.standing(), as_json=as_json)
        return
    _check(to, signers)
    scope, value = orders.target(workflow, tenant)
    private = signing.load(keys_file, signers)
    with signing.operating(settings, keys_file) as operating:
        standing = operating.standing()
        besides = orders.besides(scope, value, to or "", standing)
        if to == modes.ENFORCE:
            _check_stands(scope, value, standing, besides)
        offset = operating.say(orders.ordering(scope, value, to or "", reason, signers, standing), private)
    if as_json:
        others = [{"scope": scope, "value": value, "mode": mode} for scope, value, mode in besides]
        typer.echo(
            json.dumps({"scope": scope, "value": value, "mode": to, "offset": offset, "besides": others})
        )
    else:
        what = "no order stands any more" if to == modes.ENFORCE else f"at most {to}"
        typer.echo(f"{_target(scope, value)}: {what}, by control record {offset}.")
        for other in besides:
            typer.echo(f"{_target(*other[:2])}: at most {other[2]} goes on, and the tightest holds.")
    say_next("toolgate mode", as_json=as_json)


def _check_stands(
    scope: str, value: str, standing: ControlState, besides: list[tuple[str, str, str]]
) -> None:
    """An order is taken back for exactly what it names; raises ControlRefusedError where none is."""
    if standing.order(scope, value).mode != modes.ENFORCE:
        return
    others = "; ".join(orders.taking_back(scope, value) for scope, value, _ in besides)
    raise ControlRefusedError(
        f"no order stands for {_target(scope, value)}",
        where="arguments",
        remedy=f"take back what does: {safe(others)}" if others else "see what does: toolgate mode",
    )


def _target(scope: str, value: str) -> str:
    return f"{scope} {safe(value)}".strip()


def _check(to: str | None, signers: list[str]) -> None:
    if to is None:
        raise SettingsError("no mode is named", where="arguments", remedy=f"name one of {modes.WORDS}")
    if fault := modes.mode_fault(to):
        raise SettingsError(fault, where="arguments", remedy=nearest(to, modes.MODES))
    if not signers:
        raise SettingsError("nobody signs", where="arguments", remedy="name a key: --as KID")


def _list(state: ControlState, *, as_json: bool) -> None:
    rows = list(_rows(state))
    if as_json:
        typer.echo(json.dumps({"orders": rows}))
        return
    tables.show(
        ("scope", "of", "at most", "by record", "reason", "figures"),
        (tuple(map(safe, row.values())) for row in rows),
    )
    if not rows:
        typer.echo("No mode is ordered: each workflow is in the mode of its policy.")


def _rows(state: ControlState) -> Iterator[dict[str, str]]:
    for (scope, value), order in state.ordered():
        yield {
            "scope": scope,
            "value": value,
            "mode": order.mode,
            "control_id": order.control_id,
            "reason": order.reason,
            "evidence": order.evidence,
        }
