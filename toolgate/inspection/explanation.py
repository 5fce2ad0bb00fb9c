"""An explanation: all that the log knows of one intent, put together. Plain data, no broker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.inspection.plain import as_plain
from toolgate.processors.catalogue import READ
from toolgate.processors.paths import values_at
from toolgate.schemas.enums import ResultStatus, Verdict
from toolgate.schemas.strict_json import JsonError, loads_strict

if TYPE_CHECKING:
    from toolgate.inspection.decoding import Entry
    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.records import AuditEvent, Command, Intent, Result

IRREVERSIBLE = "irreversible"
RELEASED = frozenset({"approved", "promoted"})  # states of holds and drafts
_PARAMS_BYTES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Decided:
    """One record of the intent's id that the gate decided on, and what it wrote about it beside the audit."""

    audit: Entry
    intent: Entry | None = None  # None: no longer kept, or not readable
    denial: Entry | None = None
    outcome: Entry | None = None
    proposal: Entry | None = None  # the hold or draft that it made
    votes: tuple[Entry, ...] = ()  # ... and what each word on that came to: holds or drafts, too
    orders: tuple[Entry, ...] = ()  # the control records that put it into its mode

    @property
    def event(self) -> AuditEvent:
        """The audit event."""
        found: AuditEvent = self.audit.record
        return found

    @property
    def released(self) -> Entry | None:
        """The word of people by which a command was made of what waited; None where there was none."""
        return next((vote for vote in self.votes if vote.record.state in RELEASED), None)


@dataclass(frozen=True, slots=True)
class Reported:
    """A result of the command, and what the gate made of it."""

    audit: Entry
    result: Entry | None

    @property
    def event(self) -> AuditEvent:
        """The audit event."""
        found: AuditEvent = self.audit.record
        return found


@dataclass(frozen=True, slots=True)
class Undo:
    """How to take a command's effect back. `tool` is "" where nothing does, and `why` says so."""

    tool: str
    params: dict[str, Any]
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything about an intent id of one tenant, in the order of `seq`.

    `waiting` are intents of this id that lie on the topic and are not decided yet. `missing` names what could not be
    read, with the reason.
    """

    intent_id: str
    decisions: tuple[Decided, ...]
    waiting: tuple[Entry, ...] = ()
    command: Entry | None = None
    results: tuple[Reported, ...] = ()
    undo: Undo | None = None
    missing: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain data, all records in full."""
        return {
            "intent_id": self.intent_id,
            "decisions": [
                {
                    "audit": each.audit.as_json(),
                    "intent": _json(each.intent),
                    "denial": _json(each.denial),
                    "outcome": _json(each.outcome),
                    "proposal": _json(each.proposal),
                    "votes": [vote.as_json() for vote in each.votes],
                    "orders": [order.as_json() for order in each.orders],
                }
                for each in self.decisions
            ],
            "waiting": [entry.as_json() for entry in self.waiting],
            "command": _json(self.command),
            "results": [
                {"audit": each.audit.as_json(), "result": _json(each.result)} for each in self.results
            ],
            "undo": None
            if self.undo is None
            else {"tool": self.undo.tool, "params": self.undo.params, "why": self.undo.why},
            "missing": list(self.missing),
        }


@dataclass(frozen=True, slots=True)
class Row:
    """What a decision did to one account; amounts in `unit`, None where the event has no such figure."""

    account: str
    unit: str
    took: int | None
    used: int | None
    max: int | None
    kind: str  # reserve, rate, window, count, own, spend


def accounts(event: AuditEvent) -> list[Row]:
    """The accounts that a decision touched, with what it took and where they stood afterwards."""
    balances = {balance.account: balance for balance in event.balances}
    rows: list[Row] = []
    for op in as_plain(event)["ops"]:
        match op["op"]:
            case "reserve":
                rows += [_row("reserve", p["account"], p["amount"], balances, p) for p in op["parts"]]
            case "spend":
                rows.append(_row("spend", op["account"], op["spent"], balances, {}))
            case "count":
                rows.append(_row("count", op["key"], op["n"], balances, {}))
            case "window":
                rows.append(_row("window", op["key"], len(op["records"]), balances, {"unit": "records"}))
            case "rate":
                rows.append(Row(op["key"], "ms", -(-op["increment_us"] // 1000), None, None, "rate"))
            case "own":
                rows.append(Row(f"run {op['run_id']} of {op['owner']}", "", None, None, None, "own"))
    named = {row.account for row in rows}
    rest = [balance for account, balance in balances.items() if account not in named]
    return [*rows, *(Row(b.account, b.unit, None, b.used, b.max, "") for b in rest)]


def how_to_undo(command: Command, results: tuple[Reported, ...], policies: PolicySet) -> Undo:
    """How to take back what a command did, as the catalogue says."""
    ends = [each.result.record for each in results if each.result is not None and each.result.record]
    end = next((result for result in ends if result.status != ResultStatus.STARTED), None)
    if end is not None and end.status == ResultStatus.VOID:
        return Undo("", {}, "nothing to undo: the effect never happened")
    tool = policies.tools.get(command.tool)
    if tool is None:
        return Undo("", {}, f"the catalogue has no tool {command.tool} any more")
    if tool.effect == READ:
        return Undo("", {}, "nothing to undo: the tool only reads")
    if tool.effect == IRREVERSIBLE:
        return Undo("", {}, "it cannot be undone: the catalogue calls the tool irreversible")
    if tool.inverse is None:
        return Undo("", {}, "the catalogue names no inverse of this tool")
    return _inverse(command, end, tool.inverse, changed=command.policy_digest != policies.digest)


def _inverse(command: Command, end: Result | None, inverse: tuple[str, Any], *, changed: bool) -> Undo:
    name, paths = inverse
    try:
        given = loads_strict(command.params, max_bytes=_PARAMS_BYTES_MAX)
    except JsonError:
        return Undo("", {}, "the command's parameters cannot be read")
    params: dict[str, Any] = {}
    for parameter, path in paths:
        values = values_at(given, path)
        if len(values) == 1:
            params[parameter] = values[0]
    why = "as the catalogue says" + (", which has changed since" if changed else "")
    if end is None:
        why += "; the command has not ended yet"
    elif end.status != ResultStatus.OK:
        why += f"; look first: the command ended as {end.status}"
    return Undo(name, params, why)


def approves(event: AuditEvent) -> bool:
    """Whether a decision made a command."""
    return event.verdict == Verdict.APPROVE and bool(event.command_id)


def intent_of(decided: Decided) -> Intent | None:
    """The intent itself, where it is still kept."""
    return decided.intent.record if decided.intent is not None else None


def _row(kind: str, account: str, took: int, balances: dict[str, Any], part: dict[str, Any]) -> Row:
    balance = balances.get(account)
    unit = part.get("unit") or (balance.unit if balance else "")
    used = balance.used if balance else None
    cap = balance.max if balance else part.get("max")
    return Row(account, unit, took, used, cap, kind)


def _json(entry: Entry | None) -> dict[str, Any] | None:
    return None if entry is None else entry.as_json()
