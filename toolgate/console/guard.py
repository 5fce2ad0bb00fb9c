"""What keeps other sites out: headers on every answer, and what a request must show before anything is done for it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

FORM_BYTES_MAX = 64 * 1024
FIELDS_MAX = 40
STATIC = "/static/"
# Nothing but our own files: no inline script or style, no frame, no form elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer, browsers would hide the origin of our own forms from us
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


_OURS = {None, "same-origin"}  # what a browser says of where a form comes from; old ones say nothing


class FormError(Exception):
    """A form that is not ours, or no form; nothing was done."""


class Headers:
    """Middleware: the headers of every answer. Pages are kept by no cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["cache-control"] = "no-cache" if scope["path"].startswith(STATIC) else "no-store"
                if scope["scheme"] == "https":
                    headers["strict-transport-security"] = "max-age=31536000"
            await send(message)

        await self._app(scope, receive, sent)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form that a page of this server has sent; of a name that is there twice, the last.

    Raises:
        FormError: it comes from elsewhere, is too large, or is no form.
    """
    origin, fetched = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if (origin is not None and _host(origin) != request.headers.get("host")) or fetched not in _OURS:
        raise FormError("the form comes from another site")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            raise FormError(f"the form is larger than {FORM_BYTES_MAX:,} bytes")
    try:
        return dict(
            parse_qsl(
                body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
            )
        )
    except ValueError:
        raise FormError("the form cannot be read") from None


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
