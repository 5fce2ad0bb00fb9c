"""What `toolgate verify` and `toolgate replay` say of a history at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from past import Past
from replays import kept

from toolgate.verification.judging import compare

if TYPE_CHECKING:
    from universe import Universe


def judged(universe: Universe) -> list[str]:
    """What is wrong: laws that are broken, and the first decision that comes out otherwise when it is made again."""
    return [*_verified(universe), *_replayed(universe)]


def _verified(universe: Universe) -> list[str]:
    report = Past(universe).report()
    compare(report, universe.make_ledger().dump())
    found = [f"verify: {one.law.value}: {one.place}: {one.what}" for one in report.findings.listed()]
    if not report.cut.rest or report.judged != len(universe.audit()):
        found.append(f"verify judged {report.judged} of {len(universe.audit())} decisions")
    return found


def _replayed(universe: Universe) -> list[str]:
    came = kept(universe, universe.files).replay()
    if came.first is not None:
        return [f"replay: seq {came.first.seq}: {came.first.reason}"]
    if came.undecided or came.decisions != len(universe.audit()):
        return [f"replay made {came.decisions} of {len(universe.audit())} decisions"]
    return []
