"""Run contracts: one at most for a run, from before its first approval, and every call after it keeps to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolgate.verification.book import Memory
from toolgate.verification.findings import Findings, Law

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent
    from toolgate.verification.book import Book

_NAME = "~contract"


class Contracts:
    """What a run may touch, as far as operations show it: policies that take contracts count what a run begins."""

    def __init__(self, book: Book, findings: Findings) -> None:
        self._book = book
        self._findings = findings

    def see(self, event: AuditEvent) -> None:
        """The next event; the book stands before it."""
        if event.topic == "contracts":
            self._accepts(event)
        elif event.verdict == "APPROVE" and not event.dry_run:
            begun = f"run:{event.run_id}:begun"
            for op in event.ops:
                if op.op == "count" and op.args[0] == begun:
                    self._keeps(event)
                    break

    def end(self) -> None:
        """Nothing is left to say."""

    def _accepts(self, event: AuditEvent) -> None:
        said = any(op.op == "remember" and op.args[1] == _NAME for op in event.ops)
        if said != (event.note == "accepted"):
            what = f"is noted {event.note or 'as nothing'}, and it is {'' if said else 'not '}remembered"
            self._findings.at(Law.CONTRACT, event, what)
        if not said:
            return
        if self._book.count(f"run:{event.run_id}:begun"):
            self._findings.at(Law.CONTRACT, event, f"is accepted after run {event.run_id} has begun")
        if self._contract(event.run_id) is not None:
            self._findings.at(Law.CONTRACT, event, f"is a second contract of run {event.run_id}")

    def _contract(self, run_id: str) -> dict[str, Any] | None:
        memory = self._book.find(f"f:{run_id}")
        text = memory.texts.get(_NAME) if isinstance(memory, Memory) else None
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found

    def _keeps(self, event: AuditEvent) -> None:
        contract = self._contract(event.run_id)
        if contract is None:
            return
        said = f"contract {contract['contract_id']} of its run"
        if (contract["tenant"], contract["workflow_id"]) != (event.tenant, event.workflow_id):
            self._findings.at(Law.CONTRACT, event, f"{said} is for workflow {contract['workflow_id']}")
        if event.tool not in contract["tools"]:
            self._findings.at(Law.CONTRACT, event, f"{said} does not name {event.tool}")
        if event.clk > contract["until"]:
            self._findings.at(Law.CONTRACT, event, f"{said} has ended at {contract['until']}")
        self._ceilings(event, contract, said)

    def _ceilings(self, event: AuditEvent, contract: dict[str, Any], said: str) -> None:
        """Calls are counted and money is reserved under names of the run's own."""
        if contract["max_calls"] is not None:
            key = f"run:{event.run_id}:contract_calls"
            counted = sum(op.args[1] for op in event.ops if op.op == "count" and op.args[0] == key)
            calls = self._book.count(key) + counted
            if not counted or calls > contract["max_calls"]:
                what = f"{said} allows {contract['max_calls']} calls, this is {calls if counted else 'not counted'}"
                self._findings.at(Law.CONTRACT, event, what)
        if contract["max_cost_micros"] is not None:
            name = f"run:{event.run_id}:contract_usd"
            caps = [
                part[3] for op in event.ops if op.op == "reserve" for part in op.args[4] if part[0] == name
            ]
            if caps != [contract["max_cost_micros"]]:
                self._findings.at(
                    Law.CONTRACT, event, f"{said} has a ceiling of cost, and none is reserved under"
                )
