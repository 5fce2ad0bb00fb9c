"""What a worker is at, for the health page: written by the loop's thread, read by others.

Every field is replaced as a whole and never changed in place, so a reader needs no lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolgate.streams.gate.items import Item
    from toolgate.streams.ports import Decision, TopicPartition

Offsets = Mapping["TopicPartition", int]
SILENT_S = 120.0  # no step of the loop takes so long: the longest limit on the way is 30 s
# A rebuild reads the audit in one step, however long it is; reader and ledger have limits of their own.
_LONG_STEPS = frozenset({"recovering"})


@dataclass(slots=True)
class Status:
    """State, partitions and ledger of one worker; a `Report` of the loop."""

    slot: int
    now_s: Callable[[], float]  # never runs back
    name: str = "starting"
    detail: str = ""
    gen: str = ""
    seq: int = 0
    ctl: int = 0
    policy_digest: str = ""  # of the policies in force, as far as control was read
    partitions: frozenset[TopicPartition] = frozenset()
    committed: Offsets = field(default_factory=dict)
    _state_s: float = 0.0
    _batch_s: float | None = None
    _passed_s: float = 0.0

    def __post_init__(self) -> None:
        self._state_s = self._passed_s = self.now_s()

    # --- the loop's report --------------------------------------------------------------------------------

    def batch(
        self, decided: Sequence[tuple[Item, Decision]], committed: Mapping[TopicPartition, int]
    ) -> None:
        """A batch was committed."""
        last = max((decision for _, decision in decided), key=lambda decision: decision.seq)
        self.seq, self.ctl = last.seq, last.ctl
        self.committed = dict(committed)
        self._batch_s = self.now_s()

    def joined(self, partitions: frozenset[TopicPartition], gen: str) -> None:
        """These topic-partitions are owned now."""
        self.committed = {}
        self.partitions, self.gen = partitions, gen

    def state(self, name: str, detail: str) -> None:
        """What the loop is at. Partitions are owned only while it runs."""
        if name != "running":
            self.partitions = frozenset()
        self.name, self.detail = name, detail
        self._state_s = self.now_s()

    # --- from outside the loop ----------------------------------------------------------------------------

    def passed(self) -> None:
        """The loop has reached its next point."""
        self._passed_s = self.now_s()

    @property
    def alive(self) -> bool:
        """Whether the loop still moves from point to point."""
        return self.name in _LONG_STEPS or self.now_s() - self._passed_s < SILENT_S

    @property
    def ready(self) -> bool:
        """Whether it is in the group and decides what it is assigned (which may be nothing)."""
        return self.name == "running"

    def view(self, positions: Offsets, ends: Offsets) -> dict[str, Any]:
        """The health page.

        Args:
            positions: the next offset of each topic-partition as the consumer has it.
            ends: last stable offsets; what is missing is shown as unknown.
        """
        now = self.now_s()
        return {
            "slot": self.slot,
            "state": self.name,
            "detail": self.detail,
            "state_age_s": round(now - self._state_s, 3),
            "alive": self.alive,
            "ready": self.ready,
            "last_batch_age_s": None if self._batch_s is None else round(now - self._batch_s, 3),
            "policy_digest": self.policy_digest,
            "ledger": {"generation": self.gen, "seq": self.seq, "control": self.ctl},
            "partitions": [self._partition(tp, positions, ends) for tp in sorted(self.partitions)],
        }

    def _partition(self, tp: TopicPartition, positions: Offsets, ends: Offsets) -> dict[str, Any]:
        position, end = positions.get(tp), ends.get(tp)
        return {
            "topic": tp[0],
            "partition": tp[1],
            "position": position,
            # nothing decided since it was taken over: it stands where it began
            "committed": self.committed.get(tp, position),
            "end": end,
            "lag": lag(position, end),
        }


def lag(position: int | None, end: int | None) -> int | None:
    """How far behind; None when one of the two is not known."""
    return None if position is None or end is None else max(end - position, 0)
