"""The strict codec: records to the bytes of a Kafka value and back, in the Confluent wire format.

A value is 0x00, the schema id as four bytes big-endian, and the Avro body. Whatever is read must be exactly
what this codec would have written for the same record: otherwise trailing bytes, overlong numbers, negative
indices and repeated map keys would give one record many digests.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from hashlib import blake2b
from io import BytesIO
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn, TypeVar

from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import to_parsing_canonical_form

from toolgate.schemas import registry as registries
from toolgate.schemas.binary import prepare
from toolgate.schemas.bundle import Schema, Subject, schemas, subject_of
from toolgate.schemas.frozen import names_of
from toolgate.schemas.registry import Registry, RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.binary import Binary

T = TypeVar("T")

HEADER_BYTES = 5
_MAGIC = b"\x00"
_NAMED = (True,)  # fastavro's return_record_name: an operation is told apart by its branch
_NOT_CANONICAL = "the body reads, but a writer of its schema would have written other bytes"


class DecodeCode(StrEnum):
    """Why a value could not be read."""

    TOMBSTONE = "tombstone"  # no value at all
    OVERSIZE = "oversize"  # larger than the topic's values may be
    BAD_MAGIC = "bad_magic"  # shorter than a header, or not the Confluent wire format
    UNKNOWN_SCHEMA = "unknown_schema"  # the id names no schema that the package carries
    WRONG_SCHEMA = "wrong_schema"  # the id names a schema of another topic
    REGISTRY_UNAVAILABLE = "registry_unavailable"  # the id is new and the Schema Registry could not say
    MALFORMED = "malformed"  # the body is not of its schema
    NOT_CANONICAL = "not_canonical"  # the body reads, but is not what a writer of its schema writes
    BAD_ID = "bad_id"  # a name or id holds a NUL character


class DecodeError(ValueError):
    """A value that could not be read. `reason_code` is a DecodeCode, `detail` is for people."""

    def __init__(self, reason_code: str, detail: str) -> None:
        super().__init__(f"{reason_code}: {detail}")
        self.reason_code = reason_code
        self.detail = detail

    @property
    def undecided(self) -> bool:
        """Whether the value may be good: its schema id is new, and the Schema Registry could not say what it names."""
        return self.reason_code == DecodeCode.REGISTRY_UNAVAILABLE


class EncodeError(ValueError):
    """A record that must not be written: it could not be read back."""


class Decoded(NamedTuple, Generic[T]):
    """A record, the id of the schema it was written with, and the BLAKE2b-128 hex of its body."""

    record: T
    schema_id: int
    digest: str


def body_digest(value: bytes) -> str:
    """BLAKE2b-128 hex of a value's body, that is without its header of five bytes."""
    return blake2b(memoryview(value)[HEADER_BYTES:], digest_size=16).hexdigest()


class Codec(Generic[T]):
    """Reads and writes the values of one record's topic.

    `newest` is the schema that it writes with, `header` what such values begin with.

    Args:
        record_type: A dataclass of `toolgate.schemas.records` that has a topic.
        registry: Where ids come from; the bundled ones by default.

    Raises:
        TypeError: The record has no topic.
        RegistryError: The registry has no id for the newest schema.
    """

    def __init__(self, record_type: type[T], registry: Registry | None = None) -> None:
        self._subject = subject_of(record_type)
        self._registry = registry or registries.bundled()
        self.newest = schemas(self._subject.stem)[-1]
        self._name = self.newest.runtime["name"]
        self.schema_id = self._registry.id_of(self.newest)
        self.header = _MAGIC + self.schema_id.to_bytes(4, "big")
        self._writers = {self.header: self.newest}
        binary = _prepared(self._subject)
        self._write, self._read = binary.write, binary.read
        self._names = _names_of(self._subject)

    def encode(self, record: T) -> bytes:
        """The value of a record, written with the newest schema.

        Raises:
            EncodeError: A field has a type, a size or a character that `decode` would refuse.
        """
        try:
            value = self.header + self._write(record)
        except Exception as error:
            raise EncodeError(f"{self._name}: {type(error).__name__}: {error}") from error
        if len(value) > self._subject.bytes_max:
            raise EncodeError(
                f"{self._name}: {len(value)} bytes, at most {self._subject.bytes_max}: "
                "keep large content elsewhere and send its digest and URI"
            )
        if self._names is not None and "\x00" in self._names(record):
            raise EncodeError(f"{self._name}: a NUL character in a name or id")
        return value

    def decode(self, value: bytes | None) -> T:
        """The record of a value.

        Raises:
            DecodeError: It could not be read; nothing else is raised.
        """
        return self.read(value).record

    def read(self, value: bytes | None) -> Decoded[T]:
        """The record of a value with its schema id and the digest of its body.

        Raises:
            DecodeError: It could not be read; nothing else is raised.
        """
        if value is None:
            _refuse(DecodeCode.TOMBSTONE, "a record without a value")
        if len(value) > self._subject.bytes_max:
            _refuse(DecodeCode.OVERSIZE, f"{len(value)} bytes, at most {self._subject.bytes_max}")
        header, body = value[:HEADER_BYTES], value[HEADER_BYTES:]
        writer = self._writers.get(header) or self._learn(header)
        record = self._record(writer, body)
        if self._names is not None and "\x00" in self._names(record):
            _refuse(DecodeCode.BAD_ID, "a NUL character in a name or id")
        return Decoded(record, int.from_bytes(header[1:], "big"), blake2b(body, digest_size=16).hexdigest())

    def _record(self, writer: Schema, body: bytes) -> T:
        record: T
        write, read = self._write, self._read
        try:
            if writer is not self.newest:
                if (earlier := _earlier(self._subject, writer.version)) is not None:
                    write, read = earlier.write, earlier.read
                else:
                    body = self._resolved(writer, body)
            record, end = read(body, 0)
            if end != len(body) or write(record) != body:
                _refuse(DecodeCode.NOT_CANONICAL, _NOT_CANONICAL)
        except DecodeError:
            raise
        except Exception as error:  # noqa: BLE001 - hostile bytes: whatever they cause is one refusal
            _refuse(DecodeCode.MALFORMED, f"{type(error).__name__}: {str(error)[:200]}")
        return record

    def _resolved(self, writer: Schema, body: bytes) -> bytes:
        """A body of an older version as the newest version writes it, with defaults for what is new."""
        again = BytesIO()
        schemaless_writer(
            again, writer.runtime, schemaless_reader(BytesIO(body), writer.runtime, None, *_NAMED)
        )
        if again.getvalue() != body:
            _refuse(DecodeCode.NOT_CANONICAL, _NOT_CANONICAL)
        datum = schemaless_reader(BytesIO(body), writer.runtime, self.newest.runtime, *_NAMED)
        resolved = BytesIO()
        schemaless_writer(resolved, self.newest.runtime, datum)
        return resolved.getvalue()

    def _learn(self, header: bytes) -> Schema:
        """Slow path: an id that this codec has not met before."""
        if len(header) < HEADER_BYTES or header[:1] != _MAGIC:
            _refuse(DecodeCode.BAD_MAGIC, f"begins with {header.hex()!r}, not 00 and a schema id")
        schema_id = int.from_bytes(header[1:], "big")
        try:
            schema = self._registry.find(schema_id)
        except RegistryError as error:
            _refuse(DecodeCode.REGISTRY_UNAVAILABLE, f"schema id {schema_id}: {error}")
        if schema is None:
            _refuse(DecodeCode.UNKNOWN_SCHEMA, f"schema id {schema_id} is none of this package's")
        if schema.subject is not self._subject:
            found = schema.runtime["name"]
            _refuse(DecodeCode.WRONG_SCHEMA, f"schema id {schema_id} is {found}, not {self._name}")
        self._writers[header] = schema
        return schema


@cache
def _prepared(subject: Subject) -> Binary:
    """The encoding of a record's newest schema: preparing it compiles code, and codecs are made at every start."""
    newest = schemas(subject.stem)[-1]
    return prepare(newest.runtime, {newest.runtime["name"]: subject.record_type})


@cache
def _earlier(subject: Subject, version: int) -> Binary | None:
    """The encoding of an earlier version that only lacks fields at its end: the record has their defaults.

    None of one that differs otherwise: its values are resolved by fastavro, which takes two or three times as long.
    """
    versions = {schema.version: schema.runtime for schema in schemas(subject.stem)}
    newest = versions[max(versions)]
    if (earlier := versions.get(version)) is None:
        return None
    begins = {**newest, "fields": newest["fields"][: len(earlier["fields"])]}
    if to_parsing_canonical_form(begins) != to_parsing_canonical_form(earlier):
        return None
    return prepare(earlier, {earlier["name"]: subject.record_type})


def _names_of(subject: Subject) -> Callable[[Any], str] | None:
    """All names and ids of an input record in one string; None for what only the gate writes."""
    if subject.gate_writes:
        return None
    kinds = subject.record_type.__annotations__
    strings = [name for name in names_of(subject.record_type) if kinds[name] == "str"]
    fetch = attrgetter(
        *(name for name in strings if name.endswith("_id") or name in ("tenant", "tool", "ref"))
    )
    return lambda record: "".join(fetch(record))


def _refuse(code: DecodeCode, detail: str) -> NoReturn:
    raise DecodeError(code, detail)
