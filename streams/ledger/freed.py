"""What decisions of the log have freed and nobody may use yet: until an event says that it is there.

The log must say so, because it depends on which commits the ledger had heard of when it decided (docs/ledger.md).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.schemas.records import Visible
    from toolgate.streams.ledger.accounts import Accounts, Give
    from toolgate.streams.ports import TopicPartition


class Freed:
    """Gives that wait, by the place of the record that gave."""

    def __init__(self) -> None:
        self._gen = ""
        self._waiting: dict[TopicPartition, list[tuple[int, list[Give]]]] = defaultdict(list)

    def add(self, tp: TopicPartition, offset: int, gives: list[Give]) -> None:
        """The decision on the record at this offset gave these."""
        self._waiting[tp].append((offset, gives))

    def see(self, gen: str, visible: Iterable[Visible], accounts: Accounts) -> None:
        """Make available what was so to an event of this generation, which says this; call it before deciding."""
        if gen != self._gen:  # a rebuilt ledger holds committed records only: all they gave is there
            for tp in self._waiting:
                self._release(tp, None, accounts)
            self._gen = gen
        for one in visible:
            self._release((one.topic, one.partition), one.offset, accounts)

    def _release(self, tp: TopicPartition, below: int | None, accounts: Accounts) -> None:
        kept = []
        for offset, gives in self._waiting[tp]:
            if below is None or offset < below:
                accounts.give(gives)
            else:
                kept.append((offset, gives))
        self._waiting[tp] = kept
