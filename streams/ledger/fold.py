"""The fold of the audit: the ledger's accounts as the log alone gives them, event by event in seq order.

Snapshots, the equality check (Redis = fold(audit)) and the checkers of caps are this fold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.streams.ledger.accounts import BUCKETS_KEPT, Accounts, bucket, seen_key
from toolgate.streams.ledger.freed import Freed

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent
    from toolgate.streams.ports import TopicPartition


class OrderError(Exception):
    """The events are not in the order of `seq`, or two have the same."""


class Fold:
    """The ledger's committed state after the events given so far."""

    def __init__(self, state: dict[str, Any] | None = None, seq: int = 0, *, ids: bool = True) -> None:
        """Begin with nothing, or with the canonical `state` after `seq`; `ids`: whether used ids are kept."""
        self._ids = ids
        self.seq = seq
        self.clk: int = state["clk"] if state else 0
        self.accounts = Accounts.restore(state, self.clk) if state else Accounts()
        self.after: dict[int, int] = {}  # control offset -> the seq after which it holds, as published
        self.positions: list[tuple[int, int]] = []  # (ctl, first seq decided under it), ascending
        self.next: dict[TopicPartition, int] = {}  # input -> behind its highest audited offset
        self.seen: dict[str, tuple[str, int, int]] = {}  # intent id -> digest, seq, bucket
        self._freed = Freed()

    def add(self, event: AuditEvent) -> None:
        """Apply one event. Freed room is there once an event says so, as it was for whoever decided."""
        if event.seq <= self.seq:
            raise OrderError(f"seq {event.seq} after {self.seq}")
        self.see(event)
        gives = [give for op in event.ops for give in self.accounts.execute(op, event.clk)]
        if gives:
            self._freed.add((event.topic, event.partition), event.offset, gives)
        tp = (event.topic, event.partition)
        self.next[tp] = max(self.next.get(tp, 0), event.offset + 1)
        if not self.positions or event.ctl > self.positions[-1][0]:
            self.positions.append((event.ctl, event.seq))
        if event.after is not None:
            self.after[event.offset] = event.after
        if event.first and self._ids:
            self.seen[seen_key(event.tenant, event.intent_id)] = (event.digest, event.seq, bucket(event.clk))
        self.seq = event.seq

    def see(self, event: AuditEvent) -> None:
        """What was available to the decision of `event`: call before looking at its accounts; `add` does it too."""
        self.clk = max(self.clk, event.clk)
        self._freed.see(event.gen, event.visible, self.accounts)

    def forget(self) -> None:
        """Let go of what the rules already ignore: for a fold that follows the log for long."""
        self.accounts.forget(self.clk)
        oldest = bucket(self.clk) - BUCKETS_KEPT
        self.seen = {key: row for key, row in self.seen.items() if row[2] >= oldest}

    def state(self) -> dict[str, Any]:
        """The canonical state, as `ports.Ledger.dump` gives it."""
        oldest = bucket(self.clk) - BUCKETS_KEPT
        seen = {k: [digest, seq] for k, (digest, seq, born) in sorted(self.seen.items()) if born >= oldest}
        return {"clk": self.clk, **self.accounts.canonical(self.clk), "seen": seen}
