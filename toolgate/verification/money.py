"""Reservations and caps: nothing is taken twice, nothing is lost, and no account goes over what it was allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.verification.book import Touched
from toolgate.verification.findings import Findings, Law

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent, Op
    from toolgate.verification.book import Book, Reservation

_APPROVED = frozenset({"intents", "votes"})  # where what is approved comes from
_SETTLED = frozenset(
    {"results", "votes"}
)  # ... and what ends it: its executor, or people who say what happened


class Reservations:
    """Each approval reserves once; a result ends a reservation once, after it, and accounts for all of it."""

    def __init__(self, book: Book, findings: Findings) -> None:
        self._book = book
        self._findings = findings

    def see(self, event: AuditEvent) -> None:
        """The next event; the book stands before it."""
        reserved: list[Op] = []
        settled: list[str] = []
        for op in event.ops:
            if op.op == "reserve":
                reserved.append(op)
            elif op.op == "settle":
                fault = self._fault(event, op, settled)
                settled.append(op.args[0])
                if fault:
                    self._findings.at(Law.RESERVATION, event, f"settles {op.args[0]}, {fault}")
        if reserved or (event.verdict == "APPROVE" and not event.dry_run):
            self._reserves(event, reserved)

    def end(self) -> None:
        """Nothing is left to say."""

    def _reserves(self, event: AuditEvent, reserved: list[Op]) -> None:
        if event.verdict != "APPROVE" or event.dry_run or event.topic not in _APPROVED:
            self._findings.at(Law.RESERVATION, event, f"is {event.verdict} and reserves")
        elif len(reserved) != 1:
            self._findings.at(Law.RESERVATION, event, f"is approved and reserves {len(reserved)} times")
        else:
            name, _, digest, tool, *_ = reserved[0].args
            # Of a last vote the digest is the vote's own; that of its call is held against the hold and the command.
            wanted = digest if event.topic == "votes" else event.digest
            if (name, digest, tool) != (event.command_id, wanted, event.tool):
                self._findings.at(Law.RESERVATION, event, f"reserves {name} for another call than its own")
            if name in self._book.reservations:
                self._findings.at(Law.RESERVATION, event, f"reserves {name}, which was reserved before")

    def _fault(self, event: AuditEvent, op: Op, settled: list[str]) -> str:
        name, outcome, actuals, _ = op.args
        found = self._book.reservations.get(name)
        if found is None:
            return "which nothing has reserved"
        if found.end or name in settled:
            return f"which has ended before: {found.end or outcome}"
        if stranger := _stranger(event, name, found):
            return stranger
        if [row[0] for row in actuals] != [part[0] for part in found.parts]:
            return "and not the accounts that were reserved"
        alive = found.expires_at > event.clk
        if (outcome == "settled" and not alive) or (outcome == "late" and alive):
            return f"as {outcome}, and it expires at {found.expires_at}"
        return next(
            filter(None, (_part(found, i, actuals[i], outcome, alive) for i in range(len(actuals)))), ""
        )


def _stranger(event: AuditEvent, name: str, found: Reservation) -> str:
    """Why the writer of an event may not end this reservation, or ""."""
    if event.topic not in _SETTLED or (event.command_id, event.tool) != (name, found.tool):
        return "and is no result of that command"
    if event.topic == "votes" and (not event.kid or found.expires_at > event.clk):
        return f"by {event.kid or 'nobody'}, and its executor has time until {found.expires_at}"
    return ""


def _part(found: Reservation, i: int, actual: Any, outcome: str, alive: bool) -> str:  # noqa: FBT001
    """What is wrong with one account's part of a settlement, or ""."""
    account, _unit, amount, _max, on_expiry, _keep = found.parts[i]
    _, spent, freed, uncovered = actual
    if min(spent, freed, uncovered) < 0:
        return f"and {account} has less than nothing"
    if on_expiry == "release" and not alive:
        return f"and frees {freed} of {account}, which expiry has released" if freed else ""
    if spent + freed != amount:
        return f"and {account} reserved {amount}, of which {spent} is spent and {freed} freed"
    if freed and uncovered:
        return f"and {account} frees {freed} while {uncovered} is uncovered"
    return (
        f"as void, and {spent + uncovered} of {account} is spent"
        if outcome == "void" and freed != amount
        else ""
    )


class Caps:
    """At every seq, what an account holds with what is taken is at most what the taker was allowed."""

    def __init__(self, book: Book, findings: Findings) -> None:
        self._book = book
        self._findings = findings

    def see(self, event: AuditEvent) -> None:
        """The next event; the book stands before it, with all that is available to it."""
        for op in event.ops:
            match op.op:
                case "rate" | "own":  # nearly every call has some
                    pass
                case "count" | "window":
                    self._fills(event, op)
                case "reserve":
                    for account, _unit, amount, cap, _expiry, _keep in op.args[4]:
                        self._takes(event, account, amount, cap)
                case "settle":
                    self._late(event, op)
                case "spend" if op.args[1]:
                    for balance in event.balances:
                        if balance.account == op.args[0]:
                            self._takes(event, balance.account, op.args[1], balance.max)
                case _:
                    pass

    def end(self) -> None:
        """Nothing is left to say."""

    def _takes(self, event: AuditEvent, account: str, amount: int, cap: int) -> None:
        held = self._book.held(account)
        if held + amount > cap:
            what = f"takes {amount} of {account}, which holds {held} of {cap}"
            self._findings.at(Law.CAP, event, what)

    def _late(self, event: AuditEvent, op: Op) -> None:
        """What comes after its expiry takes its room anew."""
        found = self._book.reservations.get(op.args[0])
        if found is None or found.end or found.expires_at > event.clk:
            return
        for part, actual in zip(found.parts, op.args[2], strict=False):
            if part[4] == "release" and actual[1]:
                self._takes(event, part[0], actual[1], part[3])

    def _fills(self, event: AuditEvent, op: Op) -> None:
        """Counters and sliding sets name their caps among the balances of an approval."""
        if event.verdict != "APPROVE":
            return
        key = op.args[0]
        for balance in event.balances:
            if balance.account == key:
                stands = self._standing(op, event.clk)
                if stands > balance.max:
                    self._findings.at(Law.CAP, event, f"brings {key} to {stands}, at most {balance.max}")

    def _standing(self, op: Op, clk: int) -> int:
        if op.op == "count":
            return self._book.count(op.args[0]) + int(op.args[1])
        key, records, window_ms, _keep = op.args
        touched = self._book.find(f"w:{key}")
        last = touched.last if isinstance(touched, Touched) else {}
        within = {record for record, at in last.items() if not window_ms or at > clk - window_ms}
        return len(within | set(records))
