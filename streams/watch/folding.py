"""Folding: the agents that read topics into tables. One task a stream, record by record, each idempotent by its place.

An agent that fails must not go on: Faust would read the next record, and commit past the one that failed. So whatever
is not understood ends the process, and the next one begins at what is committed.

What a record has people told is told before a table has it: whoever is killed in between reads the record again, and
tells it again under the same id. The other way round the table would know the record, and nobody would be told.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, cast

import structlog

from toolgate.processors.case import Envelope
from toolgate.schemas.codec import Codec, DecodeCode, DecodeError
from toolgate.schemas.records import Denial, Pulse, Result, Review
from toolgate.streams.watch import application
from toolgate.streams.watch.figures import MINUTE_MS, Figures, loaded, written
from toolgate.streams.watch.open_runs import OpenRuns
from toolgate.streams.watch.runs import Runs
from toolgate.streams.watch.transport import FAULT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    import faust

    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings
    from toolgate.streams.watch.transport import Consumer
    from toolgate.streams.watch.watching import Watching

    Taking = Callable[[Any, Any], Awaitable[None]]

JUDGED_MS_MAX = 86_400_000
AGAIN_MS = 5 * MINUTE_MS
_PAUSE_S = 1.0
_log = structlog.get_logger()


class Folding:
    """What the application remembers, and the agents that feed it.

    Args:
        app: without agents.
        settings: which prefix.
        registry: where schema ids come from.
        watching: what is made of it; told of each minute that a partition has passed, and of what runs do.
    """

    def __init__(self, app: faust.App, settings: Settings, registry: Registry, watching: Watching) -> None:
        self.figures = Figures()
        self.runs = Runs()
        self.open = OpenRuns()
        self.rebuilds = 0
        self.unreadable = 0
        self.judged = 0  # minutes of workflows
        self.waits = False  # a pulse for minutes before it: many, where it ends a long silence
        self._app = app
        self._watching = watching
        self._pulse_topic = settings.topic("pulse")
        self._rows = application.table(
            app, application.FIGURES, "What happened to workflows, by version and time"
        )
        self._remembered = application.table(
            app, application.RUNS, "What runs and agents did again and again, accounts people were warned of"
        )
        self._still_open = application.table(
            app, application.OPEN, "Runs whose agents have not said what came of them"
        )
        self.folded: dict[tuple[str, int], int] = {}  # by topic and partition: the last record's offset
        self._minutes: dict[int, int] = {}  # by partition: up to when its minutes have been judged
        for name, record, take in (
            ("pulse", Pulse, self._pulse),
            ("denials", Denial, self._denial),
            ("results", Result, self._result),
            ("reviews", Review, self._review),
        ):
            self._agent(application.source(app, settings, name), name, Codec(record, registry), take)
        app.on_rebalance_complete.connect(self._rebuild)

    def owned(self) -> frozenset[int]:
        """The partitions of workflows that are this worker's."""
        assigned = self._app.consumer.assignment()
        return frozenset(tp.partition for tp in assigned if tp.topic == self._pulse_topic)

    async def until(self, now_ms: int) -> None:
        """Judge the minutes that have ended by a clock, where nothing is left to be read that might belong to them.

        Of a partition of which nobody knows whether something is left, nothing is judged.
        """
        behind = cast("Consumer", self._app.consumer).behind(self.folded)
        for partition in self.owned():
            if behind.get((self._pulse_topic, partition)) == 0:
                await self._minutes_over(partition, now_ms)

    def _agent(self, topic: Any, name: str, codec: Codec[Any], take: Taking) -> None:
        async def agent(stream: Any) -> None:
            async for event in stream.events():
                try:
                    record = await self._decoded(event.message, codec, name)
                    if record is not None:
                        await take(event.message, record)
                    self.folded[event.message.topic, event.message.partition] = event.message.offset
                except asyncio.CancelledError:
                    raise
                except Exception:  # noqa: BLE001 - whatever it is: see above
                    _log.exception("a record was not understood", topic=name, offset=event.message.offset)
                    os._exit(FAULT)

        self._app.agent(topic, name=f"watch-{name}", concurrency=1)(agent)

    async def _decoded(self, message: Any, codec: Codec[Any], name: str) -> Any:
        """The record; None of one that is none, which the gate never writes: it is counted and passed over.

        What a newer gate has written is no such record: whoever passed over it would have the wrong figures for good.
        """
        while True:
            try:
                return codec.decode(message.value)
            except DecodeError as error:
                if error.reason_code == DecodeCode.UNKNOWN_SCHEMA and name in application.BY_GATE:
                    _log.error("a newer gate writes: upgrade the watch, it goes on from here", topic=name)
                    raise
                if not error.undecided:
                    self.unreadable += 1
                    _log.warning("a record cannot be read", topic=name, offset=message.offset, why=str(error))
                    return None
            await asyncio.sleep(_PAUSE_S)  # the Schema Registry is silent: it may be a good record

    async def _pulse(self, message: Any, pulse: Pulse) -> None:
        self.waits = True
        await self._minutes_over(message.partition, pulse.clk)
        self.waits = False
        for level in self._watching.reached(pulse):
            told, new = self.runs.stands(message.partition, message.offset, pulse, level)
            if new:
                await self._watching.warned(pulse, level)
            _write(self._remembered, told)
        changes, silent = self.open.take(message.partition, pulse)
        _write(self._rows, written(self.figures.take(message.partition, message.offset, pulse, silent)))
        if silent:  # counted for good before they are forgotten
            await self._rows.kept()
        _write(self._still_open, changes)

    async def _review(self, message: Any, review: Review) -> None:
        envelope = Envelope(
            "reviews",
            message.partition,
            message.offset,
            _time_ms(message),
            message.key,
            message.value,
            tuple(message.headers or ()),
        )
        if self._watching.believes(envelope, review):
            drawn = self._watching.drew(review)
            changes = self.figures.hear(
                message.partition, message.offset, review, _time_ms(message), drawn=drawn
            )
            _write(self._rows, written(changes))

    async def _denial(self, message: Any, denial: Denial) -> None:
        changes, seen = self.runs.denied(message.partition, message.offset, denial)
        if seen:
            await self._watching.repeated(seen)
        _write(self._remembered, changes)

    async def _result(self, message: Any, result: Result) -> None:
        changes, seen = self.runs.ended(message.partition, message.offset, result, _time_ms(message))
        if seen:
            await self._watching.repeated(seen)
        if changes:
            await self._watching.completed(result, _time_ms(message))
        _write(self._remembered, changes)

    async def _minutes_over(self, partition: int, now_ms: int) -> None:
        """Judge each minute of a partition that has ended since the last that was; of long ones only the last day."""
        minute = now_ms - now_ms % MINUTE_MS
        judged = self._minutes.setdefault(partition, minute)
        if minute <= judged:
            return
        self._minutes[partition] = minute
        workflows, rebuilds = self.figures.of(partition), self.rebuilds
        for at_ms in range(max(judged, minute - JUDGED_MS_MAX) + MINUTE_MS, minute + MINUTE_MS, MINUTE_MS):
            for workflow in workflows:
                await self._watching.minute_over(workflow, at_ms)
                self.judged += 1
                await asyncio.sleep(0)  # a day of minutes takes long, and others have to be heard
                if self.rebuilds != rebuilds:
                    return  # it may be another worker's by now

    async def _rebuild(self, *_: Any, **__: Any) -> None:
        """After a rebalance: what is remembered is what the tables have of the partitions that are owned now."""
        cast("Consumer", self._app.consumer).forget()
        self.folded.clear()
        owned = self.owned()
        self.figures = loaded(dict(self._rows.items()), owned)
        self.runs = Runs.loaded(dict(self._remembered.items()), owned)
        self.open = OpenRuns.loaded(dict(self._still_open.items()), owned)
        # The minutes before may have been judged by nobody: what is told twice has one id.
        self._minutes = {
            partition: newest - newest % MINUTE_MS - AGAIN_MS
            for partition in owned
            if (newest := max((one.clk for one in self.figures.of(partition)), default=0))
        }
        self.rebuilds += 1


def _write(table: Any, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
    for key, value in changes:
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


def _time_ms(message: Any) -> int:
    return round(float(message.timestamp) * 1_000)
