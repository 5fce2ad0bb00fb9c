"""Leaves that need no CEL: comparisons and tests of plain values, which Python and CEL agree on.

Each comes to None where a value is not what the types promised; then CEL, or the error, says what it is.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from toolgate.processors.condition_syntax import Binary, Call, Items, Literal, Node
from toolgate.processors.condition_types import Type

Native = Callable[[Sequence[Any]], bool | None]
SlotOf = Callable[[Node], tuple[int, Type] | None]

_PLAIN: dict[str, type] = {"int": int, "bool": bool, "double": float, "string": str, "timestamp": datetime}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "contains": operator.contains,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}


def native(node: Node, slot_of: SlotOf) -> Native | None:
    """A leaf that has been checked as a function of the slots' values; None for what is left to CEL.

    Args:
        node: The leaf.
        slot_of: The number and type of the slot that a node is, or None.
    """
    match node:
        case Binary(_, "in", left, right):
            return _within(slot_of(left), right, slot_of) or _itself(slot_of(node))
        case Binary(_, sign, left, right) if sign in _COMPARE:
            return _compared(sign, left, right, slot_of)
        case Call(_, name, target, (Literal(_, str() as text),)) if target is not None and name in _TESTS:
            return _of_one(slot_of(target), text, _TESTS[name])
    return _itself(slot_of(node))


def _compared(sign: str, left: Node, right: Node, slot_of: SlotOf) -> Native | None:
    if isinstance(left, Literal):
        sign, left, right = _MIRRORED[sign], right, left
    first, test = slot_of(left), _COMPARE[sign]
    if isinstance(right, Literal):
        return _of_one(first, right.value, test) or _of_length(left, right.value, test, slot_of)
    second = slot_of(right)
    return _of_two(first, second, test) if first and second else None


def _of_length(node: Node, constant: Any, test: Callable[[Any, Any], bool], slot_of: SlotOf) -> Native | None:
    """`size(list)` beside a whole number. Text has a slot for its size, since CEL would count bytes."""
    if not isinstance(node, Call) or node.function != "size" or type(constant) is not int:
        return None
    slot = slot_of(node.arguments[0] if node.target is None else node.target)
    if slot is None or slot[1].kind != "list":
        return None
    number = slot[0]

    def found(values: Sequence[Any]) -> bool | None:
        value = values[number]
        return test(len(value), constant) if type(value) is list else None

    return found


def _itself(slot: tuple[int, Type] | None) -> Native | None:
    if slot is None or slot[1].kind != "bool":
        return None
    number = slot[0]

    def found(values: Sequence[Any]) -> bool | None:
        value = values[number]
        return value if type(value) is bool else None

    return found


def _of_one(slot: tuple[int, Type] | None, constant: Any, test: Callable[[Any, Any], bool]) -> Native | None:
    expected = _PLAIN.get(slot[1].kind) if slot else None
    if expected is float and type(constant) is int:
        constant = float(constant)  # as CEL does; constants are below 2^53, so it is the same number
    if slot is None or expected is None or type(constant) is not expected:
        return None
    number = slot[0]

    def found(values: Sequence[Any]) -> bool | None:
        value = values[number]
        return test(value, constant) if type(value) is expected else None

    return found


def _of_two(
    one: tuple[int, Type], other: tuple[int, Type], test: Callable[[Any, Any], bool]
) -> Native | None:
    expected = _PLAIN.get(one[1].kind)
    if expected is None or one[1].kind != other[1].kind:
        return None
    first, second = one[0], other[0]

    def found(values: Sequence[Any]) -> bool | None:
        left, right = values[first], values[second]
        return test(left, right) if type(left) is expected and type(right) is expected else None

    return found


def _within(slot: tuple[int, Type] | None, node: Node, slot_of: SlotOf) -> Native | None:
    """Text or a whole number in a list of such, one of constants or one that a slot holds."""
    if slot is None or slot[1].kind not in {"string", "int"}:
        return None
    number, expected = slot[0], _PLAIN[slot[1].kind]
    if isinstance(node, Items):
        constants = [item.value for item in node.items if isinstance(item, Literal)]
        if len(constants) < len(node.items) or any(type(one) is not expected for one in constants):
            return None
        known = frozenset(constants)

        def among(values: Sequence[Any]) -> bool | None:
            value = values[number]
            return value in known if type(value) is expected else None

        return among
    other = slot_of(node)
    if other is None or other[1].item is None or other[1].item.kind != slot[1].kind:
        return None
    place, only = other[0], {expected}

    def found(values: Sequence[Any]) -> bool | None:
        value, items = values[number], values[place]
        if type(value) is not expected or type(items) is not list or not only.issuperset(map(type, items)):
            return None
        return value in items

    return found
