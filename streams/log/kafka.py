"""The log on Kafka: one member of the gate's consumer group and one transactional producer.

Nothing of a partition is fetched before the gate has said where to begin: an assignment from the group is
answered with an empty one, and each `seek` adds its partition at the next `poll`. Sending a partition
elsewhere is the same step, so there is no window in which a record from an old position could be delivered.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from toolgate.streams.log import reading
from toolgate.streams.log.messages import UNDELIVERABLE, assign, input_envelope, take, undeliverable
from toolgate.streams.log.places import Places
from toolgate.streams.log.producer import TransactionalProducer, cause, fence
from toolgate.streams.log.stalls import Stalls
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import CONTROL, INPUTS, Assignment, FatalError, LogError, RetryError
from toolgate.streams.settings import admin_config, consumer_config, producer_config, reader_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from confluent_kafka import Message

    from toolgate.processors.case import Envelope
    from toolgate.streams.ports import OnRevoke, Output
    from toolgate.streams.ports import TopicPartition as LogicalPartition
    from toolgate.streams.settings import Settings

URGED_MAX = 3  # polls for control alone, until one that does not come is left to come in its turn
ANSWER_S = 10.0  # how long the broker may take to tell offsets; pending commits of others count in
_log = structlog.get_logger("toolgate.log")


class KafkaLog:
    """`toolgate.streams.ports.Log` on a real cluster. For one thread."""

    def __init__(
        self,
        settings: Settings,
        on_revoke: OnRevoke,
        inputs: tuple[str, ...] = INPUTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`inputs` are the logical topics to subscribe to; `on_revoke` is called before partitions go."""
        self._settings = settings
        self._on_revoke = on_revoke
        self._inputs = inputs
        self._clock = clock
        self._logical = {settings.topic(name): name for name in inputs}
        self._trouble = Trouble()
        self._reader = reading.Reader(reader_config(settings), settings.topic, self._trouble)
        self._consumer: Consumer | None = None
        self._producer: TransactionalProducer | None = None
        self._asker: Consumer | None = None
        self._tail: reading.ControlTail | None = None
        self._stalls: Stalls | None = None
        self._places = Places(self._reader)
        self._assignment = Assignment(0, frozenset())
        self._next: dict[LogicalPartition, int] = {}  # where each sought partition goes on
        self._sought = False  # `_next` was changed by hand: assign anew
        self._tailed = 0  # behind the last control record that was tailed
        self._urged = 0  # polls for it alone
        self.positions: Mapping[LogicalPartition, int] = {}  # as of the last poll; any thread may look

    # --- the group ----------------------------------------------------------------------------------------

    def open(self, slot: int) -> None:
        """`Log.open`.

        Raises:
            RetryError: the broker did not answer in time; call again.
            FatalError: the broker refuses, with what it said.
        """
        self.close()
        config = producer_config(self._settings, slot)
        self._producer = TransactionalProducer(config, self._settings.topic, self._trouble)
        # before subscribing: offsets that the slot's past self left pending would block the next owner
        self._producer.init()
        admin = AdminClient({**admin_config(self._settings), **self._trouble.settings()})
        self._stalls = Stalls(self._reader, admin, clock=self._clock)
        self._consumer = Consumer({**consumer_config(self._settings, slot), **self._trouble.settings()})
        self._consumer.subscribe(
            list(self._logical), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        _log.info("log opened", slot=slot, group=self._settings.group_id, inputs=list(self._logical))

    def close(self) -> None:
        """`Log.close`. A static member's partitions wait for its return or the session's end.

        `on_revoke` is called while the producer can still commit. Then the consumer is dropped, not closed: the
        client's close runs group callbacks, and an assignment that arrives in them blocks for ever (seen once
        in fifty times). It would not tell the group either: a static member does not leave.
        """
        if self._assignment.partitions:
            self._give_up(self._assignment.partitions)
        self._consumer = None
        for part in (self._stalls, self._tail, self._asker, self._producer, self._places):
            if part is not None:
                part.close()
        self._stalls = self._tail = self._asker = self._producer = None

    def assignment(self) -> Assignment:
        """`Log.assignment`."""
        return self._assignment

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        tps = frozenset((self._logical[place.topic], place.partition) for place in places)
        consumer.assign([])
        self._renew(tps, consumer.consumer_group_metadata())
        _log.info("partitions assigned", generation=self._assignment.generation, partitions=sorted(tps))

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._give_up(frozenset((self._logical[place.topic], place.partition) for place in places))
        consumer.unassign()

    def _give_up(self, tps: frozenset[LogicalPartition]) -> None:
        _log.info("partitions revoked", generation=self._assignment.generation, partitions=sorted(tps))
        try:
            self._on_revoke(tps)
        except Exception:  # noqa: BLE001 - they go whatever happens; the broker fences what is unfinished
            _log.exception("on_revoke failed")
        self._renew(frozenset(), None)

    def _renew(self, tps: frozenset[LogicalPartition], metadata: object) -> None:
        self._next = {}
        self._sought = False
        self._places.forget()
        if tps or self._assignment.partitions:
            self._assignment = Assignment(self._assignment.generation + 1, tps, metadata)

    # --- records ------------------------------------------------------------------------------------------

    def seek(self, tp: LogicalPartition, offset: int) -> None:
        """`Log.seek`.

        Raises:
            LogError: `tp` is not assigned (any more).
        """
        if tp not in self._assignment.partitions:
            generation = self._assignment.generation
            raise LogError(f"{tp[0]}[{tp[1]}] is not assigned in generation {generation}: look again")
        self._next[tp] = offset
        self._sought = True

    def pause(self, tp: LogicalPartition) -> None:
        """`Log.pause`."""
        self._next.pop(tp, None)
        self._sought = True

    def poll(self, limit: int, timeout_s: float) -> list[Envelope]:
        """`Log.poll`. Returns what cannot be delivered as envelopes whose `problem` says so.

        Raises:
            FatalError: the consumer is fenced, refused, silent about readable records, or was sent to an
                offset that the broker does not have.
        """
        consumer, stalls = self._open()
        ahead: list[TopicPartition] = []
        if self._sought:
            self._sought = False
            places = [TopicPartition(self._settings.topic(n), p, at) for (n, p), at in self._next.items()]
            self._call("assign", lambda: assign(consumer, places))
        else:  # a pause right behind an assignment can overtake it within the client, which then never fetches
            ahead = self._ahead_of_control()
        try:
            if ahead:
                consumer.pause(ahead)
            assignment = self._assignment
            messages = take(consumer, limit, timeout_s)
            if ahead and assignment is self._assignment:
                consumer.resume(ahead)
        except KafkaException as error:  # a record may have been taken and lost: begin from what is committed
            raise FatalError(f"consume: {cause(error).str()}{self._trouble.because()}") from error
        found = [record for message in messages if (record := self._deliver(message, stalls)) is not None]
        found += self._settle()
        self.positions = self._positions(consumer, stalls)
        for finding in stalls.look(self.positions, drained=not ahead and len(messages) < limit):
            tp, offset = finding.tp, finding.offset
            if not finding.blocks:
                raise FatalError(f"{tp[0]}[{tp[1]}] stands at {offset}, which is readable: {finding.detail}")
            _log.error(
                "record stepped over", topic=tp[0], partition=tp[1], offset=offset, detail=finding.detail
            )
            found.append(undeliverable(*tp, offset, finding.detail))
            self.seek(tp, offset + 1)
        return found

    def _ahead_of_control(self) -> list[TopicPartition]:
        """What must wait, lest a control record that holds already is audited behind all that was fetched before it.

        Not for long: one that does not come comes in its turn.
        """
        if not self._next.get((CONTROL, 0), self._tailed) < self._tailed or self._urged >= URGED_MAX:
            return []
        self._urged += 1
        others = (tp for tp in self._next if tp[0] != CONTROL)
        return [TopicPartition(self._settings.topic(name), partition) for name, partition in others]

    def _deliver(self, message: Message, stalls: Stalls) -> Envelope | None:
        error = message.error()
        name = self._logical.get(message.topic() or "")
        tp = (name or "", message.partition() or 0)
        if error is not None:
            self._complain(error, tp, stalls, message.offset())
            return None
        offset = message.offset() or 0
        # not sought in this assignment, or behind an error that has to be looked into first
        if name is None or tp not in self._next or stalls.holds(tp):
            return None
        if offset != self._next[tp] or self._places.doubts(tp):
            self._places.hold(tp, message)
            return None
        self._next[tp] = offset + 1
        return input_envelope(message, name)

    def _settle(self) -> list[Envelope]:
        """What is to be delivered of messages that did not stand at the next offset."""
        found: list[Envelope] = []
        for tp in self._places.held():
            settled = self._places.settle(tp, self._next[tp])
            for record in settled.found:
                if record.problem:
                    where = {"topic": tp[0], "partition": tp[1], "offset": record.offset}
                    _log.error("record with a problem", **where, detail=record.problem)
            found += settled.found
            self._next[tp] = settled.next
            if settled.again:
                self.seek(tp, settled.next)
        return found

    def _complain(self, error: KafkaError, tp: LogicalPartition, stalls: Stalls, offset: int | None) -> None:
        if tp in self._places.held() and not error.fatal():
            self._places.cut(tp)
        elif error.code() in UNDELIVERABLE and tp in self._next:
            # the offset reported is the batch's first, which may have been delivered or stepped over before
            self._next[tp] = max(self._next[tp], offset or 0)
            stalls.failed(tp, self._next[tp], error.name())
        elif error.code() == KafkaError._AUTO_OFFSET_RESET and offset != self._next.get(tp):  # noqa: SLF001
            # The client has gone on from where a record said that it stands. Told of it late, it stops at the place it
            # has been sent back to meanwhile, and would stand there for ever.
            self._sought = True
        elif error.fatal() or not (error.retriable() or error.code() in _PASSING):
            where = f"{tp[0]}[{tp[1]}] at {offset}: " if tp[0] else ""
            raise FatalError(f"{where}{error.str()}{self._trouble.because()}")
        else:
            self._trouble.error(error)

    def _positions(self, consumer: Consumer, stalls: Stalls) -> dict[LogicalPartition, int]:
        """The next offset of every sought partition; the client's own count passes transaction markers."""
        if self._sought or not self._next:
            return dict(self._next)
        places = [TopicPartition(self._settings.topic(name), p) for name, p in self._next]
        passed = self._call("position", lambda: consumer.position(places))
        return {
            tp: at if stalls.holds(tp) else max(at, place.offset)
            for (tp, at), place in zip(self._next.items(), passed, strict=True)
        }

    # --- offsets ------------------------------------------------------------------------------------------

    def committed(self, tps: Iterable[LogicalPartition]) -> dict[LogicalPartition, int]:
        """`Log.committed`: waits while a transaction that carries such an offset is open. Needs no open log.

        Raises:
            RetryError: no answer within 10 s, or a commit was pending all that time.
        """
        asker = self._offsets()
        names = {(self._settings.topic(name), p): (name, p) for name, p in tps}
        if not names:
            return {}
        places = [TopicPartition(full, p) for full, p in names]
        answer = self._call("committed offsets", lambda: asker.committed(places, ANSWER_S))
        for place in answer:
            if place.error is not None:
                raise RetryError(f"committed offset of {place.topic}[{place.partition}]: {place.error.str()}")
        return {names[place.topic, place.partition]: place.offset for place in answer if place.offset >= 0}

    def bounds(self, tp: LogicalPartition) -> tuple[int, int]:
        """`Log.bounds`; needs no open log.

        Raises:
            RetryError: no answer within 10 s.
        """
        place = TopicPartition(self._settings.topic(tp[0]), tp[1])
        return reading.bounds(self._offsets(), place, ANSWER_S, self._trouble)

    def _offsets(self) -> Consumer:
        """A consumer that names the group and never joins it.

        While a member waits to be let in, the broker answers nothing else on its connection to the coordinator:
        asked there, committed offsets would come when every other member has polled.
        """
        if self._asker is None:
            group = {"group.id": self._settings.group_id}
            self._asker = Consumer({**self._reader.config, **self._trouble.settings(), **group})
        return self._asker

    # --- transactions and readers -------------------------------------------------------------------------

    def transact(
        self, outputs: Iterable[Output], offsets: Mapping[LogicalPartition, int], assignment: Assignment
    ) -> Iterator[str]:
        """`produce` and `commit` in one; its first point is "produce"."""
        return self._open_producer().transact(outputs, offsets, assignment.metadata)

    def produce(self, outputs: Iterable[Output]) -> None:
        """`Log.produce`."""
        self._open_producer().produce(outputs)

    def commit(self, offsets: Mapping[LogicalPartition, int], assignment: Assignment) -> Iterator[str]:
        """`Log.commit`. The broker fences an assignment that has passed: AbortError."""
        return self._open_producer().commit(offsets, assignment.metadata)

    def _open_producer(self) -> TransactionalProducer:
        if self._producer is None:
            raise FatalError("the log is not open")
        return self._producer

    def fence(self, slots: Iterable[int]) -> None:
        """`Log.fence`, 16 slots at a time. Fences this log's own producer too, if its slot is among them.

        Raises:
            RetryError: not all of them answered in time; call again.
        """
        fence([producer_config(self._settings, slot) for slot in slots], self._trouble)

    def read(self, topic: str, start: Mapping[int, int] | None = None) -> Iterator[Envelope]:
        """`Log.read`; needs no open log.

        Raises:
            RetryError: the broker did not answer, or nothing came for 30 s.
            LogError: the topic is missing, or records from `start` on are gone or cannot be read. Of control, what
                cannot be read is told as such: whoever rebuilds the ledger needs its place, not its word.
        """
        if topic == CONTROL and start is None:
            return reading.read_control(self._reader, topic)
        return reading.read(self._reader, topic, start)

    def tail_control(self, position: int) -> tuple[list[Envelope], int]:
        """`Log.tail_control`; needs no open log. Asks the broker at most every 100 ms.

        Raises:
            RetryError: the end was not learnt for 2 s, or a record below it cannot be read: fails closed.
        """
        if self._tail is None:
            self._tail = reading.ControlTail(self._reader, "control", clock=self._clock)
        envelopes, end = self._tail.since(position)
        if envelopes and envelopes[-1].offset >= self._tailed:
            self._tailed, self._urged = envelopes[-1].offset + 1, 0
        return envelopes, end

    def _open(self) -> tuple[Consumer, Stalls]:
        if self._consumer is None or self._stalls is None:
            raise FatalError("the log is not open")
        return self._consumer, self._stalls

    def _call(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except KafkaException as error:
            inner = cause(error)
            text = f"{what}: {inner.str()}{self._trouble.because()}"
            raise (FatalError if inner.fatal() else RetryError)(text) from error


# Errors about connections and the group's own course: the client goes on by itself.
_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001 - the library's public names of client-side errors begin so
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001 - partitions are lost; the next poll joins again
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
