"""Recorded: an audit event of which only the beginning is read, as long as nobody needs the rest.

To see that a decision comes to the same bytes, the bytes are enough; reading all fields of an event, and writing them
again to see that they are written as they must be, takes as long as half of the decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.schemas.beginnings import Beginnings
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.frozen import frozen
from toolgate.schemas.records import AuditEvent
from toolgate.streams.errors import LostRecordsError

if TYPE_CHECKING:
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
        self._head = Beginnings(Head, self.codec)

    def __call__(self, envelope: Envelope) -> Recorded:
        """The event of a record; LostRecordsError where it cannot be read."""
        try:
            return Recorded(self._head(envelope.value), envelope, self)
        except DecodeError as error:
            raise _lost(envelope, error) from error

    def decode(self, envelope: Envelope) -> AuditEvent:
        """All of an event."""
        try:
            return self.codec.decode(envelope.value)
        except DecodeError as error:
            raise _lost(envelope, error) from error


def _lost(envelope: Envelope, error: DecodeError) -> LostRecordsError:
    return LostRecordsError(
        f"an audit event cannot be read: {error}",
        where=f"audit[{envelope.partition}]@{envelope.offset}",
        remedy="find out who wrote it: only the gate may write the audit",
    )
