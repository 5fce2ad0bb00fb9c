"""The schemas that come with the package: every version of every record, and what each record is for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from fastavro.schema import parse_schema, to_parsing_canonical_form

from toolgate.schemas import records

INPUT_BYTES_MAX = 96 * 1024  # values that others write; larger ones are refused unread
VOTE_BYTES_MAX = 160 * 1024  # a vote carries the intent that it is about, in base64
# Values that the gate writes. One over it fails its whole transaction for ever, so what is decided has a bound
# (processors/size.py), and key, headers and batch have room up to the 1 MiB that the topics take.
OUTPUT_BYTES_MAX = 990_000


@dataclass(frozen=True, slots=True)
class Subject:
    """A record and its topic.

    `stem` names the files, `<stem>.v<version>.avsc`; `topic` has no prefix. `gate_writes` tells what the gate writes
    from its inputs (ticks are inputs; alerts the watch writes too), and so how large a value may be.
    """

    stem: str
    topic: str
    record_type: type
    gate_writes: bool
    input_bytes_max: int = INPUT_BYTES_MAX

    @property
    def bytes_max(self) -> int:
        """Largest value, header included."""
        return OUTPUT_BYTES_MAX if self.gate_writes else self.input_bytes_max


# The order is for ever: ids are given by it.
SUBJECTS = (
    Subject("intent", "intents", records.Intent, gate_writes=False),
    Subject("command", "commands", records.Command, gate_writes=True),
    Subject("denial", "denials", records.Denial, gate_writes=True),
    Subject("outcome", "outcomes", records.Outcome, gate_writes=True),
    Subject("result", "results", records.Result, gate_writes=False),
    Subject("control", "control", records.Control, gate_writes=False),
    Subject("audit_event", "audit", records.AuditEvent, gate_writes=True),
    Subject("pulse", "pulse", records.Pulse, gate_writes=True),
    Subject("hold", "holds", records.Hold, gate_writes=True),
    Subject("vote", "votes", records.Vote, gate_writes=False, input_bytes_max=VOTE_BYTES_MAX),
    Subject("draft", "drafts", records.Draft, gate_writes=True),
    Subject("run_contract", "contracts", records.RunContract, gate_writes=False),
    Subject("tick", "ticks", records.Tick, gate_writes=False),
    Subject("alert", "alerts", records.Alert, gate_writes=True),
    Subject("review", "reviews", records.Review, gate_writes=False),
)


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of a record's schema.

    `text` is the file as it stands; `runtime` is parsed, without docs and logical types, so that milliseconds
    stay integers; `fingerprint` is SHA-256 hex over the parsing canonical form.
    """

    subject: Subject
    version: int
    fingerprint: str
    text: str = field(repr=False)
    runtime: Any = field(repr=False, compare=False)


@cache
def schemas(stem: str) -> tuple[Schema, ...]:
    """All versions of a record, oldest first.

    Raises:
        ValueError: A version is missing, or a file cannot be read as a schema.
    """
    [subject] = [subject for subject in SUBJECTS if subject.stem == stem]
    folder = files(__package__) / "avsc"
    found: list[Schema] = []
    while (path := folder / f"{stem}.v{len(found) + 1}.avsc").is_file():
        found.append(read_schema(subject, len(found) + 1, path.read_text("utf-8")))
    if not found:
        raise ValueError(
            f"schemas/avsc/{stem}.v1.avsc is missing: the package is not whole, install it again"
        )
    return tuple(found)


def subject_of(record_type: type) -> Subject:
    """The subject of a record's dataclass.

    Raises:
        TypeError: It has none; nested records travel inside others.
    """
    for subject in SUBJECTS:
        if subject.record_type is record_type:
            return subject
    known = ", ".join(subject.record_type.__name__ for subject in SUBJECTS)
    raise TypeError(f"{record_type.__name__} is not the value of a topic; those are {known}")


def read_schema(subject: Subject, version: int, text: str) -> Schema:
    """A schema from the text of its file."""
    return Schema(subject, version, fingerprint(text), text, parse_schema(stripped(json.loads(text))))


def fingerprint(text: str) -> str:
    """SHA-256 hex over the parsing canonical form: the same for two spellings of one schema.

    Raises:
        Exception: Whatever fastavro or json make of a text that is no schema.
    """
    return sha256(to_parsing_canonical_form(json.loads(text)).encode()).hexdigest()


def stripped(schema: Any) -> Any:
    """The schema without docs and logical types."""
    if isinstance(schema, dict):
        kept = {
            key: stripped(value)
            for key, value in schema.items()
            if key not in ("doc", "logicalType", "default")
        }
        return kept | {"default": schema["default"]} if "default" in schema else kept
    return [stripped(item) for item in schema] if isinstance(schema, list) else schema
