"""Deciding: a batch goes to the ledger in parts.

While the ledger decides one part, the next is judged and the one before is published, so that both processes work at
the same time. All parts belong to one transaction: nothing of a batch is committed without the rest. Where rules look
at facts, a batch has two legs: results are decided before intents are judged by what they tell. So are votes: the last
one brings its call before the rules again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from toolgate.processors.memos import alters
from toolgate.schemas.enums import ResultStatus
from toolgate.schemas.records import Result, RunContract, Tick, Vote
from toolgate.streams.gate.points import PAUSE
from toolgate.streams.gate.waiting import INTENTS
from toolgate.streams.ports import (
    CONTROL,
    NOTHING,
    RejoinError,
    Share,
    StaleControlError,
    UnavailableError,
    UnverifiedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.processors.control_state import ControlState
    from toolgate.streams.gate.intake import Intake
    from toolgate.streams.gate.items import Item, Reading
    from toolgate.streams.gate.steering import Steering
    from toolgate.streams.gate.waiting import Waiting
    from toolgate.streams.ports import Decision, Ledger, Look, Reply, TopicPartition

    Pairs = list[tuple[Item, Decision]]
    Publish = Callable[[Pairs, Reply], None]

TRIES = 3


class Place(Protocol):
    """A topic-partition that is owned: its epoch, committed offset, and consumer position before the batch.

    `decided`: where the ledger had decided up to when it was taken.
    """

    epoch: int
    committed: int
    position: int
    decided: int


@dataclass(slots=True)
class Part:
    """Some readings of a batch, and what is asked about them. `starts`: the positions before it."""

    readings: Sequence[Reading]
    starts: Mapping[TopicPartition, int]
    look: Look
    ctl: int
    items: dict[TopicPartition, list[Item]]
    shares: list[Share]


class Deciding:
    """Lets the ledger decide batches, under the control position that it stands at."""

    def __init__(
        self, ledger: Ledger, intake: Intake, steering: Steering, waiting: Waiting, part_size: int
    ) -> None:
        self._ledger = ledger
        self._intake = intake
        self._steering = steering
        self._waiting = waiting
        self._part_size = part_size
        self._in_legs = False  # whether rules look at facts, as of the batch that is being decided

    def run(
        self, envelopes: Sequence[Envelope], held: Mapping[TopicPartition, Place], publish: Publish
    ) -> Generator[str, None, dict[TopicPartition, int]]:
        """Read and decide all records but those that must wait; returns at which offsets partitions wait.

        `publish` gets records with their decisions, part by part in the order of `seq`. Without records the ledger
        is asked all the same: it forgets what is committed.

        Raises:
            LedgerError: what was published is not to be committed.
        """
        # All of them first: what fails here, as an unreachable Schema Registry does, leaves no transaction behind.
        readings = [self._intake.read(envelope) for envelope in envelopes]
        ends = {tp: place.position for tp, place in held.items()}
        after = ends | {(one.topic, one.partition): one.offset + 1 for one in envelopes}
        self._in_legs = bool(readings) and (
            self._intake.remembers(self._steering.state)
            or any(isinstance(one.record, Vote | Tick) for one in readings)
        )
        decided = {tp: place.decided for tp, place in held.items()} if self._in_legs else {}
        readings, waiting = self._waiting.sort(readings, after, decided)
        for leg in self._legs(readings):
            ends = yield from self._leg(leg, ends, held, publish)
        return waiting

    def _legs(self, readings: list[Reading]) -> list[list[Reading]]:
        """What is decided before the next is judged: results first, since what they tell is judged by."""
        if not self._in_legs:
            return [readings]
        told = [one for one in readings if one.envelope.topic != INTENTS]
        asked = [one for one in readings if one.envelope.topic == INTENTS]
        return [leg for leg in (*_apart(told), asked) if leg] or [[]]

    def _leg(
        self,
        readings: list[Reading],
        ends: dict[TopicPartition, int],
        held: Mapping[TopicPartition, Place],
        publish: Publish,
    ) -> Generator[str, None, dict[TopicPartition, int]]:
        """Decide these, with what the ledger remembers before the first of them; the positions behind them."""
        look = yield from self._look(readings)
        ahead: Part | None = None
        for start in range(0, max(len(readings), 1), self._part_size):
            part = self._judged(readings[start : start + self._part_size], held, ends, look)
            ends = {(share.topic, share.partition): share.next for share in part.shares}
            reply = (yield from self._reply(ahead, held)) if ahead else None
            yield "decide"
            self._ledger.send(part.ctl, part.shares)
            if ahead and reply:
                yield "produce"
                publish(self._pairs(ahead, reply), reply)
            ahead = part
        if ahead:
            reply = yield from self._reply(ahead, held)
            if readings:
                yield "produce"
                publish(self._pairs(ahead, reply), reply)
        return ends

    def _look(self, readings: Sequence[Reading]) -> Generator[str, None, Look]:
        """What the ledger remembers that these are judged by."""
        if not self._in_legs:
            return NOTHING
        runs, counters = self._intake.wants(readings, self._steering.state)
        if not runs and not counters:
            return NOTHING
        for tries in range(1, TRIES + 1):
            yield "look"
            try:
                return self._ledger.look(runs, counters)
            except UnavailableError:
                if tries == TRIES:
                    raise
                yield PAUSE
        raise AssertionError("unreachable")

    def _judged(
        self,
        readings: Sequence[Reading],
        held: Mapping[TopicPartition, Place],
        starts: Mapping[TopicPartition, int],
        look: Look,
    ) -> Part:
        ctl, state = self._steering.position, self._steering.state
        items: dict[TopicPartition, list[Item]] = {tp: [] for tp in held}
        for reading in readings:
            envelope = reading.envelope
            items[envelope.topic, envelope.partition].append(self._item(reading, state, look))
        shares = [
            Share(
                *tp,
                place.epoch,
                place.committed,
                starts[tp],
                items[tp][-1].ask.offset + 1 if items[tp] else starts[tp],
                tuple([item.ask for item in items[tp]]),
            )
            for tp, place in held.items()
        ]
        return Part(readings, starts, look, ctl, items, shares)

    def _item(self, reading: Reading, state: ControlState, look: Look, given: str | None = None) -> Item:
        envelope = reading.envelope
        refused = self._steering.refused(envelope.offset) if envelope.topic == CONTROL else None
        return self._intake.item(reading, state, look, given, refused)

    def _reply(self, part: Part, held: Mapping[TopicPartition, Place]) -> Generator[str, None, Reply]:
        """The reply about a part that was sent; judged and sent again when control has moved on meanwhile."""
        tries = 0
        while True:
            yield "receive"
            try:
                return self._ledger.receive()
            except StaleControlError as error:
                yield from self._catch_up(error.ctl)
                if not self._in_legs and part.readings and self._intake.remembers(self._steering.state):
                    raise RejoinError("policies that look at facts have come into force") from error
                look = yield from self._look(part.readings)
                again = self._judged(part.readings, held, part.starts, look)
                part.look, part.ctl, part.items, part.shares = look, again.ctl, again.items, again.shares
            except UnavailableError:
                # The call may have happened: asked again, it answers with the decisions it stored.
                tries += 1
                if tries >= TRIES:
                    raise
                yield PAUSE
            yield "decide"
            self._ledger.send(part.ctl, part.shares)

    def _catch_up(self, ctl: int) -> Iterator[str]:
        if ctl < self._steering.position:
            raise UnverifiedError(
                f"the ledger stands at control {ctl}, I have applied {self._steering.position}"
            )
        yield from self._steering.reach(ctl)

    def _pairs(self, part: Part, reply: Reply) -> Pairs:
        """Items with their decisions. One stored by somebody else may be older than what we judged under."""
        return [
            (self._fitting(item, decision, part.look), decision)
            for items, decisions in zip(part.items.values(), reply.decisions, strict=True)
            for item, decision in zip(items, decisions, strict=True)
        ]

    def _fitting(self, item: Item, decision: Decision, look: Look) -> Item:
        """The item, judged under the control and by the facts that the decision was made with."""
        if decision.ctl == self._steering.position and decision.given == item.ask.given:
            return item
        return self._item(item.reading, self._steering.state_at(decision.ctl), look, decision.given)


def _apart(readings: Sequence[Reading]) -> list[list[Reading]]:
    """Legs such that what may change what its run remembers is judged when all that changed it are decided."""
    legs: list[list[Reading]] = [[]]
    runs: set[str] = set()
    for reading in readings:
        record = reading.record
        word = isinstance(record, Vote | Tick)
        if isinstance(record, Vote | Tick | RunContract | Result):
            if record.run_id in runs and (word or (isinstance(record, Result) and alters(record))):
                legs.append([])
                runs.clear()
            if not isinstance(record, Result) or record.status != ResultStatus.STARTED:
                runs.add(record.run_id)
        legs[-1].append(reading)
    return legs
