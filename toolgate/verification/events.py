"""How records are read: what only the gate writes without the strictness that hostile bytes need, and fast.

The strict codec writes again what it has read, to be sure that a record has one digest only; nobody's digest depends on
what the gate says itself. Audit events are read twice: their head when they are loaded, to put them in order, and the
whole when they are judged, so that a long history takes little more memory than its bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolgate.schemas import registry as registries
from toolgate.schemas.binary import prepare
from toolgate.schemas.bundle import schemas, subject_of
from toolgate.schemas.codec import HEADER_BYTES, Codec, DecodeError
from toolgate.schemas.reading import reader
from toolgate.schemas.records import AuditEvent, Op, Verdict

if TYPE_CHECKING:
    from toolgate.schemas.registry import Registry

_HEAD = ("seq", "gen", "ctl", "clk", "stable", "visible", "topic", "partition", "offset")


class UnreadableError(ValueError):
    """A record that cannot be read as its topic's."""


class Fast:
    """Reads the values of one record that only the gate writes.

    Args:
        record_type: of `toolgate.schemas.records`.
        registry: where schema ids come from; the bundled ones by default.
    """

    def __init__(self, record_type: type, registry: Registry | None = None) -> None:
        newest = schemas(subject_of(record_type).stem)[-1]
        number = (registry or registries.bundled()).id_of(newest)
        self._header = b"\x00" + number.to_bytes(HEADER_BYTES - 1, "big")
        self._read = prepare(newest.runtime, {newest.runtime["name"]: record_type}).read
        self._strict: Codec[Any] = Codec(record_type, registry)

    def read(self, value: bytes | None) -> Any:
        """The record of a value; one of an older schema takes the codec's slow way.

        Raises:
            UnreadableError: it is no value of this record's topic.
        """
        if value is None or not value.startswith(self._header):
            return self._slowly(value)
        try:
            record, end = self._read(value, HEADER_BYTES)
        except Exception as error:
            raise UnreadableError(f"{type(error).__name__}: {error}") from error
        if end != len(value):
            raise UnreadableError("the body is not of its schema's length")
        return record

    def _slowly(self, value: bytes | None) -> Any:
        try:
            return self._strict.decode(value)
        except DecodeError as error:
            raise UnreadableError(str(error)) from error


def head(value: bytes | None) -> tuple[int, int, str, int, int]:
    """seq, stable, and the topic, partition and offset of the input, of an audit event's value.

    Every version of the schema begins alike.

    Raises:
        UnreadableError: it does not begin as an audit event does.
    """
    try:
        (seq, _, _, _, stable, _, topic, partition, offset), _ = _READ_HEAD(value or b"", HEADER_BYTES)
    except Exception as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error
    return seq, stable, topic, partition, offset


def _read_head() -> Any:
    schema = schemas("audit_event")[-1].runtime
    fields = [field for field in schema["fields"] if field["name"] in _HEAD]
    return reader({**schema, "fields": fields}, {})


_READ_HEAD = _read_head()


def plain(value: Any, record_type: type) -> Any:
    """The record of a value as `toolgate tail --json` prints it.

    Raises:
        UnreadableError: a field is missing or has a wrong type.
    """
    try:
        if record_type is AuditEvent:
            Verdict(value["verdict"])
            value = value | {"ops": tuple([_operation(op) for op in value["ops"]])}
        return msgspec.convert(value, record_type)
    except KeyError as error:
        raise UnreadableError(f"{error} is missing") from None
    except TypeError:
        raise UnreadableError("a value is of another type than its schema says") from None
    except ValueError as error:
        raise UnreadableError(str(error)) from None


def _branches() -> dict[str, Any]:
    """The schema of each operation, by its name."""
    fields = {field["name"]: field["type"] for field in schemas("audit_event")[-1].runtime["fields"]}
    return {branch["name"].rpartition(".")[2].lower(): branch for branch in fields["ops"]["items"]}


_BRANCHES = _branches()
_TYPES: dict[str, type] = {"int": int, "long": int, "string": str, "boolean": bool}


def _operation(value: Any) -> Op:
    return Op(value["op"], _tuples(value, _BRANCHES[value["op"]]))


def _tuples(value: Any, schema: Any) -> Any:
    """What is inside an operation, as tuples in the order of the schema."""
    if isinstance(schema, str):
        if type(value) is not _TYPES.get(schema, str):  # every other name is an enum's
            raise TypeError
        return value
    match schema["type"]:
        case "array":
            if type(value) is not list:
                raise TypeError
            return tuple([_tuples(item, schema["items"]) for item in value])
        case "record":
            return tuple([_tuples(value[field["name"]], field["type"]) for field in schema["fields"]])
        case "enum":
            if value not in schema["symbols"]:
                raise TypeError
            return value
        case other:
            return _tuples(value, other)
