"""Unresolved: commands whose outcome nobody knows and records that nobody could read, as the audit tells of them.

Only what may have had its effect needs a person: a command whose executor does not know, and one that was begun and has
no end although its time is over. One that was never begun has expired, and did nothing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.schemas.enums import ResultStatus, Verdict
from toolgate.streams.gate.voted import RELEASED
from toolgate.streams.ledger.taking import UNRESOLVED

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent

TOPIC = "audit"
# What a result or a release has made of a reservation: then the command is over, or the ledger has forgotten it.
_OVER = frozenset({"settled", "void", "late", "uncovered", "ended"})
ANSWERED = _OVER | {"unknown", RELEASED}  # notes of a release that ends the matter
_LATE_MS = 3_600_000  # nobody begins a command so long after it has expired, whatever the clocks say


@dataclass(slots=True)
class Begun:
    """A command without an end: the event that approved it, and what has been heard since.

    `expires_ms`: when its reservation does. `digest`: of its intent, which whoever releases it names.
    """

    approved: AuditEvent
    expires_ms: int
    digest: str
    started: bool = False
    unknown_ms: int = 0  # when its executor said that it does not know; 0: it has not

    @property
    def command_id(self) -> str:
        """What people name."""
        return self.approved.command_id

    @property
    def since_ms(self) -> int:
        """When it became somebody's matter."""
        return self.unknown_ms or self.expires_ms

    def waits(self, now_ms: int) -> bool:
        """Whether somebody has to say what happened."""
        return bool(self.unknown_ms) or (self.started and self.expires_ms <= now_ms)


@dataclass(frozen=True, slots=True)
class Unread:
    """A record in quarantine: the event that says so."""

    event: AuditEvent

    @property
    def id(self) -> str:
        """Its place, which people name."""
        return f"{self.event.topic}-{self.event.partition}-{self.event.offset}"


class Unresolved:
    """A fold of the audit, each partition in its order."""

    def __init__(self) -> None:
        self.commands: dict[str, Begun] = {}  # approved and without an end
        self.records: dict[str, Unread] = {}
        # By partition: of another one, much later events may be seen before a command's own end is.
        self._approved: defaultdict[int, deque[Begun]] = defaultdict(deque)

    def see(self, event: AuditEvent) -> None:
        """See an event."""
        if event.verdict == Verdict.QUARANTINE:
            unread = Unread(event)
            self.records[unread.id] = unread
        elif event.verdict == Verdict.APPROVE:
            self._approves(event)
        elif event.topic == "results":
            self._ends(event)
        elif event.topic == "votes" and event.note in ANSWERED:
            self.commands.pop(event.command_id, None)
            self.records.pop(event.command_id, None)

    def _approves(self, event: AuditEvent) -> None:
        for op in event.ops:
            if op.op == "reserve":
                begun = Begun(event, expires_ms=op.args[1], digest=op.args[2])
                self.commands[event.command_id] = begun
                self._approved[event.partition].append(begun)
        # What was never begun is forgotten, or a long log would be kept whole.
        approved = self._approved[event.partition]
        while approved and approved[0].expires_ms + _LATE_MS < event.clk:
            oldest = approved.popleft()
            if not oldest.started and not oldest.unknown_ms:
                self.commands.pop(oldest.command_id, None)

    def _ends(self, event: AuditEvent) -> None:
        begun = self.commands.get(event.command_id)
        if begun is None:
            return
        if event.note == ResultStatus.STARTED:
            begun.started = True
        elif event.note == UNRESOLVED:
            begun.unknown_ms = begun.unknown_ms or event.append_time
        elif event.note in _OVER:
            del self.commands[event.command_id]
