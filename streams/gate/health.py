"""The health endpoint: one port for /metrics, /health, /live and /ready, served by a thread of its own.

It answers from what the loop has reported; only the ends of partitions are asked of the broker. Nothing here
can hold the loop up, and nothing that it shows names an intent, a parameter or a secret.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client.exposition import choose_encoder

from toolgate.streams.errors import SettingsError
from toolgate.streams.gate.status import lag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolgate.streams.gate.metrics import Metrics
    from toolgate.streams.gate.status import Offsets, Status
    from toolgate.streams.ports import TopicPartition

JSON = "application/json"
Answer = tuple[int, str, bytes]


class Health:
    """What the endpoint says about one worker.

    Args:
        about: what does not change while the process runs: addresses, versions.
        positions: the next offset of each topic-partition as the consumer has it.
        ends: last stable offsets of topic-partitions, as far as the broker tells them.
    """

    def __init__(
        self,
        status: Status,
        metrics: Metrics,
        about: Mapping[str, Any],
        positions: Callable[[], Offsets],
        ends: Callable[[frozenset[TopicPartition]], Offsets],
    ) -> None:
        self._status = status
        self._metrics = metrics
        self._about = about
        self._positions = positions
        self._ends = ends

    def answer(self, path: str, accept: str = "") -> Answer:
        """Status code, content type and body for a path."""
        match path.partition("?")[0].rstrip("/"):
            case "/metrics":
                return self._scrape(accept)
            case "/health":
                code = 200 if self._status.alive else 503
                return _json(code, {**self._about, **self._view()})
            case "/live":
                return _json(200 if self._status.alive else 503, {"alive": self._status.alive})
            case "/ready":
                ready = self._status.alive and self._status.ready
                return _json(200 if ready else 503, {"ready": ready, "state": self._status.name})
            case _:
                return _json(404, {"paths": ["/health", "/live", "/ready", "/metrics"]})

    def _view(self) -> dict[str, Any]:
        return self._status.view(self._positions(), self._ends(self._status.partitions))

    def _scrape(self, accept: str) -> Answer:
        owned = self._status.partitions
        positions, ends = self._positions(), self._ends(owned)
        lags = {tp: lag(positions.get(tp), ends.get(tp)) for tp in owned}
        self._metrics.lags({tp: behind for tp, behind in lags.items() if behind is not None})
        encode, content_type = choose_encoder(accept)
        return 200, content_type, encode(self._metrics.registry)


def _json(code: int, body: Mapping[str, Any]) -> Answer:
    return code, JSON, json.dumps(body, indent=2).encode() + b"\n"


class Answers(Protocol):
    """What an endpoint serves."""

    def answer(self, path: str, accept: str = "") -> Answer:
        """Status code, content type and body for a path."""


class Endpoint:
    """Serves answers on a port until it is closed."""

    def __init__(self, health: Answers, host: str, port: int) -> None:
        """Raises SettingsError when the address cannot be listened on."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10  # seconds that a silent client may hold a thread

            def do_GET(self) -> None:
                code, content_type, body = health.answer(self.path, self.headers.get("Accept", ""))
                self.send_response(code)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Scrapes are no news."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise SettingsError(
                f"cannot listen for metrics and health: {error.strerror}",
                where=f"{host}:{port}",
                remedy="set TOOLGATE_METRICS_PORT to another port, or to 0 for a free one",
            ) from None
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """http:// address, with the port that was found where 0 was asked for."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
