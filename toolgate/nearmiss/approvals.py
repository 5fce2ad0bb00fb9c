"""Approvals: what got through, from the audit, kept so that the calls of one record or one tool are found quickly."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.nearmiss.effects import COUNTED
from toolgate.processors.amounts import USD_MICROS
from toolgate.schemas.enums import Verdict
from toolgate.schemas.strict_json import JsonError, loads_strict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.schemas.records import AuditEvent, Denial

APPROVALS_MAX = 20_000
NEAR_MAX = 100  # approvals that are looked at for one denial, of each sort
_CAPTURED_BYTES_MAX = 100_000
Owner = tuple[str, str]
_ALL = ("all", "")


@dataclass(frozen=True, slots=True, order=True)
class Approval:
    """A call that got through. `amounts`: what it reserved, by unit. `records`: None where the audit does not say."""

    seq: int
    command_id: str = field(compare=False)
    clk: int = field(compare=False)
    time_ms: int = field(compare=False)
    tenant: str = field(compare=False)
    workflow_id: str = field(compare=False)
    run_id: str = field(compare=False)
    agent_id: str = field(compare=False)
    tool: str = field(compare=False)
    params_digest: str = field(compare=False)
    policy_digest: str = field(compare=False)
    amounts: dict[str, int] = field(compare=False)
    records: frozenset[str] | None = field(compare=False)

    @property
    def place(self) -> tuple[int, int]:
        """Partition and offset of its intent: the command's id is made of them."""
        partition, _, offset = self.command_id.partition("-")
        return int(partition), int(offset)


class Approvals:
    """A fold of the audit: the newest approvals.

    Args:
        kept: how many.
    """

    def __init__(self, kept: int = APPROVALS_MAX) -> None:
        self._max = kept
        self._kept: deque[Approval] = deque()
        self._shelves: dict[tuple[Owner, tuple[str, str]], list[Approval]] = {}

    def take(self, event: AuditEvent) -> None:
        """The next event; one that is no approval is passed over."""
        found = approval_of(event)
        if found is None:
            return
        for shelf in _shelves(found):
            insort(self._shelves.setdefault(shelf, []), found)
        self._kept.append(found)
        if len(self._kept) > self._max:
            self._drop(self._kept.popleft())

    def after(self, denial: Denial, until_clk: int, records: Iterable[str]) -> list[Approval]:
        """What got through in the workflow behind a denial and up to a time, in order, that may be its effect.

        Those of its tool, those that name one of the records, and whatever else; of each sort the first 100.
        """
        owner = (denial.tenant, denial.workflow_id)
        sorts = [("tool", denial.tool), _ALL, *(("record", record) for record in records)]
        found: dict[str, Approval] = {}
        for sort in sorts:
            shelf = self._shelves.get((owner, sort), [])
            begin = bisect_right(shelf, denial.seq, key=_seq)
            for approval in shelf[begin : begin + NEAR_MAX]:
                if approval.clk <= until_clk:
                    found[approval.command_id] = approval
        return sorted(found.values())

    def before(self, denial: Denial, most: int) -> list[Approval]:
        """What got through in the same workflow before a denial: the last `most`, in order."""
        shelf = self._shelves.get(((denial.tenant, denial.workflow_id), _ALL), [])
        end = bisect_left(shelf, denial.seq, key=_seq)
        return shelf[max(0, end - most) : end]

    def _drop(self, approval: Approval) -> None:
        for shelf in _shelves(approval):
            kept = self._shelves[shelf]
            kept.pop(bisect_left(kept, approval.seq, key=_seq))
            if not kept:
                del self._shelves[shelf]


def approval_of(event: AuditEvent) -> Approval | None:
    """The approval that an event tells of; None where it made no command of a call."""
    if event.verdict != Verdict.APPROVE or not event.command_id or not event.tool:
        return None
    named = set(_captured(event.captured))
    amounts = {USD_MICROS: event.cost_micros} if event.cost_micros else {}
    for _, _, _, _, parts, sets in (op.args for op in event.ops if op.op == "reserve"):
        for _, unit, amount, *_ in parts:
            if unit not in COUNTED:
                amounts[unit] = max(amounts.get(unit, 0), amount)
        # What a policy counts at another path than the tool's records is not among these sets.
        of_records = {key for key, *_ in sets}
        for key, records, *_ in (op.args for op in event.ops if op.op == "window"):
            named.update(records if key in of_records else ())
    return Approval(
        event.seq,
        event.command_id,
        event.clk,
        event.append_time,
        event.tenant,
        event.workflow_id,
        event.run_id,
        event.agent_id,
        event.tool,
        event.params_digest,
        event.policy_digest,
        amounts,
        frozenset(named) or None,
    )


def _captured(text: str) -> Iterable[str]:
    """The records that the policy's `logging.capture` has put into the audit."""
    if '"records"' not in text:
        return ()
    try:
        found = loads_strict(text, max_bytes=_CAPTURED_BYTES_MAX).get("records", ())
    except JsonError:
        return ()
    return [record for record in found if isinstance(record, str)] if isinstance(found, list) else ()


def _shelves(approval: Approval) -> list[tuple[Owner, tuple[str, str]]]:
    owner = (approval.tenant, approval.workflow_id)
    named = [("record", record) for record in approval.records or ()]
    return [(owner, sort) for sort in (_ALL, ("tool", approval.tool), *named)]


def _seq(approval: Approval) -> int:
    return approval.seq
