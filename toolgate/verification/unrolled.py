"""Reading a long log fast: the whole schema of a record written out as one function, without a call for each field.

`schemas.reading` makes a function of functions, which is what decides with hostile bytes; whoever reads millions of
records that only the gate writes pays for each of those calls. Both give the same values: a test holds them together.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from toolgate.schemas.records import Op

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from toolgate.schemas.reading import Read


def unrolled(schema: Any, classes: Mapping[str, type], wanted: Collection[str] | None = None) -> Read:
    """The function that reads values of a record.

    Args:
        schema: as for `reading.reader`, without maps.
        classes: full record name to its class; a record without one is a tuple.
        wanted: only these fields, as a tuple; nothing behind the last of them is looked at. None: all, as its class.
    """
    writing = _Writing(classes)
    lines = ["def read(data, at):", *_indented(writing.top(schema, wanted))]
    # Nothing but a schema of this package is ever written out.
    exec("\n".join(lines), writing.names)  # noqa: S102
    made: Read = writing.names["read"]
    return made


class _Writing:
    """Statements that leave a value in a variable and the position behind it in `at`."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self.names: dict[str, Any] = {"Op": Op, "number": _number, "size": _size, "small": _SMALL}
        self._classes = classes
        self._schemas: dict[str, Any] = {}
        self._numbers = count()

    def top(self, schema: Any, wanted: Collection[str] | None) -> Iterator[str]:
        if wanted is None:
            yield from self._value(schema, "value")
            yield "return value, at"
            return
        places = {field["name"]: i for i, field in enumerate(schema["fields"])}
        fields = schema["fields"][: max(places[name] for name in wanted) + 1]
        parts = [self._new() for _ in fields]
        for part, field in zip(parts, fields, strict=True):
            skipped = field["type"] == "string" and field["name"] not in wanted
            yield from self._skip() if skipped else self._value(field["type"], part)
        yield f"return ({', '.join(parts[places[name]] for name in wanted)},), at"

    def _value(self, schema: Any, name: str) -> Iterator[str]:
        if isinstance(schema, list):
            yield from self._union(schema, name)
            return
        if isinstance(schema, str):
            if schema in self._schemas:
                schema = self._schemas[schema]
            else:
                yield from _PRIMITIVES[schema].format(name=name).splitlines()
                return
        match schema["type"]:
            case "array":
                yield from self._array(schema["items"], name)
            case "enum":
                self._schemas[schema["name"]] = schema
                yield from _PRIMITIVES["long"].format(name=name).splitlines()
                yield f"{name} = {self._known(tuple(schema['symbols']))}[{name}]"
            case "record":
                self._schemas[schema["name"]] = schema
                yield from self._record(schema, name)
            case other:
                yield from self._value(other, name)

    def _skip(self) -> Iterator[str]:
        yield from _SIZE.splitlines()
        yield "at += n"

    def _record(self, schema: Any, name: str) -> Iterator[str]:
        parts = [self._new() for _ in schema["fields"]]
        for part, field in zip(parts, schema["fields"], strict=True):
            yield from self._value(field["type"], part)
        made = self._classes.get(schema["name"])
        yield f"{name} = {self._known(made) if made else ''}({', '.join(parts)}{'' if made else ','})"

    def _array(self, items: Any, name: str) -> Iterator[str]:
        item, all_items = self._new(), self._new()
        yield from _PRIMITIVES["long"].format(name=name).splitlines()
        yield f"if not {name}:"
        yield f"    {name} = ()"
        yield "else:"
        yield f"    {all_items} = []"
        yield f"    for _ in range({name}):"
        yield from _indented(self._value(items, item), 2)
        yield f"        {all_items}.append({item})"
        yield "    if data[at]:"
        yield "        raise ValueError('an array in more than one block')"
        yield "    at += 1"
        yield f"    {name} = tuple({all_items})"

    def _union(self, branches: list[Any], name: str) -> Iterator[str]:
        if branches[0] == "null":
            yield "n = data[at]"
            yield "at += 1"
            yield "if n == 0:"
            yield f"    {name} = None"
            yield "elif n == 2:"
            yield from _indented(self._value(branches[1], name))
        else:
            yield "n = data[at]"
            yield "at += 1"
            for index, branch in enumerate(branches):
                yield f"{'elif' if index else 'if'} n == {2 * index}:"
                yield from _indented(self._value(branch, name))
                yield f"    {name} = Op({branch['name'].rpartition('.')[2].lower()!r}, {name})"
        yield "else:"
        yield "    raise ValueError('an unknown branch of a union')"

    def _new(self) -> str:
        return f"v{next(self._numbers)}"

    def _known(self, value: Any) -> str:
        name = f"k{next(self._numbers)}"
        self.names[name] = value
        return name


def _indented(lines: Iterator[str], times: int = 1) -> Iterator[str]:
    return ("    " * times + line for line in lines)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of several bytes."""
    second = data[at + 1]
    number = data[at] & 0x7F | (second & 0x7F) << 7
    if second > 0x7F:
        third, at = data[at + 2], at + 1
        number |= (third & 0x7F) << 14
        if third > 0x7F:
            fourth, at = data[at + 2], at + 1
            number |= (fourth & 0x7F) << 21
            if fourth > 0x7F:
                return _long(data, at + 2, number)
    return (number >> 1) ^ -(number & 1), at + 2


def _long(data: bytes, at: int, number: int) -> tuple[int, int]:
    shift = 28
    while (byte := data[at]) > 0x7F:
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise ValueError("a number of more than ten bytes")
    number |= byte << shift
    return (number >> 1) ^ -(number & 1), at + 1


def _size(data: bytes, at: int) -> tuple[int, int]:
    size, at = _number(data, at)
    if size < 0:
        raise ValueError("a string of negative length")
    return size, at


_SIZE = """\
n = data[at]
if n < 128:
    at += 1
    n >>= 1
else:
    n, at = size(data, at)
"""
_LONG = """\
{name} = data[at]
if {name} < 128:
    at += 1
    {name} = small[{name}]
else:
    {name}, at = number(data, at)
"""
_PRIMITIVES: Mapping[str, str] = {
    "int": _LONG,
    "long": _LONG,
    "string": """\
n = data[at]
if n < 128:
    {name} = data[at + 1 : (at := at + 1 + (n >> 1))].decode()
else:
    n, at = size(data, at)
    {name} = data[at : (at := at + n)].decode()
""",
    "boolean": "{name} = data[at] != 0\nat += 1\n",
}
_SMALL = tuple((number >> 1) ^ -(number & 1) for number in range(128))
