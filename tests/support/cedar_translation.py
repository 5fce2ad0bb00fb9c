"""From a condition of ours to Cedar, for comparing the two: written from the languages' definitions alone.

It takes what both have: comparisons, whole-number arithmetic, text, sets, `has`, choices. Decimals are told by the name
of their parameter, `RATE`.
"""

from __future__ import annotations

from toolgate.processors.condition_syntax import (
    Binary,
    Call,
    Choice,
    Items,
    Literal,
    Name,
    Node,
    Select,
    Unary,
    parse,
)

RATE = "rate"  # the parameter that is a decimal
_METHODS = {"<": "lessThan", "<=": "lessThanOrEqual", ">": "greaterThan", ">=": "greaterThanOrEqual"}


def translated(text: str) -> str:
    """The Cedar expression that means what a condition means."""
    return _of(parse(text))


def _of(node: Node) -> str:
    match node:
        case Literal(_, value):
            found = _constant(value)
        case Name(_, name):
            found = f"context.{name}"
        case Select(_, base, field):
            found = f"{_of(base)}.{field}"
        case Items(_, items):
            found = f"[{', '.join(map(_of, items))}]"
        case Unary(_, operator, value):
            found = f"({operator}({_of(value)}))"
        case Choice(_, condition, yes, no):
            found = f"(if {_of(condition)} then {_of(yes)} else {_of(no)})"
        case Binary(_, operator, left, right):
            found = _binary(operator, left, right)
        case Call():
            found = _call(node)
        case _:
            raise AssertionError(f"no translation of {node}")
    return found


def _binary(operator: str, left: Node, right: Node) -> str:
    if operator == "in":
        return f"{_of(right)}.contains({_of(left)})"
    if isinstance(left, Select) and left.field == RATE and isinstance(right, Literal):
        return _decimal(_of(left), operator, f'decimal("{right.value:.4f}")')
    return f"({_of(left)} {operator} {_of(right)})"


def _call(node: Call) -> str:
    match node:
        case Call(_, "has", None, (Select(_, base, field),)):
            return f"({_of(base)} has {field})"
        case Call(_, "timestamp", None, (Literal(_, value),)):
            return f'datetime("{value}")'
        case Call(_, "startsWith" | "endsWith" | "contains", Node() as target, (Literal(_, value),)):
            before = "" if node.function == "startsWith" else "*"
            after = "" if node.function == "endsWith" else "*"
            return f'({_of(target)} like "{before}{_pattern(value)}{after}")'
        case Call(_, "all" | "exists", Node() as target, (Name(), Binary(_, "in", Name(), known))):
            name = "containsAll" if node.function == "all" else "containsAny"
            return f"{_of(known)}.{name}({_of(target)})"
    raise AssertionError(f"no translation of {node}")


def _decimal(left: str, operator: str, right: str) -> str:
    if operator in _METHODS:
        return f"{left}.{_METHODS[operator]}({right})"
    return f"({left} {operator} {right})"


def _constant(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{_escaped(value)}"' if isinstance(value, str) else str(value)


def _escaped(text: str) -> str:
    return "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\' else f"\\u{{{ord(char):x}}}"
        for char in text
    )


def _pattern(text: str) -> str:
    return _escaped(text).replace("*", "\\*")
