"""What decisions of the log have freed and nobody may use yet: until an event says that it is there.

The log must say so, because it depends on which commits the ledger had heard of when it decided (docs/ledger.md).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent
    from toolgate.streams.ledger.accounts import Accounts, Give
    from toolgate.streams.ports import TopicPartition


class Freed:
    """Gives that wait, by the place of the record that gave."""

    def __init__(self) -> None:
        self._gen = ""
        self._waiting: dict[TopicPartition, list[tuple[int, list[Give]]]] = defaultdict(list)

    def add(self, event: AuditEvent, gives: list[Give]) -> None:
        """The decision of `event` gave these."""
        self._waiting[event.topic, event.partition].append((event.offset, gives))

    def see(self, event: AuditEvent, accounts: Accounts) -> None:
        """Make available what was so to the decision of `event`, before it is decided."""
        if event.gen != self._gen:  # a rebuilt ledger holds committed records only: all they gave is there
            for tp in self._waiting:
                self._release(tp, None, accounts)
            self._gen = event.gen
        for visible in event.visible:
            self._release((visible.topic, visible.partition), visible.offset, accounts)

    def _release(self, tp: TopicPartition, below: int | None, accounts: Accounts) -> None:
        kept = []
        for offset, gives in self._waiting[tp]:
            if below is None or offset < below:
                accounts.give(gives)
            else:
                kept.append((offset, gives))
        self._waiting[tp] = kept
