"""The member: one executor process in its group, with the producer that moves the group's offsets.

An assignment is answered with an empty one; nothing is fetched before the executor has read back and said where to
begin. The group's metadata is taken with the assignment and carried by every transaction until the next one: that
is what keeps a process that lost a partition from beginning a command of it.
"""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from toolgate.streams.errors import RefusedError
from toolgate.streams.log.messages import assign, envelope, take
from toolgate.streams.log.producer import TransactionalProducer, cause
from toolgate.streams.ports import Assignment, FatalError, RetryError
from toolgate.streams.settings import executor_consumer_config, executor_producer_config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from confluent_kafka import Message

    from toolgate.processors.case import Envelope
    from toolgate.streams.log.trouble import Trouble
    from toolgate.streams.ports import Output
    from toolgate.streams.settings import Settings

COMMANDS = "commands"
OPEN_S = 30.0
HAND_OVER_S = 240.0  # below the client's max.poll.interval.ms, after which the group goes on without a member
_LEAVE_S = 10.0
_log = structlog.get_logger("toolgate.executor")


class Member:
    """A consumer of commands that joins its executor's group when made. For one thread.

    Args:
        settings: where Kafka is and which prefix.
        executor_id: the group.
        trouble: takes the clients' errors.
        on_revoke: told that partitions go, and how many seconds they may be kept: none if they went already.

    Raises:
        RetryError: the broker did not answer in time.
        FatalError: it refuses transactions of this executor.
        RefusedError: the topics are missing, or may not be read.
    """

    def __init__(
        self, settings: Settings, executor_id: str, trouble: Trouble, on_revoke: Callable[[float], None]
    ) -> None:
        self._topic = settings.topic(COMMANDS)
        self._trouble = trouble
        self._on_revoke = on_revoke
        self._next: dict[int, int] = {}
        self._closing = False
        self.assignment = Assignment(0, frozenset())
        config = executor_producer_config(settings, executor_id, secrets.token_hex(4))
        self._consumer = Consumer({**executor_consumer_config(settings, executor_id), **trouble.settings()})
        self._producer = TransactionalProducer(config, settings.topic, trouble)
        try:
            for name in (self._topic, settings.topic("results")):
                self._check(name)
            self._producer.init()
        except BaseException:
            self.close()
            raise
        self._consumer.subscribe(
            [self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )

    @property
    def partitions(self) -> frozenset[int]:
        """Those of the current assignment."""
        return frozenset(partition for _, partition in self.assignment.partitions)

    def begin(self, offsets: Mapping[int, int]) -> None:
        """Fetch these partitions from these offsets on, and no others."""
        self._next = dict(offsets)
        assign(self._consumer, [TopicPartition(self._topic, p, offset) for p, offset in offsets.items()])

    def pause(self, partition: int) -> None:
        """Fetch nothing more of a partition; what was fetched and not delivered is fetched again later."""
        self._consumer.pause([TopicPartition(self._topic, partition)])

    def resume(self, partition: int) -> None:
        """Fetch a paused partition again."""
        self._consumer.resume([TopicPartition(self._topic, partition)])

    def poll(self, limit: int, timeout_s: float) -> list[Envelope]:
        """Up to `limit` commands of begun partitions, in their order; serves the group's callbacks.

        Raises:
            RefusedError: this user may not read the commands, or not as this group.
            RetryError: a position is gone; join again.
        """
        # Callbacks come within: what was fetched for an earlier assignment is dropped here, after them.
        return [
            envelope(message, COMMANDS)
            for message in take(self._consumer, limit, timeout_s)
            if self._is_next(message)
        ]

    def commit(self, outputs: Sequence[Output], offsets: Mapping[int, int]) -> None:
        """One transaction: these records, and these places in the commands.

        Raises:
            AbortError: nothing happened; the assignment may be another member's by now.
            FatalError: it is not known what happened.
        """
        places = {(COMMANDS, partition): offset for partition, offset in offsets.items()}
        for _ in self._producer.transact(outputs, places, self.assignment.metadata):
            pass

    def close(self) -> None:
        """Leave the group. The client's own close has been seen to wait for ever, so a thread of its own does."""
        if self._closing:
            return
        self._closing = True
        thread = threading.Thread(target=self._consumer.close, name="toolgate-leave", daemon=True)
        thread.start()
        thread.join(_LEAVE_S)
        self._producer.close()

    def _check(self, name: str) -> None:
        try:
            found = self._consumer.list_topics(name, OPEN_S).topics.get(name)
        except KafkaException as error:
            raise RetryError(f"{name}: {cause(error).str()}{self._trouble.because()}") from error
        if found is None or found.error is not None:
            raise RefusedError(
                "the topic does not exist, or this user may not see it",
                where=name,
                remedy="correct TOOLGATE_PREFIX, or create it: toolgate topics apply",
            )

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        if self._closing:
            return
        consumer.assign([])
        self._renew(frozenset((COMMANDS, place.partition) for place in places))
        self.assignment.metadata = consumer.consumer_group_metadata()
        _log.info("partitions assigned", partitions=sorted(self.partitions))

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        _log.info("partitions revoked", partitions=sorted(place.partition for place in places))
        self._give_up(consumer, HAND_OVER_S)

    def _lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        _log.warning("partitions lost", partitions=sorted(place.partition for place in places))
        self._give_up(consumer, 0)

    def _give_up(self, consumer: Consumer, within_s: float) -> None:
        if not self._closing:
            self._on_revoke(within_s)
            self._renew(frozenset())
            consumer.unassign()

    def _renew(self, places: frozenset[tuple[str, int]]) -> None:
        self._next = {}
        self.assignment = Assignment(self.assignment.generation + 1, places)

    def _is_next(self, message: Message) -> bool:
        if (error := message.error()) is not None:
            self._complain(error)
            return False
        partition, offset = message.partition() or 0, message.offset() or 0
        if offset < self._next.get(partition, offset + 1):
            return False
        self._next[partition] = offset + 1
        return True

    def _complain(self, error: KafkaError) -> None:
        if error.code() in _REFUSED:
            raise RefusedError(
                f"commands cannot be read: {error.str()}{self._trouble.because()}",
                where=self._topic,
                remedy="check the rights of this user: toolgate acl plan",
            )
        if error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            raise FatalError(f"{self._topic}: {error.str()}")
        self._trouble.error(error)


_REFUSED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError.SASL_AUTHENTICATION_FAILED,
    }
)
