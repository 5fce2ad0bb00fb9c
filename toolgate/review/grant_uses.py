"""What was done under a grant: every decision that names it, and what became of its commands, by the audit."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolgate.inspection.errors import NotFoundError
from toolgate.inspection.stretches import records, whole
from toolgate.processors.claims import DAY_MS
from toolgate.processors.grants import GRANT, ends
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.records import AuditEvent, Control
from toolgate.streams.ports import CONTROL
from toolgate.verification.events import Fast, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from toolgate.inspection.search import Readers
    from toolgate.schemas.registry import Registry

AUDIT = "audit"
SKEW_MS = 300_000  # by which the brokers' clocks may differ
HEARD_MS = (
    2 * DAY_MS
)  # after its end: what is said of a command later settles nothing, the ledger has forgotten it
# What is said of a command without changing what became of it.
_NOTHING = frozenset({"", "refused", "ended", "running", "mismatch", "taken", "taken_over", "given_back"})


@dataclass(slots=True)
class Use:
    """A decision under a grant. `became`: what was heard of its command since, by the notes of the audit, in order."""

    event: AuditEvent
    became: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As plain data; the time is the ledger's, epoch milliseconds, money in micro-dollars."""
        event = self.event
        return {
            "seq": event.seq,
            "clk": event.clk,
            "verdict": event.verdict,
            "tenant": event.tenant,
            "workflow_id": event.workflow_id,
            "run_id": event.run_id,
            "agent_id": event.agent_id,
            "intent_id": event.intent_id,
            "tool": event.tool,
            "command_id": event.command_id or None,
            "cost_micros": event.cost_micros,
            "waived": [reason.code for reason in event.waived],
            "codes": [reason.code for reason in event.reasons],
            "became": self.became,
        }


def uses(events: Iterable[AuditEvent], control_id: str) -> list[Use]:
    """What was decided under a grant, in the ledger's order; of the events, each partition in its order."""
    found: list[Use] = []
    commands: dict[str, Use] = {}
    for event in events:
        if event.grant == control_id:
            use = Use(event)
            found.append(use)
            if event.command_id:
                commands[event.command_id] = use
        elif (
            event.command_id in commands
            and event.topic in {"results", "votes"}
            and event.note not in _NOTHING
        ):
            commands[event.command_id].became.append(event.note)
    return sorted(found, key=lambda use: use.event.seq)


def find(readers: Readers, control_id: str, registry: Registry | None = None) -> tuple[Control, int]:
    """The record that gave a grant, ended or not, and when the broker appended it, epoch milliseconds.

    Raises:
        NotFoundError: no grant has this id.
        RefusedError, UnreachableError: as the readers.
    """
    reader, codec = readers(CONTROL), Codec(Control, registry)
    for envelope in records(reader, whole(reader)):
        with suppress(DecodeError):
            word = codec.decode(envelope.value)
            if word.kind == GRANT and word.control_id == control_id and not ends(word):
                return word, envelope.time_ms
    raise NotFoundError(
        f"no grant {control_id} was ever given",
        where="control",
        remedy="see the ids: toolgate tail control --last 1000",
    )


def done_under(
    readers: Readers,
    word: Control,
    given_ms: int,
    registry: Registry | None = None,
    notify: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Use]:
    """What was decided under a grant that `find` has found.

    Raises:
        RefusedError, UnreachableError: as the readers.
    """
    reader = readers(AUDIT)
    last_ms = (word.expires_at or given_ms) + HEARD_MS
    stretch = {
        p: (reader.at_time(p, given_ms - SKEW_MS), reader.at_time(p, last_ms)) for p in reader.partitions
    }
    fast = Fast(AuditEvent, registry)

    def events() -> Iterator[AuditEvent]:
        for envelope in records(reader, stretch, notify):
            with suppress(UnreadableError):  # only the gate writes here
                yield fast.read(envelope.value)

    return uses(events(), word.control_id)
