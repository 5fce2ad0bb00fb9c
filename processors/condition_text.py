"""From a checked part of a condition to the text that CEL evaluates: paths become slots, types are held together.

Whatever could come out otherwise than it reads is refused here: values of unlike types, names that the tool does not
have, parameters that may be missing, functions that CEL's `||` could swallow the failure of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.condition_calls import Calls, Typed, Variable, a, check_folded, field_of, is_computed
from toolgate.processors.condition_syntax import (
    Binary,
    Call,
    Choice,
    ConditionError,
    Index,
    Items,
    Literal,
    Name,
    Node,
    Select,
    Unary,
    parse,
    quoted,
)
from toolgate.processors.condition_types import (
    BOOL,
    DURATION,
    INT,
    NUMBERS,
    ORDERED,
    ROUNDED,
    STRING,
    TIMESTAMP,
    UNKNOWN,
    Type,
    comparable,
    list_of,
    of_constant,
    rounds,
)
from toolgate.processors.functions import WITHIN
from toolgate.processors.problems import nearest
from toolgate.processors.slots import CALL, CONSTANT, EACH, ROW, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SUMS = {
    ("timestamp", "+", "duration"): TIMESTAMP,
    ("duration", "+", "timestamp"): TIMESTAMP,
    ("timestamp", "-", "duration"): TIMESTAMP,
    ("timestamp", "-", "timestamp"): DURATION,
    ("duration", "+", "duration"): DURATION,
    ("duration", "-", "duration"): DURATION,
    ("string", "+", "string"): STRING,
}


Place = tuple[tuple[Slot, ...], tuple[str, ...]]  # the key of a row and the steps from the root on


def slot_name(number: int) -> str:
    """What a slot is called in CEL."""
    return f"v{number}"


class Texts:
    """Texts of one condition. `slots` are shared by all conditions of a tool, `used` those that this one looks at."""

    def __init__(self, roots: Mapping[str, Type], slots: list[Slot]) -> None:
        self.roots = roots
        self._slots = slots
        self.scope: dict[str, Variable] = {}
        self._guards: set[Place] = set()
        self._optional: list[tuple[Place, int]] = []  # what may be missing, and where it stands
        self._calls = Calls(self)
        self._nodes: dict[type[Node], Callable[[Any], Typed]] = {
            Literal: self._literal,
            Name: self.variable,
            Select: self._member,
            Index: self._index,
            Call: self._calls.made,
            Unary: self._unary,
            Binary: self._binary,
            Choice: self._choice,
            Items: self._items,
        }
        self.used: list[int] = []

    # --- for the compiler --------------------------------------------------------------------------------

    def condition(self, node: Node) -> str:
        """The text of something that must be true or false."""
        found = self.typed(node)
        if found.type != BOOL:
            raise ConditionError(
                node.at, f"this is {a(found.type)}, not a condition", "compare it with something"
            )
        return found.text

    def guard(self, node: Node) -> int:
        """The slot of what `has()` asks for."""
        found = self.path(node) if isinstance(node, Select | Index) else None
        if found is None or found.slot is None or EACH in found.slot.path or found.type.kind == "set":
            raise ConditionError(node.at, "has() asks for a path", "write has(params.name)")
        self._guards.add(_place(found.slot))
        return self._number(found.slot)

    def slot_of(self, node: Node) -> tuple[int, Type] | None:
        """The number and the type of the slot, if the node is one."""
        found = self.slotted(node)
        if found is None or found.slot is None or found.slot not in self._slots:
            return None
        return self._slots.index(found.slot), found.type

    def whole_slot(self, node: Node) -> int | None:
        """The number of the slot, if the node is one that holds a whole number."""
        found = self.slot_of(node)
        return found[0] if found is not None and found[1] == INT else None

    def check_guards(self) -> None:
        """Every parameter that may be missing must be asked for with has()."""
        for (key, path), at in self._optional:
            if not any(asked[0] == key and asked[1][: len(path)] == path for asked in self._guards):
                name = ".".join(path)
                raise ConditionError(
                    at,
                    f"{name} may be missing: the tool's schema does not require it",
                    f"write has({name}) && ..., or list it under required",
                )

    def unguarded(self, number: int, root: str) -> bool:
        """Whether the slot looks at something under this root for which, or for whose row, nothing asks with has()."""
        return self._unguarded(self._slots[number], root)

    def _unguarded(self, slot: Slot, root: str) -> bool:
        if not slot.looks_at(root):
            return False
        if slot.root == CALL:
            return any(self._unguarded(one, root) for one in slot.inputs)
        key, path = _place(slot)
        return not any(asked[0] == key and asked[1] == path[: len(asked[1])] for asked in self._guards)

    # --- expressions -------------------------------------------------------------------------------------

    def typed(self, node: Node) -> Typed:
        """The text of an expression, and what it comes to; ConditionError where it has no meaning."""
        found = self.path(node)
        return self.filled(found, node) if found is not None else self._nodes[type(node)](node)

    def _literal(self, node: Literal) -> Typed:
        return Typed(quoted(node.value), of_constant(node.value))

    def _choice(self, node: Choice) -> Typed:
        first, other = self.typed(node.yes), self.typed(node.no)
        if first.type != other.type:
            raise ConditionError(node.at, f"the choice is {a(first.type)} or {a(other.type)}")
        kind = other.type if rounds(other.type) else first.type
        return Typed(f"({self.condition(node.condition)} ? {first.text} : {other.text})", kind)

    def filled(self, found: Typed, node: Node) -> Typed:
        """A path as its slot; one whose type is not known cannot be judged."""
        if found.slot is None:
            return found
        if found.type.kind == "set":
            hint = f"write params.name in {found.slot}, or without(params.names, {found.slot})"
            raise ConditionError(node.at, f"{found.slot} is only asked what is in it", hint)
        if found.type.kind == "map":
            raise ConditionError(
                node.at, f"{found.slot} is a table", f"name a row: {found.slot}[params.name]"
            )
        if _unknown(found.type):
            raise ConditionError(
                node.at,
                f"the tool's schema does not say what {found.slot} is",
                "give it a plain type in tools.yaml",
            )
        return Typed(slot_name(self._number(found.slot)), found.type, found.slot)

    def _number(self, slot: Slot) -> int:
        if slot not in self._slots:
            self._slots.append(slot)
        number = self._slots.index(slot)
        self.used.append(number)
        return number

    def slotted(self, node: Node) -> Typed | None:
        """A path, or what is computed of paths, that is not filled in yet; None for anything else."""
        if isinstance(node, Binary) and node.operator == WITHIN:
            return self._calls.member(node)
        return self._calls.computed(node) if is_computed(node) else self.path(node)

    def path(self, node: Node) -> Typed | None:
        """A path from a root as a slot that is not filled in yet; None for anything else."""
        if isinstance(node, Name) and node.name in self.roots and node.name not in self.scope:
            return Typed("", self.roots[node.name], Slot(node.name, (), self.roots[node.name]))
        base = self.path(node.base) if isinstance(node, Select | Index) else None
        if base is None or base.slot is None:
            return None
        if base.type.kind == "map":
            return self._row(base.slot, self._key(node), node.at)
        return self._step(base.slot, node.field, node.at) if isinstance(node, Select) else None

    def _key(self, node: Node) -> Typed:
        """What stands in the brackets behind a map."""
        if isinstance(node, Select):  # ["constant"]
            return Typed("", STRING, Slot(CONSTANT, (node.field,), STRING))
        node = node.index if isinstance(node, Index) else node
        found = self.slotted(node)
        if found is None or found.slot is None:
            hint = "write facts.order[params.order_id], or join(params.number, params.date) as the key"
            raise ConditionError(node.at, "the key of a row is a path, or join() of several", hint)
        if found.type not in {STRING, list_of(STRING)}:
            raise ConditionError(node.at, f"the key of a row is text, not {a(found.type)}")
        return found

    def _row(self, slot: Slot, key: Typed, at: int) -> Typed:
        """The row of a map; for a list of keys the list of their rows."""
        if slot.inputs or slot.type.item is None or key.slot is None:
            raise ConditionError(at, f"{slot} has no rows")
        kind = list_of(slot.type.item) if key.type.kind == "list" else slot.type.item
        return Typed("", kind, Slot(slot.root, (*slot.path, ROW), kind, (), (key.slot,)))

    def _step(self, slot: Slot, name: str, at: int) -> Typed:
        path, owner = slot.path, slot.type
        if owner.kind == "list" and owner.item is not None:  # through a list: of each of its elements
            path, owner = (*path, EACH), owner.item
        field = field_of(owner, name, at, str(slot))
        path = (*path, name)
        if not field.required and EACH in path:
            raise ConditionError(
                at, f"{name} may be missing in an element", "use a macro: .all(one, has(one.x) && one.x > 0)"
            )
        if not field.required:
            self._optional.append(((slot.inputs, (slot.root, *path)), at))
        through = EACH in path
        kind = list_of(field.type) if through and field.type.kind != "list" else field.type
        return Typed("", kind, Slot(slot.root, path, kind, (), slot.inputs))

    def _member(self, node: Select) -> Typed:
        """A member of something that is no path: of a macro's variable, or of an element."""
        base, name = node.base, node.field
        if not name.isidentifier():
            raise ConditionError(
                node.at,
                f"{name!r} cannot be asked for in a macro or behind [ ]",
                "take a path: params.lines.name",
            )
        owner = self.variable(base) if isinstance(base, Name) else self.typed(base)
        field = field_of(owner.type, name, node.at, owner.text)
        guarded = isinstance(base, Name) and name in self.scope[base.name].guarded
        if not field.required and not guarded:
            shown = f"{owner.text}.{name}"
            raise ConditionError(
                node.at, f"{shown} may be missing", f"write has({shown}) && ... in the macro"
            )
        return Typed(f"{owner.text}.{name}", field.type)

    def variable(self, node: Name) -> Typed:
        """The variable of a macro."""
        if node.name not in self.scope:
            raise ConditionError(
                node.at, f"unknown name {node.name!r}", nearest(node.name, {*self.roots, *self.scope})
            )
        return Typed(node.name, self.scope[node.name].type)

    def _items(self, node: Items) -> Typed:
        found = [self.typed(item) for item in node.items]
        kinds = [one.type for one in found]
        if any(not comparable(kinds[0], kind) for kind in kinds[1:]):
            raise ConditionError(
                node.at, "the elements of a list are of unlike types", "write one type of value"
            )
        return Typed(
            f"[{', '.join(one.text for one in found)}]", list_of(kinds[0]) if kinds else Type("list")
        )

    def _unary(self, node: Unary) -> Typed:
        if node.operator == "!":
            return Typed(f"!({self.condition(node.value)})", BOOL)
        found = self.typed(node.value)
        if found.type.kind not in NUMBERS:
            raise ConditionError(node.at, f"- takes a number, not {a(found.type)}")
        return Typed(f"(-{found.text})", found.type)

    def _binary(self, node: Binary) -> Typed:
        operator = node.operator
        if operator in {"&&", "||"}:
            return Typed(f"({self.condition(node.left)} {operator} {self.condition(node.right)})", BOOL)
        left = self.typed(node.left)  # of a member its value is shown beside what the whole comes to
        if operator == WITHIN and (member := self._calls.member(node)):
            return self.filled(member, node)
        right = self.typed(node.right)
        if operator in {"+", "-", "*", "/", "%"}:
            return self._arithmetic(node, left, right)
        if operator == WITHIN:
            if right.type.kind != "list":
                raise ConditionError(node.at, f"in looks into a list, not {a(right.type)}")
            fits = right.type.item is None or comparable(left.type, right.type.item)
        elif operator in {"==", "!="}:
            fits = comparable(left.type, right.type)
        else:
            fits = (
                left.type.kind in ORDERED and comparable(left.type, right.type) and right.type.kind in ORDERED
            )
        if fits and operator in {"==", "!=", "in"}:
            self._check_equality(node, left, right)
        if not fits:
            raise ConditionError(
                node.at,
                f"{a(left.type)} {operator} {a(right.type)} compares unlike types",
                _unlike(left.type, right.type),
            )
        return Typed(f"({left.text} {operator} {right.text})", BOOL)

    @staticmethod
    def _check_equality(node: Binary, left: Typed, right: Typed) -> None:
        if rounds(left.type) or rounds(right.type):
            raise ConditionError(
                node.at,
                f"{node.operator} on a number that is computed with decimals: rounding makes it differ",
                "use < or >, or whole numbers: usd(), cents",
            )
        check_folded(left, node.right)
        check_folded(right, node.left)

    def _arithmetic(self, node: Binary, left: Typed, right: Typed) -> Typed:
        operator, kinds = node.operator, {left.type.kind, right.type.kind}
        if kinds <= NUMBERS:
            divisor = node.right
            if operator in {"/", "%"} and not (isinstance(divisor, Literal) and divisor.value):
                raise ConditionError(divisor.at, f"{operator} takes a constant other than 0 behind it")
            literals = isinstance(node.left, Literal) or isinstance(node.right, Literal)
            if self.scope and operator == "*" and not literals:
                raise ConditionError(
                    node.at, "in a macro one side of * is a constant", "it could overflow unseen"
                )
            if operator == "%" and kinds != {"int"}:
                raise ConditionError(node.at, "% takes whole numbers")
            double = "double" in kinds
            texts = [f"double({one.text})" if double else one.text for one in (left, right)]
            return Typed(f"({texts[0]} {operator} {texts[1]})", ROUNDED if double else INT)
        result = _SUMS.get((left.type.kind, operator, right.type.kind))
        if result is None:
            raise ConditionError(node.at, f"{a(left.type)} {operator} {a(right.type)} has no meaning")
        return Typed(f"({left.text} {operator} {right.text})", result)

    def _index(self, node: Index) -> Typed:
        base, index = self.typed(node.base), self.typed(node.index)
        if base.type.kind != "list" or base.type.item is None or index.type != INT:
            raise ConditionError(node.at, f"[ ] takes a whole number into a list, not into {a(base.type)}")
        if self.scope:
            raise ConditionError(
                node.at, "no [ ] within a macro", "an element that is not there would go unseen"
            )
        return Typed(f"{base.text}[{index.text}]", base.type.item)


def _unknown(kind: Type) -> bool:
    return kind == UNKNOWN or (kind.kind == "list" and (kind.item is None or _unknown(kind.item)))


def _unlike(left: Type, right: Type) -> str:
    kinds = {left.kind, right.kind}
    if "string" in kinds and kinds & NUMBERS:
        return "quote the number, or use usd() for decimal text"
    if "string" in kinds and "timestamp" in kinds:
        return "use date() or time() for the text"
    return "compare their members" if "object" in kinds else ""


def compile_path(text: str, roots: Mapping[str, Type]) -> tuple[Slot, Type]:
    """A path, or a function over paths, as its slot, with the type of what it comes to; ConditionError otherwise."""
    texts, node = Texts(roots, []), parse(text)
    found = texts.slotted(node)
    if found is None or found.slot is None:
        texts.typed(node)  # a name that is not known is the first thing to say
        raise ConditionError(node.at, "this is no path, nor a function over paths")
    if found.type.kind not in {"map", "list"} and _unknown(found.type):
        hint = "give it a plain type in tools.yaml"
        raise ConditionError(node.at, f"the tool's schema does not say what {found.slot} is", hint)
    return found.slot, found.type


def _place(slot: Slot) -> Place:
    return slot.inputs, (slot.root, *slot.path)
