"""The inbox: the records that one endpoint is to be told of, one at a time, each until it is done with."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.log.messages import assign, envelope
from toolgate.streams.log.producer import cause
from toolgate.streams.log.reading import bounds
from toolgate.streams.ports import RetryError
from toolgate.streams.settings import notify_consumer_config, notify_group_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from toolgate.processors.case import Envelope
    from toolgate.streams.log.trouble import Trouble
    from toolgate.streams.settings import Settings

TOPICS = ("holds", "drafts", "alerts")
_ASK_S = 10.0
_STEP_S = 0.2
_REFUSED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - the library's public names of client-side errors begin so
        KafkaError.SASL_AUTHENTICATION_FAILED,
    }
)
_log = structlog.get_logger("toolgate.notify")


class Inbox:
    """A member of an endpoint's group. A place is committed when its record is done with; for one thread.

    A group without a place begins at what comes from then on, or at the beginning of what is kept, and commits that at
    once: what comes later is not missed. Kafka tells nobody whether a group is new or was away for longer than places
    are kept, so whatever is passed over is said.

    Args:
        settings: where Kafka is and which prefix.
        endpoint: whose group.
        trouble: takes the client's errors.
        stopped: whether the process is to end: then nobody waits.
        from_beginning: whether a group without a place begins with what is kept.
        passed_over: told how many records, at most, it does not begin with.
    """

    def __init__(  # noqa: PLR0913 - what it reads, and where it begins
        self,
        settings: Settings,
        endpoint: str,
        trouble: Trouble,
        stopped: Callable[[], bool],
        *,
        from_beginning: bool,
        passed_over: Callable[[int], None],
    ) -> None:
        self._stopped = stopped
        self._from_beginning = from_beginning
        self._passed_over = passed_over
        self._names = {settings.topic(topic): topic for topic in TOPICS}
        self._group = notify_group_id(settings, endpoint)
        self._trouble = trouble
        self._held: set[tuple[str, int]] = set()
        # Whose end has not been reached since they were assigned; None: nothing is assigned, or no longer.
        self._unread: set[tuple[str, int]] | None = None
        self._began: dict[tuple[str, int], int] = {}  # where this member has begun what had no place
        self._generation = 0
        self._consumer = Consumer({**notify_consumer_config(settings, endpoint), **trouble.settings()})
        self._consumer.subscribe(
            list(self._names), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    @property
    def drained(self) -> bool:
        """Whether all that there was has been taken."""
        return self._unread is not None and not self._unread

    def take(self, timeout_s: float) -> Envelope | None:
        """The next record, or None where none comes in time.

        Raises:
            RefusedError: this user may not read the topics, or not as this group.
        """
        message = self._consumer.poll(timeout_s)
        if message is None:
            return None
        error = message.error()
        if error is None:
            return envelope(message, self._names[message.topic() or ""])
        self._complain(error, message)
        return None

    def done(self, told: Envelope) -> None:
        """Whoever owns the partition next begins behind this record. Where that fails, it is told once more."""
        name = next(full for full, topic in self._names.items() if topic == told.topic)
        self._keep(self._consumer, [TopicPartition(name, told.partition, told.offset + 1)])

    def wait(self, seconds: float, told: Envelope | None = None) -> bool:
        """Let time pass without leaving the group; whether the record is still ours to tell.

        Args:
            seconds: how long, less where the record goes to another member.
            told: the record; None where there is none.
        """
        generation, end = self._generation, time.monotonic() + seconds
        self._consumer.pause(self._places())
        try:
            while (
                (left := end - time.monotonic()) > 0
                and self._generation == generation
                and not self._stopped()
            ):
                self._serve(min(left, _STEP_S))
        finally:
            if self._generation == generation:
                self._consumer.resume(self._places())
        return told is None or self._generation == generation

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _serve(self, timeout_s: float) -> None:
        """Run the group's callbacks; what a paused partition gives all the same is fetched again later."""
        message = self._consumer.poll(timeout_s)
        if message is None:
            return
        error = message.error()
        if error is not None:
            self._complain(error, message)
        elif (message.topic(), message.partition()) in self._held:
            self._consumer.seek(
                TopicPartition(message.topic() or "", message.partition() or 0, message.offset() or 0)
            )

    def _places(self) -> list[TopicPartition]:
        return [TopicPartition(*place) for place in self._held]

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._generation += 1
        try:
            begin = [self._begin(consumer, place) for place in consumer.committed(places, _ASK_S)]
        except KafkaException as error:
            text = f"Kafka does not say where group {self._group} stands: {cause(error).str()}"
            raise UnreachableError(text, where=self._group, remedy="see that Kafka runs") from error
        self._held = {(place.topic, place.partition) for place in places}
        self._unread = set(self._held)
        assign(consumer, begin)
        if begin:
            self._keep(consumer, begin)
        _log.info("partitions assigned", group=self._group, partitions=len(places))

    def _keep(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Commit, or say that it was not to be: where members come and go, it is refused, and asked for again."""
        try:
            consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            _log.warning("the place was not kept", group=self._group, detail=cause(error).str())

    def _begin(self, consumer: Consumer, place: TopicPartition) -> TopicPartition:
        if place.error is not None:
            raise KafkaException(place.error)
        if place.offset >= 0:
            return TopicPartition(place.topic, place.partition, place.offset)
        known = (place.topic, place.partition)
        if known in self._began:  # the place was not kept then; what has come since is not to be missed
            return TopicPartition(*known, self._began[known])
        try:
            first, end = bounds(consumer, place, _ASK_S, self._trouble)
        except RetryError as error:
            raise UnreachableError(
                f"Kafka does not say where {place.topic}[{place.partition}] ends: {error}",
                where=self._group,
                remedy="see that Kafka runs",
            ) from error
        self._began[known] = first if self._from_beginning else end
        if not self._from_beginning and end > first:
            self._say_passed_over(known, end - first)
        return TopicPartition(*known, self._began[known])

    def _say_passed_over(self, place: tuple[str, int], records: int) -> None:
        _log.warning(
            "nothing is told of what is there already: the group has no place. It is new, or was away for longer than "
            "Kafka keeps places (offsets.retention.minutes); `begin: beginning` under another name tells of it",
            group=self._group,
            place=f"{place[0]}[{place[1]}]",
            records_at_most=records,
        )
        self._passed_over(records)

    def _revoked(self, _consumer: Consumer, _places: list[TopicPartition]) -> None:
        self._generation += 1
        self._held, self._unread = set(), None

    def _complain(self, error: KafkaError, message: Message) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            if self._unread is not None:
                self._unread.discard((message.topic() or "", message.partition() or 0))
        elif error.code() in _REFUSED:
            raise RefusedError(
                f"records cannot be read: {error.str()}{self._trouble.because()}",
                where=self._group,
                remedy="check the rights of this user: toolgate acl plan",
            )
        else:
            self._trouble.error(error)
