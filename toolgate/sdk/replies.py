"""Replies: outcomes and results as they come, each handed to the ticket that waits for it.

One consumer and one thread serve any number of runs. It reads the partitions of the runs that were asked for and no
others, in no group, each from its end as of before the first intent into it: an outcome can only come after its
intent, so none is missed and nothing old is read.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from toolgate.schemas.codec import DecodeError
from toolgate.schemas.records import Outcome, Result
from toolgate.sdk.errors import SdkError
from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.log import reading
from toolgate.streams.log.messages import take
from toolgate.streams.log.producer import cause
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import RetryError
from toolgate.streams.settings import listener_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from toolgate.sdk.wire import Wire
    from toolgate.streams.settings import Settings

START_S = 30.0
_POLL_S = 0.02
_BATCH = 1000
_log = structlog.get_logger("toolgate.sdk")


class Hears(Protocol):
    """Who is told what comes."""

    def outcome(self, outcome: Outcome) -> None:
        """The gate has decided something."""

    def result(self, result: Result) -> None:
        """A command has begun or ended."""

    def fail(self, error: Exception) -> None:
        """Nothing will be heard any more."""


class Replies:
    """Reads outcomes and results of a prefix, or one of these topics, in a thread of its own."""

    def __init__(
        self,
        settings: Settings,
        hears: Hears,
        wire: Wire,
        tick: Callable[[], None],
        topics: tuple[str, ...] = ("outcomes", "results"),
    ) -> None:
        """`tick` is called in the thread every 20 ms or sooner.

        Raises:
            UnreachableError: Kafka did not describe the topics within 30 s, or the Schema Registry does not answer.
            RefusedError: the topics are missing, may not be read, or have not the same partitions.
        """
        self._settings = settings
        self._hears = hears
        self._tick = tick
        self._trouble = Trouble()
        self._names = {settings.topic(name): name for name in topics}
        self._outcomes = wire.codec(Outcome)
        self._results = wire.codec(Result)
        self._unheard: deque[Message] = deque()  # read, in their order
        self._undecided = False  # whether the first of them waits for the Schema Registry
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._heard: dict[int, Future[None]] = {}
        self._asked: list[int] = []  # partitions to listen to: the consumer belongs to one thread alone
        self._closed = False
        self._consumer = Consumer({**listener_config(settings), **self._trouble.settings()})
        try:
            self.partitions = self._count()
        except BaseException:
            self._consumer.close()
            raise
        self._thread = threading.Thread(target=self._run, name="toolgate-replies", daemon=True)
        self._thread.start()

    def listen(self, partition: int) -> Future[None]:
        """Hear what comes into a partition from now on; from any thread.

        Returns:
            Done when it is heard: at once, but for the first time. Fails with UnreachableError when Kafka did not
            tell the partition's ends within 30 s (the next call asks again), and with SdkError when the client was
            closed.
        """
        with self._lock:
            known = self._heard.get(partition)
            if known is None:
                known = self._heard[partition] = Future()
                known.set_running_or_notify_cancel()  # who gives up must not cancel it for the others
                if self._closed:
                    known.set_exception(_closed())
                else:
                    self._asked.append(partition)
            return known

    def close(self) -> None:
        """Stop reading; whoever still waits is told so."""
        self._closing.set()
        self._thread.join()

    def _count(self) -> int:
        """How many partitions the topics have, each as many."""
        counts = {self._partitions(name) for name in self._names}
        if len(counts) != 1:
            raise RefusedError(
                f"{' and '.join(self._names.values())} have different numbers of partitions: {sorted(counts)}",
                where=f"prefix {self._settings.prefix} at {self._settings.bootstrap_servers}",
                remedy="toolgate topics check says which topic is wrong",
            )
        return counts.pop()

    def _partitions(self, name: str) -> int:
        try:
            found = self._consumer.list_topics(name, START_S).topics.get(name)
        except KafkaException as error:
            raise self._unreachable(name, error) from error
        if found is None or found.error is not None:
            raise RefusedError(
                "the topic does not exist, or this user may not read it",
                where=f"{name} at {self._settings.bootstrap_servers}",
                remedy="correct TOOLGATE_PREFIX, or create it: toolgate topics apply",
            )
        return len(found.partitions)

    def _unreachable(self, what: str, error: KafkaException | RetryError) -> UnreachableError:
        text = cause(error).str() if isinstance(error, KafkaException) else str(error)
        return UnreachableError(
            f"Kafka did not answer about {what}: {text}{self._trouble.because()}",
            where=self._settings.bootstrap_servers,
            remedy="start it, or correct TOOLGATE_BOOTSTRAP_SERVERS",
        )

    def _run(self) -> None:
        error: Exception = _closed()
        try:
            while not self._closing.is_set():
                self._tick()
                self._listen()
                if self._unheard:
                    self._closing.wait(_POLL_S)
                else:
                    self._unheard.extend(take(self._consumer, _BATCH, _POLL_S))
                while self._unheard and self._hear(self._unheard[0]):
                    self._unheard.popleft()
        except Exception as failure:  # noqa: BLE001 - a thread that ends silently would leave all waiting for ever
            error = failure
            _log.error("replies can no longer be read", detail=str(failure))
        with self._lock:
            self._closed = True
            asked, self._asked = self._asked, []
        for partition in asked:
            self._heard[partition].set_exception(error)
        self._hears.fail(error)
        self._consumer.close()

    def _listen(self) -> None:
        with self._lock:
            asked, self._asked = self._asked, []
        for partition in asked:
            places = [TopicPartition(name, partition) for name in self._names]
            try:
                for place in places:
                    place.offset = reading.bounds(self._consumer, place, START_S, self._trouble)[1]
                self._consumer.incremental_assign(places)
            except (KafkaException, RetryError) as error:
                with self._lock:
                    failed = self._heard.pop(partition)
                failed.set_exception(self._unreachable(f"partition {partition} of the answers", error))
            else:
                self._heard[partition].set_result(None)

    def _hear(self, message: Message) -> bool:
        """Hand an answer on; False while only the Schema Registry could say what it is: no answer is lost."""
        error = message.error()
        if error is not None:
            # Connections come back by themselves; an offset that is gone means that answers are lost.
            if error.fatal() or error.name() in {"_AUTO_OFFSET_RESET", "TOPIC_AUTHORIZATION_FAILED"}:
                raise SdkError(
                    f"answers can no longer be read: {error.str()}",
                    where=message.topic() or "",
                    remedy="make a new client; sending the same intents again is safe",
                )
            self._trouble.error(error)
            return True
        try:
            if self._names[message.topic() or ""] == "outcomes":
                self._hears.outcome(self._outcomes.decode(message.value()))
            else:
                self._hears.result(self._results.decode(message.value()))
        except DecodeError as unread:  # whoever wrote it, it is no answer
            undecided = unread.undecided
            if not (undecided and self._undecided):
                what = "answers wait for the Schema Registry" if undecided else "unreadable answer"
                _log.warning(what, topic=message.topic(), offset=message.offset(), detail=str(unread))
            self._undecided = undecided
            return not undecided
        self._undecided = False
        return True


def _closed() -> SdkError:
    return SdkError("the client was closed before the gate answered", remedy="make a new one")
