"""Granting: what `grant` and `revoke` have in common, and the list of what is granted."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import typer

from toolgate.cli import logs, signing, tables
from toolgate.cli.wording import safe
from toolgate.inspection.decoding import as_time
from toolgate.processors.grants import SCOPES
from toolgate.processors.problems import nearest
from toolgate.review import orders
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.processors.control_state import ControlState
    from toolgate.streams.settings import Settings


def target_of(command: str, scope: str, name: str | None, tenant: str | None) -> tuple[str, str]:
    """Scope and value of a control record: a bare name is everybody's of that name, tenant/name one tenant's.

    Raises:
        SettingsError: nothing is named that a grant can be for.
    """
    if scope not in SCOPES:
        remedy = nearest(scope, SCOPES) or f"a grant is for one of {', '.join(SCOPES)}"
        raise SettingsError(f"{scope!r} is no scope of a grant", where="arguments", remedy=remedy)
    if not name:
        remedy = f"toolgate {command} {scope} NAME"
        raise SettingsError(f"which {scope}?", where="arguments", remedy=remedy)
    return scope, orders.of_tenant(name, tenant)


def listed(keys_file: Path, settings: Settings, *, as_json: bool) -> None:
    """List the grants that have not ended."""
    logs.configure(as_json=as_json)
    with signing.operating(settings, keys_file) as operating:
        rows = _rows(operating.standing(), time.time_ns() // 1_000_000)
    if as_json:
        typer.echo(json.dumps({"grants": rows}))
        return
    tables.show(("scope", "of", "tools", "until", "by", "by record", "reason"), map(_shown, rows))
    if not rows:
        typer.echo("Nothing is granted: policies alone say what is allowed.")


def _rows(state: ControlState, now_ms: int) -> list[dict[str, Any]]:
    return [
        {
            "scope": scope,
            "value": value,
            "tools": list(grant.tools),
            "expires_at": grant.expires_at,
            "issued_by": list(grant.issued_by),
            "control_id": grant.control_id,
            "reason": grant.reason,
        }
        for (scope, value), grant in state.granted_at(now_ms)
    ]


def _shown(row: dict[str, Any]) -> tuple[str, ...]:
    tools, people = ", ".join(row["tools"]), ", ".join(row["issued_by"])
    until = as_time(row["expires_at"])
    return tuple(
        map(safe, (row["scope"], row["value"], tools, until, people, row["control_id"], row["reason"]))
    )
