"""Avro's binary encoding, the reading half: one function for each type of a schema, of a record in straight lines.

Reading only promises to end, in time and memory linear in the bytes, and to raise for what it cannot read;
that the bytes are the one right encoding is for the caller to check, by writing again what was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.schemas.records import Op

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Read = Callable[[bytes, int], tuple[Any, int]]


def reader(schema: Any, classes: Mapping[str, type]) -> Read:
    """The function that reads values of a schema; arguments and errors as of `writing.writer`."""
    return _reader(schema, classes, {})


def _reader(schema: Any, classes: Mapping[str, type], named: dict[str, Read]) -> Read:
    if isinstance(schema, list):
        return _union(schema, classes, named)
    if isinstance(schema, str):
        return named[schema] if schema in named else _PRIMITIVES[schema]
    match schema["type"]:
        case "array":
            made = _array(_reader(schema["items"], classes, named))
        case "map":
            made = _map(_reader(schema["values"], classes, named))
        case "enum":
            made = named[schema["name"]] = _enum(schema["symbols"])
        case "record":
            fields = [(field["type"], _reader(field["type"], classes, named)) for field in schema["fields"]]
            made = named[schema["name"]] = _record(classes.get(schema["name"]), fields)
        case other:
            made = _reader(other, classes, named)
    return made


def _read_long(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    at += 1
    number = byte & 0x7F
    shift = 7
    while byte > 0x7F:
        if shift > 63:
            raise ValueError("a number of more than ten bytes")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
    return (number >> 1) ^ -(number & 1), at


def _read_string(data: bytes, at: int) -> tuple[str, int]:
    size = data[at]
    if size < 0x80:
        at += 1
        size >>= 1
    else:
        size, at = _read_long(data, at)
        if size < 0:
            raise ValueError("a string of negative length")
    end = at + size
    return data[at:end].decode(), end


def _enum(symbols: list[str]) -> Read:
    def read(data: bytes, at: int) -> tuple[str, int]:
        index, at = _read_long(data, at)
        return symbols[index], at

    return read


def _array(read_item: Read) -> Read:
    def read(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
        count, at = _read_long(data, at)
        if not count:
            return (), at
        values = []
        for _ in range(count):
            value, at = read_item(data, at)
            values.append(value)
        return tuple(values), _end_of_block(data, at)

    return read


def _map(read_value: Read) -> Read:
    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        count, at = _read_long(data, at)
        if not count:
            return {}, at
        values = {}
        for _ in range(count):
            key, at = _read_string(data, at)
            values[key], at = read_value(data, at)
        return values, _end_of_block(data, at)

    return read


def _end_of_block(data: bytes, at: int) -> int:
    """Avro may send an array in several blocks, but writers of these schemas send one."""
    if data[at]:
        raise ValueError("an array or map in more than one block")
    return at + 1


def _union(branches: list[Any], classes: Mapping[str, type], named: dict[str, Read]) -> Read:
    if all(isinstance(branch, dict) for branch in branches):
        names = [branch["name"].rpartition(".")[2].lower() for branch in branches]
        return _operation(names, [_reader(branch, classes, named) for branch in branches])
    return _nullable(_reader(branches[1], classes, named))


def _nullable(read_value: Read) -> Read:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        index = data[at]
        if index == 0:
            return None, at + 1
        if index == 2:
            return read_value(data, at + 1)
        raise ValueError(f"union branch {index} of two")

    return read


def _operation(names: list[str], branches: list[Read]) -> Read:
    reads = list(zip(names, branches, strict=True))

    def read(data: bytes, at: int) -> tuple[Op, int]:
        index, at = _read_long(data, at)
        name, read_args = reads[index]
        args, at = read_args(data, at)
        return Op(name, args), at

    return read


# What nearly every field is: a short string, a small number, or nothing at all. Only the rest costs a call.
_STRING = """
 size = data[at]
 if size < 0x80:
  end = at + 1 + (size >> 1)
  {value} = data[at + 1:end].decode()
  at = end
 else:
  {value}, at = {read}(data, at)
"""
_LONG = """
 {value} = data[at]
 if {value} < 0x80:
  {value} = ({value} >> 1) ^ -({value} & 1)
  at += 1
 else:
  {value}, at = {read}(data, at)
"""
_EMPTY = """
 if data[at]:
  {value}, at = {read}(data, at)
 else:
  {value} = {empty}
  at += 1
"""
_OTHER = " {value}, at = {read}(data, at)\n"


def _record(cls: type | None, fields: list[tuple[Any, Read]]) -> Read:
    """The function of a record: its fields one after the other, each with its schema and what reads it."""
    reads = {f"r{place}": read for place, (_, read) in enumerate(fields)}
    values = [f"v{place}" for place in range(len(fields))]
    lines = [
        _field(schema).format(value=value, read=read)
        for value, read, (schema, _) in zip(values, reads, fields, strict=True)
    ]
    made = f"{'made' if cls else ''}({''.join(f'{value}, ' for value in values)})"
    scope: dict[str, Any] = {"made": cls, **reads}
    # Only names that this module makes stand in it.
    exec(f"def read(data, at):\n{''.join(lines)} return {made}, at\n", scope)  # noqa: S102
    read: Read = scope["read"]
    return read


def _field(schema: Any) -> str:
    """The lines that read a field of this type."""
    match schema:
        case "string":
            return _STRING
        case "int" | "long":
            return _LONG
        case ["null", _]:
            return _EMPTY.replace("{empty}", "None")
        case {"type": "array"}:
            return _EMPTY.replace("{empty}", "()")
    return _OTHER


_PRIMITIVES: Mapping[str, Read] = {
    "int": _read_long,
    "long": _read_long,
    "string": _read_string,
    "boolean": lambda data, at: (data[at] != 0, at + 1),
}
