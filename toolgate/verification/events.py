"""How records are read: what only the gate writes without the strictness that hostile bytes need, and fast.

The strict codec writes again what it has read, to be sure that a record has one digest only; nobody's digest depends on
what the gate says itself. Each record is read twice: its head when it is loaded, to put it in order, and the whole when
it is judged, so that a long history takes little more memory than its bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from toolgate.schemas import registry as registries
from toolgate.schemas.binary import NESTED
from toolgate.schemas.bundle import schemas, subject_of
from toolgate.schemas.codec import HEADER_BYTES, Codec, DecodeError
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import AuditEvent, Op
from toolgate.verification.unrolled import unrolled

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.registry import Registry

_HEAD = ("seq", "stable", "topic", "partition", "offset")


class UnreadableError(ValueError):
    """A record that cannot be read as its topic's; `undecided`: only because the Schema Registry does not say."""

    def __init__(self, text: str, *, undecided: bool = False) -> None:
        super().__init__(text)
        self.undecided = undecided


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
        self._read = unrolled(newest.runtime, {**NESTED, newest.runtime["name"]: record_type})
        self._head = unrolled(newest.runtime, {}, ("seq",))
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

    def seq(self, value: bytes | None) -> int:
        """The seq of a value, of which no more is read than that.

        Raises:
            UnreadableError: it does not begin as a value of this record's topic does.
        """
        if value is None or not value.startswith(self._header):
            seq: int = self._slowly(value).seq
            return seq
        try:
            (seq,), _ = self._head(value, HEADER_BYTES)
        except Exception as error:
            raise UnreadableError(f"{type(error).__name__}: {error}") from error
        return seq

    def _slowly(self, value: bytes | None) -> Any:
        try:
            return self._strict.decode(value)
        except DecodeError as error:
            raise UnreadableError(str(error), undecided=error.undecided) from error


def head(value: bytes | None) -> tuple[int, int, str, int, int]:
    """seq, stable, and the topic, partition and offset of the input, of an audit event's value.

    Every version of the schema begins alike.

    Raises:
        UnreadableError: it does not begin as an audit event does.
    """
    try:
        found: tuple[int, int, str, int, int] = _READ_HEAD(value or b"", HEADER_BYTES)[0]
    except Exception as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error
    return found


_READ_HEAD = unrolled(schemas("audit_event")[-1].runtime, {}, _HEAD)


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


def _operation(value: Any) -> Op:
    return Op(value["op"], _BRANCHES[value["op"]](value))


def _checked(schema: Any) -> Callable[[Any], Any]:
    """Gives what is inside an operation, as tuples in the order of the schema; TypeError where it is not of it."""
    if isinstance(schema, str):
        kind = _TYPES.get(schema, str)  # every other name is an enum's
        return lambda value: value if type(value) is kind else _refuse()
    match schema["type"]:
        case "array":
            item = _checked(schema["items"])
            return lambda value: tuple([item(one) for one in value]) if type(value) is list else _refuse()
        case "record":
            return _fields(schema["fields"])
        case "enum":
            symbols = frozenset(schema["symbols"])
            return lambda value: value if value in symbols else _refuse()
        case other:
            return _checked(other)


def _fields(fields: Any) -> Callable[[Any], Any]:
    names = [field["name"] for field in fields]
    kinds = [_TYPES.get(field["type"]) if isinstance(field["type"], str) else None for field in fields]
    if None not in kinds:  # of most: looked at in one go

        def plainly(value: Any) -> Any:
            values = [value[name] for name in names]
            return tuple(values) if list(map(type, values)) == kinds else _refuse()

        return plainly
    checks = [(name, _checked(field["type"])) for name, field in zip(names, fields, strict=True)]
    return lambda value: tuple([check(value[name]) for name, check in checks])


def _refuse() -> NoReturn:
    raise TypeError


_TYPES: dict[str, type] = {"int": int, "long": int, "string": str, "boolean": bool}


def _branches() -> dict[str, Callable[[Any], Any]]:
    """What reads each operation, by its name."""
    fields = {field["name"]: field["type"] for field in schemas("audit_event")[-1].runtime["fields"]}
    return {branch["name"].rpartition(".")[2].lower(): _checked(branch) for branch in fields["ops"]["items"]}


_BRANCHES = _branches()
