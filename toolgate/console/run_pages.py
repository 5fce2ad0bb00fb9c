"""Runs: what happened in each, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.inspection.explanation import accounts
from toolgate.schemas.enums import Verdict

if TYPE_CHECKING:
    from starlette.responses import Response

    from toolgate.console.runs import Run
    from toolgate.console.site import Visit
    from toolgate.schemas.records import AuditEvent

SHOWN_MAX = 100
STEPS_MAX = 500


class Step:
    """One event of a run, as the page shows it."""

    def __init__(self, event: AuditEvent) -> None:
        self.event = event
        self.accounts = accounts(event)
        self.what = {"intents": "intent", "results": "result", "votes": "vote", "contracts": "contract"}.get(
            event.topic, event.topic
        )
        self.became = (
            event.note or event.verdict.lower() if event.topic != "intents" else event.verdict.lower()
        )


async def runs(visit: Visit) -> Response:
    """The runs in which something happened last."""
    wanted = visit.query("find")
    with visit.site.views.lock:
        found = [_row(run) for run in visit.site.views.runs.newest(SHOWN_MAX, wanted)]
    return visit.page("runs.html", "runs", runs=found, wanted=wanted, most=SHOWN_MAX)


async def run(visit: Visit) -> Response:
    """One run: intents, decisions, commands, results, votes and balances in the ledger's order."""
    wanted = visit.query("id")
    with visit.site.views.lock:
        found = visit.site.views.runs.find(wanted)
        events = found.ordered() if found else []
    if found is None:
        return visit.missing(
            f"nothing of run {wanted} is among the newest events; `toolgate explain INTENT --run {wanted}` searches "
            "the whole log"
        )
    return visit.page(
        "run.html",
        "runs",
        run=found,
        steps=[Step(event) for event in events[-STEPS_MAX:]],
        cut=found.cut or len(events) > STEPS_MAX,
        total=len(events),
    )


def _row(run: Run) -> dict[str, object]:
    verdicts = {verdict.value: n for verdict in Verdict if (n := run.count(verdict))}
    last = run.ordered()[-1]
    return {
        "id": run.id,
        "workflow": run.workflow,
        "verdicts": verdicts,
        "clk": last.clk,
        "agent": last.agent_id,
    }
