"""One signed record to an input topic: what agents, executors and starters have in common."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException, Producer

from toolgate.processors.keyring import StarterKey, framed, mac
from toolgate.schemas.headers import KID, MAC
from toolgate.sdk.errors import NotSentError
from toolgate.streams.log.producer import cause
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.settings import client_producer_config

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

    from toolgate.processors.keyring import ExecutorKey, IntentKey
    from toolgate.schemas.headers import Headers
    from toolgate.streams.settings import Settings

DELIVER_S = 30.0


def signature(
    key: IntentKey | ExecutorKey | StarterKey, topic: str, record_key: bytes, value: bytes
) -> Headers:
    """The headers that prove who wrote a record. `topic` is the logical name."""
    if isinstance(key, StarterKey):
        proof = key.pair.sign(framed(topic, record_key, value)).signature
    else:
        proof = mac(key.secret, topic, record_key, value)
    return ((KID, key.kid.encode()), (MAC, proof))


class Sender:
    """An idempotent producer that signs what it sends. For any number of threads."""

    def __init__(self, settings: Settings, key: IntentKey | ExecutorKey | StarterKey) -> None:
        self._settings = settings
        self._key = key
        self._trouble = Trouble()
        self._producer = Producer({**client_producer_config(settings), **self._trouble.settings()})

    def send(
        self, topic: str, record_key: bytes, value: bytes, headers: Headers, partition: int
    ) -> Future[None]:
        """Sign a record and hand it to the client, which sends it in the background.

        Args:
            topic: logical name.
            record_key: the run.
            value: in the wire format of the topic's codec, which has checked its size.
            headers: those of the event; the signature is added.
            partition: where it must go.

        Returns:
            Done when the broker has the record in all its replicas, with NotSentError when it refused it.
            Only `poll` and `flush` of this sender complete it.

        Raises:
            NotSentError: the client's queue is full, because the broker has been away for long.
        """
        done: Future[None] = Future()
        signed: Any = [*headers, *signature(self._key, topic, record_key, value)]
        name = self._settings.topic(topic)

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(self._not_sent(name, error.str()))

        try:
            self._producer.produce(name, value, record_key, partition, headers=signed, on_delivery=delivered)
        except BufferError:
            raise self._not_sent(name, "the queue of records to send is full") from None
        except KafkaException as error:
            raise self._not_sent(name, cause(error).str()) from error
        return done

    def deliver(  # noqa: PLR0913, PLR0917 - those of `send`, and how to say it
        self,
        topic: str,
        record_key: bytes,
        value: bytes,
        headers: Headers,
        partition: int,
        what: str,
        again: str,
    ) -> None:
        """`send` one record, and wait until Kafka has it. `what` it is and how to say it `again` are for people.

        Raises:
            NotSentError: Kafka did not take it, or not in time.
        """
        sent = self.send(topic, record_key, value, headers, partition)
        if not self.flush(DELIVER_S):
            raise NotSentError(
                f"Kafka did not take the {what} in time",
                where=self._settings.topic(topic),
                remedy=f"see that Kafka runs; then {again}",
            )
        sent.result()

    def poll(self) -> None:
        """Tell senders what has been delivered since the last call."""
        self._producer.poll(0)

    def flush(self, limit_s: float) -> bool:
        """Wait until everything is delivered or refused; False when `limit_s` was not enough."""
        return self._producer.flush(limit_s) == 0

    def _not_sent(self, topic: str, why: str) -> NotSentError:
        return NotSentError(
            f"Kafka did not take the record: {why}{self._trouble.because()}",
            where=f"{topic} at {self._settings.bootstrap_servers}",
            remedy="see that Kafka runs and that this user may write the topic; then send it again",
        )
