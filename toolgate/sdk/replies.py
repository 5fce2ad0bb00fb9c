"""Replies: outcomes and results as they come, each handed to the ticket that waits for it.

One consumer and one thread serve any number of runs. It assigns itself every partition at its end before the
first intent is sent: an outcome can only come after its intent, so none is missed and nothing old is read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.records import Outcome, Result, ResultStatus, Verdict
from toolgate.sdk.errors import IntentError, NoAnswerError, SdkError
from toolgate.sdk.ticket import Ticket
from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.log import reading
from toolgate.streams.log.messages import take
from toolgate.streams.log.producer import cause
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import RetryError
from toolgate.streams.settings import reader_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from toolgate.schemas.records import Intent
    from toolgate.streams.settings import Settings

START_S = 30.0
TICKETS_KEPT = 10_000  # decided or given up: remembered for repetitions and for what comes late
_POLL_S = 0.05
_BATCH = 1000
_log = structlog.get_logger("toolgate.sdk")


class Tickets:
    """The tickets of one client by intent id. Pure bookkeeping, safe for any number of threads."""

    def __init__(self, kept: int = TICKETS_KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._waiting: dict[str, Ticket] = {}
        self._late: OrderedDict[str, Ticket] = OrderedDict()  # nobody waits for their decision any more
        self._decided: OrderedDict[str, Ticket] = OrderedDict()
        self._early: dict[str, Result] = {}  # ends that were read before their outcome
        self._failure: Exception | None = None

    def expect(self, intent: Intent, digest: str) -> Ticket:
        """The ticket of an intent about to be sent; the same one again for the same intent.

        Args:
            intent: what is sent.
            digest: of its body as it is written; the gate's answer names it.

        Raises:
            IntentError: the id is being waited for with other content.
            SdkError: answers can no longer be read.
        """
        key = intent.intent_id
        with self._lock:
            if self._failure is not None:
                raise self._failure
            waiting = self._waiting.get(key)
            if waiting is not None:
                if waiting.digest == digest:
                    return waiting
                raise IntentError(
                    f"intent id {key} is waited for with other content",
                    remedy="give every new intent an id of its own",
                )
            late = self._late.get(key)
            if late is not None and late.digest == digest:
                self._waiting[key] = self._late.pop(key)
                return late
            decided = self._decided.get(key)
            if decided is not None and decided.digest == digest:
                return decided  # the gate answers a repetition with nothing: its first decision stands
            self._late.pop(key, None)
            self._early.pop(key, None)
            ticket = self._waiting[key] = Ticket(intent, digest, self.give_up)
        _let_go([late] if late is not None else [])
        return ticket

    def give_up(self, ticket: Ticket) -> None:
        """Nobody waits for its decision any more: it is remembered as long as decided ones are."""
        key = ticket.intent.intent_id
        gone: list[Ticket] = []
        with self._lock:
            if self._waiting.get(key) is ticket:
                self._late[key] = self._waiting.pop(key)
                while len(self._late) > self._kept:
                    oldest, forgotten = self._late.popitem(last=False)
                    self._early.pop(oldest, None)
                    gone.append(forgotten)
        _let_go(gone)

    def outcome(self, outcome: Outcome) -> None:
        """The gate has decided. Another intent of the same id has another digest and is not ours."""
        key = outcome.intent_id
        with self._lock:
            ticket = self._waiting.get(key) or self._late.get(key)
            if ticket is None or ticket.digest != outcome.digest:
                return
            self._waiting.pop(key, None)
            self._late.pop(key, None)
            early = self._early.pop(key, None)
            self._decided.pop(key, None)
            self._decided[key] = ticket
            while len(self._decided) > self._kept:
                self._decided.popitem(last=False)
        with suppress(InvalidStateError):
            ticket.outcome.set_result(outcome)
        if early is not None:
            self.result(early)

    def result(self, result: Result) -> None:
        """A command has begun or ended; only the first end of the ticket's own command counts."""
        if result.status == ResultStatus.STARTED:
            return
        key = result.intent_id
        with self._lock:
            ticket = self._waiting.get(key) or self._late.get(key)
            if ticket is not None:
                if ticket.digest == result.digest:
                    self._early.setdefault(key, result)
                return
            ticket = self._decided.get(key)
            if ticket is None or ticket.digest != result.digest or ticket.result.done():
                return
        outcome = ticket.outcome.result()
        if outcome.verdict == Verdict.APPROVE and outcome.command_id == result.command_id:
            with suppress(InvalidStateError):  # an executor that was started twice may have ended it twice
                ticket.result.set_result(result)

    def fail(self, error: Exception) -> None:
        """Nothing will be heard any more."""
        with self._lock:
            self._failure = error
            waiting = [*self._waiting.values(), *self._late.values(), *self._decided.values()]
            self._waiting.clear()
            self._late.clear()
            self._early.clear()
        for ticket in waiting:
            for future in (ticket.outcome, ticket.result):
                with suppress(InvalidStateError):  # those that know their answer keep it
                    future.set_exception(error)

    def drop(self, ticket: Ticket, error: BaseException) -> None:
        """The intent of a ticket never left."""
        key = ticket.intent.intent_id
        with self._lock:
            for table in (self._waiting, self._late):
                if table.get(key) is ticket:
                    del table[key]
        with suppress(InvalidStateError):
            ticket.outcome.set_exception(error)


def _let_go(tickets: list[Ticket]) -> None:
    """Nothing will be heard of these any more: who awaits one all the same is told."""
    for ticket in tickets:
        text = f"intent {ticket.intent.intent_id} was given up and its decision is no longer listened for"
        with suppress(InvalidStateError):
            ticket.outcome.set_exception(NoAnswerError(text, remedy="send it again under the same id"))


class Replies:
    """Reads outcomes and results of a prefix in a thread of its own, from the moment it is made."""

    def __init__(self, settings: Settings, tickets: Tickets, tick: Callable[[], None]) -> None:
        """`tick` is called in the thread every 50 ms or sooner.

        Raises:
            UnreachableError: Kafka did not tell the topics' ends within 30 s.
            RefusedError: the topics are missing, or may not be read.
        """
        self._settings = settings
        self._tickets = tickets
        self._tick = tick
        self._trouble = Trouble()
        self._names = {settings.topic(name): name for name in ("outcomes", "results")}
        self._outcomes = Codec(Outcome)
        self._results = Codec(Result)
        self._closing = threading.Event()
        self._consumer = Consumer({**reader_config(settings), **self._trouble.settings()})
        try:
            self._consumer.assign([place for name in self._names for place in self._ends(name)])
        except BaseException:
            self._consumer.close()
            raise
        self._thread = threading.Thread(target=self._run, name="toolgate-replies", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading; whoever still waits is told so."""
        self._closing.set()
        self._thread.join()

    def _ends(self, name: str) -> list[TopicPartition]:
        where = f"{name} at {self._settings.bootstrap_servers}"
        try:
            found = self._consumer.list_topics(name, START_S).topics.get(name)
            if found is None or found.error is not None:
                raise RefusedError(
                    "the topic does not exist, or this user may not read it",
                    where=where,
                    remedy="correct TOOLGATE_PREFIX, or create it: toolgate topics apply",
                )
            places = [TopicPartition(name, partition) for partition in sorted(found.partitions)]
            ends = [reading.bounds(self._consumer, p, START_S, self._trouble)[1] for p in places]
        except (KafkaException, RetryError) as error:
            text = cause(error).str() if isinstance(error, KafkaException) else str(error)
            raise UnreachableError(
                f"Kafka did not tell the topic's end: {text}",
                where=where,
                remedy="start it, or correct TOOLGATE_BOOTSTRAP_SERVERS",
            ) from error
        return [TopicPartition(p.topic, p.partition, end) for p, end in zip(places, ends, strict=True)]

    def _run(self) -> None:
        error: Exception = SdkError("the client was closed before the gate answered")
        try:
            while not self._closing.is_set():
                self._tick()
                for message in take(self._consumer, _BATCH, _POLL_S):
                    self._hear(message)
        except Exception as failure:  # noqa: BLE001 - a thread that ends silently would leave all waiting for ever
            error = failure
            _log.error("replies can no longer be read", detail=str(failure))
        self._tickets.fail(error)
        self._consumer.close()

    def _hear(self, message: Message) -> None:
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
            return
        try:
            if self._names[message.topic() or ""] == "outcomes":
                self._tickets.outcome(self._outcomes.decode(message.value()))
            else:
                self._tickets.result(self._results.decode(message.value()))
        except DecodeError as unread:  # whoever wrote it, it is no answer
            _log.warning(
                "unreadable answer", topic=message.topic(), offset=message.offset(), detail=str(unread)
            )
