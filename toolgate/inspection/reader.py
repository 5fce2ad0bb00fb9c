"""Reading one topic's committed records outside of any group: a stretch of them, or as they come.

Reading for people must not stop at a record that the gate itself steps over: one that no client can deliver comes
as an envelope whose `problem` says so, found as the gate finds it (streams/log/stalls.py). Nor must it believe an
intent that says it stands elsewhere: that one comes as the gate has it, and nobody else's is passed over
(streams/log/places.py).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.log import reading
from toolgate.streams.log.messages import UNDELIVERABLE, envelope, take, undeliverable
from toolgate.streams.log.places import STRICT, Places
from toolgate.streams.log.producer import cause
from toolgate.streams.log.stalls import Stalls
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import RetryError
from toolgate.streams.settings import admin_config, reader_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from confluent_kafka import Message

    from toolgate.processors.case import Envelope
    from toolgate.streams.settings import Settings

ASK_S = 10.0  # how long the broker may take to answer a question
ANSWER_S = 30.0  # without any progress for so long, reading to an end is given up
_POLL_S = 0.1
_RESET = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001 - the library's public names of client-side errors begin so
_BATCH = 1000
# What does not mend itself. Connections do: the client goes on by itself.
_REFUSED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - the library's public names of client-side errors begin so
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        _RESET,
    }
)


class TopicReader:
    """Reads one topic. For one thread; a context manager.

    Args:
        settings: where Kafka is and which prefix.
        topic: logical name.

    Raises, from every method and the constructor:
        UnreachableError: Kafka did not answer within 10 s, or nothing came for 30 s.
        RefusedError: the topic does not exist, or this user may not read it.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._full = settings.topic(topic)
        self._bootstrap = settings.bootstrap_servers
        self._trouble = Trouble()
        reader = reading.Reader(reader_config(settings), settings.topic, self._trouble)
        self._admin = AdminClient({**admin_config(settings), **self._trouble.settings()})
        self._stalls = Stalls(reader, self._admin)
        self._places = Places(reader)
        self._strict = topic in STRICT
        self._consumer = reader.consumer()
        self._next: dict[int, int] = {}  # where each partition that is being read goes on
        self._sought = False  # the consumer may stand elsewhere: assign anew
        self._ended: set[int] = set()  # at its end, as the client said while something was held
        try:
            self.partitions = self._partitions()
        except BaseException:
            self.close()
            raise

    def span(self, partition: int) -> tuple[int, int]:
        """(first offset, last stable offset) of a partition."""
        try:
            return reading.bounds(self._consumer, self._place(partition), ASK_S, self._trouble)
        except RetryError as error:
            raise self._unanswered(error) from None

    def at_time(self, partition: int, time_ms: int) -> int:
        """The offset of the first record at that time or later; the partition's end when there is none."""
        try:
            found = reading.at_time(self._consumer, self._place(partition), time_ms, ASK_S, self._trouble)
        except RetryError as error:
            raise self._unanswered(error) from None
        return self.span(partition)[1] if found is None else found

    def read(
        self, start: Mapping[int, int], end: Mapping[int, int] | None = None
    ) -> Iterator[list[Envelope]]:
        """Committed records in the order of each partition, some at a time; empty lists mean that time passes.

        Args:
            start: partition -> first offset.
            end: partition -> the offset to stop before, for every partition of `start`; None: goes on for ever.
        """
        self._next = {p: at for p, at in start.items() if end is None or at < end[p]}
        self._places.forget()
        self._sought, heard = True, time.monotonic()
        while self._next:
            if self._sought:
                self._assign()
            found: list[Envelope] = []
            messages, left = take(self._consumer, _BATCH, _POLL_S), len(self._next)
            for message in messages:
                found += self._delivered(message, end)
            found += self._settled(end)
            found += self._stepped_over(drained=len(messages) < _BATCH, end=end)
            if found or len(self._next) < left or (messages and not self._sought):
                heard = time.monotonic()
            elif end is not None and time.monotonic() - heard >= ANSWER_S:
                raise self._silent(f"nothing came for {ANSWER_S:.0f} s")
            yield found

    def close(self) -> None:
        """Close the consumers."""
        self._stalls.close()
        self._places.close()
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _place(self, partition: int, offset: int = 0) -> TopicPartition:
        return TopicPartition(self._full, partition, offset)

    def _assign(self) -> None:
        self._sought = False
        self._ended.clear()
        self._consumer.assign([self._place(p, at) for p, at in self._next.items()])

    def _partitions(self) -> tuple[int, ...]:
        try:
            found = self._consumer.list_topics(self._full, ASK_S).topics.get(self._full)
        except KafkaException as error:
            raise self._failed(cause(error)) from None
        if found is None or found.error is not None:
            raise RefusedError(
                "the topic does not exist, or this user may not read it",
                where=f"{self._full} at {self._bootstrap}",
                remedy="correct --prefix, or create the topics: toolgate topics apply",
            )
        return tuple(sorted(found.partitions))

    def _delivered(self, message: Message, end: Mapping[int, int] | None) -> Iterator[Envelope]:
        error, partition, offset = message.error(), message.partition() or 0, message.offset() or 0
        expected, tp = self._next.get(partition), (self._topic, partition)
        if error is not None:
            self._complain(error, partition, offset, bounded=end is not None)
        elif expected is None or self._stalls.holds(tp):
            return
        elif self._strict and (offset != expected or self._places.doubts(tp)):
            self._places.hold(tp, message)
        elif offset >= expected:
            if end is None or offset < end[partition]:
                yield envelope(message, self._topic)
            self._passed(partition, offset + 1, end)

    def _settled(self, end: Mapping[int, int] | None) -> list[Envelope]:
        """What is to be delivered of messages that do not stand at the next offset."""
        found: list[Envelope] = []
        for tp in self._places.held():
            partition, settled = tp[1], self._places.settle(tp, self._next[tp[1]])
            found += (one for one in settled.found if end is None or one.offset < end[partition])
            self._passed(partition, settled.next, end)
            if settled.again:
                self._sought = True
            elif partition in self._ended:
                self._next.pop(partition, None)
        return found

    def _complain(self, error: KafkaError, partition: int, offset: int, *, bounded: bool) -> None:
        code, tp = error.code(), (self._topic, partition)
        held = tp in self._places.held()
        if code == KafkaError._PARTITION_EOF:  # noqa: SLF001
            if bounded and held:
                self._ended.add(partition)
            elif bounded:
                self._next.pop(partition, None)
        elif held and not error.fatal():
            self._places.cut(tp)
        elif self._strict and code == _RESET and offset != self._next.get(partition):
            self._sought = True  # the client had gone on from where a record says that it stands
        elif code in UNDELIVERABLE and partition in self._next:
            # the offset reported is the batch's first, which may have been delivered or stepped over before
            self._next[partition] = max(self._next[partition], offset)
            self._stalls.failed(tp, self._next[partition], error.name())
        elif error.fatal() or code in _REFUSED:
            raise self._failed(error)
        else:
            self._trouble.error(error)

    def _passed(self, partition: int, position: int, end: Mapping[int, int] | None) -> None:
        if end is not None and position >= end[partition]:
            del self._next[partition]
        else:
            self._next[partition] = position

    def _stepped_over(self, *, drained: bool, end: Mapping[int, int] | None) -> list[Envelope]:
        """What stands for records that no client can deliver."""
        found = []
        for finding in self._stalls.look(self._positions(), drained=drained):
            partition, offset = finding.tp[1], finding.offset
            if not finding.blocks:
                raise self._silent(f"[{partition}] stands at {offset}, which can be read: {finding.detail}")
            found.append(undeliverable(*finding.tp, offset, finding.detail))
            self._passed(partition, offset + 1, end)
            self._sought = True
        return found

    def _positions(self) -> dict[tuple[str, int], int]:
        """The client's own count passes transaction markers, so it may be ahead of what was delivered."""
        if not self._next:
            return {}
        passed = self._consumer.position([self._place(p) for p in self._next])
        return {
            (self._topic, p): at if self._stalls.holds((self._topic, p)) else max(at, place.offset)
            for (p, at), place in zip(self._next.items(), passed, strict=True)
        }

    def _silent(self, what: str) -> UnreachableError:
        return UnreachableError(
            f"Kafka does not answer: {what}{self._trouble.because()}",
            where=f"{self._full} at {self._bootstrap}",
            remedy="start it, or correct TOOLGATE_BOOTSTRAP_SERVERS",
        )

    def _unanswered(self, error: RetryError) -> UnreachableError | RefusedError:
        """What was said where something was said: a refusal is no silence."""
        said = error.__cause__
        if isinstance(said, KafkaException):
            return self._failed(cause(said))
        return self._silent(f"no answer within {ASK_S:.0f} s")

    def _failed(self, error: KafkaError) -> UnreachableError | RefusedError:
        if error.code() not in _REFUSED:
            return self._silent(error.str())
        return RefusedError(
            f"Kafka refused: {error.name()}: {error.str()}",
            where=f"{self._full} at {self._bootstrap}",
            remedy="check the rights of this user (toolgate acl plan), or begin elsewhere in the topic",
        )
