"""Grants: what one lets through it covers, in time; two people gave it, and each use of it is alerted."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from toolgate.verification.findings import Findings, Law

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.schemas.records import AuditEvent, Control
    from toolgate.verification.history import History

# What a policy's own rules say. No cap, kill, mode or contract is among it.
_WAIVED = frozenset(
    {"TOOL_DENIED", "TOOL_NOT_ALLOWED", "RULE_DENIED", "CEDAR_DENIED", "HELD_BY_RULE", "DRAFTED"}
)
_LIFE_MS_MAX = 4 * 3_600_000
_SIGNERS_MIN = 2


class _Marked(NamedTuple):
    """A decision under a grant."""

    event: AuditEvent
    command: Any  # None where there is none


class Grants:
    """Every decision that names a grant is covered by it at its control position, and by its clock.

    A record counts if the gate has published from where it holds: one that it refused has no such seq.
    """

    def __init__(self, history: History, findings: Findings) -> None:
        self._history = history
        self._findings = findings
        self._marked: list[_Marked] = []
        self._given: dict[int, AuditEvent] = {}

    def see(self, event: AuditEvent) -> None:
        """The next event; commands and alerts are still there."""
        if event.topic == "control" and event.after is not None:
            word = self._history.words.get(event.offset)
            if word is not None and word.kind == "grant":
                self._given[event.offset] = event
                kind = "grant" if word.tools else "grant_ended"
                self._alerted(event, kind, word.control_id)
        elif event.grant or event.waived:
            makes = event.verdict == "APPROVE" and not event.dry_run
            self._marked.append(_Marked(event, self._command(event.seq) if makes else None))
            if makes:
                self._alerted(event, "break_glass", event.command_id)

    def end(self) -> None:
        """Everything that was published is known now."""
        words = [(at, self._history.words[at]) for at in sorted(self._given)]
        for at, word in words:
            if fault := _given_wrongly(word, self._given[at]):
                self._findings.at(Law.GRANT, self._given[at], fault)
        standing: dict[tuple[str, str], Control] = {}
        for marked in self._marked:  # in the order of seq, so in that of control
            while words and words[0][0] < marked.event.ctl:
                word = words.pop(0)[1]
                standing[word.scope, word.value] = word
            for fault in _faults(marked, standing):
                self._findings.at(
                    Law.GRANT,
                    marked.event,
                    f"is decided under grant {marked.event.grant or 'of no name'}, {fault}",
                )

    def _command(self, seq: int) -> Any:
        row = self._history.told["commands"].first(seq)
        return None if row is None else self._history.read("commands", row)

    def _alerted(self, event: AuditEvent, kind: str, subject: str) -> None:
        alerts = [self._history.read("alerts", row) for row in self._history.told["alerts"].of(event.seq)]
        if any(alert is not None and (alert.kind, alert.subject) == (kind, subject) for alert in alerts):
            return
        if self._history.kept("alerts", 0, event.seq, event.append_time):
            self._findings.at(Law.GRANT, event, f"has no alert of kind {kind} about {subject}")


def _given_wrongly(word: Control, event: AuditEvent) -> str:
    if not word.tools:
        return ""
    if len(set(word.issued_by)) < _SIGNERS_MIN:
        return f"gives grant {word.control_id}, and only {', '.join(word.issued_by) or 'nobody'} signed it"
    if word.expires_at is None or word.expires_at - event.append_time > _LIFE_MS_MAX:
        return f"gives grant {word.control_id} for longer than four hours"
    return "" if word.reason.strip() else f"gives grant {word.control_id} without a reason"


def _faults(marked: _Marked, standing: dict[tuple[str, str], Control]) -> Iterator[str]:
    event, command = marked
    if not event.waived:
        yield "which waives nothing"
    if beyond := sorted({reason.code for reason in event.waived} - _WAIVED):
        yield f"which waives {', '.join(beyond)}"
    targets = (
        (scope, value)
        for scope, name in (("workflow", event.workflow_id), ("run", event.run_id))
        for value in (name, f"{event.tenant}/{name}")
    )
    word = next(
        (word for target in targets if (word := standing.get(target)) and word.control_id == event.grant),
        None,
    )
    if word is None:
        yield f"which does not stand for it at control {event.ctl}"
        return
    if not any(fnmatchcase(event.tool, glob) for glob in word.tools):
        yield f"which does not name {event.tool}"
    until = word.expires_at or 0
    if event.verdict == "APPROVE" and event.clk > until:
        yield f"which has ended at {until}"
    if command is not None and command.expires_at > until:
        yield f"which ends at {until}, and its command may begin until {command.expires_at}"
