"""Near misses: clusters of denials, one of them, the newest denials by how near they were, and a policy test of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from toolgate.nearmiss.bodies import shown
from toolgate.nearmiss.case_file import BEFORE_MAX, Asked, cases_file
from toolgate.nearmiss.looking import places, told
from toolgate.nearmiss.misses import FAR, KEPT, Filters

if TYPE_CHECKING:
    from toolgate.console.site import Visit

SHOWN_MAX = 200
CLUSTERS_SHOWN, EXAMPLES_LISTED, EXAMPLES = 50, 5, 10
_PLACE = re.compile(r"[0-9]{1,18}", re.ASCII)


async def clusters(visit: Visit) -> Response:
    """What was denied in the last week by effect: nearest, dearest and most frequent first."""
    filters, views, now_ms = _filters(visit), visit.site.views, visit.site.now_ms()
    with views.lock:
        ranked = views.clusters.ranked(filters, now_ms)
        found = [told(one, views.approvals, None, {}, EXAMPLES_LISTED) for one in ranked[:CLUSTERS_SHOWN]]
        workflows, tools, codes = views.near.names()
    return visit.page(
        "near.html",
        "near",
        found=found,
        of=len(ranked),
        denials=sum(one.this.count for one in ranked),
        filters=filters,
        workflows=workflows,
        tools=tools,
        codes=codes,
    )


async def cluster(visit: Visit) -> Response:
    """All that is known of one cluster."""
    views, desk, wanted = visit.site.views, visit.site.desk, visit.query("id")
    with views.lock:
        ranked = views.clusters.find(wanted, visit.site.now_ms())
        at = places(ranked, views.approvals, EXAMPLES) if ranked else []
    if ranked is None:
        return visit.missing("nothing is kept in memory of such a cluster")
    policies = await visit.ask(desk.policies, ranked.cluster.digest)
    bodies = await visit.ask(desk.intents, at) if policies else {}
    with views.lock:
        one = told(ranked, views.approvals, policies, bodies, EXAMPLES)
    return visit.page("cluster.html", "near", one=one, far=FAR)


async def nearest(visit: Visit) -> Response:
    """The newest denials, what was nearest to allowed first."""
    filters, near = _filters(visit), visit.site.views.near
    with visit.site.views.lock:
        found = near.nearest(filters, SHOWN_MAX)
        workflows, tools, codes = near.names()
        seen = near.seen
    return visit.page(
        "nearest.html",
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
        earlier = visit.site.views.approvals.before(miss.denial, BEFORE_MAX) if miss else []
    if miss is None:
        return visit.missing("this denial is no longer among those that are kept in memory")
    denial, desk = miss.denial, visit.site.desk
    policies = await visit.ask(desk.policies, denial.policy_digest)
    its = (denial.partition, denial.offset)
    found = await visit.ask(desk.intents, [its, *(one.place for one in earlier)])
    if its not in found:
        return visit.missing("the intent is no longer kept")
    before = [Asked(shown(found[one.place], policies), one.time_ms) for one in earlier if one.place in found]
    asked = Asked(shown(found[its], policies), miss.time_ms)
    text = await visit.ask(cases_file, denial, asked, before, policies)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", denial.intent_id)[:80]
    headers = {"content-disposition": f'attachment; filename="{name}.yaml"'}
    return Response(text, media_type="application/yaml; charset=utf-8", headers=headers)


def _filters(visit: Visit) -> Filters:
    return Filters(visit.query("workflow"), visit.query("tool"), visit.query("code"))
