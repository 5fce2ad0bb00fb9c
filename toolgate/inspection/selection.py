"""Which records somebody wants to see: by run, workflow, intent or reason code."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from toolgate.inspection.decoding import RECORD_TYPES
from toolgate.schemas.frozen import names_of
from toolgate.streams.topics import BY_NAME

if TYPE_CHECKING:
    from toolgate.inspection.decoding import Entry

_FIELDS = {
    "run": ("run_id",),
    "workflow": ("workflow_id",),
    "intent": ("intent_id",),
    "code": ("reasons", "codes"),
}
_QUARANTINE = {"run", "code"}  # its key is the original's, its code stands in a header


@dataclass(frozen=True, slots=True)
class Selection:
    """What is wanted; None: whatever it is."""

    run: str | None = None
    workflow: str | None = None
    intent: str | None = None
    code: str | None = None

    def fault(self, topic: str) -> str:
        """The first filter that no record of the topic could ever pass, or ""."""
        known = _known(topic)
        given = (field.name for field in fields(self) if getattr(self, field.name) is not None)
        return next((name for name in given if name not in known), "")

    def wants(self, entry: Entry) -> bool:
        """Whether the record passes every filter; what could not be read has only its key and headers."""
        record = entry.record
        return (
            (self.run is None or self.run in {getattr(record, "run_id", None), _run_key(entry)})
            and (self.workflow is None or getattr(record, "workflow_id", None) == self.workflow)
            and (self.intent is None or getattr(record, "intent_id", None) == self.intent)
            and (self.code is None or self.code.upper() in codes_of(entry))
        )


def codes_of(entry: Entry) -> tuple[str, ...]:
    """The reason codes that a record names, the most severe first."""
    record: Any = entry.record
    if entry.envelope.topic == "quarantine":
        return (entry.header("tg-reason").upper(),)
    if hasattr(record, "reasons"):
        return tuple(reason.code for reason in record.reasons)
    return tuple(getattr(record, "codes", ()))


def _known(topic: str) -> set[str]:
    if topic == "quarantine":
        return _QUARANTINE
    record_type = RECORD_TYPES.get(topic)
    there = set(names_of(record_type)) if record_type else set()
    known = {name for name, any_of in _FIELDS.items() if there & set(any_of)}
    return known | ({"run"} if BY_NAME[topic].key == "run_id" else set())


def _run_key(entry: Entry) -> str | None:
    keyed = BY_NAME[entry.envelope.topic].key in {"run_id", "the original key"}
    return entry.key if keyed else None
