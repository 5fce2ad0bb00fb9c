"""The transport: Faust's, but it reads committed records only, and commits no offset before its table has the figures.

Faust reads uncommitted records unless its own exactly-once is on, which wedges (0.15.3); so decisions that were aborted
would be counted. And it commits offsets after a flush that gives up after a tenth of a second: a crash then loses
what the changelog never got, for good, since nobody reads those records again. Where the broker refuses a row, or does
not take it in time, Faust writes a line and goes on: the process ends instead, and the next one reads it all again.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import faust
import structlog
from faust.transport.drivers import aiokafka as driver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from faust.types import TP

FAULT = 70  # the process ends so where the next one has to begin at what is committed
_PAUSE_S = 0.01
_WRITTEN_S = 20.0  # how long a commit waits for the broker; then the next one does
_log = structlog.get_logger()


class Table(faust.Table[bytes, bytes]):
    """A table that knows how much of what it sent its changelog has."""

    sent = 0
    stands = 0

    def send_changelog(self, *args: Any, **kwargs: Any) -> Any:
        """Send a change to the changelog."""
        self.sent += 1
        sent = super().send_changelog(*args, **kwargs)
        sent.add_done_callback(self._unless_refused)
        return sent

    def _on_changelog_sent(self, future: Any) -> None:
        super()._on_changelog_sent(future)
        self.stands += 1

    def _unless_refused(self, future: Any) -> None:
        if not future.cancelled() and (error := future.exception()):
            _log.error("the changelog did not take a row", table=self.name, why=str(error))
            os._exit(FAULT)


class _Thread(driver.AIOKafkaConsumerThread):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.fetched: dict[Any, int] = {}  # by topic-partition: offset of the last record that was given

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - it has no other door; a test has an aborted record
        return consumer

    async def getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's
        """What has come; notes how far that is."""
        records = await super().getmany(active_partitions, timeout)
        self.fetched |= {tp: found[-1].offset for tp, found in records.items() if found}
        return records


class Consumer(driver.Consumer):
    """Reads committed records, and commits what its tables have."""

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def _commit_offsets(
        self,
        offsets: Mapping[TP, int],
        start_new_transaction: bool = True,  # noqa: FBT001, FBT002 - Faust's
    ) -> bool:
        if not await self._written():
            return False
        return bool(await super()._commit_offsets(offsets, start_new_transaction))

    async def _written(self) -> bool:
        """Wait until the changelogs have all that was sent before; False where they do not get it."""
        goals = [(table, table.sent) for table in self.app.tables.values() if isinstance(table, Table)]
        loop = asyncio.get_running_loop()
        until = loop.time() + _WRITTEN_S
        while any(table.stands < goal for table, goal in goals):
            if loop.time() > until:
                return False
            await asyncio.sleep(_PAUSE_S)
        return True

    async def behind(self, folded: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        """How many offsets each assigned topic-partition is behind the last one that is stable.

        Faust has no figure for it: its consumer's position is far ahead of its agents, and between where they stand and
        the end there may be nothing but markers of transactions. So it is what was not fetched, and what was fetched
        and not `folded`, which has the offset of the last record of each that was.
        """
        thread: Any = self._thread
        client = thread._consumer  # noqa: SLF001 - Faust has no door to it
        unread: dict[tuple[str, int], int] = {}
        for tp in self.assignment():
            stable, position = client.last_stable_offset(tp), await thread.position(tp)
            if stable is None or position is None:
                continue
            place = (tp.topic, tp.partition)
            fetched = thread.fetched.get(tp)
            waits = 0 if fetched is None else max(0, fetched - folded.get(place, -1))
            unread[place] = max(0, stable - position) + waits
        return unread

    def forget(self) -> None:
        """After a rebalance: what was fetched before it and not folded is fetched again, by whoever has it now."""
        self._thread.fetched.clear()  # type: ignore[attr-defined]


class Transport(driver.Transport):
    """Makes such consumers."""

    Consumer = Consumer
