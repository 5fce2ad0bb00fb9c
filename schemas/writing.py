"""Avro's binary encoding, the writing half: a schema becomes the source of one Python function for each record.

The functions are straight lines: no loop over fields, no call for a number or a string. That makes them five times
faster than going through dicts, and writing is the largest part of a decision's cost.
Types are held strictly (3.7 is no `long`, "INV-1" no array of strings): what is wrong raises whatever it raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Write = Callable[[Any], bytes]
    Expression = Callable[[str], str]  # source of a value -> source of its bytes

_REMEMBERED_MAX = 65_536
_REMEMBERED_BYTES_MAX = 128  # of one string: names and ids, not bodies


class _Varints(dict[int, bytes]):
    """Zigzag varints by number; those met lately are remembered: small numbers and a batch's times repeat."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self._bits = bits
        self._end = 1 << (bits - 1)

    def __missing__(self, number: int) -> bytes:
        if type(number) is not int or not -self._end <= number < self._end:
            raise TypeError(f"{number!r} is no integer of {self._bits} bits")
        rest = (number << 1) ^ (number >> 63)
        made = b""
        while rest > 0x3FFF:  # two groups of seven bits at a time
            made += _PAIRS[rest & 0x3FFF]
            rest >>= 14
        made += _LASTS[rest]
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        self[number] = made
        return made


# Two groups of seven bits with more behind them, and the last one or two.
_PAIRS = [bytes((number & 0x7F | 0x80, number >> 7 | 0x80)) for number in range(0x4000)]
_LASTS = [
    bytes((number,)) if number < 0x80 else bytes((number & 0x7F | 0x80, number >> 7))
    for number in range(0x4000)
]


class _Strings(dict[str, bytes]):
    """Encoded strings by text; those met lately are remembered: a decision's ids stand in all of its records."""

    def __missing__(self, text: str) -> bytes:
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is no string")
        data = text.encode()
        made = LONGS[len(data)] + data
        if len(data) <= _REMEMBERED_BYTES_MAX:
            if len(self) >= _REMEMBERED_MAX:
                self.clear()
            self[text] = made
        return made


INTS = _Varints(32)
LONGS = _Varints(64)
STRINGS = _Strings()
_PRIMITIVES = {"int": "INTS", "long": "LONGS", "string": "STRINGS", "boolean": "BOOLEANS"}


def writer(schema: Any, classes: Mapping[str, type]) -> Write:
    """The function that writes values of a schema.

    Args:
        schema: As fastavro parsed it: full names, each named type spelt out where it is used first.
        classes: Full record name to its dataclass; every other record is a tuple in field order.

    Raises:
        TypeError: The schema uses a type that this package's schemas do not.
    """
    source = _Source(classes)
    value = source.expression(schema)("value")
    return source.compiled(f"def written(value):\n return {value}\n")


class _Source:
    """Functions in the making, and the names that they use."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self._classes = classes
        self._named: dict[str, Expression] = {}
        self._lines: list[str] = []
        self._scope: dict[str, Any] = {
            "INTS": INTS,
            "LONGS": LONGS,
            "STRINGS": STRINGS,
            "BOOLEANS": {False: b"\x00", True: b"\x01"},
        }

    def compiled(self, last: str) -> Write:
        """The function `written`, which `last` defines."""
        # Only names that this module makes and field names, which Avro restricts to identifiers, stand in it.
        exec("".join(self._lines) + last, self._scope)  # noqa: S102
        write: Write = self._scope["written"]
        return write

    def expression(self, schema: Any) -> Expression:
        """How a value of this schema is written."""
        if isinstance(schema, list):
            return self._union(schema)
        if isinstance(schema, str):
            return self._named[schema] if schema in self._named else self._primitive(schema)
        match schema["type"]:
            case "array":
                made = self._array(self.expression(schema["items"]))
            case "map":
                made = self._map(self.expression(schema["values"]))
            case "enum":
                symbols = {symbol: LONGS[index] for index, symbol in enumerate(schema["symbols"])}
                made = self._named[schema["name"]] = _looked_up(self._name(symbols))
            case "record":
                made = self._named[schema["name"]] = self._record(schema)
            case other:
                made = self.expression(other)
        return made

    def _primitive(self, kind: str) -> Expression:
        if kind not in _PRIMITIVES:
            raise TypeError(
                f"type {kind!r} is not used by this package's schemas; see schemas/README.md for those that are"
            )
        return _looked_up(_PRIMITIVES[kind])

    def _name(self, thing: Any) -> str:
        name = f"n{len(self._scope)}"
        self._scope[name] = thing
        return name

    def _function(self, body: str) -> str:
        """The name of a function of `value` with these lines."""
        name = self._name(None)
        self._lines.append(f"def {name}(value):\n{body}\n")
        return name

    def _array(self, item: Expression) -> Expression:
        # A string would be an array of its characters.
        body = (
            " if not isinstance(value, (tuple, list)):"
            " raise TypeError(f'{type(value).__name__} where a tuple belongs')\n"
            " if not value: return b'\\0'\n"
            f" return b'%b%b\\0' % (LONGS[len(value)], b''.join([{item('one')} for one in value]))"
        )
        return _called(self._function(body))

    def _map(self, item: Expression) -> Expression:
        body = (
            " if not isinstance(value, dict):"
            " raise TypeError(f'{type(value).__name__} where a dict belongs')\n"
            " if not value: return b'\\0'\n"
            f" items = b''.join([STRINGS[key] + {item('one')} for key, one in value.items()])\n"
            " return b'%b%b\\0' % (LONGS[len(value)], items)"
        )
        return _called(self._function(body))

    def _record(self, schema: Any) -> Expression:
        if schema["name"] not in self._classes:
            return _called(self._tuple(schema))
        parts = [self.expression(field["type"])(f"value.{field['name']}") for field in schema["fields"]]
        return _called(self._function(f" return b''.join(({', '.join(parts)},))"))

    def _tuple(self, schema: Any, before: bytes = b"") -> str:
        """The function of a record that is a tuple in field order; `before` stands before its bytes."""
        names = [f"f_{field['name']}" for field in schema["fields"]]
        parts = [repr(before)] if before else []
        parts += (
            self.expression(field["type"])(name) for name, field in zip(names, schema["fields"], strict=True)
        )
        return self._function(f" {', '.join(names)}, = value\n return b''.join(({', '.join(parts)},))")

    def _union(self, branches: list[Any]) -> Expression:
        if all(isinstance(branch, dict) and branch["type"] == "record" for branch in branches):
            return self._operation(branches)
        if len(branches) != 2 or branches[0] != "null":
            raise TypeError(f"union {branches!r}: only null and one type, or records only")
        some = self.expression(branches[1])
        return lambda value: f"(b'\\0' if {value} is None else b'\\2' + {some(value)})"

    def _operation(self, branches: list[Any]) -> Expression:
        """An `Op`: its name says which branch, its arguments are the branch's fields."""
        table = self._name({})
        for index, branch in enumerate(branches):
            write = self._tuple(branch, before=LONGS[index])
            self._lines.append(f"{table}[{branch['name'].rpartition('.')[2].lower()!r}] = {write}\n")
        return lambda value: f"{table}[{value}.op]({value}.args)"


def _called(function: str) -> Expression:
    return lambda value: f"{function}({value})"


def _looked_up(table: str) -> Expression:
    return lambda value: f"{table}[{value}]"
