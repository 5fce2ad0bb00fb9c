"""Reading back: what the log says of the commands of partitions that an executor was just given.

The order matters. The committed offset is asked first and waits for commits in progress: every STARTED below it is
in the log by then. Then the end of the results is asked as the broker has it, open transactions included, and all
up to there is read, which waits until those are decided.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from toolgate.schemas.codec import DecodeError
from toolgate.sdk.history import History, key_of
from toolgate.sdk.wire import decode
from toolgate.streams.log import reading
from toolgate.streams.log.messages import envelope, take
from toolgate.streams.log.producer import cause
from toolgate.streams.ports import LogError, RetryError
from toolgate.streams.settings import executor_consumer_config

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from toolgate.processors.case import Envelope
    from toolgate.schemas.codec import Codec
    from toolgate.schemas.records import Command, Result
    from toolgate.sdk.history import Key
    from toolgate.streams.log.trouble import Trouble
    from toolgate.streams.settings import Settings

ANSWER_S = 20.0  # for offsets: a commit in progress is decided within its ten seconds
READ_S = 30.0  # without any progress for so long, reading is given up
_BATCH = 1000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unended:
    """A command that was started and has no end. `command` is None where it is too old to be run again."""

    start: Result
    command: Command | None


@dataclass(frozen=True, slots=True)
class Codecs:
    """What records are read with."""

    commands: Codec[Command]
    results: Codec[Result]


@dataclass(frozen=True, slots=True)
class Start:
    """Where to go on in the commands of a partition, and what is known of those before."""

    offset: int
    history: History
    unended: tuple[Unended, ...]


def read_back(  # noqa: PLR0913, PLR0917 - what it is about, and the edges of time
    settings: Settings,
    executor_id: str,
    partitions: Collection[int],
    tools: Collection[str],
    from_ms: int,
    codecs: Codecs,
    trouble: Trouble,
) -> dict[int, Start]:
    """Learn where to begin in each partition, and what was begun there.

    Args:
        settings: where Kafka is and which prefix.
        executor_id: names the group whose committed offsets count.
        partitions: which ones.
        tools: commands of other tools are other executors' business.
        from_ms: epoch milliseconds; no command appended before is alive, nor any result of one that is.
        codecs: read the results and the commands.
        trouble: takes the client's errors.

    Raises:
        RetryError: the broker did not answer in time, or nothing came for 30 s, or only the Schema Registry could say
            what a record is, and does not answer. Nothing may be run.
        LogError: a record cannot be read.
    """
    config = {**executor_consumer_config(settings, executor_id), **trouble.settings()}
    uncommitted = {"isolation.level": "read_uncommitted"}  # its ends are those with open transactions
    with closing(Consumer(config)) as reader, closing(Consumer({**config, **uncommitted})) as asker:
        commands, results = settings.topic("commands"), settings.topic("results")
        try:
            committed = _committed(reader, commands, partitions)
            begins = _since(asker, commands, partitions, from_ms, trouble)
            read = _read(reader, results, _since(asker, results, partitions, from_ms, trouble))
            since_ms = from_ms + settings.clock_lead_ms_max
            histories = _histories(codecs.results, read, partitions, tools, since_ms)
            # A committed offset beyond the end belongs to a topic that was made anew.
            starts = {
                p: max(committed[p], first) if committed[p] <= end else first
                for p, (first, end) in begins.items()
            }
            looked_for = {p: begins[p] for p in partitions if histories[p].open()}
            wanted = {key_of(start) for history in histories.values() for start in history.open()}
            found = _commands(codecs.commands, _read(reader, commands, looked_for), wanted)
        except KafkaException as error:
            raise RetryError(f"reading back: {cause(error).str()}{trouble.because()}") from error
    return {p: Start(starts[p], histories[p], _unended(histories[p], found, starts[p])) for p in partitions}


def _committed(reader: Consumer, topic: str, partitions: Collection[int]) -> dict[int, int]:
    """The group's stable offsets; 0 where it has none: what is too old is passed over anyway."""
    places = reader.committed([TopicPartition(topic, p) for p in partitions], ANSWER_S)
    for place in places:
        if place.error is not None:
            raise RetryError(f"committed offset of {topic}[{place.partition}]: {place.error.str()}")
    return {place.partition: max(place.offset, 0) for place in places}


def _since(
    asker: Consumer, topic: str, partitions: Collection[int], from_ms: int, trouble: Trouble
) -> dict[int, tuple[int, int]]:
    """The first offset appended at or after `from_ms`, and the end."""
    places = [TopicPartition(topic, p) for p in partitions]
    ends = {place.partition: reading.bounds(asker, place, ANSWER_S, trouble)[1] for place in places}
    times = [TopicPartition(topic, p, from_ms) for p in partitions]
    found: dict[int, tuple[int, int]] = {}
    for place in asker.offsets_for_times(times, ANSWER_S):
        if place.error is not None:
            raise RetryError(f"{topic}[{place.partition}] by time: {place.error.str()}")
        end = ends[place.partition]
        found[place.partition] = (end if place.offset == OFFSET_END else min(place.offset, end), end)
    return found


def _read(
    reader: Consumer, topic: str, stretches: Mapping[int, tuple[int, int]]
) -> Iterator[tuple[int, Envelope]]:
    """Committed records of each partition's stretch, with their partition; waits for open transactions."""
    left = {p: end for p, (begin, end) in stretches.items() if begin < end}
    if not left:
        return
    reader.assign([TopicPartition(topic, p, stretches[p][0]) for p in left])
    deadline, stood = time.monotonic() + READ_S, 0
    while left:
        for message in take(reader, _BATCH, 0.05):
            error, partition = message.error(), message.partition() or 0
            if error is None:
                if (message.offset() or 0) < left.get(partition, 0):
                    yield partition, envelope(message, topic)
            elif error.fatal() or not (error.retriable() or error.code() in _PASSING):
                raise LogError(f"{topic}[{partition}] at {message.offset()}: {error.str()}")
        # The client's position passes transaction markers and aborted records, which are never delivered.
        at = {
            place.partition: place.offset
            for place in reader.position([TopicPartition(topic, p) for p in left])
        }
        left = {p: end for p, end in left.items() if at[p] < end}
        if sum(at.values()) != stood:
            deadline, stood = time.monotonic() + READ_S, sum(at.values())
        elif time.monotonic() >= deadline:
            raise RetryError(f"{topic}: nothing came for {READ_S:g} s, missing {sorted(left)}")


def _histories(
    codec: Codec[Result],
    read: Iterator[tuple[int, Envelope]],
    partitions: Collection[int],
    tools: Collection[str],
    since_ms: int,
) -> dict[int, History]:
    histories = {p: History(since_ms) for p in partitions}
    for partition, record in read:
        result = _decoded(codec, record)
        if result is not None and result.tool in tools:
            histories[partition].add(result)
    return histories


def _commands(
    codec: Codec[Command], read: Iterator[tuple[int, Envelope]], wanted: Collection[Key]
) -> dict[Key, tuple[int, Command]]:
    """The wanted commands with their offsets."""
    found: dict[Key, tuple[int, Command]] = {}
    for _, record in read:
        command = _decoded(codec, record)
        if command is not None and key_of(command) in wanted:
            found[key_of(command)] = record.offset, command
    return found


def _decoded(codec: Codec[T], record: Envelope) -> T | None:
    """The record; None for what the gate takes for no record either."""
    try:
        return decode(codec, record)
    except DecodeError:
        return None


def _unended(history: History, found: Mapping[Key, tuple[int, Command]], begin: int) -> tuple[Unended, ...]:
    """What was started and has no end, but for commands that are fetched again as they lie from `begin` on."""
    left = []
    for start in history.open():
        offset, command = found.get(key_of(start), (-1, None))
        if offset < begin:
            left.append(Unended(start, command))
    return tuple(left)


_PASSING = frozenset(
    {
        KafkaError._PARTITION_EOF,  # noqa: SLF001 - the library's public names of client-side errors begin so
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
    }
)
