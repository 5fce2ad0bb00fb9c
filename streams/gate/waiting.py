"""Waiting for results: an intent that says what its agent has read is judged only when the gate has read as far.

So the order of topics never decides: what the agent knew when it asked, the gate knows when it judges. An intent that
names results which are not there, or which do not come, is denied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from toolgate.streams.gate.items import Reading
    from toolgate.streams.ports import TopicPartition

INTENTS, RESULTS = "intents", "results"
TOLD = (RESULTS, "contracts")  # what intents are judged by
JUDGED = (INTENTS, "votes")  # ... and what is judged so: the last vote brings its intent
PATIENCE_MS = 5_000  # for results that the broker has: a poll or two bring them


class Waiting:
    """Sorts out of each batch what must wait for results. `last_stable` asks the broker for a partition's end."""

    def __init__(self, last_stable: Callable[[TopicPartition], int], now_ms: Callable[[], int]) -> None:
        self._last_stable = last_stable
        self._now_ms = now_ms
        self._since: dict[TopicPartition, tuple[int, int]] = {}  # first offset that waits, and since when

    def sort(
        self,
        readings: Iterable[Reading],
        positions: Mapping[TopicPartition, int],
        decided: Mapping[TopicPartition, int],
    ) -> tuple[list[Reading], dict[TopicPartition, int]]:
        """The readings that may be judged now, and for each partition of intents that waits the offset it waits at.

        Args:
            readings: of one batch.
            positions: next offset of each owned topic-partition when the batch is done.
            decided: where results and contracts were decided up to when the partition was taken, perhaps never
                committed. What they told is known already, so nothing may be judged by it and committed without them.
        """
        ready: list[Reading] = []
        waiting: dict[TopicPartition, int] = {}
        behind = {tp[1] for tp, offset in decided.items() if tp[0] in TOLD and positions.get(tp, 0) < offset}
        for reading in readings:
            envelope = reading.envelope
            tp = (envelope.topic, envelope.partition)
            if tp in waiting:
                continue
            wanted = reading.record.results_seen_to if isinstance(reading.record, Intent) else None
            results = (RESULTS, envelope.partition)
            position = positions.get(results, 0)
            if envelope.topic in JUDGED and envelope.partition in behind:
                waiting[tp] = envelope.offset
            elif wanted is None or wanted < position:
                ready.append(reading)
            elif self._is_to_come(tp, envelope.offset, results, wanted):
                waiting[tp] = envelope.offset
            else:
                ready.append(changed(reading, unseen=True))
        self._since = {tp: since for tp, since in self._since.items() if tp in waiting}
        return ready, waiting

    def _is_to_come(self, tp: TopicPartition, offset: int, results: TopicPartition, wanted: int) -> bool:
        """Whether the results are in the log, and have not been waited for too long."""
        now = self._now_ms()
        first, since = self._since.get(tp, (offset, now))
        since = since if first == offset else now
        self._since[tp] = (offset, since)
        return now - since < PATIENCE_MS and wanted < self._last_stable(results)
