"""Recorded: an audit event of which only the beginning is read, as long as nobody needs the rest.

To see that a decision comes to the same bytes, the bytes are enough; reading all fields of an event, and writing them
again to see that they are written as they must be, takes as long as half of the decision.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from toolgate.schemas.beginnings import Beginnings
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.frozen import frozen
from toolgate.schemas.records import AuditEvent
from toolgate.streams.errors import LostRecordsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.case import Envelope
    from toolgate.schemas.records import Visible
    from toolgate.schemas.registry import Registry


@frozen
class Head:
    """The first fields of an audit event."""

    seq: int
    gen: str
    ctl: int
    clk: int
    stable: int
    visible: tuple[Visible, ...]
    topic: str
    partition: int
    offset: int
    append_time: int
    first: bool
    verdict: str


class Recorded:
    """An audit event with the record that holds it."""

    __slots__ = ("_event", "_reader", "envelope", "head")

    def __init__(self, head: Head, envelope: Envelope, reader: RecordedReader) -> None:
        self.head = head
        self.envelope = envelope
        self._reader = reader
        self._event: AuditEvent | None = None

    @property
    def event(self) -> AuditEvent:
        """The whole of it; LostRecordsError where it cannot be read."""
        if self._event is None:
            self._event = self._reader.decode(self.envelope)
        return self._event


class RecordedReader:
    """Reads the records of the audit topic."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.codec = Codec(AuditEvent, registry)
        self._head = Beginnings(AuditEvent, Head, self.codec)

    def __call__(self, envelope: Envelope) -> Recorded:
        """The event of a record; LostRecordsError where it cannot be read."""
        with _readable(envelope):
            return Recorded(self._head(envelope.value), envelope, self)

    def decode(self, envelope: Envelope) -> AuditEvent:
        """All of an event."""
        with _readable(envelope):
            return self.codec.decode(envelope.value)


@contextmanager
def _readable(envelope: Envelope) -> Iterator[None]:
    try:
        yield
    except DecodeError as error:
        raise LostRecordsError(
            f"an audit event cannot be read: {error}",
            where=f"audit[{envelope.partition}]@{envelope.offset}",
            remedy="find out who wrote it: only the gate may write the audit",
        ) from error
