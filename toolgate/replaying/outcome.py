"""Outcomes: a replay run to its first difference, or to the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.replaying.difference import Difference
    from toolgate.replaying.redeciding import Replay


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a replay.

    `decisions`: made again, the differing one included. `first`: difference that nothing explains. `beside_lost`:
    decisions that were stricter because of others that were never committed. `undecided`: inputs without an event
    behind the last that has one; not counted after a difference.
    """

    decisions: int
    first: Difference | None
    beside_lost: int
    undecided: int

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "decisions": self.decisions,
            "differs": self.first is not None,
            "first": _as_json(self.first) if self.first else None,
            "beside_lost": self.beside_lost,
            "undecided": self.undecided,
        }


def outcome(replay: Replay, on_decision: Callable[[], None] = lambda: None) -> Outcome:
    """Run a replay; `on_decision` is called after each decision.

    Raises:
        LostRecordsError, UnavailableError: as `Replay.run`.
    """
    decisions = beside_lost = 0
    for redecided in replay.run():
        decisions += 1
        on_decision()
        if redecided.difference is not None and redecided.strict:
            return Outcome(decisions, redecided.difference, beside_lost, 0)
        beside_lost += redecided.difference is not None
    return Outcome(decisions, None, beside_lost, replay.inputs.left())


def _as_json(first: Difference) -> dict[str, Any]:
    return {
        "reason": first.reason,
        "seq": first.seq,
        "input": {"topic": first.topic, "partition": first.partition, "offset": first.offset},
        "audit": {"topic": "audit", "partition": first.audit_partition, "offset": first.audit_offset},
        "fields": [
            {"field": one.name, "recorded": one.recorded, "replayed": one.replayed} for one in first.fields
        ],
    }
