"""One transactional producer: what it does with the client's errors is the whole of it.

The client says of each error whether the transaction must be aborted, whether the producer is done for, or
whether the same call may be made again. Anything it does not say, and any commit whose outcome is not known,
counts as fatal: a new producer's `init_transactions` is what makes the outcome known.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from toolgate.streams.ports import AbortError, FatalError, RetryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from toolgate.streams.log.trouble import Trouble
    from toolgate.streams.ports import Output
    from toolgate.streams.ports import TopicPartition as LogicalPartition

INIT_S = 30.0  # the first one on a new broker waits for the coordinator to load
STEP_S = 10.0  # one step of a transaction; the broker gives up on the whole after transaction.timeout.ms
_GRACE_S = 2.0  # a call that honours its limit has returned by then
_PAUSE_S = 0.02
_FENCE_THREADS = 16
_NO_ASSIGNMENT = KafkaError(KafkaError._NO_OFFSET, "they belong to no assignment")  # noqa: SLF001


def cause(error: KafkaException) -> KafkaError:
    """The client's error inside its exception."""
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, KafkaError) else KafkaError(KafkaError._FAIL, str(error))  # noqa: SLF001


class TransactionalProducer:
    """A producer with a transactional id. After a FatalError it is of no use: close it and make a new one."""

    def __init__(self, config: Mapping[str, Any], topic: Callable[[str], str], trouble: Trouble) -> None:
        """`topic` gives the broker's name of a logical topic."""
        self._topic = topic
        self._trouble = trouble
        self._name = str(config["transactional.id"])
        self._undelivered = ""
        self._begun = False  # whether a transaction is open
        self._producer: Producer | None = Producer(
            {
                **config,
                **trouble.settings(),
                "on_delivery": self._delivered,
                "delivery.report.only.error": True,
            }
        )

    def init(self, limit_s: float = INIT_S) -> None:
        """Fence earlier producers of this id: aborts what they left open, waits for commits in progress.

        Raises:
            RetryError: the coordinator did not answer in time; nothing is known to have happened.
            FatalError: the broker refuses, for good.
        """
        try:
            self._again(self._client().init_transactions, limit_s)
        except KafkaException as error:
            inner = cause(error)
            text = f"cannot start transactions as {self._name!r}: {inner.str()}{self._trouble.because()}"
            timed_out = inner.code() == KafkaError._TIMED_OUT  # noqa: SLF001
            if (inner.retriable() or timed_out) and not inner.fatal():
                raise RetryError(text) from error
            raise FatalError(text) from error

    def transact(
        self, outputs: Iterable[Output], offsets: Mapping[LogicalPartition, int], metadata: object
    ) -> Iterator[str]:
        """A whole transaction: `produce`, then `commit`. Yields the name of each crash point before it is passed."""
        self._begin(self._client())
        yield "produce"
        self.produce(outputs)
        yield from self.commit(offsets, metadata)

    def produce(self, outputs: Iterable[Output]) -> None:
        """`Log.produce`."""
        client = self._client()
        self._begin(client)
        self._before_commit("produce", lambda: self._produce(client, outputs))

    def commit(self, offsets: Mapping[LogicalPartition, int], metadata: object) -> Iterator[str]:
        """`Log.commit`. Dropped half way, the generator leaves the transaction open, as a crash does.

        The broker answers a commit when it is decided; readers see the records some milliseconds later, when
        its markers are written. `committed` and `init` of the same id wait for that, a plain read does not.
        """
        client = self._client()
        self._begin(client)
        yield "send_offsets"
        if offsets and metadata is None:
            self._abort("send offsets", KafkaException(_NO_ASSIGNMENT))
        if offsets:
            places = [TopicPartition(self._topic(name), p, offset) for (name, p), offset in offsets.items()]
            self._before_commit(
                "send offsets",
                lambda: self._again(lambda left: self._send_offsets(client, places, metadata, left), STEP_S),
            )
        yield "commit"
        self._commit(client)
        self._begun = False

    def _begin(self, client: Producer) -> None:
        if self._begun:
            return
        self._undelivered = ""
        try:
            client.begin_transaction()
        except KafkaException as error:  # fenced, or an earlier transaction was left open
            raise self._fatal("begin", error) from error
        self._begun = True

    def close(self) -> None:
        """Drop the producer; what it left open is aborted by the next `init` of its id or by the broker.

        The client's own close would abort what is open, which blocks for up to 20 s while the broker is away;
        without a reference it goes at once.
        """
        self._producer = None

    # --- steps --------------------------------------------------------------------------------------------

    def _produce(self, client: Producer, outputs: Iterable[Output]) -> None:
        end = time.monotonic() + STEP_S
        for output in outputs:
            partition = -1 if output.partition is None else output.partition
            topic, headers = self._topic(output.topic), cast("Any", list(output.headers))
            while True:
                try:
                    client.produce(topic, output.value, output.key, partition, headers=headers)
                    break
                except BufferError:  # the client's queue is full: let it send
                    client.poll(_PAUSE_S)
                    if self._undelivered or time.monotonic() >= end:
                        code = KafkaError._TIMED_OUT  # noqa: SLF001
                        raise KafkaException(KafkaError(code, "the producer's queue stays full")) from None
        client.poll(0)

    def _send_offsets(
        self, client: Producer, places: list[TopicPartition], metadata: object, left_s: float
    ) -> None:
        """One call, bounded by us.

        The client ignores the time it is given while it waits for the group's coordinator, and has been seen to
        wait for ever after a broker was killed (librdkafka issues 5456 and 5511). So a thread of its own waits;
        one that never returns is left behind with its producer.
        """
        failure: list[KafkaException] = []

        def call() -> None:
            try:
                client.send_offsets_to_transaction(places, metadata, left_s)
            except KafkaException as error:
                failure.append(error)

        thread = Thread(target=call, name="send-offsets", daemon=True)
        thread.start()
        thread.join(left_s + _GRACE_S)
        if thread.is_alive():
            self._producer = None
            raise FatalError(f"{self._name}: send offsets: no answer{self._trouble.because()}")
        if failure:
            raise failure[0]

    def _before_commit(self, name: str, call: Callable[[], None]) -> None:
        """Whatever fails before the commit can still be aborted."""
        try:
            call()
        except KafkaException as error:
            if cause(error).fatal():
                raise self._fatal(name, error) from error
            self._abort(name, error)

    def _commit(self, client: Producer) -> None:
        try:
            self._again(client.commit_transaction, STEP_S)
        except KafkaException as error:
            if not cause(error).txn_requires_abort() or cause(error).fatal():
                raise self._fatal("commit", error) from error
            self._abort("commit", error)

    def _abort(self, name: str, error: KafkaException) -> None:
        why = self._undelivered or cause(error).str()  # before the abort purges what is still queued
        try:
            self._again(self._client().abort_transaction, STEP_S)
        except KafkaException as second:
            raise self._fatal(f"abort after {name}", second) from error
        self._begun = False
        raise AbortError(f"{self._name}: {name} failed and was aborted: {why}") from error

    def _again(self, call: Callable[[float], None], limit_s: float) -> None:
        """Call until it succeeds, fails for good, or `limit_s` is over; raises the client's exception."""
        end = time.monotonic() + limit_s
        while True:
            try:
                call(max(end - time.monotonic(), 0.001))
            except KafkaException as error:
                inner = cause(error)
                final = inner.fatal() or inner.txn_requires_abort() or not inner.retriable()
                if final or time.monotonic() >= end:
                    raise
                self._client().poll(_PAUSE_S)
            else:
                return

    def _client(self) -> Producer:
        if self._producer is None:
            raise FatalError(f"the producer {self._name!r} is closed or has failed: open the log again")
        return self._producer

    def _fatal(self, name: str, error: KafkaException) -> FatalError:
        self._producer = None
        return FatalError(f"{self._name}: {name}: {cause(error).str()}{self._trouble.because()}")

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        """Called for failures only; the client then refuses to commit, this is for the message to people."""
        if error is not None and not self._undelivered:
            self._undelivered = f"{message.topic()}[{message.partition()}]: {error.str()}"


def fence(configs: Sequence[Mapping[str, Any]], trouble: Trouble, limit_s: float = INIT_S) -> None:
    """`init` a producer of each config, up to 16 at a time, and drop them.

    Raises:
        RetryError: not all of them answered in time; the call may be made again.
        FatalError: the broker refuses one of them for good.
    """

    def one(config: Mapping[str, Any]) -> None:
        producer = TransactionalProducer(config, str, trouble)
        try:
            producer.init(limit_s)
        finally:
            producer.close()

    if not configs:
        return
    with ThreadPoolExecutor(min(_FENCE_THREADS, len(configs)), thread_name_prefix="fence") as pool:
        failures = [task.exception() for task in [pool.submit(one, config) for config in configs]]
    first = next((f for f in failures if isinstance(f, FatalError)), next((f for f in failures if f), None))
    if first is not None:
        raise first
