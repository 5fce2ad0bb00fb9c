"""Policies: which set is in force, since when, and what each version changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.console.policy_changes import changes, versions

if TYPE_CHECKING:
    from starlette.responses import Response

    from toolgate.console.site import Visit


async def policies(visit: Visit) -> Response:
    """The activations, the newest first."""
    history = await visit.ask(visit.site.desk.history)
    standing = await visit.ask(visit.site.desk.standing)
    return visit.page(
        "policies.html", "policies", versions=versions(history), in_force=standing.policy.digest
    )


async def policy(visit: Visit) -> Response:
    """What one of them changed."""
    history = await visit.ask(visit.site.desk.history)
    wanted = visit.query("offset")
    found = next((one for one in versions(history) if str(one.said.offset) == wanted), None)
    if found is None:
        return visit.missing("no policy set was activated at this place of the control topic")
    after = await visit.ask(visit.site.desk.files, found.digest)
    before = await visit.ask(visit.site.desk.files, found.replaced) if found.replaced else {}
    missing = [name for name, files in ((found.digest, after), (found.replaced, before)) if files is None]
    return visit.page(
        "policy.html",
        "policies",
        version=found,
        changes=[] if missing else changes(before or {}, after or {}),
        missing=missing,
    )
