"""The last stable offsets of partitions, asked when somebody looks at the lag, at most every two seconds."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from toolgate.streams.settings import admin_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolgate.streams.ports import TopicPartition as LogicalPartition
    from toolgate.streams.settings import Settings

FRESH_S = 2.0
ANSWER_S = 2.0


class Ends:
    """Asks the broker apart from the gate's own connections; usable from several threads."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._admin = AdminClient({**admin_config(settings), "log_level": 0})
        self._lock = Lock()
        self._asked = -FRESH_S
        self._known: dict[LogicalPartition, int] = {}

    def of(self, tps: Iterable[LogicalPartition]) -> dict[LogicalPartition, int]:
        """The last stable offset of each; left out where the broker did not answer within 2 s."""
        wanted = frozenset(tps)
        with self._lock:
            if wanted - self._known.keys() or self._clock() - self._asked >= FRESH_S:
                self._known = self._ask(wanted)
                self._asked = self._clock()
            return {tp: end for tp, end in self._known.items() if tp in wanted}

    def _ask(self, tps: frozenset[LogicalPartition]) -> dict[LogicalPartition, int]:
        if not tps:
            return {}
        places = {TopicPartition(self._settings.topic(name), p): (name, p) for name, p in tps}
        answers = self._admin.list_offsets(
            dict.fromkeys(places, OffsetSpec.latest()),  # type: ignore[no-untyped-call,arg-type]
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=ANSWER_S,
        )
        known: dict[LogicalPartition, int] = {}
        for place, future in answers.items():
            try:
                known[places[place]] = future.result(ANSWER_S).offset
            except (KafkaException, TimeoutError):
                continue
        return known
