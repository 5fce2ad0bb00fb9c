"""Signing in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from toolgate.console import guard
from toolgate.console.sessions import new_id
from toolgate.console.site import COOKIE, TROUBLE, local, session_of, site_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from toolgate.console.site import Site, Visit

# Before anybody has signed in there is no session to hold a form against: this cookie stands for one.
BEFORE = "toolgate_before"
# That somebody has signed in here before; it opens nothing.
KNOWN = "toolgate_known"
_KNOWN_S = 90 * 86_400
_log = structlog.get_logger()


async def sign_in_page(request: Request) -> Response:
    """The form; whoever has signed in goes where they wanted to."""
    goes_to = local(request.query_params.get("next", ""))
    if session_of(request, used=True) is not None:
        return RedirectResponse(goes_to, 303)
    return _form(request, goes_to)


async def sign_in(request: Request) -> Response:
    """Open a session for whoever proves who they are; others wait, longer each time."""
    site, before = site_of(request), request.cookies.get(BEFORE, "")
    try:
        fields = await guard.form(request)
    except guard.FormError as error:
        return _form(request, "/", 400, f"Nothing was done: {error}.")
    goes_to = local(fields.get("next", ""))
    if not site.sessions.fits(before, fields.get("token", "")):
        return _form(request, goes_to, 403, "The form had grown old. Please try again.")
    name = fields.get("name", "")[:200]
    address, known = request.client.host if request.client else "", request.cookies.get(KNOWN, "")
    proven = site.attempts.proven(name, known)
    whose = (f"browser {known}",) if proven else (f"name {name}", f"address {address}")
    if wait_s := site.attempts.wait_s(*whose):
        answer = _form(request, goes_to, 429, f"Too many attempts. Wait {wait_s} s, then try again.", name)
        answer.headers["retry-after"] = str(wait_s)
        return answer
    # Counted before it is tried: many at the same time are many attempts.
    site.attempts.failed(*whose)
    try:
        person = await run_in_threadpool(site.identify.identify, name, fields.get("password", "")[:1_000])
    except TROUBLE as error:
        _log.error("nobody can sign in", why=str(error))
        return _form(request, goes_to, 503, "Nobody can sign in now; the server's log says why.", name)
    if person is None:
        _log.warning("a sign-in failed", name=name, address=address)
        return _form(request, goes_to, 401, "Name and password do not fit.", name)
    site.attempts.succeeded(*whose)
    site.sessions.close(request.cookies.get(COOKIE, ""))  # the cookie is about to name another: its key goes
    session = site.sessions.open(person)
    _log.info("signed in", name=person.name, kid=person.kid)
    answer = RedirectResponse(goes_to, 303)
    _set(request, answer, COOKIE, session.id)
    if not proven:
        _set(request, answer, KNOWN, site.attempts.proof(name), _KNOWN_S)
    answer.delete_cookie(BEFORE, path="/")
    return answer


async def sign_out(visit: Visit, fields: dict[str, str]) -> str:  # noqa: ARG001 - the signature of what forms do
    """End the session; the key is gone with it."""
    visit.site.sessions.close(visit.session.id)
    return "/sign-in"


def _form(request: Request, goes_to: str, status: int = 200, problem: str = "", name: str = "") -> Response:
    site: Site = site_of(request)
    before = request.cookies.get(BEFORE, "")
    fresh = not 20 <= len(before) <= 100
    before = new_id() if fresh else before
    answer = site.render(
        "sign_in.html", status, token=site.sessions.token(before), problem=problem, name=name, next=goes_to
    )
    if fresh:
        _set(request, answer, BEFORE, before)
    return answer


def _set(request: Request, answer: Response, name: str, value: str, age_s: int | None = None) -> None:
    https = request.url.scheme == "https"
    answer.set_cookie(name, value, age_s, path="/", httponly=True, samesite="strict", secure=https)
