"""Calls in a condition: which functions there are, what they take, and what CEL is told of them.

Only functions whose failure shows itself are let in: constants are tried at load, what is computed from a parameter is
computed before CEL begins (slots.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from toolgate.processors.condition_syntax import (
    Binary,
    Call,
    Choice,
    ConditionError,
    Items,
    Literal,
    Name,
    Node,
    Select,
    Unary,
    quoted,
)
from toolgate.processors.condition_types import (
    BOOL,
    DOUBLE,
    DURATION,
    INT,
    NUMBERS,
    STRING,
    TIMESTAMP,
    UNKNOWN,
    Field,
    Type,
    list_of,
)
from toolgate.processors.functions import COMPUTED, FUNCTIONS, WITHIN
from toolgate.processors.problems import nearest
from toolgate.processors.slots import CALL, CONSTANT, LENGTH, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
MACROS_DEEP = 2
_TEXT_TESTS = frozenset({"startsWith", "endsWith", "contains"})
_PARTS_OF_TIME = frozenset(
    {
        "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear",
        "getHours", "getMinutes", "getSeconds", "getMilliseconds",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Typed:
    """Text for CEL and the type of what it comes to; `slot` where it is one and nothing else."""

    text: str
    type: Type
    slot: Slot | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """The variable of a macro, and which of its members the macro's body asks for with has()."""

    type: Type
    guarded: frozenset[str]


class Expressions(Protocol):
    """What calls stand among."""

    roots: Mapping[str, Type]
    scope: dict[str, Variable]

    def typed(self, node: Node) -> Typed:
        """The text of an expression."""

    def path(self, node: Node) -> Typed | None:
        """A path from a root as a slot that is not filled in yet; None for anything else."""

    def filled(self, found: Typed, node: Node) -> Typed:
        """A path as its slot."""

    def variable(self, node: Name) -> Typed:
        """The variable of a macro."""


class Calls:
    """Checks calls and gives their texts. `texts` reads what they are called with."""

    def __init__(self, texts: Expressions) -> None:
        self._texts = texts
        # How many arguments each takes (None: it looks itself), and what checks the call.
        self._functions: dict[str, tuple[int | None, Callable[[Call], Typed]]] = {
            **dict.fromkeys(FUNCTIONS, (None, self._function)),
            "has": (1, self._has),
            "size": (1, self._size),
            "timestamp": (1, self._constant_time),
            "duration": (1, self._constant_time),
            "double": (1, self._conversion),
            "string": (1, self._conversion),
        }
        self._methods: dict[str, tuple[int | None, Callable[[Call], Typed]]] = {
            **dict.fromkeys(MACROS, (2, self._macro)),
            **dict.fromkeys((*_TEXT_TESTS, "matches"), (1, self._text_test)),
            **dict.fromkeys(_PARTS_OF_TIME, (0, self._part_of_time)),
            "size": (0, self._size),
        }

    def made(self, node: Call) -> Typed:
        """The text of a call; ConditionError where there is no such function, or it does not take this."""
        name = node.function
        table = self._functions if node.target is None else self._methods
        if name not in table:
            elsewhere = name in self._functions or name in self._methods
            form = f"{name}(...)" if name in self._functions else f"value.{name}(...)"
            hint = f"write {form}" if elsewhere else nearest(name, {*self._functions, *self._methods})
            raise ConditionError(node.at, f"{name}() is no function of conditions, or not called so", hint)
        takes, made = table[name]
        if takes is not None and len(node.arguments) != takes:
            raise ConditionError(node.at, f"{name}() takes {takes} argument{'' if takes == 1 else 's'} here")
        return made(node)

    def _function(self, node: Call) -> Typed:
        return self._texts.filled(self.computed(node), node)

    def _size(self, node: Call) -> Typed:
        argument = node.arguments[0] if node.target is None else node.target
        assert argument is not None  # noqa: S101 - a method has a target
        found = self._texts.typed(argument)
        if found.type.kind == "list":
            return Typed(f"size({found.text})", INT)
        if found.type.kind != "string":
            raise ConditionError(node.at, f"size() takes text or a list, not {a(found.type)}")
        if found.slot is None:
            # CEL's library counts bytes: two for "é". Characters are counted before it begins.
            raise ConditionError(node.at, "size() of text takes a path", "write size(params.name)")
        slot = replace(found.slot, functions=(*found.slot.functions, LENGTH))
        return self._texts.filled(Typed("", INT, slot), node)

    def _part_of_time(self, node: Call) -> Typed:
        found = self._target(node)
        if found.type != TIMESTAMP:
            raise ConditionError(node.at, f"{node.function}() is of a time, not of {a(found.type)}")
        return Typed(f"{found.text}.{node.function}()", INT)

    def _target(self, node: Call) -> Typed:
        assert node.target is not None  # noqa: S101 - only methods come here
        return self._texts.typed(node.target)

    def computed(self, node: Node) -> Typed:
        """A function of ours: it takes paths, or others over paths."""
        assert isinstance(node, Call)  # noqa: S101
        name, function = node.function, FUNCTIONS[node.function]
        if not function.least <= len(node.arguments) <= function.most:
            count = "one path" if function.most == 1 else f"{function.least} to {function.most} paths"
            count = count if function.least < function.most or function.most == 1 else "two paths"
            raise ConditionError(node.at, f"{name}() takes {count}", f"write {name}(params.name)")
        given = [self._argument(name, argument) for argument in node.arguments]
        result = function.result(*(one.type for one in given))
        if result is None:
            found = " and ".join(f"{one.slot} is {a(one.type)}" for one in given)
            raise ConditionError(node.arguments[0].at, f"{name}() takes {function.takes}, and {found}")
        slots = [one.slot for one in given if one.slot]
        if len(slots) == 1:
            return Typed("", result, replace(slots[0], functions=(*slots[0].functions, name)))
        return Typed("", result, Slot(CALL, (name,), result, (), tuple(slots)))

    def member(self, node: Binary) -> Typed | None:
        """`value in registry.name`, found before CEL begins: it never has the entries. None for any other `in`."""
        known = self._texts.path(node.right)
        if known is None or known.slot is None or known.type.kind != "set":
            return None
        found = self.computed(node.left) if is_computed(node.left) else self._texts.path(node.left)
        if found is None or found.slot is None:
            what = f"what is looked for in {known.slot} is a path, or a function over paths"
            hint = f"of a list: count(without(params.names, {known.slot})) == 0"
            raise ConditionError(node.left.at, what, hint)
        kind = COMPUTED[WITHIN].result(found.type, known.type)
        if kind is None:
            hint = f"of a list: count(without({found.slot}, {known.slot})) == 0"
            what = f"{a(found.type)} in {a(known.type)} compares unlike types"
            raise ConditionError(node.at, what, hint if found.type.kind == "list" else "")
        if known.type.capitals and "lower" in found.slot.functions:
            what = f"lower() never gives what {known.slot} has in capitals"
            raise ConditionError(node.at, what, "write its rows in small letters")
        return Typed("", kind, Slot(CALL, (WITHIN,), kind, (), (found.slot, known.slot)))

    def _argument(self, name: str, node: Node) -> Typed:
        if FUNCTIONS[name].most > 1 and isinstance(node, Literal) and isinstance(node.value, str):
            return Typed("", STRING, Slot(CONSTANT, (node.value,), STRING))
        found = self.computed(node) if is_computed(node) else self._texts.path(node)
        if found is None or found.slot is None:
            raise ConditionError(node.at, f"{name}() takes a path, not an expression")
        return found

    def _has(self, node: Call) -> Typed:
        """`has()` of a macro's variable; of a path it is no part of a leaf."""
        argument = node.arguments[0]
        if not isinstance(argument, Select) or not isinstance(argument.base, Name):
            raise ConditionError(argument.at, "within a macro has() asks for a member of its variable")
        if argument.base.name in self._texts.roots:
            raise ConditionError(
                node.at,
                "has() is a condition, not a value",
                "combine it with &&, || or !, or write has(x) ? ... : ...",
            )
        owner = self._texts.variable(argument.base)
        field_of(owner.type, argument.field, argument.at, owner.text)
        return Typed(f"has({owner.text}.{argument.field})", BOOL)

    def _macro(self, node: Call) -> Typed:
        name, found = node.function, self._target(node)
        if found.type.kind != "list" or found.type.item is None:
            raise ConditionError(node.at, f"{name}() goes over a list, not over {a(found.type)}")
        if not isinstance(node.arguments[0], Name):
            raise ConditionError(
                node.at, f"{name}() takes a variable and an expression", f"write {name}(one, ...)"
            )
        variable, body = node.arguments[0].name, node.arguments[1]
        if variable in self._texts.roots or variable in self._texts.scope or variable[1:].isdigit():
            raise ConditionError(
                node.arguments[0].at, f"{variable!r} cannot be a variable", "take another name"
            )
        if len(self._texts.scope) == MACROS_DEEP:
            raise ConditionError(node.at, f"macros are nested at most {MACROS_DEEP} deep")
        self._texts.scope[variable] = Variable(found.type.item, frozenset(_asked(body, variable)))
        try:
            inner = self._texts.typed(body)
        finally:
            del self._texts.scope[variable]
        if name != "map" and inner.type != BOOL:
            raise ConditionError(body.at, f"{name}() takes a condition, not {a(inner.type)}")
        result = list_of(inner.type) if name == "map" else found.type if name == "filter" else BOOL
        return Typed(f"{found.text}.{name}({variable}, {inner.text})", result)

    def _text_test(self, node: Call) -> Typed:
        name, argument = node.function, node.arguments[0]
        found, given = self._target(node), self._texts.typed(argument)
        if found.type != STRING or given.type != STRING:
            raise ConditionError(node.at, f"{name}() is of text and takes text")
        check_folded(found, argument)
        if name == "matches":
            if not isinstance(argument, Literal):
                raise ConditionError(argument.at, "matches() takes a constant pattern")
            _tried(f'"".matches({given.text})', argument.at, "this is no pattern", "it is one of RE2's kind")
        return Typed(f"{found.text}.{name}({given.text})", BOOL)

    def _constant_time(self, node: Call) -> Typed:
        name, argument = node.function, node.arguments[0]
        if not isinstance(argument, Literal) or not isinstance(argument.value, str):
            raise ConditionError(
                argument.at, f"{name}() takes a constant", "use time() or date() for a parameter"
            )
        text = f"{name}({quoted(argument.value)})"
        example = "2026-03-31T09:00:00Z" if name == "timestamp" else "36h"
        _tried(text, argument.at, f"this is no {name}", f'write {name}("{example}")')
        return Typed(text, TIMESTAMP if name == "timestamp" else DURATION)

    def _conversion(self, node: Call) -> Typed:
        name, argument = node.function, node.arguments[0]
        found = self._texts.typed(argument)
        takes = NUMBERS if name == "double" else {*NUMBERS, "string", "bool"}
        if found.type.kind not in takes:
            raise ConditionError(argument.at, f"{name}() does not take {a(found.type)}")
        return Typed(f"{name}({found.text})", DOUBLE if name == "double" else STRING)


def is_computed(node: Node) -> bool:
    """Whether this is a function of ours over a path."""
    return isinstance(node, Call) and node.target is None and node.function in FUNCTIONS


def field_of(owner: Type, name: str, at: int, shown: str) -> Field:
    """The member of an object; ConditionError where there is none."""
    if owner.kind == "object" and owner.fields is not None:
        found = owner.field(name)
        if found is None:
            raise ConditionError(
                at, f"{shown} has no {name}", nearest(name, [known for known, _ in owner.fields])
            )
        return found
    if owner == UNKNOWN:
        raise ConditionError(
            at, f"the tool's schema does not say what {shown} is", "give it a plain type in tools.yaml"
        )
    raise ConditionError(at, f"{shown} is {a(owner)} and has no members")


def check_folded(folded: Typed, node: Node) -> None:
    """Text that went through lower() never equals a constant with capitals in it."""
    if folded.slot is None or "lower" not in folded.slot.functions:
        return
    for item in node.items if isinstance(node, Items) else (node,):
        if isinstance(item, Literal) and isinstance(item.value, str) and item.value != item.value.casefold():
            raise ConditionError(
                item.at, f"lower() never gives {quoted(item.value)}", f"write {quoted(item.value.casefold())}"
            )


def a(kind: Type) -> str:
    """A type with its article."""
    return f"a {kind}" if str(kind)[0] not in "aeiou" else f"an {kind}"


def _asked(node: Node, variable: str) -> set[str]:
    """The members of a variable that a macro's body asks for with has()."""
    match node:
        case Call(_, "has", None, (Select(_, Name(_, name), field),)):
            return {field} if name == variable else set()
        case Call(_, _, target, arguments):
            below = (*arguments, *(() if target is None else (target,)))
        case Binary(_, _, left, right):
            below = (left, right)
        case Unary(_, _, value):
            below = (value,)
        case Choice(_, condition, yes, no):
            below = (condition, yes, no)
        case _:
            below = ()
    return {found for part in below for found in _asked(part, variable)}


def _tried(text: str, at: int, what: str, hint: str) -> None:
    import cel  # noqa: PLC0415 - it loads a command line of its own, and most commands compile nothing

    try:
        cel.compile(text).execute({})
    except (ValueError, RuntimeError, TypeError):
        raise ConditionError(at, what, hint) from None
