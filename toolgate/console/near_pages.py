"""Near misses, nearest first, and a policy test made of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from toolgate.nearmiss.bodies import shown
from toolgate.nearmiss.case_file import BEFORE_MAX, Asked, cases_file
from toolgate.nearmiss.misses import FAR, KEPT, Filters

if TYPE_CHECKING:
    from toolgate.console.site import Visit

SHOWN_MAX = 200
_PLACE = re.compile(r"[0-9]{1,18}", re.ASCII)
_PARAMS_BYTES_MAX = 1_000_000


async def near_misses(visit: Visit) -> Response:
    """The newest denials, what was nearest to allowed first."""
    filters = Filters(visit.query("workflow"), visit.query("tool"), visit.query("code"))
    near = visit.site.views.near
    with visit.site.views.lock:
        found = near.nearest(filters, SHOWN_MAX)
        workflows, tools, codes = near.names()
        seen = near.seen
    return visit.page(
        "near.html",
        "near",
        misses=found,
        filters=filters,
        workflows=workflows,
        tools=tools,
        codes=codes,
        seen=seen,
        far=FAR,
        kept=KEPT,
    )


async def case(visit: Visit) -> Response:
    """A cases file made of one denial, to be saved."""
    place = visit.query("partition"), visit.query("offset")
    if not all(map(_PLACE.fullmatch, place)):
        return visit.missing("this names no place of an intent")
    with visit.site.views.lock:
        miss = visit.site.views.near.find(int(place[0]), int(place[1]))
        earlier = visit.site.views.runs.approved_before(miss.denial, BEFORE_MAX) if miss else []
    if miss is None:
        return visit.missing("this denial is no longer among those that are kept in memory")
    denial, desk = miss.denial, visit.site.desk
    policies = await visit.ask(desk.policies, denial.policy_digest)
    its = (denial.partition, denial.offset)
    found = await visit.ask(desk.intents, [its, *((event.partition, event.offset) for event in earlier)])
    if its not in found:
        return visit.missing("the intent is no longer kept")
    before = [
        Asked(shown(found[at], policies), event.append_time)
        for event in earlier
        if (at := (event.partition, event.offset)) in found
    ]
    asked = Asked(shown(found[its], policies), miss.time_ms)
    text = await visit.ask(cases_file, denial, asked, before, policies)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", denial.intent_id)[:80]
    headers = {"content-disposition": f'attachment; filename="{name}.yaml"'}
    return Response(text, media_type="application/yaml; charset=utf-8", headers=headers)
