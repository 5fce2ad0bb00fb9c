"""The text of a condition as a tree. The grammar is condition.lark; what it takes means what it means in CEL."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError

TEXT_CHARS_MAX = 4_096
DEPTH_MAX = 24
INTEGER_MAX = 2**53 - 1
_CHARS = 24  # of the text that a syntax error shows
_TREES_KEPT = 1_024  # a rule is compiled for each of its tools, and many workflows have the same


class ConditionError(ValueError):
    """A condition that does not load; `at` is the place in its text, `what` and `hint` as of a Problem."""

    def __init__(self, at: int, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.at = at
        self.what = what
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a condition; `at` is where in its text it begins."""

    at: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant: bool, int, float, str or None."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A root, or the variable of a macro."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """`base.field`, also written `base["field"]`."""

    base: Node
    field: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`base[index]`."""

    base: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`function(arguments)`, or with a target `target.function(arguments)`."""

    function: str
    target: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`!value` or `-value`."""

    operator: str
    value: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`left operator right`, `in` among the operators."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """`condition ? yes : no`."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Items(Node):
    """`[one, two]`."""

    items: tuple[Node, ...]


@lru_cache(_TREES_KEPT)
def parse(text: str) -> Node:
    """The tree of a condition.

    Raises:
        ConditionError: It is too long, nested too deeply, or not of the grammar.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise ConditionError(0, f"the condition has {len(text):,} characters, at most {TEXT_CHARS_MAX:,}")
    _check_nesting(text)
    try:
        tree: Node = _Trees().transform(_parser().parse(text))
    except UnexpectedInput as error:
        token: Token | None = getattr(error, "token", None)
        if token is not None and token.type == "$END":
            raise ConditionError(max(len(text.rstrip()) - 1, 0), "the condition ends too early") from None
        at: int = error.pos_in_stream  # type: ignore[assignment]
        if text[max(at - 1, 0) : at + 1] == "//":  # the first one was taken for a division
            what = "this comment reaches to the end of the condition, and hides what stands there"
            raise ConditionError(
                at - 1, what, "write the condition as a block (when: |), the comment above it"
            ) from None
        shown = text[at : at + _CHARS].split("\n", maxsplit=1)[0]
        raise ConditionError(at, f"the condition cannot be read from {shown!r} on", _slip(text, at)) from None
    except VisitError as error:
        if isinstance(error.orig_exc, ConditionError):
            raise error.orig_exc from None
        raise
    return tree


def _check_nesting(text: str) -> None:
    """Before the parser, whose trees recurse; brackets in a string count as well, which harms nobody."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in "([") - (char in ")]")
        if depth > DEPTH_MAX:
            raise ConditionError(at, f"brackets are nested deeper than {DEPTH_MAX}")
    if len(re.findall(r"[!?-]", text)) > 8 * DEPTH_MAX:
        raise ConditionError(0, "too many signs, negations or choices", "write several rules")


def _slip(text: str, at: int) -> str:
    """What to write in place of a habit from another language."""
    rest = text[max(at - 1, 0) : at + 3]
    words = {
        "and": "&&",
        "or": "||",
        "not": "!",
        "=": "==",
        "&": "&&",
        "|": "||",
        "{": "lists in [ ]; there are no maps",
    }
    word = re.match(r"[a-z]+|[=&|{]", text[at:])
    if word and word.group() in words:
        return f"write {words[word.group()]}"
    return "write ==" if "=" in rest and "==" not in rest else ""


@cache
def _parser() -> Lark:
    grammar = files("toolgate.processors").joinpath("condition.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=True)


_BINARY = {
    "either": "||", "both": "&&", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
    "within": "in", "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "remainder": "%",
}  # fmt: skip
_ESCAPES = re.compile(r"\\(?:[abfnrtv\"'\\?`]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})|\\")
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _unescaped(token: Token) -> str:
    def one(match: re.Match[str]) -> str:
        found = match.group()
        if found == "\\":
            raise ConditionError(token.start_pos or 0, "a backslash that begins no escape", r"write \\")
        kind = found[1]
        code = found[2:]
        return chr(int(code, 16)) if code else _PLAIN.get(kind, kind)

    return _ESCAPES.sub(one, token[1:-1])


@v_args(meta=True)
class _Trees(Transformer[Token, Node]):
    """From lark's tree to ours. One method for each name of the grammar that keeps its node."""

    def __default__(self, data: Any, children: list[Node], meta: Any) -> Node:
        """What has no method of its own has two sides."""
        return Binary(meta.start_pos, _BINARY[str(data)], *children)

    def choice(self, meta: Any, parts: list[Node]) -> Node:
        return Choice(meta.start_pos, *parts)

    def negate(self, meta: Any, parts: list[Node]) -> Node:
        return Unary(meta.start_pos, "!", parts[0])

    def minus(self, meta: Any, parts: list[Node]) -> Node:
        value = parts[0]
        if isinstance(value, Literal) and type(value.value) in {int, float}:
            return Literal(meta.start_pos, -value.value)
        return Unary(meta.start_pos, "-", value)

    def select(self, meta: Any, parts: list[Any]) -> Node:
        return Select(meta.start_pos, parts[0], str(parts[1]))

    def index(self, meta: Any, parts: list[Node]) -> Node:
        base, index = parts
        if isinstance(index, Literal) and isinstance(index.value, str):
            return Select(meta.start_pos, base, index.value)
        return Index(meta.start_pos, base, index)

    def method(self, meta: Any, parts: list[Any]) -> Node:
        target, name, arguments = parts
        return Call(meta.start_pos, str(name), target, arguments or ())

    def function(self, meta: Any, parts: list[Any]) -> Node:
        name, arguments = parts
        return Call(meta.start_pos, str(name), None, arguments or ())

    def arguments(self, _meta: Any, parts: list[Node]) -> tuple[Node, ...]:
        return tuple(parts)

    def items(self, meta: Any, parts: list[Any]) -> Node:
        return Items(meta.start_pos, parts[0] or ())

    def name(self, meta: Any, parts: list[Token]) -> Node:
        return Name(meta.start_pos, str(parts[0]))

    def int(self, meta: Any, parts: list[Token]) -> Node:
        if len(parts[0]) > 1 and parts[0][0] == "0":
            raise ConditionError(
                meta.start_pos, f"{parts[0][:24]} is octal elsewhere", "write it without the 0"
            )
        if len(parts[0]) > len(str(INTEGER_MAX)) or int(parts[0]) > INTEGER_MAX:
            raise ConditionError(meta.start_pos, f"{parts[0][:24]} is beyond 2^53 - 1")
        return Literal(meta.start_pos, int(parts[0]))

    def float(self, meta: Any, parts: list[Token]) -> Node:
        value = float(parts[0])
        if value == float("inf"):
            raise ConditionError(meta.start_pos, f"{parts[0][:24]} is no finite number")
        return Literal(meta.start_pos, value)

    def string(self, meta: Any, parts: list[Token]) -> Node:
        return Literal(meta.start_pos, _unescaped(parts[0]))

    def true(self, meta: Any, _parts: list[Token]) -> Node:
        return Literal(meta.start_pos, value=True)

    def false(self, meta: Any, _parts: list[Token]) -> Node:
        return Literal(meta.start_pos, value=False)

    def null(self, meta: Any, _parts: list[Token]) -> Node:
        return Literal(meta.start_pos, None)


def quoted(value: Any) -> str:
    """A constant as CEL's text."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"({value!r})" if value < 0 else repr(value)
