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
_log = structlog.get_logger()


class Table(faust.Table[bytes, bytes]):
    """A table that knows what it sent and its changelog does not have yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pending: set[asyncio.Future[Any]] = set()

    def send_changelog(self, *args: Any, **kwargs: Any) -> Any:
        """Send a change to the changelog."""
        sent = super().send_changelog(*args, **kwargs)
        self.pending.add(sent)
        sent.add_done_callback(self._has)
        return sent

    async def kept(self) -> None:
        """Wait until the changelog has each row that was sent before. Nothing ends the wait but its answers."""
        if self.pending:
            await asyncio.wait(set(self.pending))

    def _has(self, sent: asyncio.Future[Any]) -> None:
        if not sent.cancelled() and (error := sent.exception()):
            _log.error("the changelog did not take a row", table=self.name, why=str(error))
            os._exit(FAULT)
        self.pending.discard(sent)


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
        """Commit once the changelogs have each row that was sent before: one by one, since brokers answer in any order.

        A row that is not taken ends the process.
        """
        tables = [table for table in self.app.tables.values() if isinstance(table, Table)]
        await asyncio.gather(*[table.kept() for table in tables])
        return bool(await super()._commit_offsets(offsets, start_new_transaction))

    async def perform_seek(self) -> None:
        """Go back to what is committed, with nothing handed on meanwhile.

        Faust hands on what comes while it asks for the offsets, and then takes the way back for a gap in the topic, of
        which no record will come: it would commit what is still being folded. Who is interrupted leaves all as it is,
        for the rebalance that did it.
        """
        reading = {tp for tp in self._get_active_partitions() if not self._is_changelog_tp(tp)}
        self.pause_partitions(reading)
        await super().perform_seek()
        self.resume_partitions(reading)

    def behind(self, folded: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        """How many offsets each assigned topic-partition is behind the last one that is stable.

        Faust has no figure for it: its consumer's position is far ahead of its agents, and between where they stand and
        the end there may be nothing but markers of transactions. So it is what was not fetched, and what was fetched
        and not `folded`, which has the offset of the last record of each that was.

        It looks, and asks nobody: the client's own question for a position waits until there is one, in a queue that
        only two may stand in, and commits have to pass through it for a rebalance to go on.
        """
        thread: Any = self._thread
        subscription = thread._consumer._subscription.subscription  # noqa: SLF001 - there is no door to it
        assignment = subscription and subscription.assignment
        unread: dict[tuple[str, int], int] = {}
        for tp in assignment.tps if assignment else ():
            state = assignment.state_value(tp)
            stable, position = state.lso, state._position  # noqa: SLF001 - its property fails where there is none
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
