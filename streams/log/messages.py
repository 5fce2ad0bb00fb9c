"""From the Kafka client's messages to envelopes, and which of its errors are about the bytes of a record."""

from __future__ import annotations

from operator import methodcaller
from typing import TYPE_CHECKING

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException

from toolgate.processors.case import Envelope
from toolgate.schemas.frozen import changed
from toolgate.streams.topics import INPUT_BYTES_MAX

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

# Errors that are about the bytes of a batch: asking again gives the same answer.
UNDELIVERABLE = frozenset(
    {
        KafkaError._BAD_MSG,  # noqa: SLF001 - the library's public names of client-side errors begin so
        KafkaError._BAD_COMPRESSION,  # noqa: SLF001
        KafkaError._NOT_IMPLEMENTED,  # noqa: SLF001 - a format version that the client does not know
        KafkaError._UNDERFLOW,  # noqa: SLF001
        KafkaError._PARTIAL,  # noqa: SLF001
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    }
)

HEADERS_MAX = 100  # a client sends ten; whoever looks for one among 10,000 is kept from all other records

# Not `message.headers()`: where a key is not UTF-8 the client returns a broken list with an error set. Called like
# this the interpreter always checks for that and raises SystemError; a direct call it stops checking once the
# line is hot, and the process dies of the list. Nor may it be called twice for one message: the list is kept.
_headers = methodcaller("headers")


def take(consumer: Consumer, limit: int, timeout_s: float) -> list[Message]:
    """Up to `limit` messages: waits at most `timeout_s` for the first, never for the rest.

    `consume(n, t)` would wait the whole t for n messages. Runs the consumer's callbacks.
    """
    first = consumer.poll(timeout_s)
    if first is None:
        return []
    return [first, *consumer.consume(limit - 1, 0)] if limit > 1 else [first]


def assign(consumer: Consumer, places: list[TopicPartition]) -> None:
    """Fetch from these places on, and from no others.

    The client keeps a pause over a new assignment: a partition that was taken away while it was paused would come back
    and give nothing. It is lifted before, since within the client one that is lifted right behind an assignment can
    overtake it, and the partition would never be fetched.
    """
    consumer.resume(places)
    consumer.assign(places)


def envelope(message: Message, topic: str) -> Envelope:
    """The envelope of a message without error; `topic` is its logical name.

    `problem` says where a header's key is not UTF-8 (the client cannot give any of them then), where there are more
    headers than `HEADERS_MAX` (none is given then), and where the time is the producer's; that is no time to decide
    by, so `time_ms` is 0 then.
    """
    problem = ""
    headers: tuple[tuple[str, bytes], ...] = ()
    try:
        given = _headers(message)
    except (SystemError, ValueError, KafkaException):
        problem = "the key of a header is not UTF-8"
    else:
        if given and len(given) > HEADERS_MAX:
            problem = f"{len(given):,} headers, at most {HEADERS_MAX} are read"
        elif given:
            pairs = given.items() if isinstance(given, dict) else given
            headers = tuple((name, _bytes(value)) for name, value in pairs)
    kind, time_ms = message.timestamp()
    if kind != TIMESTAMP_LOG_APPEND_TIME:
        time_ms = 0
        problem = (
            problem or "the time is its producer's: the topic needs message.timestamp.type=LogAppendTime"
        )
    return Envelope(
        topic=topic,
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        time_ms=time_ms,
        key=message.key(),
        value=message.value(),
        headers=headers,
        problem=problem,
    )


def input_envelope(message: Message, topic: str) -> Envelope:
    """`envelope` of a message on an input, without key and value where they are larger than inputs take.

    Such a record comes out of a compressed batch, on a topic that was set to let those in; put aside byte for byte
    it would fail the gate's transaction, and the next one, for ever.
    """
    made = envelope(message, topic)
    size = len(made.key or b"") + len(made.value or b"")
    if size <= INPUT_BYTES_MAX:
        return made
    problem = f"{size:,} bytes of key and value, more than its topic takes: set compression.type=uncompressed"
    return changed(made, key=None, value=None, headers=(), problem=problem)


def undeliverable(topic: str, partition: int, offset: int, detail: str) -> Envelope:
    """What stands for a record that the client cannot deliver: place and reason, no content, no time."""
    return Envelope(topic, partition, offset, 0, None, None, (), f"undeliverable: {detail}")


def _bytes(value: str | bytes | None) -> bytes:
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else value
