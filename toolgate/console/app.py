"""The application: which address shows or does what. Made of its parts, it needs no Kafka."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from toolgate.console import (
    budget_pages,
    control_pages,
    events,
    guard,
    near_pages,
    policy_pages,
    queue_pages,
    run_pages,
    sign_in,
)
from toolgate.console.quoting import FOLDER
from toolgate.console.site import PAGES, done, shown, site_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from toolgate.console.site import Site

_SWEEP_S = 15
SHOWN = {
    "/queue": queue_pages.queue,
    "/queue/item": queue_pages.item,
    "/near-misses": near_pages.clusters,
    "/near-misses/cluster": near_pages.cluster,
    "/near-misses/nearest": near_pages.nearest,
    "/near-misses/case": near_pages.case,
    "/runs": run_pages.runs,
    "/runs/run": run_pages.run,
    "/budgets": budget_pages.budgets,
    "/control": control_pages.control,
    "/policies": policy_pages.policies,
    "/policies/version": policy_pages.policy,
}
DONE = {
    "/queue/decide": queue_pages.decide,
    "/control/kill": control_pages.kill,
    "/control/lift": control_pages.propose_lift,
    "/control/grant": control_pages.propose_grant,
    "/control/revoke": control_pages.revoke,
    "/control/confirm": control_pages.confirm,
    "/control/withdraw": control_pages.withdraw,
    "/control/mode": control_pages.order,
    "/sign-out": sign_in.sign_out,
}


def application(site: Site, hosts: Sequence[str]) -> ASGIApp:
    """The console as an ASGI application.

    Args:
        site: its parts.
        hosts: the names under which browsers may reach it: a request for another is refused, so that no other site can
            take its name for ours.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        site.hub.begin()
        sweeping = asyncio.create_task(_sweep(site))
        yield
        sweeping.cancel()

    made = Starlette(
        routes=[
            Route("/", _first_page),
            Route("/sign-in", sign_in.sign_in_page, methods=["GET"]),
            Route("/sign-in", sign_in.sign_in, methods=["POST"]),
            Route("/events", events.events),
            *(Route(path, shown(handler), methods=["GET"]) for path, handler in SHOWN.items()),
            *(Route(path, done(handler), methods=["POST"]) for path, handler in DONE.items()),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
        ],
        exception_handlers={404: _not_found, 405: _not_found, 500: _failed},
        lifespan=lifespan,
    )
    made.state.site = site
    return guard.Headers(made)  # around all of it: an answer to a fault has them, too


async def _sweep(site: Site) -> None:
    """What only time changes: sessions end, and what waits becomes overdue, of which no record tells an open page."""
    late = _late(site)
    while True:
        await asyncio.sleep(_SWEEP_S)
        site.sessions.sweep()
        before, late = late, await asyncio.to_thread(_late, site)  # the lock may be held for a while
        if late - before:
            site.hub.publish(("queue",))


def _late(site: Site) -> set[str]:
    at_ms = site.now_ms()
    with site.views.lock:
        return {item.id for item in site.views.queue.items(at_ms) if item.overdue(at_ms)}


async def _first_page(_request: Request) -> Response:
    return RedirectResponse(PAGES[0][1], 303)


async def _not_found(request: Request, _error: Exception) -> Response:
    return site_of(request).render("problem.html", 404, title="Not found", what="there is no such page")


async def _failed(request: Request, error: Exception) -> Response:
    what = f"a fault of the console itself ({type(error).__name__}); the server's log has it"
    return site_of(request).render("problem.html", 500, title="This cannot be shown", what=what)
