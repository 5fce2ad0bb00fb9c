"""The reckoning: whether the systems of record hold what the log allowed, and nothing else. Pure but for copies.

Three questions about every change: was it allowed, is it the only one, can it be undone.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.demo.billing import desk
from toolgate.demo.billing.books import Books
from toolgate.demo.checks import Check
from toolgate.inspection.explanation import how_to_undo
from toolgate.schemas.enums import ResultStatus, Verdict
from toolgate.schemas.frozen import changed
from toolgate.sdk import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolgate.demo.billing.books import Change, Opening
    from toolgate.demo.evidence import Evidence
    from toolgate.inspection.explanation import Undo
    from toolgate.processors.policy import PolicySet
    from toolgate.sdk import Command

State = dict[str, dict[str, dict[str, Any]]]
_LIVE = {"drafts": "proposed", "credits": "booked"}  # rows that still count, by their state


@dataclass(frozen=True, slots=True)
class Traced:
    """A change with what allowed it and what would take it back."""

    change: Change
    command: Command | None  # None: nobody allowed it
    undo: Undo | None  # None: nobody allowed it, so nobody knows


def trace(changes: Sequence[Change], commands: Sequence[Command], policies: PolicySet) -> tuple[Traced, ...]:
    """Every change with its command and its undo, in the order they were allowed."""
    by_id = {command.command_id: command for command in commands}
    found = [(change, by_id.get(change.command_id)) for change in changes]
    return tuple(
        Traced(change, command, how_to_undo(command, (), policies) if command else None)
        for change, command in found
    )


def check_books(evidence: Evidence, opening: Opening, books: Books, policies: PolicySet) -> tuple[Check, ...]:
    """The books against the log."""
    changes = books.changes()
    traced = trace(changes, evidence.commands, policies)
    done = _done(evidence, policies)
    return (
        Check("every change was allowed, and was made once", tuple(_allowed(evidence, changes, done))),
        Check("books = opening + what was allowed", tuple(_rebuilt(opening, books, done))),
        Check(
            "undoing every change leads back to the opening balances",
            tuple(_undone(opening, books, traced, policies)),
        ),
    )


def _done(evidence: Evidence, policies: PolicySet) -> list[Command]:
    """Commands of writing tools that ended well, in the order they were allowed."""
    ends: dict[str, str] = {}
    for result in evidence.results:
        if result.status != ResultStatus.STARTED:
            ends.setdefault(result.command_id, result.status)  # the first end wins
    writes = [command for command in evidence.commands if policies.tools[command.tool].writes]
    return sorted(
        (command for command in writes if ends.get(command.command_id) == ResultStatus.OK),
        key=lambda command: command.seq,
    )


def _allowed(evidence: Evidence, changes: Sequence[Change], done: Sequence[Command]) -> Iterator[str]:
    approved = {
        event.command_id: (event.intent_id, event.seq, event.tool)
        for event in evidence.decisions()
        if event.verdict == Verdict.APPROVE
    }
    for change in changes:
        what = f"{change.tool} on {change.record} ({change.intent_id}, seq {change.seq})"
        if change.command_id not in approved:
            yield f"{what} was changed by command {change.command_id}, which nobody allowed"
        elif approved[change.command_id] != (change.intent_id, change.seq, change.tool):
            yield f"{what} is not what command {change.command_id} allowed"
    made = Counter(change.command_id for change in changes)
    reported = Counter(command.command_id for command in done)
    for command_id in sorted((reported - made).keys()):
        yield f"command {command_id} is reported as done, and changed nothing"
    for command_id in sorted((made - reported).keys()):
        yield f"command {command_id} changed something, and is not reported as done"


def _rebuilt(opening: Opening, books: Books, done: Sequence[Command]) -> Iterator[str]:
    """The same commands on fresh books must give the same books."""
    with Books(opening) as fresh:
        handlers = desk.tools(fresh)
        for command in done:
            try:
                handlers[command.tool](command)
            except ToolError as refusal:
                yield f"{command.tool} ({command.intent_id}) cannot be done again: {refusal}"
        yield from _compare(fresh.state(), books.state(), "the log gives", "the books have")


def _undone(opening: Opening, books: Books, traced: Sequence[Traced], policies: PolicySet) -> Iterator[str]:
    """The undoing calls, played on a copy from the last to the first."""
    with Books(opening) as fresh, books.copy() as after:
        handlers = desk.tools(after)
        for one in reversed(traced):
            if fault := _undo(one, handlers, policies):
                yield f"{one.change.tool} on {one.change.record} ({one.change.intent_id}): {fault}"
        yield from _compare(_counting(fresh.state()), _counting(after.state()), "it was", "undone it is")


def _undo(one: Traced, handlers: Mapping[str, desk.Handler], policies: PolicySet) -> str:
    """Undo one change; why that cannot be done, or ""."""
    if one.command is None or one.undo is None:
        return "nobody allowed it"
    if not one.undo.tool:
        return one.undo.why
    if faults := policies.tools[one.undo.tool].schema.faults(one.undo.params):
        return f"{one.undo.tool} would undo it, and its parameters do not fit: {'; '.join(faults)}"
    command_id = f"undo-{one.command.command_id}"
    params = json.dumps(one.undo.params)
    try:
        handlers[one.undo.tool](
            changed(one.command, command_id=command_id, tool=one.undo.tool, params=params)
        )
    except ToolError as refusal:
        return f"{one.undo.tool} refuses to undo it: {refusal}"
    return ""


def _counting(state: State) -> State:
    """What still counts: drafts that stand, credits that are booked, everything of the other tables."""
    return {
        table: {key: row for key, row in rows.items() if table not in _LIVE or row["state"] == _LIVE[table]}
        for table, rows in state.items()
    }


def _compare(ours: State, theirs: State, we: str, they: str) -> Iterator[str]:
    for table, rows in ours.items():
        for key in sorted(rows.keys() | theirs[table].keys()):
            if rows.get(key) != theirs[table].get(key):
                yield f"{table} {key}: {we} {rows.get(key)}, {they} {theirs[table].get(key)}"
