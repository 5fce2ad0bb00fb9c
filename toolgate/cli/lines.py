"""One line for one record, as `toolgate tail` prints it: when, where, and what it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.text import Text

from toolgate.cli.wording import STYLES, joined, safe
from toolgate.inspection.decoding import as_time
from toolgate.processors.amounts import usd
from toolgate.schemas.frozen import names_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.inspection.decoding import Entry
    from toolgate.schemas.records import (
        Alert,
        AuditEvent,
        Command,
        Control,
        Denial,
        Draft,
        Hold,
        Intent,
        Outcome,
        Pulse,
        Result,
    )

_PARAMS_CHARS = 160
_BYTES_SHOWN = 64


def line(entry: Entry) -> Text:
    """The line of a record; whatever it holds, it is one line that does nothing but stand there."""
    envelope = entry.envelope
    text = Text()
    text.append((as_time(envelope.time_ms) or "(no broker time)").ljust(25), "dim")
    text.append(f"[{envelope.partition}]@{envelope.offset}".ljust(10) + " ", "dim")
    if entry.record is None:
        return text.append_text(_unread(entry))
    words = _WORDS.get(envelope.topic, _fields)
    mark, rest = words(entry.record)
    if mark:
        text.append(mark, STYLES.get(mark.strip(), ""))
        text.append(" ")
    text.append(safe(rest))
    if entry.problem:
        text.append(f"  ({safe(entry.problem)})", "magenta")
    return text


def _unread(entry: Entry) -> Text:
    """What has no schema, or could not be read: the reason, and its first bytes as they are."""
    value = entry.envelope.value
    text = Text()
    reason = entry.header("tg-reason")
    if reason:
        text.append(f"{safe(reason)} ", "magenta")
        text.append(f"{safe(entry.header('tg-source'))}  {safe(entry.header('tg-detail'), _PARAMS_CHARS)}  ")
    elif entry.problem:
        text.append(f"{safe(entry.problem, _PARAMS_CHARS)}  ", "magenta")
    text.append(f"key {safe(entry.key, _PARAMS_CHARS)}  ", "dim")
    if value is None:
        return text.append("no value", "dim")
    more = "" if len(value) <= _BYTES_SHOWN else "…"
    return text.append(f"{len(value):,} bytes: {value[:_BYTES_SHOWN].hex()}{more}", "dim")


def _intent(record: Intent) -> tuple[str, str]:
    who = f"{record.workflow_id}/{record.agent_id} run {record.run_id} intent {record.intent_id}"
    match record.kind:
        case "call":
            what = f"{record.tool} {safe(record.params, _PARAMS_CHARS)}"
        case "usage":
            what = f"spent {usd(record.declared_cost_micros or 0)}"
        case _:
            what = record.run_outcome or ""
    return "", f"{record.kind:<6} {who}  {what}{'  dry run' if record.dry_run else ''}"


def _result(record: Result) -> tuple[str, str]:
    cost = "" if record.actual_cost_micros is None else f"  {usd(record.actual_cost_micros)}"
    said = record.error or record.body or record.body_uri
    what = f"{record.tool} command {record.command_id} intent {record.intent_id} run {record.run_id}"
    return f"{record.status:<7}", f"{what} by {record.executor_id}{cost}  {safe(said, _PARAMS_CHARS)}"


def _control(record: Control) -> tuple[str, str]:
    target = f"{record.scope} {record.value}".strip()
    if record.kind == "grant":
        tools, until = ", ".join(record.tools), as_time(record.expires_at or 0)
        target += f" {tools} until {until}" if record.tools else " ended"
    if record.mode:
        target += f" {record.mode}"
    figures = f"  {safe(record.evidence, _PARAMS_CHARS)}" if record.evidence else ""
    by = ", ".join(record.issued_by)
    return record.kind, f"{target} by {by}: {record.reason or 'no reason given'}{figures}"


def _command(record: Command) -> tuple[str, str]:
    what = f"{record.tool} {safe(record.params, _PARAMS_CHARS)}"
    who = f"intent {record.intent_id} run {record.run_id}"
    until = f"until {as_time(record.expires_at)}{_under(record.grant)}"
    return "", f"command {record.command_id} seq {record.seq} {who}  {what}  {until}"


def _outcome(record: Outcome) -> tuple[str, str]:
    codes = " ".join(record.codes)
    extra = "try again" if record.retryable else ""
    if record.command_id or record.hold_id:
        extra = f"command {record.command_id}" if record.command_id else f"hold {record.hold_id}"
    return f"{record.verdict:<9}", f"intent {record.intent_id} seq {record.seq}  {codes}  {extra}".rstrip()


def _denial(record: Denial) -> tuple[str, str]:
    who = f"{record.workflow_id}/{record.agent_id} run {record.run_id} intent {record.intent_id}"
    return "DENY", f"seq {record.seq} {record.tool or '(no tool)'} {who}  {joined(record.reasons)}"


def _hold(record: Hold) -> tuple[str, str]:
    who = f"{record.workflow_id}/{record.agent_id} run {record.run_id} intent {record.intent_id}"
    needs = f"needs {record.approvals_needed} of {', '.join(record.roles)} until {as_time(record.expires_at)}"
    what = f"hold {record.hold_id} {record.state} seq {record.seq} {record.tool} {safe(record.diff, _PARAMS_CHARS)}"
    return "HOLD", f"{what} {who}  {needs}  {joined(record.reasons)}"


def _draft(record: Draft) -> tuple[str, str]:
    who = f"{record.workflow_id}/{record.agent_id} run {record.run_id} intent {record.intent_id}"
    twin = f" by {record.twin}" if record.twin else ""
    what = f"draft {record.draft_id} {record.state} seq {record.seq} {record.tool}{twin}"
    return "DRAFT", f"{what} {who}  {joined(record.reasons)}"


def _audit(record: AuditEvent) -> tuple[str, str]:
    where = f"{record.topic}[{record.partition}]@{record.offset}"
    what = " ".join(filter(None, (record.tool, record.note, joined(record.reasons))))
    about = f"run {record.run_id} intent {record.intent_id}" if record.intent_id else ""
    again = "" if record.first_seq is None else f"  first decided at seq {record.first_seq}"
    cost = f"  {usd(record.cost_micros)}" if record.cost_micros and record.first else ""
    would = f"  would have: {record.would_have} {joined(record.shadow_reasons)}" if record.would_have else ""
    under = f"{_under(record.grant)} despite {joined(record.waived)}" if record.grant else ""
    return (
        f"{record.verdict:<10}",
        f"seq {record.seq} {where} {about}  {what}{cost}{again}{would}{under}".rstrip(),
    )


def _under(grant: str) -> str:
    return f"  under grant {grant}" if grant else ""


def _pulse(record: Pulse) -> tuple[str, str]:
    counts = (
        ("approved", record.approved),
        ("denied", record.denied),
        ("held", record.held),
        ("drafted", record.drafted),
        ("quarantined", record.quarantined),
        ("duplicates", record.duplicates),
    )
    shown = ", ".join(f"{count:,} {name}" for name, count in counts if count)
    spent, codes = usd(record.cost_micros), _counted(record.codes)
    what = f"{record.tenant}/{record.workflow_id} {record.intents:,} intents: {shown}  {spent}  {codes}"
    more = (
        ("would have", record.would_have),
        ("runs", record.finished),
        ("ends", record.results),
        ("votes", record.words),
    )
    return "", what + "".join(f"  {name}: {_counted(found)}" for name, found in more if found)


def _counted(found: dict[str, int]) -> str:
    return " ".join(f"{name}:{count}" for name, count in sorted(found.items()))


def _alert(record: Alert) -> tuple[str, str]:
    about = " ".join(filter(None, (record.tenant, record.workflow_id, record.run_id)))
    reason = _reason(record.evidence)
    return (
        record.severity,
        f"{record.kind} {record.alert_id} {about}: {record.summary}{f': {reason}' if reason else ''}",
    )


def _reason(evidence: str) -> str:
    """What people have written to it, or ""."""
    try:
        found = json.loads(evidence)
    except ValueError:
        return ""
    return str(found.get("reason", "")) if isinstance(found, dict) else ""


def _fields(record: Any) -> tuple[str, str]:
    """Any other record: its fields by name."""
    named = ((name, getattr(record, name)) for name in names_of(type(record)))
    return "", "  ".join(f"{name}={value}" for name, value in named if value not in ("", None, ()))


_WORDS: dict[str, Callable[[Any], tuple[str, str]]] = {
    "intents": _intent,
    "results": _result,
    "control": _control,
    "commands": _command,
    "outcomes": _outcome,
    "denials": _denial,
    "holds": _hold,
    "drafts": _draft,
    "audit": _audit,
    "pulse": _pulse,
    "alerts": _alert,
}
