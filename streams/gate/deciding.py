"""Deciding: a batch goes to the ledger in parts.

While the ledger decides one part, the next is judged and the one before is published, so that both processes work at
the same time. All parts belong to one transaction: nothing of a batch is committed without the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from toolgate.streams.gate.points import PAUSE
from toolgate.streams.ports import CONTROL, Share, StaleControlError, UnavailableError, UnverifiedError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.processors.control_state import ControlState
    from toolgate.streams.gate.intake import Intake, Item, Reading
    from toolgate.streams.gate.steering import Steering
    from toolgate.streams.ports import Decision, Ledger, Reply, TopicPartition

    Pairs = list[tuple[Item, Decision]]
    Publish = Callable[[Pairs, Reply], None]

TRIES = 3


class Place(Protocol):
    """A topic-partition that is owned: its epoch, committed offset, and consumer position before the batch."""

    epoch: int
    committed: int
    position: int


@dataclass(slots=True)
class Part:
    """Some readings of a batch, and what is asked about them. `starts`: the positions before it."""

    readings: Sequence[Reading]
    starts: Mapping[TopicPartition, int]
    ctl: int
    items: dict[TopicPartition, list[Item]]
    shares: list[Share]


class Deciding:
    """Lets the ledger decide batches, under the control position that it stands at."""

    def __init__(self, ledger: Ledger, intake: Intake, steering: Steering, part_size: int) -> None:
        self._ledger = ledger
        self._intake = intake
        self._steering = steering
        self._part_size = part_size

    def run(
        self, envelopes: Sequence[Envelope], held: Mapping[TopicPartition, Place], publish: Publish
    ) -> Iterator[str]:
        """Read and decide all records; `publish` gets them with their decisions, part by part in the order of `seq`.

        Without records the ledger is asked all the same: it forgets what is committed.

        Raises:
            LedgerError: what was published is not to be committed.
        """
        # All of them first: what fails here, as an unreachable Schema Registry does, leaves no transaction behind.
        readings = [self._intake.read(envelope) for envelope in envelopes]
        ends = {tp: place.position for tp, place in held.items()}
        ahead: Part | None = None
        for start in range(0, max(len(readings), 1), self._part_size):
            part = self._judged(readings[start : start + self._part_size], held, ends)
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
            if envelopes:
                yield "produce"
                publish(self._pairs(ahead, reply), reply)

    def _judged(
        self,
        readings: Sequence[Reading],
        held: Mapping[TopicPartition, Place],
        starts: Mapping[TopicPartition, int],
    ) -> Part:
        ctl, state = self._steering.position, self._steering.state
        items: dict[TopicPartition, list[Item]] = {tp: [] for tp in held}
        for reading in readings:
            envelope = reading.envelope
            items[envelope.topic, envelope.partition].append(self._item(reading, state))
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
        return Part(readings, starts, ctl, items, shares)

    def _item(self, reading: Reading, state: ControlState) -> Item:
        envelope = reading.envelope
        refused = self._steering.refused(envelope.offset) if envelope.topic == CONTROL else None
        return self._intake.item(reading, state, refused)

    def _reply(self, part: Part, held: Mapping[TopicPartition, Place]) -> Generator[str, None, Reply]:
        """The reply about a part that was sent; judged and sent again when control has moved on meanwhile."""
        tries = 0
        while True:
            yield "receive"
            try:
                return self._ledger.receive()
            except StaleControlError as error:
                yield from self._catch_up(error.ctl)
                again = self._judged(part.readings, held, part.starts)
                part.ctl, part.items, part.shares = again.ctl, again.items, again.shares
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
        position = self._steering.position
        return [
            (item, decision)
            if decision.ctl == position
            else (self._item(item.reading, self._steering.state_at(decision.ctl)), decision)
            for items, decisions in zip(part.items.values(), reply.decisions, strict=True)
            for item, decision in zip(items, decisions, strict=True)
        ]
