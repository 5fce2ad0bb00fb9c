"""Rounds: what is taken of the lanes is committed in one transaction, and only then are effects begun."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.processors.limits import HOLD_MS
from toolgate.schemas.enums import ResultStatus
from toolgate.schemas.frozen import changed
from toolgate.sdk.history import History, Todo, todo
from toolgate.sdk.lanes import LOW
from toolgate.sdk.reports import begun, ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.records import Command, Result
    from toolgate.sdk.effects import Effects
    from toolgate.sdk.lanes import Item, Lane, Lanes
    from toolgate.sdk.member import Member
    from toolgate.sdk.reports import Reports
    from toolgate.sdk.stops import Stops
    from toolgate.streams.ports import Output

PASS_S = 1.0  # how long the place behind commands of other tools may stay uncommitted
EXPIRED = "expired before this executor could run it"
DIED = "an executor began it and did not report its end: its effect may have happened"


@dataclass(slots=True)
class _Round:
    """What one transaction holds, and what may begin after it. `touched`: where its partitions stand."""

    room: int
    runs: set[str]
    outputs: list[Output] = field(default_factory=list)
    touched: dict[int, int] = field(default_factory=dict)
    starts: list[tuple[int, Command, Result]] = field(default_factory=list)

    def may_begin(self, command: Command) -> bool:
        """Whether there is room, and nothing else of its run is at work: a run's commands keep their order."""
        return len(self.starts) < self.room and command.run_id not in self.runs


class Rounds:
    """Decides about fetched commands, commits, begins. For the executor's thread."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it brings together
        self,
        executor_id: str,
        lanes: Lanes,
        effects: Effects,
        reports: Reports,
        stops: Stops,
        clock_ms: Callable[[], int],
        lead_ms: int,
    ) -> None:
        self._executor_id = executor_id
        self._lanes = lanes
        self._effects = effects
        self._reports = reports
        self._stops = stops
        self._clock_ms = clock_ms
        self._lead_ms = lead_ms
        self._newest_ms = 0
        self._committed_s = time.monotonic()

    def seen(self, time_ms: int) -> None:
        """A command was appended then."""
        self._newest_ms = max(self._newest_ms, time_ms)

    def now_ms(self) -> int:
        """Never earlier than the newest command: with a clock that is slow, what has expired would be run."""
        return max(self._clock_ms(), self._newest_ms)

    def go(self, member: Member) -> bool:
        """One round; whether it had a transaction.

        Raises:
            AbortError: nothing was begun; the partitions may be another member's by now.
            FatalError: it is not known whether it was committed; nothing was begun.
        """
        made = _Round(self._effects.room(), set(self._effects.running().values()))
        for lane in self._lanes.in_turn():
            self._forget(lane)
            while lane.items and self._take(lane, made):
                pass
            if lane.paused and len(lane.items) <= LOW:
                lane.paused = False
                member.resume(lane.partition)
        late = time.monotonic() - self._committed_s >= PASS_S
        offsets = self._lanes.uncommitted() | made.touched if made.touched or late else {}
        if not offsets:
            return False
        self._commit(member, made.outputs, offsets)
        for partition, command, start in made.starts:
            self._begin(partition, command, start)
        return True

    def finish(self, member: Member) -> None:
        """Commit what was passed over since the last round."""
        if offsets := self._lanes.uncommitted():
            self._commit(member, [], offsets)

    def _commit(self, member: Member, outputs: list[Output], offsets: dict[int, int]) -> None:
        member.commit(outputs, offsets)
        self._lanes.commit(offsets)
        self._committed_s = time.monotonic()

    def _take(self, lane: Lane, made: _Round) -> bool:
        """Take a lane's next item into the round; False where it has to wait."""
        item = lane.items[0]
        what, why = self._judge(lane, item)
        if what in _RUNS and item.command is not None:
            if not made.may_begin(item.command):
                return False
            start = self._start(item)
            if what == Todo.RUN:
                made.outputs.append(self._reports.output(start, lane.partition))
            made.starts.append((lane.partition, item.command, start))
            made.runs.add(item.command.run_id)
        lane.take()
        if what in _ENDS:
            end = ended(self._start(item), _ENDS[what], why)
            made.outputs.append(self._reports.output(end, lane.partition))
        if what != Todo.NOTHING:
            # Also of what moves no offset: a partition that has gone to another member fails the transaction.
            made.touched[lane.partition] = lane.offset
        return True

    def _judge(self, lane: Lane, item: Item) -> tuple[Todo, str]:
        if item.command is None:
            return (Todo.NOTHING, "") if item.start is None else (Todo.UNKNOWN, DIED)
        why = self._refusal(item.command)
        what = todo(lane.history, item.command, why)
        return what, why or DIED

    def _refusal(self, command: Command) -> str:
        """Why a command must not begin, or ""."""
        if self.now_ms() >= min(command.expires_at, command.approved_at + HOLD_MS):
            return EXPIRED
        return self._stops.why(command)

    def _start(self, item: Item) -> Result:
        """The STARTED of an item as this executor says it: read back from another key's, or new."""
        if item.start is not None:
            return changed(item.start, executor_id=self._executor_id)
        assert item.command is not None  # noqa: S101 - else there is nothing to say of it
        return begun(item.command, self._executor_id)

    def _begin(self, partition: int, command: Command, start: Result) -> None:
        if why := self._refusal(command):  # the commit may have taken long
            # Another process may by now run an idempotent one again; of any other this one alone knows.
            status = ResultStatus.UNKNOWN if command.idempotent else ResultStatus.VOID
            self._effects.refuse(partition, command, ended(start, status, why))
        else:
            self._effects.begin(partition, command, start)

    def _forget(self, lane: Lane) -> None:
        """Once all commands that it could tell anything of have expired, a history is only memory."""
        if len(lane.history) and self.now_ms() > lane.read_ms + HOLD_MS + 2 * self._lead_ms:
            lane.history = History(lane.read_ms + self._lead_ms)


_RUNS = frozenset({Todo.RUN, Todo.RUN_AGAIN})
_ENDS = {Todo.VOID: ResultStatus.VOID, Todo.UNKNOWN: ResultStatus.UNKNOWN}
