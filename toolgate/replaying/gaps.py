"""Gaps: what it means that the audit has no event of some `seq`.

A decision that was never committed leaves one when the ledger is rebuilt. Until then later decisions saw what it had
taken, and its clock: they may be stricter than the log alone explains. In any other gap an event is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolgate.replaying.recorded import Head


class Gaps:
    """The seqs that are not in the audit, as far as they still matter."""

    def __init__(self) -> None:
        self._last = 0
        self._gen = ""
        self._open: list[tuple[int, int]] = []  # (first, last) of each gap, ascending
        self._inside: list[int] = []  # the first seq of each gap between two events of this generation

    def see(self, event: Head) -> int | None:
        """The next event; the first seq of an event that is missing, where this one shows it.

        Its ledger held a decision back until it was committed: what lies below `stable` and above the generation's
        first event was committed.
        """
        same = event.gen == self._gen
        if not same:
            self._gen, self._inside = event.gen, []
        if event.seq > self._last + 1:
            self._open.append((self._last + 1, event.seq - 1))
            if same:
                self._inside.append(self._last + 1)
        self._last = max(self._last, event.seq)
        self._open = [gap for gap in self._open if gap[1] > event.stable]
        return self._inside[0] if self._inside and self._inside[0] <= event.stable else None

    @property
    def lost(self) -> bool:
        """Whether the last event's ledger may have held decisions that were never committed."""
        return bool(self._open)
