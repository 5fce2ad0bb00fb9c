"""Kafka and Valkey as one thing to start and stop, with its state under one folder."""

from __future__ import annotations

import fcntl
import json
from typing import IO, TYPE_CHECKING, Any, Self

from toolgate.streams.errors import LocalStackError
from toolgate.streams.local.broker import Broker
from toolgate.streams.local.valkey import Valkey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType


def _silent(_: str) -> None:
    """Nobody wants to know what takes time."""


class Stack:
    """A real Kafka and a real Valkey on free ports of 127.0.0.1.

    Use it as a context manager. `broker` and `redis` can each be killed (`kill`), started again on the same
    address and data (`start`), suspended and resumed; `redis.data` is the folder of the append-only file.
    A later stack on the same folder has the same data, and the same addresses where they are still free.

    Args:
        directory: state and logs; made when missing. One stack at a time may use it.
        notify: told in a few words what takes time, for a progress line.
    """

    def __init__(self, directory: Path, notify: Callable[[str], None] = _silent) -> None:
        self.directory = directory.absolute()
        self._notify = notify
        self._lock: IO[str] | None = None
        self._addresses = self.directory / "addresses.json"
        known = self._remembered()
        self.broker = Broker(self.directory, notify, known.get("kafka", 0))
        self.redis = Valkey(self.directory, notify, known.get("redis", 0))

    @property
    def bootstrap(self) -> str:
        """host:port of the broker."""
        return self.broker.bootstrap

    @property
    def redis_url(self) -> str:
        """redis:// address of the ledger's server."""
        return self.redis.url

    def start(self) -> None:
        """Start both and wait until both answer; on failure neither is left.

        Raises:
            LocalStackError: with what failed, where its log is and what to do.
        """
        self._take_directory()
        try:
            self.redis.start()
            self.broker.start()
            ports = {"kafka": self.broker.port, "redis": self.redis.port}
            self._addresses.write_text(json.dumps(ports), encoding="utf-8")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both in order; safe to call again."""
        self.broker.stop()
        self.redis.stop()
        if self._lock:
            self._lock.close()
            self._lock = None

    def check(self) -> None:
        """Raise LocalStackError when one of the two has ended by itself."""
        for child in (self.broker, self.redis):
            if not child.alive:
                raise child.failed(f"{child.name} has ended by itself")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _remembered(self) -> dict[str, Any]:
        try:
            known = json.loads(self._addresses.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _take_directory(self) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._lock = (self.directory / "lock").open("a")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalStackError(
                "another local stack uses this folder",
                where=str(self.directory),
                remedy="stop it, or name another folder",
            ) from None
        except OSError as error:
            raise LocalStackError(
                f"cannot use the folder: {error.strerror}",
                where=str(self.directory),
                remedy="name another one",
            ) from None
