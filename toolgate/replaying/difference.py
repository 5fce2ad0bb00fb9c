"""Differences: what was recorded, what the replay says, and which of it the log cannot explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.inspection.plain import as_plain
from toolgate.processors.reasons import Code
from toolgate.schemas.codec import HEADER_BYTES
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import frozen
from toolgate.streams.gate.voted import REFUSED

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope
    from toolgate.replaying.recorded import Recorded
    from toolgate.schemas.codec import Codec
    from toolgate.schemas.records import AuditEvent
    from toolgate.streams.ports import Output

# What others' decisions that were never committed can have changed in one.
_SEEN = frozenset(
    {
        "verdict",
        "first",
        "first_seq",
        "command_id",
        "reasons",
        "shadow_reasons",
        "would_have",
        "grant",
        "waived",
        "ops",
        "balances",
        "note",
    }
)
# ... and what the event of a vote or a tick says of what waits: nothing once another of theirs has ended that.
_OF_WHAT_WAITS = frozenset(
    {
        "tenant",
        "workflow_id",
        "agent_id",
        "tool",
        "tool_version",
        "params_digest",
        "policy_digest",
        "cost_micros",
        "captured",
        "kid",
    }
)


@frozen
class Field:
    """A field that differs; both values as plain data."""

    name: str
    recorded: Any
    replayed: Any


@frozen
class Difference:
    """Where the record and the replay part.

    `topic`, `partition`, `offset`: of the input; `audit_partition`, `audit_offset`: of the audit event.
    """

    reason: str
    seq: int
    topic: str
    partition: int
    offset: int
    audit_partition: int
    audit_offset: int
    fields: tuple[Field, ...] = ()

    @property
    def place(self) -> str:
        """The input's coordinates."""
        return f"{self.topic}[{self.partition}]@{self.offset}"

    @classmethod
    def at(cls, audited: Recorded, reason: str, fields: tuple[Field, ...] = ()) -> Difference:
        """A difference at this audit event."""
        event, envelope = audited.head, audited.envelope
        return cls(
            reason,
            event.seq,
            event.topic,
            event.partition,
            event.offset,
            envelope.partition,
            envelope.offset,
            fields,
        )


class Comparing:
    """Compares audit records, by their bytes."""

    def __init__(self, codec: Codec[AuditEvent]) -> None:
        self._codec = codec

    def differing(self, audited: Recorded, made: Output) -> tuple[Field, ...]:
        """What differs in the record: nothing where all bytes are the same, whatever schema version they name."""
        recorded = audited.envelope
        if recorded.value == made.value and _around(recorded) == (made.partition, made.key, made.headers):
            return ()
        return (*self._inside(audited, made), *_outside(recorded, made))

    def _inside(self, audited: Recorded, made: Output) -> list[Field]:
        if (audited.envelope.value or b"")[HEADER_BYTES:] == (made.value or b"")[HEADER_BYTES:]:
            return []
        # Read back, since equal values of two types, as 1 and true, are not equal bytes.
        before, after = as_plain(audited.event), as_plain(self._codec.decode(made.value))
        return [
            Field(name, value, after[name])
            for name, value in before.items()
            if repr(value) != repr(after[name])
        ]


def _around(recorded: Envelope) -> tuple[Any, ...]:
    return recorded.partition, recorded.key, recorded.headers


def _outside(recorded: Envelope, made: Output) -> list[Field]:
    pairs = zip(
        ("audit partition", "key", "headers"),
        _around(recorded),
        (made.partition, made.key, made.headers),
        strict=True,
    )
    return [Field(name, repr(before), repr(after)) for name, before, after in pairs if before != after]


def explained(fields: tuple[Field, ...], event: AuditEvent) -> bool:
    """Whether others' decisions that were never committed explain this: they take, so they can only have refused.

    Theirs can also be the first decision that a duplicate names, and the word that ended what another is about.

    Args:
        fields: what differs.
        event: what is recorded.
    """
    names = {field.name for field in fields}
    if event.note == REFUSED and any(reason.code == Code.VOTE_REFUSED for reason in event.reasons):
        return names <= _SEEN | _OF_WHAT_WAITS
    if not names <= _SEEN:
        return False
    return "verdict" not in names or event.verdict in {Verdict.DENY, Verdict.DUPLICATE}
