"""The snapshot process: writes the accounts as of a stable seq, so that a recovery begins there.

A process of its own and not a task of a worker: folding takes time, and a worker has none. There may be
several: each one that starts fences the one before it by their common transactional id, and a snapshot is one
transaction.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from toolgate.streams import topic_admin
from toolgate.streams.gate import snapshots
from toolgate.streams.gate.snapshotter import Snapshotter
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.log.producer import TransactionalProducer
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import AbortError, RetryError
from toolgate.streams.settings import producer_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

EVERY_S = 60.0
EVERY_EVENTS = 100_000
LOOK_S = 1.0
_log = structlog.get_logger("toolgate.snapshots")


class SnapshotWriter:
    """Follows the audit and writes snapshots of it. For one thread.

    Raises, from every method:
        RetryError: the broker did not answer; the same call may be made again.
        FatalError: another snapshot process has taken over, or the broker refuses.
        LogError: the audit or the snapshots cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Fences the snapshot process before it and reads the newest snapshot."""
        self._settings = settings
        self._clock = clock
        self._log = KafkaLog(settings, lambda _: None)
        name = f"{settings.prefix}-snapshots"
        self._producer = TransactionalProducer(
            {**producer_config(settings, settings.slot), "transactional.id": name, "client.id": name},
            settings.topic,
            Trouble(),
        )
        self._producer.init()
        self._snapshotter = Snapshotter(self._log, registry)
        self._written_seq = self._snapshotter.seq
        self._written_s = clock()
        self._written_end = self._end()

    def due(self) -> bool:
        """Whether 60 s or 100,000 audit events have passed since the last one."""
        if self._clock() - self._written_s >= EVERY_S:
            return True
        return self._end() - self._written_end >= EVERY_EVENTS

    def write(self) -> snapshots.Snapshot | None:
        """Write a snapshot of what is stable by now; None when that is what the last one has."""
        end = self._end()
        snapshot = self._snapshotter.follow()
        if new := snapshot.seq > self._written_seq:
            for _ in self._producer.transact(snapshots.outputs(snapshot), {}, None):
                pass
            self._snapshotter.written(snapshot)
            self._written_seq = snapshot.seq
        self._written_s, self._written_end = self._clock(), end
        return snapshot if new else None

    def close(self) -> None:
        """Drop producer and readers."""
        self._producer.close()
        self._log.close()

    def _end(self) -> int:
        """Audit events so far, with the markers between them."""
        return sum(self._log.bounds(("audit", p))[1] for p in range(self._settings.partitions))


def run(settings: Settings, stopping: Callable[[], bool], registry: Registry | None = None) -> None:
    """Write snapshots as they become due, until `stopping` says so.

    Raises:
        RefusedError, UnreachableError: the topics are not as they must be.
        FatalError: another snapshot process has taken over.
    """
    topic_admin.check(topic_admin.connect(settings), settings)
    writer = SnapshotWriter(settings, registry)
    _log.info("following the audit", kafka=settings.bootstrap_servers, prefix=settings.prefix)
    try:
        while not stopping():
            try:
                if writer.due():
                    _tell(writer.write())
            except (RetryError, AbortError) as error:  # nothing is lost: the next one has it all
                _log.warning("no snapshot", detail=str(error))
            time.sleep(LOOK_S)
    finally:
        writer.close()


def write_once(settings: Settings, registry: Registry | None = None) -> snapshots.Snapshot | None:
    """One snapshot now; None when the last one has everything. Raises as `run` does, and RetryError."""
    topic_admin.check(topic_admin.connect(settings), settings)
    writer = SnapshotWriter(settings, registry)
    try:
        return writer.write()
    finally:
        writer.close()


def _tell(snapshot: snapshots.Snapshot | None) -> None:
    if snapshot is not None:
        accounts = len(snapshot.accounts)
        reservations = sum(len(values) for part in snapshot.reserved for _, values in part.buckets) // 2
        _log.info("snapshot written", seq=snapshot.seq, accounts=accounts, reservations=reservations)
