"""An explanation as people read it: one thing after the other, as it happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from toolgate.cli import tables
from toolgate.cli.wording import STYLES, because, safe
from toolgate.inspection.decoding import as_time
from toolgate.inspection.explanation import RELEASED, accounts, intent_of
from toolgate.processors.amounts import amount, usd
from toolgate.schemas.records import Hold

if TYPE_CHECKING:
    from toolgate.inspection.decoding import Entry
    from toolgate.inspection.explanation import Decided, Explanation, Reported, Row, Undo
    from toolgate.schemas.records import AuditEvent, Command, Draft, Intent, Op, Reason

_NAME_WIDTH = 13


def tell(explanation: Explanation) -> None:
    """Print everything on stdout."""
    console = Console(highlight=False)
    console.print(Text(f"Intent {safe(explanation.intent_id)}", "bold"))
    for entry in explanation.waiting:
        _waiting(console, entry)
    for decided in explanation.decisions:
        _decided(console, decided)
        console.print()
    if explanation.command is not None and explanation.command.record is not None:
        _command(console, explanation.command.record)
    for reported in explanation.results:
        _reported(console, reported)
    if explanation.undo is not None:
        _undo(console, explanation.undo)
    for what in explanation.missing:
        _say(console, "not found", what, "yellow")


def _waiting(console: Console, entry: Entry) -> None:
    envelope, intent = entry.envelope, entry.record
    where = f"intents[{envelope.partition}]@{envelope.offset} since {as_time(envelope.time_ms)}"
    _say(console, "not decided", f"it lies on {where}; see that a gate runs", "yellow")
    _asked(console, intent)


def _decided(console: Console, decided: Decided) -> None:
    event, intent = decided.event, intent_of(decided)
    console.print(
        Text.assemble(
            (event.verdict, STYLES.get(event.verdict, "")),
            f" at seq {event.seq}",
            (f"   {as_time(event.append_time)}  {event.topic}[{event.partition}]@{event.offset}", "dim"),
        )
    )
    if event.first_seq is not None:
        _say(console, "repeats", f"what was decided at seq {event.first_seq}: nothing happened again")
    if intent is not None:
        _asked(console, intent)
    who = f"{event.tenant}/{event.workflow_id}, agent {event.agent_id}, run {event.run_id}"
    _say(console, "by", who)
    signed = f"key {event.kid}" if event.kid else "nobody that the gate believes"
    _say(console, "signed by", signed)
    _because(console, event, decided.orders)
    allowed = f"policy set {event.policy_digest or '(none)'}, gate {event.code_version}"
    _say(console, "decided under", f"{allowed}, control up to {event.ctl}, ledger {event.gen}")
    if decided.outcome is not None and decided.outcome.record is not None:
        outcome = decided.outcome.record
        told = " ".join((outcome.verdict, *outcome.codes)) + (", may pass later" if outcome.retryable else "")
        _say(console, "agent told", told)
        if outcome.repair:
            _say(console, "to repair", outcome.repair)
    _proposed(console, decided)
    if event.captured != "{}":
        _say(console, "captured", event.captured)
    _accounts(console, event)


def _because(console: Console, event: AuditEvent, orders: tuple[Entry, ...]) -> None:
    """What counted, what a grant waived, what did not count in shadow, and the orders that this rests on."""
    for reason in event.reasons:
        _say(console, "because", because(reason) + _figures(reason), "red")
    for reason in event.waived:
        _say(console, "despite", because(reason) + _figures(reason), "yellow")
    if event.grant:
        _say(console, "under", f"grant {event.grant}, which waives that", "yellow")
    if event.would_have:
        _say(console, "would have", f"{event.would_have}, if nothing were in shadow")
    for reason in event.shadow_reasons:
        _say(console, "in shadow", because(reason) + _figures(reason), "yellow")
    for entry in orders:
        word = entry.record
        _say(console, "order", f"{word.control_id}: at most {word.mode}, by {', '.join(word.issued_by)}")
        if word.evidence:
            _say(console, "its figures", word.evidence)


def _proposed(console: Console, decided: Decided) -> None:
    record = decided.proposal.record if decided.proposal is not None else None
    if isinstance(record, Hold):
        people = f"{amount(record.approvals_needed, 'approvals')} by {' or '.join(record.roles)}"
        _say(
            console,
            "hold",
            f"{record.hold_id} {record.state}, needs {people} until {as_time(record.expires_at)}",
        )
        _say(console, "would do", f"{record.tool} {record.diff}")
    elif record is not None:
        by = f"{record.twin} would make it" if record.twin else "a proposal"
        _say(console, "draft", f"{record.draft_id} {record.state}, {by}")
    for vote in decided.votes:
        _voted(console, vote.record)


def _voted(console: Console, record: Hold | Draft) -> None:
    """Who allowed it, or did not."""
    who = f"{record.voter}: {record.choice}" if record.vote_id else "nobody in time"
    came = f"refused, {record.refused}" if record.refused else f"{record.state} at seq {record.seq}"
    comment = f"  “{record.comment}”" if record.comment else ""
    style = "green" if record.state in RELEASED else ""
    _say(console, "people", f"{who}, {came}{comment}", style)


def _asked(console: Console, intent: Intent) -> None:
    match intent.kind:
        case "call":
            what = f"{intent.tool} {intent.params}"
        case "usage":
            what = f"to account for {usd(intent.declared_cost_micros or 0)} of model spend"
        case _:
            what = f"to end the run: {intent.run_outcome or 'no outcome given'}"
    _say(console, "asked", f"{what}{' (dry run: the verdict only)' if intent.dry_run else ''}")
    if intent.reason:
        _say(console, "its reason", intent.reason)


def _figures(reason: Reason) -> str:
    """What the sentence does not say: asked and limit."""
    if reason.asked is None or reason.limit is None or not reason.unit:
        return ""
    return f"  (asked {amount(reason.asked, reason.unit)}, limit {amount(reason.limit, reason.unit)})"


def _accounts(console: Console, event: AuditEvent) -> None:
    rows = accounts(event)
    if event.cost_micros and event.first:
        _say(console, "cost", usd(event.cost_micros))
    if rows:
        console.print()
        tables.show(("account", "took", "stands at", "of", "as"), map(_account_row, rows))


def _account_row(row: Row) -> tuple[str, ...]:
    def shown(value: int | None) -> str:
        return "" if value is None else amount(value, row.unit) if row.unit else f"{value:,}"

    return safe(row.account), shown(row.took), shown(row.used), shown(row.max), row.kind


def _command(console: Console, command: Command) -> None:
    console.print(Text(f"Command {safe(command.command_id)}", "bold"))
    _say(console, "does", f"{command.tool} {command.params}")
    _say(console, "until", as_time(command.expires_at))
    _say(console, "reserved", usd(command.reserved_cost_micros))
    if command.grant:
        _say(console, "under", f"grant {command.grant}", "yellow")
    if command.records:
        _say(console, "touches", ", ".join(command.records))


def _reported(console: Console, reported: Reported) -> None:
    event, entry = reported.event, reported.result
    when = as_time(event.append_time)
    if entry is None or entry.record is None:
        _say(console, "result", f"{event.note} {when}")
        return
    result = entry.record
    said = result.error or result.body or result.body_uri
    _say(console, result.status, f"{when} by {result.executor_id}  {said}", STYLES.get(result.status, ""))
    for op in event.ops:
        if op.op == "settle":
            _say(console, event.note, _settled(op))
    if event.reasons:
        _say(console, "not counted", "; ".join(map(because, event.reasons)), "yellow")


def _settled(op: Op) -> str:
    _, _, actuals, _ = op.args
    parts = []
    for account, spent, freed, uncovered in actuals:
        unit = "usd_micros" if account.partition("@")[0].endswith(":usd") else ""
        figures = (("spent", spent), ("given back", freed), ("uncovered", uncovered))
        shown = ", ".join(
            f"{amount(value, unit) if unit else f'{value:,}'} {name}" for name, value in figures if value
        )
        parts.append(f"{account}: {shown or 'nothing'}")
    return "; ".join(parts)


def _undo(console: Console, undo: Undo) -> None:
    what = f"{undo.tool} {json.dumps(undo.params, sort_keys=True)}, {undo.why}" if undo.tool else undo.why
    _say(console, "undo", what)


def _say(console: Console, name: str, what: str, style: str = "") -> None:
    line = Text.assemble((f"  {name:<{_NAME_WIDTH}} ", "dim"), (safe(what), style))
    console.print(line, soft_wrap=True)
