"""The loop: read, judge, let the ledger decide, publish and commit, batch by batch.

`run` is a generator that yields the name of each point before it is passed. A worker runs through it; a test
or a simulator may stop between any two points, let another worker run, or drop the generator, which is a
crash. Nothing is in flight at `poll`: that is what makes a revocation, which happens there, safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from toolgate.streams.gate.deciding import Deciding
from toolgate.streams.gate.due import Due
from toolgate.streams.gate.points import PATIENCE, PAUSE
from toolgate.streams.gate.recovery import History, LostInputError, recover
from toolgate.streams.gate.rollups import Rollups
from toolgate.streams.gate.steering import Steering
from toolgate.streams.gate.told import DisagreementError
from toolgate.streams.gate.waiting import Waiting
from toolgate.streams.ports import (
    CONTROL,
    NOBODY,
    Assignment,
    CodeMismatchError,
    LedgerError,
    LogError,
    UnavailableError,
    UnverifiedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.registry import Registry
    from toolgate.streams.gate.intake import Intake
    from toolgate.streams.gate.items import Item
    from toolgate.streams.gate.publish import Publisher
    from toolgate.streams.ports import Decision, Ledger, Log, OnRevoke, Output, Reply, TopicPartition

log_ = structlog.get_logger("toolgate.gate")

PAUSES_MAX = 32  # between two tries to join


class ClockError(Exception):
    """A record is dated so far ahead that applying it would expire everything for good: the worker stops."""


class OtherCodeError(Exception):
    """The ledger is run by other scripts than this process has: it must not touch it."""


class Report(Protocol):
    """What the loop tells whoever watches it; called once for a batch or an event, never for a record."""

    def batch(
        self, decided: Sequence[tuple[Item, Decision]], committed: Mapping[TopicPartition, int]
    ) -> None:
        """A batch was committed, and with it these offsets."""

    def joined(self, partitions: frozenset[TopicPartition], gen: str) -> None:
        """These topic-partitions are owned now, and the ledger is of this generation."""

    def policies(self, policies: PolicySet) -> None:
        """These are in force for what is decided from now on."""

    def state(self, name: str, detail: str) -> None:
        """What the loop is at: joining, running, waiting (`detail`: "<kind of error>: ..."), recovering."""


@dataclass(slots=True)
class Held:
    """A topic-partition that this worker owns."""

    epoch: int
    committed: int
    position: int
    decided: int  # by the ledger, when it was taken
    undropped: bool = True  # the ledger may hold decisions below `committed`
    new: bool = False  # nothing was ever committed: the next transaction does


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a worker is told once."""

    slot: int
    slots: int  # how many there are: 0 .. slots - 1
    inputs: tuple[TopicPartition, ...]  # every one of the prefix
    batch_size: int = 1000
    part_size: int = 250  # of a batch: what the ledger decides at a time
    poll_s: float = 0.1
    clock_lead_ms_max: int = 300_000
    take_over_code: bool = False


class Gate:
    """One worker of the gate."""

    def __init__(  # noqa: PLR0913, PLR0917 - everything it needs, named once
        self,
        fixed: Fixed,
        make_log: Callable[[OnRevoke], Log],
        ledger: Ledger,
        intake: Intake,
        publisher: Publisher,
        report: Report,
        now_ms: Callable[[], int],
        nonce: Callable[[], str],
        registry: Registry | None = None,
    ) -> None:
        self._fixed = fixed
        self._log = make_log(self._revoked)
        self._ledger = ledger
        self._intake = intake
        self._publisher = publisher
        self._report = report
        self._now_ms = now_ms
        self._nonce = nonce
        self._registry = registry
        self._steering = Steering(self._log, ledger, intake)
        waiting = Waiting(lambda tp: self._log.bounds(tp)[1], now_ms)
        self._deciding = Deciding(ledger, intake, self._steering, waiting, fixed.part_size)
        self._due = Due(self._log, now_ms, registry)
        self._held: dict[TopicPartition, Held] = {}
        self._assignment: Assignment | None = None
        self._waiting: dict[
            TopicPartition, int
        ] = {}  # paused while the results come that their intents wait for
        self._take_over_code = fixed.take_over_code
        self._gen = ""
        self._policy_digest = ""  # of the policies that were reported last
        self._failures = 0  # since a batch was last committed
        self.stopping = False

    # --- the whole ---------------------------------------------------------------------------------------

    def run(self) -> Iterator[str]:
        """Until `stopping` is set. Every failure ends in joining again from what is committed.

        Raises:
            OtherCodeError, ClockError, LostInputError: only a person can help.
        """
        while not self.stopping:
            try:
                yield from self._join()
                while not self.stopping:
                    yield from self._round()
            except (UnverifiedError, DisagreementError) as error:
                # A rebuild also drops stored decisions that nobody may publish: they are decided anew.
                log_.warning("the ledger must be rebuilt", kind=type(error).__name__, detail=str(error))
                yield from self._guarded(self._rebuild())
            except LostInputError:
                raise
            except (LedgerError, LogError) as error:
                log_.warning("joining again", kind=type(error).__name__, detail=str(error))
                self._report.state("waiting", f"{type(error).__name__}: {error}")
                yield from self._leave(crashed=True)
                yield from self._back_off()
        yield from self._leave(crashed=False)

    def _guarded(self, steps: Iterator[str]) -> Iterator[str]:
        """Recovery steps whose failures are a reason to look again, not to end."""
        try:
            yield from steps
        except LostInputError:
            raise
        except (UnverifiedError, UnavailableError, LogError) as error:
            log_.warning("recovery interrupted", kind=type(error).__name__, detail=str(error))
            yield PAUSE
        except CodeMismatchError as error:
            raise OtherCodeError(str(error)) from error

    def _back_off(self) -> Iterator[str]:
        """Wait longer each time: a broker that is away for an hour must not be asked, and logged, 20 times a second."""
        self._failures += 1
        for _ in range(min(2**self._failures, PAUSES_MAX)):
            if self.stopping:
                return
            yield PAUSE

    def _leave(self, *, crashed: bool) -> Iterator[str]:
        """Close the log; in order, the partitions are released so that the next owner need not fence us."""
        yield "leave"
        if crashed:
            self._held.clear()
        try:
            self._log.close()
        except LogError as error:
            log_.warning("log closed with an error", detail=str(error))
        self._held.clear()
        self._assignment = None

    # --- join --------------------------------------------------------------------------------------------

    def _join(self) -> Iterator[str]:
        self._report.state("joining", "")
        self._held.clear()
        self._assignment = None
        yield "standing"
        standing = self._ledger.standing()
        if standing.code and standing.code != self._ledger.code and not self._take_over_code:
            raise OtherCodeError(f"the ledger runs code {standing.code}, I am {self._ledger.code}")
        if standing.code == self._ledger.code:
            self._take_over_code = False  # it is ours now: whoever takes it from us later keeps it
        self._gen = standing.gen
        if not standing.gen:
            raise UnverifiedError("the ledger is empty or being rebuilt")
        yield "open"
        self._log.open(self._fixed.slot)
        yield "control"
        self._follow()

    def _follow(self) -> None:
        """Read control, and see that we can judge under what it says before anything is asked of us."""
        self._steering.follow()
        policies = self._intake.in_force(self._steering.state)
        if policies.digest != self._policy_digest:
            self._policy_digest = policies.digest
            self._report.policies(policies)

    def _settle_in(self, assignment: Assignment) -> Iterator[str]:
        """Take over what the group assigned: fence who did not release it, own it, begin at what is committed."""
        self._held.clear()
        self._assignment = assignment
        owners = {tp: self._ledger.owner(tp) for tp in sorted(assignment.partitions)}
        strangers = {slot for slot, _ in owners.values()} - {self._fixed.slot, NOBODY}
        if strangers:
            yield "fence"
            self._log.fence(sorted(strangers))
        yield "take"
        epochs = {tp: self._ledger.take(tp, self._fixed.slot, owner) for tp, owner in owners.items()}
        yield "committed"
        committed = self._log.committed(epochs)
        missing = [tp for tp in epochs if tp not in committed]
        if missing:
            history = History(self._log, missing, self._registry)
            yield from history.read()
            yield from ("read" for _ in history.entries())
            committed |= {tp: history.next_offset(tp) for tp in missing}
        for tp, epoch in epochs.items():
            offset = committed[tp]
            self._held[tp] = Held(epoch, offset, offset, self._ledger.decided(tp), new=tp in missing)
            self._log.seek(tp, offset)
        self._due.read()
        self._report.joined(assignment.partitions, self._gen)
        self._report.state("running", "")

    def _revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Called inside `poll` and `close`, when nothing is in flight and the last commit is done."""
        # In one order, or a simulated history would hang on how names are hashed.
        for tp in sorted(partitions):
            held = self._held.pop(tp, None)
            if held is not None:
                self._ledger.release(tp, self._fixed.slot, held.epoch)

    # --- rounds ------------------------------------------------------------------------------------------

    def _round(self) -> Iterator[str]:
        yield "poll"
        envelopes = self._log.poll(self._fixed.batch_size, self._fixed.poll_s)
        waiting, self._waiting = self._waiting, {}
        assignment = self._log.assignment()
        if self._assignment is None or assignment.generation != self._assignment.generation:
            # What this poll brought belongs to no position yet: it comes again after `seek`.
            yield from self._settle_in(assignment)
            return
        if not self._held:
            return
        for tp, offset in waiting.items():  # this poll was for what they wait for
            self._log.seek(tp, offset)
        yield "control"
        self._follow()
        ticks = self._due.ticks(self._held)
        if not envelopes and not ticks and not any(held.undropped for held in self._held.values()):
            return
        self._check_clocks(envelopes)
        # What our own consumer brought of control must be applied before it is audited.
        yield from self._steering.reach(
            max((e.offset + 1 for e in envelopes if e.topic == CONTROL), default=0)
        )
        after = {e.offset: self._steering.holds_after(e.offset) for e in envelopes if e.topic == CONTROL}
        yield from self._batch(envelopes, after, ticks, assignment)

    def _batch(
        self,
        envelopes: Sequence[Envelope],
        after: Mapping[int, int],
        ticks: list[Output],
        assignment: Assignment,
    ) -> Iterator[str]:
        """Decide, publish and commit, in one transaction; `ticks` are inputs that go with it."""
        decided: list[tuple[Item, Decision]] = []
        rollups = Rollups()
        told: list[Output] = []

        def publish(pairs: list[tuple[Item, Decision]], reply: Reply) -> None:
            outputs = self._publisher.outputs(pairs, reply, after, rollups)
            self._log.produce(outputs)
            decided.extend(pairs)
            told.extend(output for output in outputs if output.topic in self._due.topics)

        waiting = yield from self._deciding.run(envelopes, self._held, publish)
        for tp in waiting:
            self._log.pause(tp)
        self._waiting = waiting
        ends = {(envelope.topic, envelope.partition): envelope.offset + 1 for envelope in envelopes} | waiting
        if not decided and not ticks:
            for held in self._held.values():
                held.undropped = False
            return
        self._log.produce([*self._publisher.pulses(rollups), *ticks])
        new = {tp: held.position for tp, held in self._held.items() if held.new}
        yield from self._log.commit(new | ends, assignment)
        for tp, held in self._held.items():
            held.undropped = tp in ends
            held.new = False
            held.committed = held.position = ends.get(tp, held.position)
        self._due.see(told)
        self._due.wrote(ticks)
        self._failures = 0
        if decided:
            self._report.batch(decided, {tp: held.committed for tp, held in self._held.items()})

    def _check_clocks(self, envelopes: Sequence[Envelope]) -> None:
        latest = self._now_ms() + self._fixed.clock_lead_ms_max
        for envelope in envelopes:
            if envelope.time_ms > latest:
                raise ClockError(
                    f"{envelope.topic}[{envelope.partition}] at {envelope.offset} is dated {envelope.time_ms}, "
                    f"more than {self._fixed.clock_lead_ms_max} ms ahead of this machine"
                )

    # --- recovery ----------------------------------------------------------------------------------------

    def _rebuild(self) -> Iterator[str]:
        """Rebuild the ledger, unless somebody has done so since or is at it."""
        self._report.state("recovering", "")
        yield from self._leave(crashed=True)
        patience = full = PATIENCE + self._fixed.slot  # not all at once
        last = ("", 0)
        while patience:
            yield "standing"
            standing = self._ledger.standing()
            if standing.gen and standing.gen != self._gen:
                return
            if not standing.rec:
                break
            patience = patience - 1 if (standing.rec, standing.beat) == last else full
            last = (standing.rec, standing.beat)
            yield PAUSE
        log_.info("rebuilding the ledger", slot=self._fixed.slot)
        yield from recover(
            self._log,
            self._ledger,
            self._nonce(),
            self._fixed.inputs,
            range(self._fixed.slots),
            take_over_code=self._take_over_code,
            registry=self._registry,
        )
        self._take_over_code = False
