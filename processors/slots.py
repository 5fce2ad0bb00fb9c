"""Slots: the values that conditions look at, found once for all rules of a tool.

A slot is a path, `params.passengers.name`, or a function over slots, `sum(params.payments.amount)`. A step through a
list takes all its elements, and a row of a map is found by a key that is a slot itself,
`facts.reservation[params.reservation_id].cabin`. What CEL itself cannot compute is computed here, so that no function
of ours runs inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.processors.condition_types import ELEMENTS_MAX, Type, fits
from toolgate.processors.functions import COMPUTED, FUNCTIONS, WITHIN, UnfitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

STRING_CHARS_MAX = 16_384
EACH = "*"
ROW = "[]"  # the step from a map to the row that the slot's key names
CALL, CONSTANT = "()", "="  # roots of what is no path: a function of several slots, a constant
LENGTH = "size"  # of text, in characters


@dataclass(frozen=True, slots=True)
class Slot:
    """A root and the steps below it, then functions over what stands there, the innermost first.

    `inputs` is the key of a path through a map, or what the function of a CALL takes.
    """

    root: str
    path: tuple[str, ...]
    type: Type  # of what stands at the path
    functions: tuple[str, ...] = ()
    inputs: tuple[Slot, ...] = ()

    def __str__(self) -> str:
        """As it is written in a condition."""
        if self.root == CONSTANT:
            text = f'"{self.path[0]}"'
        elif self.root == CALL and self.path == (WITHIN,):
            text = f" {WITHIN} ".join(map(str, self.inputs))
        elif self.root == CALL:
            text = f"{self.path[0]}({', '.join(map(str, self.inputs))})"
        else:
            text = self.root
            for step in self.path:
                text += f"[{self.inputs[0]}]" if step == ROW else "" if step == EACH else f".{step}"
        for function in self.functions:
            text = f"{function}({text})"
        return text

    def looks_at(self, root: str) -> bool:
        """Whether the slot's value depends on anything under this root."""
        return self.root == root or any(one.looks_at(root) for one in self.inputs)


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing stands at a path. `table` and `key`: of the map's row that is not there, or lacks what is asked."""

    root: str = ""
    table: str = ""
    key: str = ""


MISSING = Missing()


def facts_in(slots: Iterable[Slot]) -> Iterator[str]:
    """The facts that slots look at, also to find a row of another."""
    for slot in slots:
        if slot.root == "facts":
            yield slot.path[0]
        yield from facts_in(slot.inputs)


def value_of(slot: Slot, roots: Mapping[str, Any]) -> Any:
    """The slot's value, or a Missing.

    Raises:
        UnfitError: It is too large, of another type than promised, or its function does not take it.
    """
    value = _found(slot, roots)
    if isinstance(value, Missing):
        return value
    value = _checked(value, slot.type)
    for function in slot.functions:
        if value is None or (isinstance(value, list) and None in value):
            raise UnfitError("it is null")
        value = len(value) if function == LENGTH else FUNCTIONS[function].apply(value)
    return value


def _found(slot: Slot, roots: Mapping[str, Any]) -> Any:
    if slot.root == CONSTANT:
        return slot.path[0]
    if slot.root != CALL:
        return _in_map(slot, roots) if slot.inputs else _at(roots[slot.root], slot.path)
    given = []
    for one in slot.inputs:
        value = value_of(one, roots)
        if isinstance(value, Missing):
            return value
        if value is None:
            raise UnfitError("it is null")
        given.append(value)
    return COMPUTED[slot.path[0]].apply(*given)


def _in_map(slot: Slot, roots: Mapping[str, Any]) -> Any:
    """What stands in the row of a map, or for a list of keys in each of their rows."""
    keys = value_of(slot.inputs[0], roots)
    if isinstance(keys, Missing):
        return keys
    place = slot.path.index(ROW)
    rows, rest = _at(roots[slot.root], slot.path[:place]), slot.path[place + 1 :]
    if isinstance(rows, Missing):
        return rows
    if not isinstance(rows, dict):
        raise UnfitError("it is no mapping")
    if not isinstance(keys, list):
        return _in_row(slot, rows, keys, rest)
    found: list[Any] = []
    for key in keys:
        below = _in_row(slot, rows, key, rest[1:])
        if isinstance(below, Missing):
            return below
        found += below if isinstance(below, list) else (below,)
    return found


def _in_row(slot: Slot, rows: Mapping[str, Any], key: Any, rest: tuple[str, ...]) -> Any:
    if not isinstance(key, str):
        raise UnfitError("a key is no text")
    below = _at(rows.get(key, MISSING), rest)
    table = ".".join(slot.path[: slot.path.index(ROW)])
    return Missing(slot.root, table, key) if isinstance(below, Missing) else below


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for place, step in enumerate(path):
        if step == EACH:
            return _at_each(value, path[place + 1 :])
        if not isinstance(value, dict) or step not in value:
            return MISSING
        value = value[step]
    return value


def _at_each(items: Any, rest: tuple[str, ...]) -> Any:
    if not isinstance(items, list):
        raise UnfitError("it is no list")
    found: list[Any] = []
    for item in items:
        below = _at(item, rest)
        if below is MISSING:
            return MISSING
        # A list in each element becomes one list of all, as its type says.
        found += below if isinstance(below, list) else (below,)
    return found


def _checked(value: Any, kind: Type) -> Any:
    if kind.kind == "double" and type(value) is int:
        value = float(value)
    if value is None and kind.null:
        return None
    if not fits(value, kind):
        raise UnfitError(f"it is no {kind}")
    if kind.kind == "list":
        if len(value) > ELEMENTS_MAX:
            raise UnfitError(f"it has {len(value):,} elements, at most {ELEMENTS_MAX} are looked at")
        if kind.item is not None and kind.item.kind != "object":
            return [_checked(item, kind.item) for item in value]
    elif kind.kind == "string" and len(value) > STRING_CHARS_MAX:
        raise UnfitError(f"it has {len(value):,} characters, at most {STRING_CHARS_MAX:,} are looked at")
    return value
