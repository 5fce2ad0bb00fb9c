"""One Valkey (or Redis) server with the settings that the ledger requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from toolgate.streams.errors import LocalStackError
from toolgate.streams.local import artefacts, ports
from toolgate.streams.local.children import Child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# docker-compose.yml says the same; a test compares them.
VALKEY_SETTINGS: dict[str, str] = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
    "save": "",  # the append-only file is the state; a second copy would only cost
}
_READY_S = 30.0
_PORT_TRIES = 5


class Valkey(Child):
    """Valkey with its data under `data`; the address stays the same over restarts of this object.

    Args:
        directory: its data and its log.
        notify: told in a few words what takes time.
        port: try this one first.
    """

    def __init__(self, directory: Path, notify: Callable[[str], None], port: int = 0) -> None:
        super().__init__("Valkey", directory / "valkey.log")
        self.data = directory / "valkey"
        self._notify = notify
        self._started_once = False
        self.port = port if port and ports.is_free(port) else ports.free_port()

    @property
    def url(self) -> str:
        """redis:// address for clients."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it answers PING; after `kill` with the same address and what is in `data`.

        Raises:
            LocalStackError: a part is missing or it did not come up.
        """
        program = artefacts.redis_server()
        self._notify(f"Starting {self.name}")
        self.data.mkdir(parents=True, exist_ok=True)
        for attempt in range(_PORT_TRIES):
            self.spawn(
                [program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.data, *_OPTIONS]
            )
            try:
                self.wait_until(self._answers, _READY_S)
            except LocalStackError:
                if self._started_once or attempt == _PORT_TRIES - 1 or "already in use" not in self.tail():
                    self.kill()
                    raise
                self.port = ports.free_port()
            else:
                self._started_once = True
                return

    def _answers(self) -> bool:
        client = redis.Redis(port=self.port, socket_timeout=1, retry=Retry(NoBackoff(), 0))
        try:
            return bool(client.ping())
        except redis.RedisError:  # not there yet, or still loading its file
            return False
        finally:
            client.close()


_OPTIONS = [word for name, value in VALKEY_SETTINGS.items() for word in (f"--{name}", value)]
