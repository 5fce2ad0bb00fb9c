"""Stopping and letting go: what `kill` and `lift` have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from toolgate.cli import connection, logs, signing, tables
from toolgate.cli.hints import say_next
from toolgate.cli.wording import safe
from toolgate.inspection.awaiting import awaited
from toolgate.inspection.search import Readers
from toolgate.processors.control_state import ALL, SCOPES
from toolgate.processors.problems import nearest
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent, Control
from toolgate.streams.errors import SettingsError
from toolgate.streams.ports import CONTROL, RetryError

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.processors.control_state import ControlState
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

TIMEOUT_S = 30.0
AUDIT = "audit"


def say(  # noqa: PLR0913 - what both commands are told
    kind: str,
    scope: str,
    value: str,
    *,
    signers: list[str],
    reason: str,
    timeout_s: float,
    keys_file: Path,
    settings: Settings,
    as_json: bool,
) -> None:
    """Say the word, and wait until its audit event is committed: from its seq on it holds."""
    if not signers:
        raise SettingsError("nobody signs", where="arguments", remedy="name a key: --as KID")
    if scope not in SCOPES:
        raise SettingsError(f"{scope!r} is no scope", where="arguments", remedy=nearest(scope, SCOPES))
    private = signing.load(keys_file, signers)
    registry = connection.registry(settings)
    with Readers(settings) as readers, signing.operating(settings, keys_file) as operating:
        word = Control(
            version=operating.standing().position,  # a lift is said in sight of the kill
            control_id=signing.control_id(kind),
            kind=kind,
            scope=scope,
            value=value,
            reason=reason,
            issued_by=tuple(signers),
        )
        since = readers(AUDIT).span(0)[1]
        offset = operating.say(word, private)
        after = _after(readers, since, offset, timeout_s, registry)
    target = f"{scope} {value}".strip()
    if as_json:
        found = {"kind": kind, "scope": scope, "value": value, "offset": offset, "after": after}
        typer.echo(json.dumps(found))
    else:
        does = "nothing is approved" if kind == "kill" else "approvals may go on"
        typer.echo(f"{kind} {target}: {does} after seq {after}, by control record {offset}.")
    say_next("toolgate kill", as_json=as_json)


def _after(readers: Readers, since: int, offset: int, timeout_s: float, registry: Registry) -> int:
    """The seq after which a control record holds, as its committed audit event says.

    Raises:
        RetryError: it is not there in time. The word stands all the same, and holds as soon as a gate reads it.
    """
    event = awaited(
        readers(AUDIT),
        {0: since},
        Codec(AuditEvent, registry),
        lambda event: (event.topic, event.offset) == (CONTROL, offset) and event.after is not None,
        timeout_s,
    )
    if event is not None and event.after is not None:
        return event.after
    raise RetryError(
        f"control record {offset} stands and is not audited in {timeout_s:g} s: does a gate run? It will hold as soon "
        "as one reads it, and executors keep to it already"
    )


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
    return value if tenant is None else f"{tenant}/{value}"
