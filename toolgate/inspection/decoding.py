"""What a record of any topic says: decoded where it has a schema and can be, told as it is where not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from toolgate.inspection.plain import as_plain
from toolgate.schemas.bundle import SUBJECTS
from toolgate.schemas.codec import Codec, DecodeError

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry

RECORD_TYPES: dict[str, type] = {subject.topic: subject.record_type for subject in SUBJECTS}


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it lies on its topic. `record` is None where the topic has no schema, or `problem` says why."""

    envelope: Envelope
    record: Any = None
    problem: str = ""

    @property
    def key(self) -> str:
        """The key as text."""
        return as_text(self.envelope.key or b"")

    def header(self, name: str) -> str:
        """The text of a header, or ""."""
        return next((as_text(value) for key, value in self.envelope.headers if key == name), "")

    def as_json(self) -> dict[str, Any]:
        """Plain data: place, time, key, headers, and the value or its bytes in hex."""
        envelope = self.envelope
        shown: dict[str, Any] = {
            "topic": envelope.topic,
            "partition": envelope.partition,
            "offset": envelope.offset,
            "time": as_time(envelope.time_ms),
            "time_ms": envelope.time_ms,
            "key": None if envelope.key is None else as_text(envelope.key),
            "headers": [[name, as_text(value)] for name, value in envelope.headers],
        }
        if self.record is not None:
            return shown | {"value": as_plain(self.record)}
        value = None if envelope.value is None else envelope.value.hex()
        return shown | {"problem": self.problem, "bytes": value}


class Decoder:
    """Decodes the records of all topics; hostile ones become entries like all others."""

    def __init__(self, registry: Registry | None = None) -> None:
        self._registry = registry
        self._codecs: dict[str, Codec[Any]] = {}

    def entry(self, envelope: Envelope) -> Entry:
        """The entry of a record; raises nothing for whatever it holds."""
        topic = envelope.topic
        if envelope.problem.startswith("undeliverable"):
            return Entry(envelope, problem=envelope.problem)
        if topic not in RECORD_TYPES:
            return Entry(envelope)
        if topic not in self._codecs:
            self._codecs[topic] = Codec(RECORD_TYPES[topic], self._registry)
        try:
            return Entry(envelope, self._codecs[topic].decode(envelope.value), envelope.problem)
        except DecodeError as error:
            return Entry(envelope, problem=str(error))


def as_text(data: bytes) -> str:
    """Bytes as text; where they are none, in hex behind 0x."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"0x{data.hex()}"


def as_time(time_ms: int) -> str:
    """An instant as ISO 8601 in UTC with milliseconds; "" for none (0) or one beyond the calendar."""
    try:
        found = datetime.fromtimestamp(time_ms / 1000, UTC) if time_ms else None
    except (ValueError, OverflowError, OSError):
        found = None
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z") if found else ""
