"""Stopping: what `kill` and `lift` have in common, and the list of what is stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from toolgate.cli import logs, signing, tables
from toolgate.cli.hints import say_next
from toolgate.cli.wording import safe
from toolgate.processors.control_state import ALL, SCOPES
from toolgate.processors.problems import nearest
from toolgate.review import orders
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.cli.saying import Saying
    from toolgate.processors.control_state import ControlState
    from toolgate.streams.settings import Settings


def say(kind: str, scope: str, value: str, saying: Saying, *, as_json: bool) -> None:
    """Say the word, and wait until its audit event is committed: from its seq on it holds."""
    if scope not in SCOPES:
        raise SettingsError(f"{scope!r} is no scope", where="arguments", remedy=nearest(scope, SCOPES))
    held = saying.say(lambda state: orders.stopping(kind, scope, value, saying.reason, saying.signers, state))
    target = f"{scope} {value}".strip()
    if as_json:
        found = {"kind": kind, "scope": scope, "value": value, "offset": held.offset, "after": held.after}
        typer.echo(json.dumps(found))
    else:
        does = "nothing is approved" if kind == "kill" else "approvals may go on"
        typer.echo(f"{kind} {target}: {does} after seq {held.after}, by control record {held.offset}.")
    say_next("toolgate kill", as_json=as_json)


def listed(keys_file: Path, settings: Settings, *, as_json: bool) -> None:
    """List what is stopped."""
    logs.configure(as_json=as_json)
    with signing.operating(settings, keys_file) as operating:
        rows = _rows(operating.standing())
    if as_json:
        typer.echo(json.dumps({"kills": rows}))
        return
    names = ("scope", "value", "control_id", "offset", "reason")
    tables.show(
        ("scope", "of", "by record", "at", "reason"),
        (tuple(safe(str(row[name])) for name in names) for row in rows),
    )
    if not rows:
        typer.echo("Nothing is stopped.")


def _rows(state: ControlState) -> list[dict[str, Any]]:
    return [
        {
            "scope": scope,
            "value": value,
            "control_id": kill.control_id,
            "offset": kill.offset,
            "reason": kill.reason,
        }
        for (scope, value), kill in state.kills.items()
    ]


def value_of(scope: str, value: str | None, tenant: str | None) -> str:
    """What a control record names: a bare name is everybody's of that name, tenant/name one tenant's.

    Raises:
        SettingsError: a scope without what it needs.
    """
    if scope == ALL and value is None and tenant is None:
        return ""
    if scope == ALL or value is None:
        what = "all takes no value" if scope == ALL else f"which {scope}?"
        raise SettingsError(
            what, where="arguments", remedy=f"toolgate kill {scope}{'' if scope == ALL else ' NAME'}"
        )
    return orders.of_tenant(value, tenant)
