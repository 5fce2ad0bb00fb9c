"""The site: what every page is made from, and what stands between a request and what it asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from toolgate.console import guard
from toolgate.console.hub import Hub
from toolgate.console.quoting import environment, href
from toolgate.processors.problems import LoadError
from toolgate.streams.errors import ToolgateError
from toolgate.streams.ports import LogError, RetryError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jinja2 import Environment
    from starlette.requests import Request

    from toolgate.console.attempts import Attempts
    from toolgate.console.desk import Desk
    from toolgate.console.halves import Proposals
    from toolgate.console.people import Identify
    from toolgate.console.sessions import Session, Sessions
    from toolgate.console.views import Views

COOKIE = "toolgate_session"
PAGES = (
    ("queue", "/queue", "Queue", "q"),
    ("near", "/near-misses", "Near misses", "n"),
    ("runs", "/runs", "Runs", "r"),
    ("budgets", "/budgets", "Budgets", "b"),
    ("control", "/control", "Stop and modes", "s"),
    ("policies", "/policies", "Policies", "p"),
)
TROUBLE = (ToolgateError, LoadError, RetryError, UnavailableError, LogError)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that pages use; `of` an application finds it."""

    views: Views
    desk: Desk
    identify: Identify
    sessions: Sessions
    attempts: Attempts
    proposals: Proposals
    now_ms: Callable[[], int]  # the wall clock: ages are told by it, nothing is decided
    hub: Hub = field(default_factory=Hub)
    templates: Environment = field(default_factory=environment)

    def render(self, template: str, /, status: int = 200, **values: Any) -> HTMLResponse:
        """A page."""
        return HTMLResponse(self.templates.get_template(template).render(pages=PAGES, **values), status)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who has signed in."""

    request: Request
    site: Site
    session: Session

    def page(self, template: str, /, here: str, **values: Any) -> HTMLResponse:
        """A page; `here` is the view it is about."""
        # Whoever fetches a page again because a view has changed leaves the notices to the next real one.
        notices = [] if refetched(self.request) else self.session.told()
        return self.site.render(
            template,
            person=self.session.person,
            token=self.site.sessions.token(self.session.id),
            notices=notices,
            here=here,
            stale=self.site.views.not_current(here),
            **values,
        )

    def query(self, name: str) -> str:
        """What the address says; "" for nothing."""
        return self.request.query_params.get(name, "")[:500]

    async def ask(self, question: Callable[..., Any], *given: Any) -> Any:
        """What blocks, without holding up others."""
        return await run_in_threadpool(question, *given)

    def missing(self, what: str) -> HTMLResponse:
        """A page that says that there is no such thing."""
        return self.site.render("problem.html", 404, title="Not found", what=what)


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    found: Site = request.app.state.site
    return found


def refetched(request: Request) -> bool:
    """Whether a script fetches a page again, rather than a person opens it: that keeps no session open."""
    return request.method == "GET" and "hx-request" in request.headers


def session_of(request: Request, *, used: bool) -> Session | None:
    """The session that a request's cookie names, unless it has ended."""
    return site_of(request).sessions.find(request.cookies.get(COOKIE, ""), used=used)


def shown(handler: Callable[[Visit], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A page for whoever has signed in."""

    async def answer(request: Request) -> Response:
        session = session_of(request, used=not refetched(request))
        if session is None:
            return _sign_in_first(request)
        try:
            return await handler(Visit(request, site_of(request), session))
        except TROUBLE as error:
            _log.warning("a page could not be made", path=request.url.path, why=str(error))
            return site_of(request).render(
                "problem.html", 503, title="This cannot be shown now", what=str(error)
            )

    return answer


def done(
    handler: Callable[[Visit, dict[str, str]], Awaitable[str]],
) -> Callable[[Request], Awaitable[Response]]:
    """Something that a form does; the handler says which page comes next."""

    async def answer(request: Request) -> Response:
        site = site_of(request)
        try:
            fields = await guard.form(request)
        except guard.FormError as error:
            _log.warning("a form was refused", path=request.url.path, why=str(error))
            return site.render("problem.html", 400, title="Nothing was done", what=str(error))
        session = session_of(request, used=True)
        if session is None:
            return _sign_in_first(request)
        if not site.sessions.fits(session.id, fields.get("token", "")):
            what = "the form is not of this session: open the page again"
            _log.warning("a form was refused", path=request.url.path, user=session.person.name, why=what)
            return site.render("problem.html", 403, title="Nothing was done", what=what)
        visit = Visit(request, site, session)
        try:
            goes_to = await handler(visit, fields)
        except TROUBLE as error:
            why = getattr(error, "what", "") or str(error)
            _log.warning("nothing was done", path=request.url.path, user=session.person.name, why=why)
            session.tell("refused", why)
            goes_to = fields.get("back", "")
        return RedirectResponse(local(goes_to), 303)

    return answer


def local(path: str) -> str:
    """A path of this server and of no other; the first page where it is none."""
    ours = path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path
    return path if ours else PAGES[0][1]


def _sign_in_first(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    to = href("/sign-in", next=wanted if request.method == "GET" else None)
    if refetched(request):
        return Response(status_code=401, headers={"hx-redirect": to})
    return RedirectResponse(to, 303)
