"""Loading: from records, as Kafka delivers them or as an export has them, to a history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.records import AuditEvent, Control
from toolgate.verification.events import Fast, UnreadableError, head, plain
from toolgate.verification.history import AUDIT, INPUTS, QUARANTINE, TOLD, History, Row

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
        self._told = {topic: Fast(kind, registry) for topic, (kind, _) in TOLD.items()}
        self._control = Codec(Control, registry)
        self.history = History(Fast(AuditEvent, registry).read, as_of_ms)

    def take(self, envelope: Envelope) -> None:
        """One record; of a topic that no law looks at, nothing."""
        topic, partition, offset, value = envelope.topic, envelope.partition, envelope.offset, envelope.value
        history = self.history
        if topic in INPUTS:
            history.add_input(topic, partition, offset, self._word(value) if topic == _CONTROL else None)
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
                Row(seq, stable, envelope.time_ms, partition, offset, value), (source, of), at
            )
        else:
            self.history.add_told(topic, partition, offset, self._told[topic].read(value))

    def _word(self, value: bytes | None) -> Control | None:
        try:
            return self._control.decode(value)
        except DecodeError:  # the gate puts it aside, and it says nothing
            return None


class PlainLoader:
    """Makes a history of records as `toolgate tail --json` prints them."""

    def __init__(self, as_of_ms: int) -> None:
        self.history = History(_itself, as_of_ms)

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
        history = self.history
        if topic in INPUTS:
            history.add_input(topic, partition, offset, _word(value) if topic == _CONTROL else None)
        elif topic == QUARANTINE:
            history.add_quarantined(partition, offset, _header(headers, _SOURCE))
        elif (topic == AUDIT or topic in TOLD) and value is None:
            history.unreadable(topic, partition, offset, str(entry.get("problem")))
        elif topic == AUDIT:
            event = plain(value, AuditEvent)
            row = Row(event.seq, event.stable, time_ms, partition, offset, event)
            history.add_audit(row, (event.topic, event.partition), event.offset)
        elif topic in TOLD:
            history.add_told(topic, partition, offset, plain(value, TOLD[topic][0]))


def _itself(event: AuditEvent) -> AuditEvent:
    return event


def _word(value: Any) -> Control | None:
    if value is None:  # it could not be read
        return None
    word: Control = plain(value, Control)
    return word


def _header(headers: Any, wanted: str) -> str:
    try:
        return next((str(text) for name, text in headers if name == wanted), "")
    except (TypeError, ValueError):
        raise UnreadableError("its headers are none") from None
