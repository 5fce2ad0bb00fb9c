"""Orders: an operator's word as a control record, and the place from which on it holds."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from toolgate.inspection.awaiting import awaited
from toolgate.processors import modes
from toolgate.processors.control_state import ALL, MODE
from toolgate.processors.grants import GRANT
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent, Control
from toolgate.streams.errors import ControlRefusedError
from toolgate.streams.ports import CONTROL, RetryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolgate.inspection.search import Readers
    from toolgate.processors.control_state import ControlState
    from toolgate.schemas.registry import Registry

TIMEOUT_S = 30.0
AUDIT = "audit"
EVERY = "*"


class Held(NamedTuple):
    """A word that holds: its offset on the control topic, and the seq after which it does."""

    offset: int
    after: int


def control_id(kind: str) -> str:
    """A new one."""
    return f"{kind}-{secrets.token_hex(8)}"


def stopping(  # noqa: PLR0913, PLR0917 - the fields of the record
    kind: str, scope: str, value: str, reason: str, issued_by: Sequence[str], standing: ControlState
) -> Control:
    """A kill or a lift; it is said in sight of what stands: a lift lifts no kill that comes later."""
    return _word(kind, scope, value, reason, issued_by, version=standing.position)


def ordering(  # noqa: PLR0913, PLR0917 - the fields of the record
    scope: str, value: str, mode: str, reason: str, issued_by: Sequence[str], standing: ControlState
) -> Control:
    """A mode for a workflow, a tenant or all."""
    version = standing.order(scope, value).version + 1
    return _word(MODE, scope, value, reason, issued_by, mode=mode, version=version)


def granting(  # noqa: PLR0913 - the fields of the record
    scope: str,
    value: str,
    reason: str,
    issued_by: Sequence[str],
    standing: ControlState,
    *,
    tools: Sequence[str],
    expires_at: int,
) -> Control:
    """A grant of tools, globs, until so many ms of the epoch."""
    version = standing.grant(scope, value).version + 1
    rest = {"version": version, "expires_at": expires_at, "tools": tuple(tools)}
    return _word(GRANT, scope, value, reason, issued_by, **rest)


def revoking(scope: str, value: str, reason: str, issued_by: Sequence[str]) -> Control:
    """The end of a grant: one of nothing."""
    return _word(GRANT, scope, value, reason, issued_by)


def _word(kind: str, scope: str, value: str, reason: str, issued_by: Sequence[str], **rest: Any) -> Control:
    return Control(control_id(kind), kind, scope, value, reason, tuple(issued_by), **rest)


def of_tenant(name: str, tenant: str | None) -> str:
    """What a control record names: a bare name is everybody's of that name, tenant/name one tenant's."""
    return name if tenant is None else f"{tenant}/{name}"


def target(workflow: str, tenant: str | None) -> tuple[str, str]:
    """Scope and value of an order for a workflow, or for `*`: all of a tenant's, or everybody's."""
    if workflow == EVERY:
        return (ALL, "") if tenant is None else ("tenant", tenant)
    return "workflow", of_tenant(workflow, tenant)


def besides(scope: str, value: str, mode: str, standing: ControlState) -> list[tuple[str, str, str]]:
    """Scope, value and mode of each order for other runs, of which some are these, that lets less through than `mode`.

    An order is taken back for exactly what it names: one for a workflow of one tenant goes on when that for the same
    workflow of every tenant ends.
    """
    about = _covered(scope, value)
    return [
        (*target, order.mode)
        for target, order in standing.ordered()
        if target != (scope, value)
        and modes.looser(mode, order.mode)
        and all(None in pair or pair[0] == pair[1] for pair in zip(about, _covered(*target), strict=True))
    ]


def taking_back(scope: str, value: str) -> str:
    """The command that takes an order back, but for who signs."""
    tenant, workflow = _covered(scope, value)
    of = f" --tenant {tenant}" if tenant is not None else ""
    return f"toolgate mode {workflow if workflow is not None else repr(EVERY)} {modes.ENFORCE}{of} --as KID"


def _covered(scope: str, value: str) -> tuple[str | None, str | None]:
    """Tenant and workflow that an order is about; None for every one."""
    if scope == "workflow":
        tenant, slash, workflow = value.rpartition("/")
        return (tenant if slash else None), workflow
    return (value, None) if scope == "tenant" else (None, None)


def said(say: Callable[[], int], readers: Readers, registry: Registry, timeout_s: float = TIMEOUT_S) -> Held:
    """Say a word and wait until its audit event is committed.

    Args:
        say: writes the record to control, gives its offset; what it raises is raised here.
        readers: of the same prefix.
        registry: where schema ids come from.
        timeout_s: seconds to wait for the event.

    Raises:
        ControlRefusedError: the gate has read it, and it does not count there.
        RetryError: it is not in the audit in time. The word stands all the same, and holds as soon as a gate reads it.
    """
    since = readers(AUDIT).span(0)[1]
    offset = say()
    event = awaited(
        readers(AUDIT),
        {0: since},
        Codec(AuditEvent, registry),
        lambda event: (
            (event.topic, event.offset) == (CONTROL, offset)
            and (event.after is not None or bool(event.reasons))
        ),
        timeout_s,
    )
    if event is not None:
        return held(event)
    raise RetryError(
        f"control record {offset} stands and is not audited in {timeout_s:g} s: does a gate run? It will hold as soon "
        "as one reads it, and executors keep to it already"
    )


def held(event: AuditEvent) -> Held:
    """From where on a word holds, of its audit event; raises ControlRefusedError where the gate does not take it."""
    if event.after is not None:
        return Held(event.offset, event.after)
    why = "; ".join(reason.because or reason.code for reason in event.reasons)
    raise ControlRefusedError(
        f"the gate refuses control record {event.offset}: {why}",
        where=event.topic,
        remedy="a gate knows the keys that were in its keyring when it was started: if this one is newer, start it "
        "again, then say it anew",
    )
