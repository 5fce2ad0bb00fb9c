"""Recorded: an audit event of which only the beginning is read, as long as nobody needs the rest.

To see that a decision comes to the same bytes, the bytes are enough; reading all fields of an event, and writing them
again to see that they are written as they must be, takes as long as half of the decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.schemas.binary import NESTED
from toolgate.schemas.bundle import schemas
from toolgate.schemas.codec import HEADER_BYTES, Codec, DecodeError
from toolgate.schemas.frozen import frozen, names_of
from toolgate.schemas.reading import reader
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
        newest = schemas("audit_event")[-1].runtime
        fields = newest["fields"][: len(names_of(Head))]
        self._read = reader({**newest, "fields": fields}, {**NESTED, newest["name"]: Head})
        self._header = b"\x00" + self.codec.schema_id.to_bytes(HEADER_BYTES - 1, "big")

    def __call__(self, envelope: Envelope) -> Recorded:
        """The event of a record; LostRecordsError where it cannot be read."""
        value = envelope.value or b""
        if value.startswith(self._header):
            try:
                return Recorded(self._read(value, HEADER_BYTES)[0], envelope, self)
            except (ValueError, IndexError):
                pass  # decoding it whole says what is wrong with it
        event = self.decode(envelope)
        return Recorded(Head(*(getattr(event, name) for name in names_of(Head))), envelope, self)

    def decode(self, envelope: Envelope) -> AuditEvent:
        """All of an event."""
        try:
            return self.codec.decode(envelope.value)
        except DecodeError as error:
            raise LostRecordsError(
                f"an audit event cannot be read: {error}",
                where=f"audit[{envelope.partition}]@{envelope.offset}",
                remedy="find out who wrote it: only the gate may write the audit",
            ) from error
