"""Lookups: slots as generated functions, for what a call nearly always looks like.

What a slot is, `value_of` says. A lookup takes the few steps of the common case: everything is there and of the type
that was promised. Whatever else it meets, it hands to `value_of`, so the two never differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from toolgate.processors.condition_types import ELEMENTS_MAX
from toolgate.processors.facts import Told
from toolgate.processors.functions import COMPUTED
from toolgate.processors.slots import (
    CALL,
    CONSTANT,
    EACH,
    LENGTH,
    ROW,
    STRING_CHARS_MAX,
    Slot,
    value_of,
)

if TYPE_CHECKING:
    from types import CodeType

    from toolgate.processors.condition_types import Type

Lookup = Callable[[Mapping[str, Any]], Any]

TOLD = "told"  # the root that stands for facts: `Told`, whose rows are read when they are asked for
_PLAIN = {
    "int": "int",
    "bool": "bool",
    "double": "float",
    "string": "str",
    "timestamp": "datetime",
    "set": "frozenset",
}
_NAME_OF = {LENGTH: "len"}  # of functions that CEL has itself, and only Cedar's conditions ask of us
_SOURCES_KEPT = 4_096  # policies of one catalogue look at much the same


def lookup(slot: Slot) -> Lookup:
    """What finds the slot's value, as `value_of` does. Beside the roots of `value_of` it takes TOLD."""
    plain = partial(value_of, slot)
    try:
        source = _Source().of(slot)
    except _UncommonError:
        return plain
    names = {**_NAMES, "plain": plain}
    exec(_code(source), names)  # noqa: S102 - lines that are written here, with names quoted
    found: Lookup = names["found"]
    return found


def _items(value: Any) -> list[Any]:
    if type(value) is not list:
        raise TypeError
    return value


_NAMES: dict[str, Any] = {
    "datetime": datetime,
    "items": _items,
    **{f"only_{kind.__name__}": frozenset({kind}) for kind in (int, bool, float, str, datetime)},
    **{f"f_{name}": function.apply for name, function in COMPUTED.items()},
}


@lru_cache(_SOURCES_KEPT)
def _code(source: str) -> CodeType:
    return compile(source, "<lookup>", "exec")


class _UncommonError(Exception):
    """A slot that is left to `value_of`."""


class _Source:
    """The lines of a lookup. Each value has a name of its own, and must fit before it is used."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def of(self, slot: Slot) -> str:
        """A function called `found`; what it cannot find or use, it leaves to `plain`."""
        value = self._applied(slot)
        lines = [
            "def found(roots):",
            "  try:",
            *(f"    {line}" for line in self._lines),
            f"    return {value}",
        ]
        return "\n".join((*lines, "  except (KeyError, TypeError):", "    return plain(roots)"))

    def _applied(self, slot: Slot) -> str:
        """The slot's value, its functions applied."""
        if slot.root == CONSTANT:
            return repr(slot.path[0])
        if slot.root == CALL:
            value = self._named(f"f_{slot.path[0]}({', '.join(map(self._applied, slot.inputs))})")
        else:
            value = self._named(self._in_row(slot) if ROW in slot.path else _below(_root(slot), slot.path))
        self._needs(_fits(value, slot.type))
        for function in slot.functions:
            value = f"{_NAME_OF.get(function, f'f_{function}')}({value})"
        return value

    def _in_row(self, slot: Slot) -> str:
        place = slot.path.index(ROW)
        table, rest = slot.path[:place], slot.path[place + 1 :]
        each = rest[:1] == (EACH,)
        key = self._named(self._applied(slot.inputs[0]))
        self._needs(f"type({key}) is {'list' if each else 'str'}")
        one = "key" if each else key
        if slot.root == "facts":
            row = f"roots[{TOLD!r}][{Told.place(table[0], '')!r} + {one}]"
        else:
            row = f"{_below(_root(slot), table)}[{one}]"
        return f"[{_below(row, rest[1:])} for key in {key}]" if each else _below(row, rest)

    def _named(self, source: str) -> str:
        name = f"v{len(self._lines)}"
        self._lines.append(f"{name} = {source}")
        return name

    def _needs(self, test: str) -> None:
        self._lines.append(f"if not ({test}): return plain(roots)")


def _root(slot: Slot) -> str:
    return f"roots[{slot.root!r}]"


def _below(source: str, path: tuple[str, ...]) -> str:
    """What stands at the path below; through one list at most."""
    for place, step in enumerate(path):
        if step == EACH:
            rest = path[place + 1 :]
            if EACH in rest or not rest:
                raise _UncommonError
            return f"[{_below('item', rest)} for item in items({source})]"
        source = f"{source}[{step!r}]"
    return source


def _fits(value: str, kind: Type) -> str:
    """Whether `value_of` would take the value as it is."""
    if kind.kind == "list" and kind.item is not None and kind.item.kind in _PLAIN:
        item = _PLAIN[kind.item.kind]
        known = f"type({value}) is list and len({value}) <= {ELEMENTS_MAX} and "
        known += f"only_{item}.issuperset(map(type, {value}))"
        return (
            f"{known} and max(map(len, {value}), default=0) <= {STRING_CHARS_MAX}" if item == "str" else known
        )
    if kind.kind not in _PLAIN:
        raise _UncommonError
    known = f"type({value}) is {_PLAIN[kind.kind]}"
    return f"{known} and len({value}) <= {STRING_CHARS_MAX}" if kind.kind == "string" else known
