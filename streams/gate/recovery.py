"""Recovery: a ledger that may be older than the log is rebuilt from it. One path, whatever happened.

Each yield names the point that is about to be passed; a process may die at every one of them, and whoever
claims last wins. Nobody decides between `claim` and `finish`.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent
from toolgate.streams.gate import snapshots
from toolgate.streams.ports import LogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry
    from toolgate.streams.ports import Ledger, Log, TopicPartition


class LostInputError(LogError):
    """Input records were deleted before they were decided, or the audit is not readable: a person must look."""


class History:
    """What the log says: read once, after every slot is fenced."""

    def __init__(self, log: Log, inputs: Sequence[TopicPartition], registry: Registry | None = None) -> None:
        codec = Codec(AuditEvent, registry)
        self.committed = log.committed(inputs)
        self.control = [envelope.offset for envelope in log.read("control")]
        self.snapshot = snapshots.latest(log)
        start = self.snapshot.read_from if self.snapshot else None
        events = (_event(codec, envelope) for envelope in log.read("audit", start))
        # Audit partitions are not in the order of seq, and neither is their merge: sort.
        self.events = sorted(events, key=lambda event: event.seq)
        self._published = dict(self.snapshot.after) if self.snapshot else {}
        self._behind = dict(self.snapshot.next) if self.snapshot else {}
        for event in self.events:
            tp = (event.topic, event.partition)
            self._behind[tp] = max(self._behind.get(tp, 0), event.offset + 1)
            if event.after is not None:
                self._published[event.offset] = event.after

    def seq(self) -> int:
        """The highest seq that the log knows."""
        base = self.snapshot.seq if self.snapshot else 0
        return max([base, *(event.seq for event in self.events[-1:]), *self._published.values()])

    def after(self) -> dict[int, int]:
        """For each control record the seq after which it holds: as published, or as later decisions show."""
        newest = self.seq()
        positions = [event.ctl for event in self.events]  # never falls as seq rises
        found = {}
        for offset in self.control:
            later = bisect_right(positions, offset)
            shown = self.events[later].seq - 1 if later < len(self.events) else newest
            found[offset] = self._published.get(offset, shown)
        return found

    def next_offset(self, log: Log, tp: TopicPartition) -> int:
        """Where deciding goes on: the committed offset, or behind the highest offset that is audited.

        A partition has no committed offset before its first, and when the broker has forgotten a group long gone.
        """
        found = self.committed.get(tp, self._behind.get(tp, 0))
        first, _ = log.bounds(tp)
        if found < first:
            raise LostInputError(
                f"{tp[0]}[{tp[1]}]: decided up to {found}, but the log begins at {first}: "
                "records were deleted before they were decided"
            )
        return found


def recover(  # noqa: PLR0913
    log: Log,
    ledger: Ledger,
    nonce: str,
    inputs: Sequence[TopicPartition],
    slots: Iterable[int],
    *,
    take_over_code: bool = False,
    registry: Registry | None = None,
) -> Iterator[str]:
    """Rebuild the ledger from the log under `nonce`.

    Args:
        log: may be closed; its own producer is fenced with all others.
        ledger: the one to rebuild.
        nonce: the generation to be.
        inputs: every topic-partition that the gate reads.
        slots: every slot there can be; all of them are fenced.
        take_over_code: rebuild although the ledger was run by other scripts.
        registry: where schema ids come from.

    Raises:
        UnverifiedError: another recovery claimed the ledger meanwhile.
        CodeMismatchError: the ledger runs other scripts.
        LostInputError: the log has lost what it must have.
        LogError, UnavailableError: begin again.
    """
    yield "claim"
    ledger.claim(nonce, take_over_code=take_over_code)
    yield "fence"
    log.fence(slots)
    yield "read"
    history = History(log, inputs, registry)
    nexts = {tp: history.next_offset(log, tp) for tp in inputs}
    yield "wipe"
    ledger.wipe(nonce)
    base = 0
    if history.snapshot is not None:
        base = history.snapshot.seq
        yield "load"
        ledger.load(nonce, history.snapshot.state)
        # Which ids were seen is rebuilt from the audit over its horizon, whatever the snapshot holds.
        ledger.remember(nonce, (e for e in history.events if e.seq <= base))
    yield "apply"
    ledger.apply(nonce, (e for e in history.events if e.seq > base))
    yield "finish"
    ctl = history.control[-1] + 1 if history.control else 0
    ledger.finish(nonce, history.seq(), ctl, history.after(), nexts)


def _event(codec: Codec[AuditEvent], envelope: Envelope) -> AuditEvent:
    try:
        return codec.decode(envelope.value)
    except ValueError as error:
        raise LostInputError(
            f"audit[{envelope.partition}] at {envelope.offset} cannot be read: {error}"
        ) from error
