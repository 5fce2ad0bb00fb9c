"""The ledger of a replay: decides one ask at a time at the `seq` that the record gives, on accounts of its own.

What only the ledger that decided could know is taken from the record: which freed room was there, and, where decisions
that it held were never committed, what these had left to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.streams.ledger.accounts import bucket
from toolgate.streams.ledger.freed import Freed
from toolgate.streams.ledger.judging import Judging, begun
from toolgate.streams.ledger.store import Image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.replaying.recorded import Recorded
    from toolgate.schemas.records import Op
    from toolgate.streams.ledger.accounts import Give
    from toolgate.streams.ports import Ask, Decision, Look


class ReplayLedger(Judging):
    """The accounts and used ids after what was decided so far."""

    def __init__(self) -> None:
        self._image = Image()
        self._freed = Freed()
        self._followed: Recorded | None = None  # the record that is followed in place of our own judgement

    @property
    def _books(self) -> Image:
        return self._image

    @property
    def state(self) -> Image:
        """Accounts, ids and clock."""
        return self._image

    def look(self, runs: Iterable[str], counters: Iterable[str]) -> Look:
        """What runs remember before the next decision."""
        return self._image.accounts.look(runs, counters, self._image.clk)

    def decide(self, ask: Ask, record: Recorded, ctl: int, *, lost: bool) -> Decision:
        """Decide an ask at the place of `record`.

        Args:
            ask: what is asked.
            record: the audit event of the same input.
            ctl: the control position under which it was judged.
            lost: whether others, never committed, had taken what the log does not show: the accounts follow the
                record then, and so does the clock unless it would run back.
        """
        image, head = self._image, record.head
        before = bucket(image.clk)
        image.clk = max(image.clk, ask.time_ms, head.clk if lost else 0)
        image.seq = head.seq
        if bucket(image.clk) != before:
            self._forget()
            image.accounts.forget(image.clk)
        self._freed.see(head.gen, head.visible, image.accounts)
        self._followed = record if lost else None
        decision = begun(ask, head.seq, image.clk, ctl, head.visible)
        decision, gives = self._judge(ask, decision)
        if gives:
            self._freed.add((head.topic, head.partition), head.offset, gives)
        return decision

    def _execute(self, ops: tuple[Op, ...], clk: int) -> list[Give]:
        return super()._execute(self._followed.event.ops if self._followed else ops, clk)

    def _enter(self, ask: Ask, decision: Decision) -> None:
        if self._followed is None or self._followed.head.first:
            super()._enter(ask, decision)
