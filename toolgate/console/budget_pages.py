"""Budgets: where shared accounts stand, and how they burnt down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.console.balances import share
from toolgate.console.charts import burn_down

if TYPE_CHECKING:
    from starlette.responses import Response

    from toolgate.console.site import Visit

SHOWN_MAX = 60
SCOPES = ("tenant", "workflow", "agent", "tool", "system")


async def budgets(visit: Visit) -> Response:
    """The accounts, those first of which least is left."""
    scope = visit.query("scope")
    with visit.site.views.lock:
        found = visit.site.views.balances.fullest(scope)
        shown = [
            {
                "name": one.name,
                "unit": one.unit,
                "last": one.last,
                "share": share(one.last),
                "points": one.curve(),
                "chart": burn_down(one, number),
            }
            for number, one in enumerate(found[:SHOWN_MAX])
        ]
    return visit.page("budgets.html", "budgets", accounts=shown, total=len(found), scope=scope, scopes=SCOPES)
