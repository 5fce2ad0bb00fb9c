"""A case: one intent on its way through the chain, with everything said about it so far."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from toolgate.processors.verdicts import verdict_of
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.processors.catalogue import Tool
    from toolgate.processors.claims import Claim, Count, Rate, Remember, Reserve
    from toolgate.processors.grants import Grant
    from toolgate.processors.policy import WorkflowPolicy
    from toolgate.processors.slots import Missing
    from toolgate.schemas.records import Intent, Reason

NO_FACTS: Mapping[str, str] = MappingProxyType({})
NOTHING_KNOWN: Mapping[str, Any] = MappingProxyType({})
NO_HISTORY: Mapping[str, int] = MappingProxyType(
    {"landed": 0, "failed": 0, "landed_writes": 0, "failed_writes": 0}
)


@frozen
class Envelope:
    """A record as the broker delivered it. `topic` is the logical name, without prefix ("intents")."""

    topic: str
    partition: int
    offset: int
    time_ms: int  # LogAppendTime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    problem: str = ""  # why the broker client could not deliver it; "" for a record that is whole


@frozen
class Approved:
    """What people have approved a call for: that it was held, or drafted, for so many of these roles."""

    kind: Verdict  # HOLD or DRAFT
    approvers: int
    roles: frozenset[str]


@frozen
class Case:
    """The intent, where it came from, the verdict so far, all reasons, and what it asks of the ledger."""

    envelope: Envelope
    intent: Intent
    digest: str  # of the intent's body
    params: dict[str, Any] | None = None  # parsed strictly by the contract processor
    params_digest: str = ""  # over the canonical JSON
    kid: str = ""
    policy: WorkflowPolicy | None = None
    tool: Tool | None = None
    verdict: Verdict = Verdict.APPROVE
    reasons: tuple[Reason, ...] = ()
    cost_micros: int = 0
    records: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    always: tuple[Rate, ...] = ()  # taken whatever the verdict: denials are not free
    on_deny: tuple[Count | Remember, ...] = ()
    reserve: Reserve | None = None
    facts: Mapping[str, str] = NO_FACTS  # what the run remembers, as the ledger keeps it
    history: Mapping[str, int] = NO_HISTORY  # what became of its earlier calls
    run_contract: Mapping[str, Any] | None = None  # what the run may touch, as whoever started it has said
    known: Mapping[str, Any] = NOTHING_KNOWN  # what people are shown of the world when it waits: shown.py
    approved: Approved | None = None  # by people: that alone no longer holds or drafts it
    unseen: bool = False  # it names results that do not exist
    wanted: tuple[Missing, ...] = ()  # facts that were not known
    shadow_reasons: tuple[Reason, ...] = ()  # those that only show what would have been
    grant: Grant | None = None  # because of which others do not count
    waived: tuple[Reason, ...] = ()  # those


def place_of(case: Case) -> str:
    """The place of the intent, which names what comes of it: its command, hold or draft."""
    return f"{case.envelope.partition}-{case.envelope.offset}"


def weigh(case: Case, *reasons: Reason) -> Case:
    """The case with these reasons besides those it has; the most severe of all decides its verdict."""
    both = case.reasons + reasons
    return changed(case, verdict=verdict_of(both), reasons=both)


def deny(case: Case, *reasons: Reason) -> Case:
    """The case, denied for these reasons besides those it has."""
    return changed(case, verdict=Verdict.DENY, reasons=case.reasons + reasons)
