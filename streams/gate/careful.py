"""Careful reading after a death: a record that kills whoever reads it must not stop its partition for ever.

A worker marks in Redis that it runs and takes the mark away when it ends in order. One that finds the mark of
its slot's past self reads the first records of each partition carefully: it notes the offset before and takes
the note back afterwards. A note found at the next start names a record whose reading was begun and not ended
while nothing else was going on: that record is quarantined without being read again. A worker that dies of
anything else leaves no note.

The mark also tells a worker that another process has been started for its slot.
Control is never read so: a kill must not be put aside because of a note.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import redis
import structlog

from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.items import Item, Reading
from toolgate.streams.ports import CONTROL, NOTHING, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolgate.processors.case import Envelope
    from toolgate.processors.control_state import ControlState
    from toolgate.processors.keyring import Keyring
    from toolgate.processors.policy import PolicySet
    from toolgate.processors.policy_store import PolicyStore
    from toolgate.schemas.records import Reason
    from toolgate.schemas.registry import Registry
    from toolgate.streams.ports import Look, TopicPartition

KILLS = "kills_its_reader"
_log = structlog.get_logger("toolgate.gate")


class Marker:
    """One slot's mark and notes in the ledger's Redis. To lose them costs a further death, nothing else.

    Args:
        client: of the ledger's Redis.
        hash_tag: begins the ledger's keys.
        slot: whose mark it is.
        process: what the mark says: a name of this process alone.
    """

    def __init__(self, client: redis.Redis, hash_tag: str, slot: int, process: str) -> None:
        self._redis = client
        self._running = f"{hash_tag}running"
        self._notes = f"{hash_tag}notes:{slot}"
        self._slot = str(slot)
        self._process = process.encode()
        self.died_at: frozenset[str] = frozenset()  # "topic:partition:offset" of what killed its reader

    def begin(self) -> bool:
        """Mark that this process runs the slot; whether the process before it did not end in order.

        Raises:
            UnavailableError: Redis does not answer.
        """
        found = _answered(lambda: self._redis.smembers(self._notes))
        self.died_at = frozenset(name.decode() for name in found)
        before = _answered(lambda: self._redis.hget(self._running, self._slot))
        _answered(lambda: self._redis.hset(self._running, self._slot, self._process))
        return before is not None

    def mine(self) -> bool:
        """Whether no other process has marked the slot since; a mark that is gone is made again.

        Two processes of one slot would fence each other's producers for ever: the older one must end.

        Raises:
            UnavailableError: Redis does not answer.
        """
        _answered(lambda: self._redis.hsetnx(self._running, self._slot, self._process))
        found = _answered(lambda: self._redis.hget(self._running, self._slot))
        return bool(found == self._process)

    def end(self) -> None:
        """The worker has ended in order."""
        try:
            if self.mine():
                _answered(lambda: self._redis.hdel(self._running, self._slot))
                _answered(lambda: self._redis.delete(self._notes))
        except UnavailableError as error:
            _log.warning("the mark of a running worker stays", slot=self._slot, detail=str(error))

    @contextmanager
    def note(self, name: str) -> Iterator[None]:
        """Keep `name` noted until the body ends, for ever if it never does.

        Raises:
            UnavailableError: Redis does not answer.
        """
        _answered(lambda: self._redis.sadd(self._notes, name))
        try:
            yield
        except UnavailableError:  # the body waits for somebody else: it has not died
            _answered(lambda: self._redis.srem(self._notes, name))
            raise
        _answered(lambda: self._redis.srem(self._notes, name))


class CarefulIntake(Intake):
    """An intake that can be told to be careful with the first records of each topic-partition."""

    def __init__(  # noqa: PLR0913, PLR0917 - an intake's, and the marker
        self,
        local: PolicySet | None,
        keys: Keyring,
        registry: Registry | None,
        marker: Marker,
        partitions: int = 0,
        store: PolicyStore | None = None,
    ) -> None:
        super().__init__(local, keys, registry, partitions, store)
        self._marker = marker
        self._first = 0
        self._left: dict[TopicPartition, int] = {}
        self._noted: set[str] = set()  # records that are being handled carefully

    def careful_with(self, first: int) -> None:
        """Be careful with the first `first` records of each topic-partition; told before any is read."""
        self._first = first

    def read(self, envelope: Envelope) -> Reading:
        """`Intake.read`; what has killed its reader before is not read.

        Raises:
            UnavailableError: the Schema Registry, or Redis, does not answer.
        """
        name = _name(envelope)
        if envelope.topic == CONTROL or not self._takes(envelope, name):
            return super().read(envelope)
        if name in self._marker.died_at:
            _log.error("quarantined unread: reading it ended a worker", record=name)
            return Reading(envelope, problem=(KILLS, "reading or judging this record ended a worker"))
        with self._marker.note(name):
            return super().read(envelope)

    def item(
        self,
        reading: Reading,
        control: ControlState,
        look: Look = NOTHING,
        given: str | None = None,
        refused: Reason | None = None,
    ) -> Item:
        """`Intake.item`."""
        name = _name(reading.envelope)
        if reading.record is None or name not in self._noted:
            return super().item(reading, control, look, given, refused)
        with self._marker.note(name):
            return super().item(reading, control, look, given, refused)

    def _takes(self, envelope: Envelope, name: str) -> bool:
        """Whether care is due; a record that comes again is as dangerous as before."""
        if name in self._noted:
            return True
        tp = (envelope.topic, envelope.partition)
        left = self._left.get(tp, self._first)
        if left <= 0:
            return False
        self._left[tp] = left - 1
        self._noted.add(name)
        return True


def _name(envelope: Envelope) -> str:
    return f"{envelope.topic}:{envelope.partition}:{envelope.offset}"


def _answered(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except redis.RedisError as error:
        raise UnavailableError(f"Redis: {error}") from error
