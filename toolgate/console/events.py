"""The stream of events: the names of views as they change, so that open pages fetch themselves again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from toolgate.console.site import session_of, site_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from toolgate.console.sessions import Session
    from toolgate.console.site import Site

STREAMS_EACH_MAX = 12  # pages that one session may have open and told
_BEAT_S = 10.0


async def events(request: Request) -> Response:
    """Server-sent events, one for each view that changes; `ended` when the session does. Holds no session open."""
    session, site = session_of(request, used=False), site_of(request)
    if session is None:
        return Response(status_code=401)
    if session.streams >= STREAMS_EACH_MAX or site.hub.full:
        return Response(status_code=429)
    return StreamingResponse(_stream(site, session), media_type="text/event-stream")


async def _stream(site: Site, session: Session) -> AsyncIterator[str]:
    session.streams += 1
    subscriber = site.hub.subscribe()
    try:
        yield "retry: 3000\n\n"
        while not site.hub.over and site.sessions.find(session.id, used=False) is not None:
            names = await subscriber.changed(_BEAT_S)
            yield "".join(f"event: {name}\ndata: \n\n" for name in names) or ": still here\n\n"
        if not site.hub.over:  # else the page tries again until the server is back
            yield "event: ended\ndata: \n\n"
    finally:
        site.hub.leave(subscriber)
        session.streams -= 1
