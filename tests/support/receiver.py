"""A receiver of webhooks on this machine: keeps what it is sent, and answers as a test says."""

from __future__ import annotations

import hmac
import json
import threading
from base64 import b64decode, b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "whsec_" + b64encode(b"s" * 32).decode()


@dataclass(frozen=True)
class Request:
    """One that has come."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """What a receiver knows it by."""
        return self.headers["webhook-id"]

    @property
    def said(self) -> Any:
        """The body."""
        return json.loads(self.body)

    def signed(self, secret: str = SECRET) -> bool:
        """Whether the signature fits, reckoned apart from the code that makes it."""
        text = b".".join((self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body))
        tag = hmac.new(b64decode(secret.removeprefix("whsec_")), text, sha256).digest()
        return self.headers["webhook-signature"] == "v1," + b64encode(tag).decode()


@dataclass
class Receiver:
    """What has come, in order, by path; `answers` says what comes of each: a status, or status and headers."""

    url: str
    answers: Callable[[Request], Any]
    requests: list[Request] = field(default_factory=list)

    def at(self, path: str) -> list[Request]:
        """What has come there."""
        return [one for one in self.requests if one.path == path]


@contextmanager
def receiving(answers: Callable[[Request], Any] = lambda _: 200) -> Iterator[Receiver]:
    """A receiver while it runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.path, headers, body)
            made.requests.append(request)
            answer = made.answers(request)
            status, more = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever asked may be gone
    made = Receiver(f"http://127.0.0.1:{server.server_port}", answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
