"""The inputs of a history: a cursor for each topic-partition, which only moves on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.streams.errors import LostRecordsError
from toolgate.streams.ports import INPUTS

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope
    from toolgate.replaying.records import Records
    from toolgate.streams.ports import TopicPartition


class Inputs:
    """Every input record, each taken once and in the order of its topic-partition.

    Raises:
        LostRecordsError: the log does not begin at its beginning any more.
    """

    def __init__(self, records: Records) -> None:
        self._tps = [(topic, p) for topic in INPUTS for p in records.partitions(topic)]
        for tp in self._tps:
            if first := records.first(tp):
                raise LostRecordsError(
                    f"the log begins at offset {first}: what was decided before cannot be decided again",
                    where=f"{tp[0]}[{tp[1]}]",
                    remedy="a replay needs every input since the first; keep inputs for as long as you replay",
                )
        self._rest = {tp: records.read(tp) for tp in self._tps}
        self._next: dict[TopicPartition, Envelope | None] = {}
        self.behind: dict[TopicPartition, int] = {}  # the offset behind the last that was taken

    def take(self, tp: TopicPartition, offset: int) -> Envelope | None:
        """The record at this offset if it is the next one, else None and nothing is taken."""
        found = self.peek(tp)
        if found is None or found.offset != offset:
            return None
        self._next[tp] = next(self._rest[tp], None)
        self.behind[tp] = offset + 1
        return found

    def peek(self, tp: TopicPartition) -> Envelope | None:
        """The next record; None behind the last, and of a topic-partition that is no input."""
        if tp not in self._next:
            self._next[tp] = next(self._rest[tp], None) if tp in self._rest else None
        return self._next[tp]

    def left(self) -> int:
        """How many records were not taken; reads all of them."""
        return sum((self.peek(tp) is not None) + sum(1 for _ in self._rest[tp]) for tp in self._tps)
