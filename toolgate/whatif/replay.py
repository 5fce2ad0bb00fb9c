"""A recorded log under two policy sets: what would be decided otherwise, and by which rule.

Each set has a ledger of its own, and every record goes to both in the order of the log: what one set denies takes
nothing there, so that its later calls find more room. A result settles what its intent has become under each set.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Intent, RunContract
from toolgate.streams.gate.rehearsal import Rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.records import Reason
    from toolgate.streams.gate.rehearsal import Decided
    from toolgate.whatif.recorded import Happening


class Kind(StrEnum):
    """How a decision differs. All but the last two are another verdict."""

    ALLOWED = "newly allowed"
    DENIED = "newly denied"
    OTHERWISE = "other verdict"
    REASONS = "other reasons"
    NEEDS = "other approvals"


@dataclass(frozen=True, slots=True)
class Change:
    """One intent that the two sets decide differently. `rules`: those that spoke under one of them only."""

    kind: Kind
    intent: Intent
    at_ms: int
    before: Decided
    after: Decided
    rules: tuple[str, ...]  # "<code> <rule>"

    def as_json(self) -> dict[str, Any]:
        """Plain data; amounts in whole units."""
        return {
            "kind": self.kind,
            "intent_id": self.intent.intent_id,
            "run_id": self.intent.run_id,
            "workflow_id": self.intent.workflow_id,
            "tool": self.intent.tool,
            "time_ms": self.at_ms,
            "by": list(self.rules),
            "before": _side(self.before),
            "after": _side(self.after),
        }


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a log: intents that were decided, verdicts under each set, and every change in order."""

    intents: int
    before: dict[str, int]
    after: dict[str, int]
    changes: tuple[Change, ...]

    @property
    def differs(self) -> bool:
        """Whether any verdict differs."""
        return any(change.kind not in {Kind.REASONS, Kind.NEEDS} for change in self.changes)

    def counts(self) -> dict[Kind, int]:
        """Changes by kind; every kind is there."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in Kind}

    def by_rule(self) -> list[tuple[Kind, str, int]]:
        """How often each rule had a part in a change, the most frequent first."""
        found = Counter((change.kind, rule) for change in self.changes for rule in change.rules)
        kinds = list(Kind)
        ordered = sorted(found.items(), key=lambda item: (kinds.index(item[0][0]), -item[1], item[0][1]))
        return [(kind, rule, count) for (kind, rule), count in ordered]


def replay(
    log: Iterable[Happening], before: PolicySet, after: PolicySet, on_record: Callable[[], None]
) -> Replayed:
    """Decide a log under both sets; `on_record` is called once for each record."""
    old, new = Rehearsal(before), Rehearsal(after)
    verdicts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    changes: list[Change] = []
    for happening in log:
        record, at_ms = happening.record, happening.at_ms
        if isinstance(record, Intent):
            both = old.intent(record, at_ms), new.intent(record, at_ms)
            for counted, decided in zip(verdicts, both, strict=True):
                counted[decided.event.verdict] += 1
            if (kind := _kind(*both)) is not None:
                changes.append(Change(kind, record, at_ms, *both, _differing(*both)))
        elif isinstance(record, RunContract):
            old.contract(record, at_ms)
            new.contract(record, at_ms)
        else:
            old.result(happening.tenant, record, at_ms)
            new.result(happening.tenant, record, at_ms)
        on_record()
    return Replayed(verdicts[0].total(), dict(verdicts[0]), dict(verdicts[1]), tuple(changes))


def _kind(before: Decided, after: Decided) -> Kind | None:
    if before.event.verdict != after.event.verdict:
        if after.event.verdict == Verdict.APPROVE:
            return Kind.ALLOWED
        return Kind.DENIED if after.event.verdict == Verdict.DENY else Kind.OTHERWISE
    if _differing(before, after):
        return Kind.REASONS
    return Kind.NEEDS if before.needs != after.needs else None


def _differing(before: Decided, after: Decided) -> tuple[str, ...]:
    return tuple(sorted(_spoke(before.event.reasons) ^ _spoke(after.event.reasons)))


def _spoke(reasons: tuple[Reason, ...]) -> frozenset[str]:
    return frozenset(f"{reason.code} {reason.rule}".rstrip() for reason in reasons)


def _side(decided: Decided) -> dict[str, Any]:
    reasons = [
        {
            "code": reason.code,
            "rule": reason.rule,
            "because": reason.because,
            "unit": reason.unit,
            "distance": reason.distance,
        }
        for reason in decided.event.reasons
    ]
    needs = None if decided.needs is None else asdict(decided.needs)
    return {"verdict": decided.event.verdict, "reasons": reasons, "needs": needs}
