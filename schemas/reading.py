"""Avro's binary encoding, the reading half: a schema becomes the source of one Python function for each record.

As writing (writing.py) they are straight lines: no loop over fields, no call for a short string or a small number.
Reading only promises to end, in time and memory linear in the bytes, and to raise for what it cannot read;
that the bytes are the one right encoding is for the caller to check, by writing again what was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.schemas.records import Op

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Read = Callable[[bytes, int], tuple[Any, int]]
    Lines = list[str]
    Reading = Callable[[str], Lines]  # name of a variable -> lines that read a value into it and move `at`


def reader(schema: Any, classes: Mapping[str, Callable[..., Any]]) -> Read:
    """The function that reads values of a schema; arguments and errors as of `writing.writer`."""
    source = _Source(classes)
    return source.compiled(source.reading(schema)("value"))


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
    size, at = _read_long(data, at)
    if size < 0:
        raise ValueError("a string of negative length")
    end = at + size
    return data[at:end].decode(), end


def _end_of_block(data: bytes, at: int) -> int:
    """Avro may send an array in several blocks, but writers of these schemas send one."""
    if data[at]:
        raise ValueError("an array or map in more than one block")
    return at + 1


def _no_branch(index: int) -> None:
    raise ValueError(f"union branch {index} of two")


def _long(into: str) -> Lines:
    return [
        f"{into} = data[at]",
        f"if {into} < 128:",
        f" {into} = ({into} >> 1) ^ -({into} & 1)",
        " at += 1",
        f"else: {into}, at = LONG(data, at)",
    ]


def _string(into: str) -> Lines:
    return [
        "size = data[at]",
        "if size < 128:",
        " end = at + 1 + (size >> 1)",
        f" {into} = data[at + 1:end].decode()",
        " at = end",
        f"else: {into}, at = STRING(data, at)",
    ]


def _boolean(into: str) -> Lines:
    return [f"{into} = data[at] != 0", "at += 1"]


_PRIMITIVES: Mapping[str, Reading] = {"int": _long, "long": _long, "string": _string, "boolean": _boolean}


class _Source:
    """Functions in the making, and the names that they use."""

    def __init__(self, classes: Mapping[str, Callable[..., Any]]) -> None:
        self._classes = classes
        self._named: dict[str, Reading] = {}
        self._lines: Lines = []
        self._scope: dict[str, Any] = {
            "LONG": _read_long,
            "STRING": _read_string,
            "END": _end_of_block,
            "NO_BRANCH": _no_branch,
            "Op": Op,
        }

    def compiled(self, lines: Lines) -> Read:
        """The function whose lines leave what they read in `value`."""
        name = self._function(lines, "value")
        # Only names that this module makes and numbers stand in it.
        exec("\n".join(self._lines), self._scope)  # noqa: S102
        read: Read = self._scope[name]
        return read

    def reading(self, schema: Any) -> Reading:
        """How a value of this schema is read."""
        if isinstance(schema, list):
            return self._union(schema)
        if isinstance(schema, str):
            return self._named[schema] if schema in self._named else _PRIMITIVES[schema]
        match schema["type"]:
            case "array":
                made = self._array(self.reading(schema["items"]))
            case "map":
                made = self._map(self.reading(schema["values"]))
            case "enum":
                made = self._named[schema["name"]] = self._enum(schema["symbols"])
            case "record":
                made = self._named[schema["name"]] = self._record(schema)
            case other:
                made = self.reading(other)
        return made

    def _name(self, thing: Any) -> str:
        name = f"n{len(self._scope)}"
        self._scope[name] = thing
        return name

    def _function(self, lines: Lines, value: str) -> str:
        """The name of a function of `data` and `at` with these lines, which gives `value` and where it ended."""
        name = self._name(None)
        self._lines += [f"def {name}(data, at):", *_inside(lines), f" return {value}, at"]
        return name

    def _enum(self, symbols: list[str]) -> Reading:
        table = self._name(symbols)
        return lambda into: [*_long(into), f"{into} = {table}[{into}]"]

    def _array(self, item: Reading) -> Reading:
        read = ["values = []", "for _ in range(count):", *_inside([*item("one"), "values.append(one)"])]
        return _called(self._function(_block(read), "tuple(values)"))

    def _map(self, item: Reading) -> Reading:
        entry = [*_string("key"), *item("one"), "values[key] = one"]
        read = ["values = {}", "for _ in range(count):", *_inside(entry)]
        return _called(self._function(_block(read), "values"))

    def _record(self, schema: Any) -> Reading:
        names = [f"f{index}" for index in range(len(schema["fields"]))]
        lines = [
            line
            for name, field in zip(names, schema["fields"], strict=True)
            for line in self.reading(field["type"])(name)
        ]
        cls = self._classes.get(schema["name"])
        made = "" if cls is None else self._name(cls)
        return _called(self._function(lines, f"{made}({', '.join(names)}{'' if made else ','})"))

    def _union(self, branches: list[Any]) -> Reading:
        if all(isinstance(branch, dict) for branch in branches):
            return self._operation(branches)
        some = self.reading(branches[1])
        return lambda into: [
            "branch = data[at]",
            "at += 1",
            f"if branch == 0: {into} = None",
            "elif branch == 2:",
            *_inside(some(into)),
            "else: NO_BRANCH(branch)",
        ]

    def _operation(self, branches: list[Any]) -> Reading:
        """An `Op`: its branch says which name, the branch's fields are its arguments."""
        reads = [
            self._function(self.reading(branch)("args"), f"Op({_word(branch)!r}, args)")
            for branch in branches
        ]
        table = self._name(None)
        self._lines.append(f"{table} = ({', '.join(reads)},)")
        return lambda into: [*_long("branch"), f"{into}, at = {table}[branch](data, at)"]


def _word(branch: Any) -> str:
    word: str = branch["name"].rpartition(".")[2].lower()
    return word


def _block(read: Lines) -> Lines:
    """Lines that read `count` values of an array or a map, and its end."""
    return [*_long("count"), *read, "if count: at = END(data, at)"]


def _inside(lines: Lines) -> Lines:
    return [f" {line}" for line in lines]


def _called(function: str) -> Reading:
    return lambda into: [f"{into}, at = {function}(data, at)"]
