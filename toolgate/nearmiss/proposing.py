"""Proposals: a policy set with one change, and what it would have done to the recorded log. Nothing is put in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.nearmiss.changes import change_as_json
from toolgate.nearmiss.edits import edited
from toolgate.processors import loader
from toolgate.schemas.enums import Verdict
from toolgate.whatif.replay import replay

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.nearmiss.changes import Change
    from toolgate.nearmiss.effects import Effect
    from toolgate.whatif.recorded import Happening
    from toolgate.whatif.replay import Change as Differing
    from toolgate.whatif.replay import Replayed

LISTED_MAX = 100
_WAITS = frozenset({Verdict.HOLD, Verdict.DRAFT})


@dataclass(frozen=True, slots=True)
class Moved:
    """Decisions that a proposal turns one way: how many, and what those calls cost, in micro-dollars."""

    count: int
    cost_micros: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A changed set beside the one it was made of. `replayed`: the log under both."""

    effect: Effect
    change: Change
    files: Mapping[str, bytes]
    before: str  # digests
    after: str
    replayed: Replayed

    @property
    def allowed(self) -> Moved:
        """Denials that become approvals."""
        return self._moved({Verdict.DENY}, {Verdict.APPROVE})

    @property
    def asked(self) -> Moved:
        """Denials that people would be asked about."""
        return self._moved({Verdict.DENY}, _WAITS)

    @property
    def denied(self) -> Moved:
        """Approvals that become denials: what is let through takes room that they had."""
        return self._moved({Verdict.APPROVE}, {Verdict.DENY})

    @property
    def of_cluster(self) -> int:
        """How many denials of the cluster's tool, for its reasons, are none any more."""
        return sum(
            _is_of(self.effect, one) and one.after.event.verdict != Verdict.DENY
            for one in self.replayed.changes
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data; of the decisions that differ the first hundred."""
        moved = {
            "become_approvals": self.allowed,
            "become_held_or_drafted": self.asked,
            "become_denials": self.denied,
        }
        return {
            "cluster": self.effect.id,
            "change": change_as_json(self.change),
            "before": {"digest": self.before, "verdicts": self.replayed.before},
            "after": {"digest": self.after, "verdicts": self.replayed.after},
            "intents": self.replayed.intents,
            "of_cluster": self.of_cluster,
            **{name: {"decisions": one.count, "cost_micros": one.cost_micros} for name, one in moved.items()},
            "differing": len(self.replayed.changes),
            "decisions": [one.as_json() for one in self.replayed.changes[:LISTED_MAX]],
        }

    def _moved(self, before: Iterable[str], after: Iterable[str]) -> Moved:
        found = [
            one
            for one in self.replayed.changes
            if one.before.event.verdict in before and one.after.event.verdict in after
        ]
        return Moved(
            len(found), sum(max(one.before.event.cost_micros, one.after.event.cost_micros) for one in found)
        )


def proposal(
    effect: Effect, change: Change, files: Mapping[str, bytes], log: Iterable[Happening]
) -> Proposal:
    """A change tried: the log decided under the set as it is, and as it would be.

    Args:
        effect: of the cluster that it is for.
        change: from `changes.changes`.
        files: of the set as it is.
        log: intents and results in the order of their decisions.

    Raises:
        LoadError: the change cannot be made in these files.
    """
    made = edited(files, effect.tenant, effect.workflow_id, change)
    before, after = loader.from_files(files), loader.from_files(made)
    replayed = replay(log, before, after, lambda: None)
    return Proposal(effect, change, made, before.digest, after.digest, replayed)


def _is_of(effect: Effect, one: Differing) -> bool:
    event = one.before.event
    whose = (event.tenant, event.workflow_id, event.tool)
    reasons = tuple(dict.fromkeys((reason.code, reason.rule) for reason in event.reasons))
    return whose == (effect.tenant, effect.workflow_id, effect.tool) and reasons == effect.reasons
