"""The tally: evidence as numbers for people and programs. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.demo.checks import LEDGER
from toolgate.demo.runs import LABELS
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Verdict
from toolgate.streams.ledger.accounts import RUN_SCOPE
from toolgate.streams.ledger.fold import Fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolgate.demo.checks import Check
    from toolgate.demo.evidence import Evidence
    from toolgate.demo.player import Played
    from toolgate.schemas.records import AuditEvent, Denial, Outcome, Reason

COLUMNS = ("approved", "denied", "read_first", "held")
_COLUMN = {Verdict.APPROVE: "approved", Verdict.HOLD: "held", Verdict.DRAFT: "held"}


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A denial that only amounts were missing for: every reason has a distance."""

    intent_id: str
    tool: str
    share: (
        float | None
    )  # distance to the limit as a share of it; None where there is no limit to compare with
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """How far one account, or the fullest of the runs' accounts of one kind, was used in the end."""

    account: str
    unit: str
    used: int
    max: int
    accounts: int


def by_label(played: Iterable[Played]) -> dict[str, dict[str, int]]:
    """Verdicts that agents were told, by the label of the call."""
    counts = {label: dict.fromkeys(COLUMNS, 0) for label in LABELS}
    for one in played:
        if one.call.label:
            counts[one.call.label][_column(one.outcome)] += 1
    return counts


def _column(outcome: Outcome) -> str:
    # The most severe code comes first: what is denied for another reason as well is denied.
    if outcome.verdict == Verdict.DENY and outcome.codes[:1] == (Code.READ_FIRST,):
        return "read_first"
    return _COLUMN.get(Verdict(outcome.verdict), "denied")


def by_verdict(events: Iterable[AuditEvent]) -> Counter[str]:
    """Decisions by verdict."""
    return Counter(event.verdict for event in events)


def by_tool(events: Iterable[AuditEvent]) -> dict[str, Counter[str]]:
    """Decisions by tool and verdict, the busiest tool first."""
    counts: dict[str, Counter[str]] = {}
    for event in events:
        counts.setdefault(event.tool, Counter())[event.verdict] += 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1].total(), item[0])))


def by_reason(denials: Iterable[Denial]) -> Counter[tuple[str, str]]:
    """Denials by code and rule of each of their reasons."""
    return Counter(
        pair for denial in denials for pair in {(reason.code, reason.rule) for reason in denial.reasons}
    )


def near_misses(denials: Iterable[Denial]) -> list[NearMiss]:
    """Denials that only amounts were missing for, nearest first by share of the limit; last those without."""
    found = []
    for denial in denials:
        if denial.reasons and all(reason.distance is not None for reason in denial.reasons):
            shares = [r.distance / r.limit for r in denial.reasons if r.distance is not None and r.limit]
            share = max(shares) if len(shares) == len(denial.reasons) else None
            found.append(NearMiss(denial.intent_id, denial.tool, share, denial.reasons))
    return sorted(found, key=_nearness)


def _nearness(miss: NearMiss) -> tuple[bool, float, str]:
    farthest = max(reason.distance or 0 for reason in miss.reasons)
    return miss.share is None, farthest if miss.share is None else miss.share, miss.intent_id


def budget_use(audit: Sequence[AuditEvent]) -> list[Use]:
    """What every limited account holds in the end; of the accounts of runs the fullest of each kind."""
    fold = Fold()
    limits: dict[str, tuple[str, int]] = {}
    for event in audit:
        fold.add(event)
        limits |= {balance.account: (balance.unit, balance.max) for balance in event.balances}
    accounts: dict[str, list[Any]] = fold.state()["accounts"]
    levels = {
        name[2:]: len(row[0]) if name[0] == "w" else row[0]
        for name, row in accounts.items()
        if name[0] in "cnw"
    }
    uses: dict[str, Use] = {}
    for account, (unit, cap) in limits.items():
        used = levels.get(account, 0)
        name = f"run:*:{account.rpartition(':')[2]}" if account.startswith(RUN_SCOPE) else account
        before = uses.get(name)
        fullest = max([(used, cap), *([(before.used, before.max)] if before else [])], key=_fullness)
        uses[name] = Use(name, unit, *fullest, accounts=1 + (before.accounts if before else 0))
    return sorted(uses.values(), key=lambda use: (-_fullness((use.used, use.max)), use.account))


def _fullness(level: tuple[int, int]) -> float:
    used, cap = level
    return used / cap if cap else 1.0


def as_json(
    evidence: Evidence, checks: Iterable[Check], played: Sequence[Played], seconds: float
) -> dict[str, Any]:
    """The summary for programs: counts of records as they lie on the topics."""
    return {
        "intents": evidence.intents,
        "commands": len(evidence.commands),
        "denials": len(evidence.denials),
        "held": evidence.held,
        "drafts": evidence.drafts,
        "quarantined": evidence.quarantined,
        "audit": len(evidence.decisions()),
        "ledger_equals_audit": all(check.holds for check in checks if check.name == LEDGER),
        "seconds": round(seconds, 3),
        "by_label": by_label(played),
    }
