"""Tailing: a thread for each topic that feeds the views, and begins again where it was when Kafka comes back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from toolgate.console.views import RECENT, TOPICS, now_ms
from toolgate.inspection.reader import TopicReader
from toolgate.streams.errors import ToolgateError
from toolgate.streams.ports import RetryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from toolgate.console.views import Views
    from toolgate.processors.case import Envelope
    from toolgate.streams.settings import Settings

_PAUSE_S_FIRST, _PAUSE_S_MAX = 1.0, 30.0
_log = structlog.get_logger()


class Tailing:
    """Reads the topics of the views as long as it is entered. A context manager.

    Args:
        settings: where Kafka is and which prefix.
        views: what is fed.
        recent_ms: how old denials and decisions may be that are read at the start.
    """

    def __init__(self, settings: Settings, views: Views, recent_ms: int) -> None:
        self._settings = settings
        self._views = views
        self._recent_ms = recent_ms
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, args=(topic,), name=f"tail-{topic}", daemon=True)
            for topic in TOPICS
        ]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, topic: str) -> None:
        at: dict[int, int] = {}
        pause_s = _PAUSE_S_FIRST
        while not self._over.is_set():
            try:
                for _ in self._read(topic, at):
                    pause_s = _PAUSE_S_FIRST
                    if self._over.is_set():
                        return
            except ToolgateError as error:
                self._views.says(topic, problem=error.what)
                _log.warning("a topic cannot be read", topic=topic, why=error.what, again_s=pause_s)
            except RetryError as error:
                self._views.says(topic, problem=str(error))
                _log.warning("a topic cannot be read", topic=topic, why=str(error), again_s=pause_s)
            except Exception as error:  # noqa: BLE001 - a view that fails must say so, not stand still in silence
                self._views.says(topic, problem=f"{type(error).__name__} while reading")
                _log.exception("a topic cannot be read", topic=topic, again_s=pause_s)
            self._over.wait(pause_s)
            pause_s = min(pause_s * 2, _PAUSE_S_MAX)

    def _read(self, topic: str, at: dict[int, int]) -> Iterator[None]:
        """Feed the views for ever; yields each time that something came, or nothing for a moment."""
        with TopicReader(self._settings, topic) as reader:
            ends = {}
            for partition in reader.partitions:
                first, ends[partition] = reader.span(partition)
                at[partition] = max(at.get(partition) or self._first(topic, reader, partition), first)
            for envelopes in reader.read(dict(at), ends):
                self._taken(topic, envelopes, at)
                yield
            at |= {partition: max(at[partition], end) for partition, end in ends.items()}
            self._views.says(topic, whole=True)
            for envelopes in reader.read(dict(at)):
                self._taken(topic, envelopes, at)
                yield

    def _taken(self, topic: str, envelopes: list[Envelope], at: dict[int, int]) -> None:
        self._views.take(topic, envelopes)
        at |= {envelope.partition: envelope.offset + 1 for envelope in envelopes}

    def _first(self, topic: str, reader: TopicReader, partition: int) -> int:
        if topic in RECENT:
            return reader.at_time(partition, now_ms() - self._recent_ms)
        return reader.span(partition)[0]
