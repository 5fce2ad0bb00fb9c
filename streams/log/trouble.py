"""What the Kafka client says by itself: its log lines and its errors that belong to no call.

Refused credentials, for one, are told nowhere else. The client repeats itself at every reconnect, so equal
messages are let through once in a while only. It never says keys, values or secrets.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import KafkaError

if TYPE_CHECKING:
    from collections.abc import Callable

_REPEAT_S = 5.0
_KINDS_MAX = 256
_CREDENTIALS = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - the library's public names of client-side errors begin so
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
_log = structlog.get_logger("toolgate.log")


class Trouble:
    """Takes the place of `error_cb` and `logger` of clients; remembers the last error for messages."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}
        self._last = ""

    def settings(self) -> dict[str, Any]:
        """The client properties that lead here."""
        return {"error_cb": self.error, "logger": self}

    def because(self) -> str:
        """The last error as a clause to put behind another message, or ''."""
        return f" (the client last said: {self._last})" if self._last else ""

    def error(self, error: KafkaError) -> None:
        """An error that belongs to no call: connections, credentials, fatal states."""
        self._last = error.str()
        if self._fresh(error.name()):
            tell = _log.error if error.fatal() or error.code() in _CREDENTIALS else _log.warning
            tell("kafka client error", code=error.name(), detail=error.str(), fatal=error.fatal())

    def log(self, level: int, pattern: str, *args: object) -> None:
        """One line of the client's own log, in the manner of `logging.Logger.log`."""
        text = pattern % args if args else pattern
        if self._fresh(re.sub(r"\d+", "", text)[:80]):
            _log.log(max(level, logging.DEBUG), "kafka client", detail=text)

    def _fresh(self, kind: str) -> bool:
        now = self._clock()
        if now - self._told.get(kind, -_REPEAT_S) < _REPEAT_S:
            return False
        if len(self._told) >= _KINDS_MAX:
            self._told.clear()
        self._told[kind] = now
        return True
