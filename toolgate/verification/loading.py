"""Loading: from records, as Kafka delivers them or as an export has them, to a history."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from msgspec.msgpack import Decoder, Encoder

from toolgate.schemas.codec import HEADER_BYTES, Codec, DecodeError, EncodeError
from toolgate.schemas.records import AuditEvent, Control
from toolgate.verification.columns import Row
from toolgate.verification.events import Fast, UnreadableError, head, plain
from toolgate.verification.history import AUDIT, INPUTS, QUARANTINE, TOLD, History

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry

_CONTROL = "control"
_SOURCE = "tg-source"


class Loader:
    """Makes a history of the records that Kafka delivers.

    Args:
        as_of_ms: when the topics are read.
        registry: where schema ids come from; the bundled ones by default.
    """

    def __init__(self, as_of_ms: int, registry: Registry | None = None) -> None:
        told = {topic: Fast(kind, registry) for topic, kind in TOLD.items()}
        self._seqs = {topic: fast.seq for topic, fast in told.items()}
        self._control = Codec(Control, registry)
        self.history = History(
            {AUDIT: Fast(AuditEvent, registry).read} | {topic: fast.read for topic, fast in told.items()},
            as_of_ms,
        )

    def take(self, envelope: Envelope) -> None:
        """One record; of a topic that no law looks at, nothing."""
        topic, partition, offset, value = envelope.topic, envelope.partition, envelope.offset, envelope.value
        history = self.history
        if topic in INPUTS:
            word = self._word(value) if topic == _CONTROL else None
            history.add_input(topic, partition, offset, _digest(value), word)
        elif topic == QUARANTINE:
            source = next((text for name, text in envelope.headers if name == _SOURCE), b"")
            history.add_quarantined(partition, offset, source.decode("utf-8", "replace"))
        elif topic == AUDIT or topic in TOLD:
            try:
                self._gates(envelope)
            except UnreadableError as error:
                history.unreadable(topic, partition, offset, str(error))

    def _gates(self, envelope: Envelope) -> None:
        topic, partition, offset, value = envelope.topic, envelope.partition, envelope.offset, envelope.value
        if topic == AUDIT:
            seq, stable, source, of, at = head(value)
            self.history.add_audit(
                Row(seq, partition, offset, value),
                stable=stable,
                time_ms=envelope.time_ms,
                source=(source, of),
                at=at,
            )
        else:
            self.history.add_told(topic, Row(self._seqs[topic](value), partition, offset, value))

    def _word(self, value: bytes | None) -> Control | None:
        try:
            return self._control.decode(value)
        except DecodeError:  # the gate puts it aside, and it says nothing
            return None


class PlainLoader:
    """Makes a history of records as `toolgate tail --json` prints them."""

    def __init__(self, as_of_ms: int) -> None:
        packed = {AUDIT: AuditEvent, **TOLD}
        self.history = History({topic: Decoder(kind).decode for topic, kind in packed.items()}, as_of_ms)
        self._pack = Encoder().encode  # an event of objects takes five times the memory
        self._codecs: dict[str, Codec[Any]] = {topic: Codec(kind) for topic, kind in INPUTS.items()}
        self.history.rewritten.update((topic, codec.schema_id) for topic, codec in self._codecs.items())

    def take(self, entry: Any) -> None:
        """One record; of a topic that no law looks at, nothing.

        Raises:
            UnreadableError: it is no record of a topic, or not of the form that its topic's have.
        """
        try:
            topic, partition, offset = entry["topic"], entry["partition"], entry["offset"]
            time_ms, headers, value = entry["time_ms"], entry["headers"], entry.get("value")
        except (KeyError, TypeError, AttributeError):
            raise UnreadableError("this is no record of a topic") from None
        if not (type(topic) is str and type(partition) is type(offset) is type(time_ms) is int):
            raise UnreadableError("its place or time is none")
        try:
            self._add(topic, partition, offset, time_ms, headers, value, entry.get("problem"))
        except OverflowError:
            raise UnreadableError("a number is larger than any of its schema") from None

    def _add(  # noqa: PLR0913, PLR0917 - the parts of a record
        self, topic: str, partition: int, offset: int, time_ms: int, headers: Any, value: Any, problem: Any
    ) -> None:
        history = self.history
        if topic in INPUTS:
            record = None if value is None else plain(value, INPUTS[topic])
            word = record if isinstance(record, Control) else None
            history.add_input(topic, partition, offset, self._rewritten(topic, record), word)
        elif topic == QUARANTINE:
            history.add_quarantined(partition, offset, _header(headers, _SOURCE))
        elif (topic == AUDIT or topic in TOLD) and value is None:
            history.unreadable(topic, partition, offset, str(problem))
        elif topic == AUDIT:
            event = plain(value, AuditEvent)
            history.add_audit(
                Row(event.seq, partition, offset, self._pack(event)),
                stable=event.stable,
                time_ms=time_ms,
                source=(event.topic, event.partition),
                at=event.offset,
            )
        elif topic in TOLD:
            record = plain(value, TOLD[topic])
            history.add_told(topic, Row(record.seq, partition, offset, self._pack(record)))

    def _rewritten(self, topic: str, record: Any) -> bytes:
        try:
            return b"" if record is None else _digest(self._codecs[topic].encode(record))
        except EncodeError as error:
            raise UnreadableError(str(error)) from None


def _digest(value: bytes | None) -> bytes:
    return blake2b(memoryview(value)[HEADER_BYTES:], digest_size=16).digest() if value else b""


def _header(headers: Any, wanted: str) -> str:
    try:
        return next((str(text) for name, text in headers if name == wanted), "")
    except (TypeError, ValueError):
        raise UnreadableError("its headers are none") from None
