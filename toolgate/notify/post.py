"""Posting: one request and its answer; the only place that talks to endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

if TYPE_CHECKING:
    from collections.abc import Mapping


class Answer(NamedTuple):
    """What came of a request: `status` is None where there was no answer, and `detail` says why."""

    status: int | None
    retry_after: str = ""
    detail: str = ""


class Post:
    """Requests to one endpoint. For one thread.

    Certificates are checked against the machine's or certifi's; redirects are not followed; no proxy is asked.
    """

    def __init__(self, url: str, timeout_ms: int) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(num_pools=1, retries=False)
        self._timeout = Timeout(total=timeout_ms / 1000)

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body. Whatever fails is an answer; nothing is raised."""
        sent = {"content-type": "application/json", "user-agent": "toolgate-notify", **headers}
        try:
            response = self._pool.request(
                "POST",
                self._url,
                body=body,
                headers=sent,
                timeout=self._timeout,
                redirect=False,
                preload_content=False,
            )
            response.close()  # its body says nothing to us, and might never end
        except (HTTPError, OSError) as error:
            return Answer(None, "", f"{type(error).__name__}: {error}"[:300])
        return Answer(response.status, response.headers.get("retry-after", ""))

    def close(self) -> None:
        """Let go of the connection."""
        self._pool.clear()
