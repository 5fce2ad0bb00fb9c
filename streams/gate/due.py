"""Due: which holds have expired and nobody has said so; their workers then write ticks, which end them.

A hold that has expired counts for nothing, whether or not it was said: votes on it are late. A tick only makes that a
record, so that agent and people are told once. Whoever owns the hold's partition writes it; written twice, the second
finds nothing. What others have opened is read when partitions come, what this worker opens and ends it sees itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from toolgate.processors.voting import HOLD_EXPIRY
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.frozen import changed, frozen
from toolgate.schemas.headers import event_headers
from toolgate.schemas.records import Draft, Hold, Tick
from toolgate.streams.gate.proposals import OPEN, id_of
from toolgate.streams.ports import Output, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry
    from toolgate.streams.ports import TopicPartition

SOURCE = "/toolgate/gate"
TICKS = "ticks"
AGAIN_MS = 60_000  # after which a tick that ended nothing is written again ...
TICKS_MAX = 3  # ... so often: then nothing waits there, whatever was told once


class Topics(Protocol):
    """Where what waits is told."""

    def read(self, topic: str, start: Mapping[int, int] | None = None) -> Iterator[Envelope]:
        """See `ports.Log`."""

    def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """See `ports.Log`."""


@frozen
class Waiting:
    """An open hold: where, whose, until when, and when and how often a tick about it was written."""

    partition: int
    run_id: str
    expires_at: int
    told_ms: int = 0
    told: int = 0


class Due:
    """What waits, as far as the topics have been read."""

    def __init__(self, log: Topics, now_ms: Callable[[], int], registry: Registry | None = None) -> None:
        self._log = log
        self._now_ms = now_ms
        self._codecs: dict[str, Codec[Hold] | Codec[Draft]] = {
            "holds": Codec(Hold, registry),
            "drafts": Codec(Draft, registry),
        }
        self.topics = frozenset(self._codecs)
        self._tick = Codec(Tick, registry)
        self._positions: dict[str, dict[int, int]] = {topic: {} for topic in self._codecs}
        self._open: dict[str, Waiting] = {}

    def ticks(self, held: Container[TopicPartition]) -> list[Output]:
        """A tick for each hold of these partitions that has expired, unless one was written lately."""
        now = self._now_ms()
        made = []
        for hold_id, waiting in list(self._open.items()):
            late = waiting.expires_at <= now and waiting.told_ms + AGAIN_MS <= now
            if not late or (TICKS, waiting.partition) not in held:
                continue
            if waiting.told >= TICKS_MAX:
                del self._open[hold_id]
                continue
            made.append(self._output(hold_id, waiting))
        return made

    def wrote(self, ticks: Iterable[Output]) -> None:
        """These ticks are committed: one whose transaction was aborted has told nobody."""
        now = self._now_ms()
        for tick in ticks:
            hold_id = self._tick.decode(tick.value).ref
            if (waiting := self._open.get(hold_id)) is not None:
                self._open[hold_id] = changed(waiting, told_ms=now, told=waiting.told + 1)

    def _output(self, hold_id: str, waiting: Waiting) -> Output:
        value = self._tick.encode(Tick(waiting.run_id, HOLD_EXPIRY, hold_id, waiting.expires_at))
        headers = event_headers("toolgate.tick.v1", f"{hold_id}/{waiting.expires_at}", SOURCE)
        return Output(TICKS, waiting.partition, waiting.run_id.encode(), value, headers)

    def read(self) -> None:
        """Read what was told since this was done last.

        Raises:
            LogError: it cannot be read.
            UnavailableError: the Schema Registry does not answer.
        """
        for topic, positions in self._positions.items():
            for partition, position in positions.items():  # what was deleted meanwhile has expired long ago
                positions[partition] = max(position, self._log.bounds((topic, partition))[0])
            for envelope in self._log.read(topic, positions):
                self._see(topic, envelope.partition, envelope.value)
                positions[envelope.partition] = envelope.offset + 1

    def see(self, outputs: Iterable[Output]) -> None:
        """See what this worker has told, and is committed."""
        for output in outputs:
            if output.partition is not None:
                self._see(output.topic, output.partition, output.value)

    def _see(self, topic: str, partition: int, value: bytes | None) -> None:
        try:
            told = self._codecs[topic].decode(value)
        except DecodeError as error:
            if error.undecided:
                raise UnavailableError(error.detail) from error
            return  # only the gate writes here: what is no record of ours has nothing to expire
        hold_id = id_of(told)
        if told.refused or not hold_id.startswith(f"{partition}-"):
            return
        if told.state != OPEN:
            self._open.pop(hold_id, None)
        elif told.expires_at and hold_id not in self._open:
            self._open[hold_id] = Waiting(partition, told.run_id, told.expires_at)
