"""The executor: runs approved commands, each by the function of its tool, at most once on whatever host."""

from __future__ import annotations

import math
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import structlog
from confluent_kafka import KafkaException

from toolgate.processors.limits import HOLD_MS
from toolgate.schemas.codec import DecodeError
from toolgate.schemas.records import Command, Result
from toolgate.sdk import connecting
from toolgate.sdk.effects import Effects
from toolgate.sdk.errors import SdkError
from toolgate.sdk.history import key_of
from toolgate.sdk.lanes import FULL, Item, Lane, Lanes
from toolgate.sdk.member import HAND_OVER_S, Member
from toolgate.sdk.readback import Codecs, read_back
from toolgate.sdk.reports import Reports
from toolgate.sdk.rounds import Rounds
from toolgate.sdk.stops import Stops
from toolgate.sdk.wire import Wire, decode, place_of
from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.log.producer import cause
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import FatalError, LogError, RetryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType, TracebackType

    from toolgate.processors.case import Envelope
    from toolgate.processors.keyring import ExecutorKey
    from toolgate.sdk.answer import Handler
    from toolgate.streams.settings import Settings

JOINS_MAX = 20  # in a row without a transaction, none of them steady
STEADY_S = 60.0  # a take-over that stood for so long was a good one, even when there was nothing to run
_POLL_S = 0.05
_ROOM_S = 0.01
_PAUSE_S = 10.0
_BATCH = 100
_log = structlog.get_logger("toolgate.executor")


class Executor:
    """Runs the commands of some tools; processes with the same executor id share them.

    Before an effect, the command's STARTED and its place in the commands are one committed transaction. Whoever is
    given a partition reads its results back: a command that has an end is not run again, one that was started and
    has none is run again if its tool is idempotent and ends as `unknown` otherwise. What has expired, or what an
    operator has stopped, is not run: it ends as `void` if it was not begun. Control is looked at again right before
    each effect; while it cannot be read, everything counts as stopped.

    Example:
        >>> executor = Executor.connect("desk-1", tools, parallel=4)  # doctest: +SKIP
        >>> executor.serve()  # until SIGTERM or Ctrl-C  # doctest: +SKIP

        >>> with Executor.connect("desk-1", tools):  # in a thread, until the block ends  # doctest: +SKIP
        ...     ...

    Args:
        settings: where Kafka is and which prefix; an executor needs no Redis.
        key: signs the results; the gate believes them for the tools that its globs match.
        tools: the function of each tool: `Tools`, or any mapping of handlers. Commands of other tools are left to
            other executors.
        now_ms: the clock that commands expire by; it never counts as earlier than the newest command.
        stops: what the operators have stopped; by default what lies on the control topic, whoever signed it.
            `Stops(settings, keyring)` believes only the operators of a keyring.
        parallel: how many commands may run at once, in as many threads; those of one run never do.

    Raises:
        SdkError: the key may not answer for one of the tools.
        UnreachableError: the Schema Registry of the settings does not answer.
    """

    def __init__(  # noqa: PLR0913
        self,
        settings: Settings,
        key: ExecutorKey,
        tools: Mapping[str, Handler],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        stops: Stops | None = None,
        *,
        parallel: int = 1,
    ) -> None:
        for tool in tools:
            if key.pattern.fullmatch(tool) is None:
                raise SdkError(
                    f"key {key.kid} may not answer for tool {tool}: its tools are {', '.join(key.tools)}",
                    remedy="leave the tool to another executor, or add it to the key's tools at the gate",
                )
        self._settings = settings
        self._key = key
        self._tools = dict(tools)
        self._stops = stops or Stops(settings)
        wire = Wire(settings)
        self._codecs = Codecs(wire.codec(Command), wire.codec(Result))
        self._trouble = Trouble()
        reports = Reports(settings, key, wire)
        self._effects = Effects(self._tools, reports, parallel)
        self._lanes = Lanes()
        lead_ms = settings.clock_lead_ms_max
        self._rounds = Rounds(
            key.executor_id, self._lanes, self._effects, reports, self._stops, now_ms, lead_ms
        )
        self._joins = 0  # since the last transaction or steady membership
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @classmethod
    def connect(
        cls, kid: str, tools: Mapping[str, Handler], *, parallel: int = 1, **overrides: Any
    ) -> Executor:
        """An executor by the environment: `TOOLGATE_BOOTSTRAP_SERVERS`, `TOOLGATE_KEYS_FILE` and so on.

        Args:
            kid: its key in the keyring, whose operators are the ones believed.
            tools: see the class.
            parallel: see the class.
            **overrides: settings that win over the environment.

        Raises:
            SettingsError, LoadError: a setting, the keyring or the key is missing or faulty.
        """
        settings, keyring = connecting.from_environment(overrides)
        key = connecting.pick("executor", kid, keyring.executors, settings)
        return cls(settings, key, tools, stops=Stops(settings, keyring), parallel=parallel)

    def stop(self) -> None:
        """Begin nothing more; `run` ends when what runs is done and reported. From any thread."""
        self._stopping.set()

    def serve(self) -> None:
        """`run` until SIGTERM or SIGINT, then end in order; for the main thread of a process of its own."""
        with _signals(self.stop):
            self.run()

    def run(self) -> None:
        """Run commands until `stop`.

        Raises:
            RefusedError: Kafka refuses this executor, or has no topics of this prefix; or a newer gate writes commands.
            UnreachableError: Kafka does not answer at the start, or for long.
            NotSentError: an end could not be reported.
        """
        try:
            while not self._stopping.is_set():
                self._belong()
        finally:
            self._effects.close()
            self._stops.close()

    def check(self) -> None:
        """Raise what ended an executor that works in the background, if anything did."""
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._in_background, name="toolgate-executor", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()
        if error is None:
            self.check()

    def _in_background(self) -> None:
        try:
            self.run()
        except BaseException as error:  # noqa: BLE001 - raised by `check` where somebody hears of it
            _log.error("executor ended", detail=str(error))
            self._failure = error

    # --- membership ---------------------------------------------------------------------------------------

    def _belong(self) -> None:
        """Be a member until told to stop, or until something is not understood: then join again."""
        try:
            member = Member(self._settings, self._key.executor_id, self._trouble, self._hand_over)
        except LogError as error:
            self._failed(error, opened=False)
            return
        failure: LogError | None = None
        try:
            self._work(member)
        except LogError as error:
            failure = error
        except KafkaException as error:
            failure = RetryError(cause(error).str() + self._trouble.because())
        finally:
            self._lanes.reset({})
            self._effects.rest(HAND_OVER_S)  # whoever comes next must not take for dead what still runs
            member.close()
        if failure is not None:
            self._failed(failure, opened=True)

    def _failed(self, error: LogError, *, opened: bool) -> None:
        first, self._joins = self._joins == 0 and not opened, self._joins + 1
        if first or self._joins >= JOINS_MAX:
            refused, remedy = False, "start Kafka, or correct TOOLGATE_BOOTSTRAP_SERVERS"
            if isinstance(error, FatalError):
                refused, remedy = True, "check the rights of this user: toolgate acl plan"
            elif isinstance(error.__cause__, DecodeError):
                remedy = "start the Schema Registry, or correct TOOLGATE_SCHEMA_REGISTRY_URL"
            raise (RefusedError if refused else UnreachableError)(
                f"commands cannot be run: {error}", where=self._settings.bootstrap_servers, remedy=remedy
            ) from error
        _log.warning("joining again", detail=str(error), tries=self._joins)
        self._stopping.wait(min(0.2 * 2**self._joins, _PAUSE_S))

    def _hand_over(self, within_s: float) -> None:
        """Before partitions go: begin nothing more, and let what runs be reported."""
        self._lanes.reset({})
        if not self._effects.rest(within_s):
            _log.warning("partitions go while tools run", commands=len(self._effects.running()))

    def _work(self, member: Member) -> None:
        generation, taken_s = member.assignment.generation, math.inf
        while not self._stopping.is_set():
            timeout_s = _POLL_S
            if self._lanes.waiting:  # for room, or for the end of what their run does
                self._effects.breathe(_ROOM_S)
                timeout_s = 0
            for envelope in member.poll(_BATCH, timeout_s):
                self._receive(member, envelope)
            self._effects.check()
            if member.assignment.generation != generation:
                generation = member.assignment.generation
                self._take_over(member)
                taken_s = time.monotonic()
            if self._rounds.go(member) or time.monotonic() - taken_s >= STEADY_S:
                self._joins = 0
        self._effects.rest(None)
        self._effects.check()
        self._rounds.finish(member)

    def _take_over(self, member: Member) -> None:
        """Read back what is known of the partitions that were just given, and begin where that ends."""
        if not member.partitions:
            return
        ours = self._effects.running()  # before reading: what ends meanwhile is no stranger's
        now_ms = self._rounds.now_ms()
        from_ms = now_ms - HOLD_MS - self._settings.clock_lead_ms_max
        starts = read_back(
            self._settings,
            self._key.executor_id,
            member.partitions,
            self._tools,
            from_ms,
            self._codecs,
            self._trouble,
        )
        lanes = {p: Lane(p, start.offset, start.history, now_ms) for p, start in starts.items()}
        for p, start in starts.items():
            for left in start.unended:
                if key_of(left.start) not in ours:
                    lanes[p].items.append(Item(start.offset, left.command, left.start))
        self._lanes.reset(lanes)
        member.begin({p: start.offset for p, start in starts.items()})

    def _receive(self, member: Member, envelope: Envelope) -> None:
        self._rounds.seen(envelope.time_ms)
        command: Command | None = None
        try:
            command = decode(self._codecs.commands, envelope)
        except DecodeError as error:
            _log.error("unreadable command passed over", place=place_of(envelope), detail=str(error))
        if command is not None and command.tool not in self._tools:
            command = None
        lane = self._lanes.add(envelope.partition, Item(envelope.offset + 1, command))
        if lane is not None and len(lane.items) >= FULL and not lane.paused:
            lane.paused = True
            member.pause(lane.partition)


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT stop in order; the second one of them does as it did before."""

    def first(number: int, _frame: FrameType | None) -> None:
        _log.info("stopping when what runs is done", signal=signal.Signals(number).name)
        signal.signal(number, before[number])
        stop()

    before: dict[int, Any] = {
        int(number): signal.signal(number, first) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
