"""Posting: one request and its answer; the only place that talks to endpoints."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from http.client import HTTPException
from threading import Event, Timer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Answer(NamedTuple):
    """What came of a request: `status` is None where there was no answer, and `detail` says why."""

    status: int | None
    retry_after: str = ""
    detail: str = ""


class Post:
    """Requests to one endpoint, each over a connection of its own. For one thread.

    Certificates are checked against the machine's; redirects are not followed; no proxy is asked.
    """

    def __init__(self, url: str, timeout_ms: int) -> None:
        parts = urlsplit(url)
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port = parts.hostname or "", parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout_s = timeout_ms / 1000

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body. Whatever fails is an answer; nothing is raised."""
        sent = {"content-type": "application/json", "user-agent": "toolgate-notify", **headers}
        end = time.monotonic() + self._timeout_s
        connection = self._kind(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.connect()
            with _Limit(connection.sock, end):
                connection.request("POST", self._target, body=body, headers=sent, preload_content=False)
                response = connection.getresponse()
        except TimeoutError:
            return Answer(None, "", f"no answer within {self._timeout_s:g} s")
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            return Answer(None, "", f"{type(error).__name__}: {error}"[:300])
        finally:
            connection.close()  # its body says nothing to us, and might never end
        return Answer(response.status, response.headers.get("retry-after", ""))


class _Limit:
    """Cuts a connection once its time is over.

    A socket's own timeout begins anew with every byte: whoever sends one now and then would hold us for ever.
    """

    def __init__(self, connected: socket.socket, end: float) -> None:
        self._over = Event()
        self._socket = connected
        self._timer = Timer(max(0.0, end - time.monotonic()), self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._over.is_set():  # what came so far may look like an answer
            raise TimeoutError

    def _cut(self) -> None:
        self._over.set()
        with suppress(OSError):  # not the one of TLS: that takes leave first, of whoever may not listen
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
