"""Conditions: the `when` of a rule, checked at load against the tool's schema and evaluated in CEL.

`&&`, `||`, `!` and `? :` are evaluated here, and what stands between them, a leaf, in CEL: so an error in a leaf is an
error of the condition, whatever the other leaves say, and it can be told by how much a comparison missed. CEL itself
would let `broken || true` pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cel

from toolgate.processors.condition_syntax import (
    Binary,
    Call,
    Choice,
    ConditionError,
    Literal,
    Node,
    Unary,
    parse,
)
from toolgate.processors.condition_text import Texts, slot_name
from toolgate.processors.functions import UnfitError
from toolgate.processors.slots import Missing, Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toolgate.processors.condition_types import Type

FACTS = "facts"
Outcome = bool | Missing  # MISSING: it looks at something that is not there


class UnevaluatedError(Exception):
    """A condition that could not be evaluated; the message says why, without values."""


class UnreadError(Exception):
    """A condition looks at facts that the run has not read: which ones."""

    def __init__(self, missing: tuple[Missing, ...]) -> None:
        super().__init__(", ".join(f"{one.root}.{one.table}[{one.key}]" for one in missing))
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Comparison:
    """A leaf that compares a slot with a whole number: `slot operator limit`."""

    slot: int
    operator: str
    limit: int

    def distance(self, value: int) -> int:
        """By how much a value must change, one way or the other, for the comparison to turn out otherwise."""
        limit = self.limit
        match self.operator:
            case ">":
                return value - limit if value > limit else limit - value + 1
            case ">=":
                return value - limit + 1 if value >= limit else limit - value
            case "<":
                return limit - value if value < limit else value - limit + 1
            case "<=":
                return limit - value + 1 if value <= limit else value - limit
        return abs(value - limit) or 1


@dataclass(frozen=True, slots=True)
class Leaf:
    """Something that CEL evaluates; `slots` are the numbers of those that it looks at."""

    program: cel.Program
    slots: tuple[int, ...]
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Has:
    """`has(path)`: the number of the path's slot."""

    slot: int


@dataclass(frozen=True, slots=True)
class Not:
    """`!part`."""

    part: Part


@dataclass(frozen=True, slots=True)
class Both:
    """`left && right` (`decides` False) or `left || right` (True): what decides it alone."""

    left: Part
    right: Part
    decides: bool


@dataclass(frozen=True, slots=True)
class Pick:
    """`condition ? yes : no`."""

    condition: Part
    yes: Part
    no: Part


Part = Leaf | Has | Not | Both | Pick


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. `slots` are the numbers of those that it looks at, in the order of its text."""

    root: Part
    slots: tuple[int, ...]
    comparisons: tuple[Leaf, ...]
    facts: tuple[int, ...] = ()  # of the slots, those that must be there whatever the rest comes to

    def holds(self, met: Met) -> bool:
        """Whether it holds for the values that were met.

        Raises:
            UnreadError: it looks at facts that are not there, and does not ask for them with has().
            UnevaluatedError: a leaf could not be evaluated, or looks at something that is not there.
        """
        values = [met.values[number] for number in self.facts]
        if unread := [one for one in values if isinstance(one, Missing) and one.root == FACTS]:
            raise UnreadError(tuple(dict.fromkeys(unread)))
        found = _evaluate(self.root, met, None)
        if isinstance(found, Missing):
            if found.root == FACTS:
                raise UnreadError((found,))
            raise UnevaluatedError("it looks at something that is not there")
        return found

    def near(self, met: Met) -> tuple[Comparison, int] | None:
        """The comparison that alone would have turned it, with the distance; the nearest one, or None."""
        found = []
        for leaf in self.comparisons:
            comparison = leaf.comparison
            value = comparison and met.values[comparison.slot]
            if comparison is None or type(value) is not int:
                continue
            if _evaluate(self.root, met, leaf) is not _evaluate(self.root, met, None):
                found.append((comparison.distance(value), comparison))
        if not found:
            return None
        distance, nearest = min(found, key=lambda one: one[0])
        return nearest, distance


class Met:
    """What all slots of a tool's rules are in one intent; an UnfitError stands for a value that cannot be judged."""

    def __init__(self, slots: Sequence[Slot], value_of: Callable[[Slot], Any]) -> None:
        self.values: list[Any] = []
        known: dict[str, Any] = {}
        for number, slot in enumerate(slots):
            try:
                value = value_of(slot)
            except UnfitError as fault:
                value = fault
            else:
                if not isinstance(value, Missing):
                    known[slot_name(number)] = value
            self.values.append(value)
        self.context = cel.Context(variables=known)


def compile_condition(text: str, roots: Mapping[str, Type], slots: list[Slot]) -> Condition:
    """Check a condition and compile it.

    Args:
        text: What stands behind `when`.
        roots: Type of each name that it may begin a path with.
        slots: Of the tool's rules so far; those that are new are appended.

    Raises:
        ConditionError: It does not load; where in the text, what and what to do.
    """
    texts = Texts(roots, slots)
    compiler = _Compiler(texts)
    root = compiler.part(parse(text))
    texts.check_guards()
    if not texts.used:
        raise ConditionError(0, "the condition looks at nothing: it is always the same", "name a parameter")
    used = tuple(dict.fromkeys(texts.used))
    facts = tuple(one for one in used if slots[one].looks_at(FACTS) and texts.unguarded(one))
    return Condition(root, used, tuple(compiler.comparisons), facts)


def _evaluate(part: Part, met: Met, turned: Leaf | None) -> Outcome:
    """What a part comes to; the leaf `turned` as if it had come out otherwise."""
    match part:
        case Leaf():
            found = _leaf(part, met)
            return found if part is not turned or isinstance(found, Missing) else not found
        case Has(slot):
            return not isinstance(met.values[slot], Missing)
        case Not(inner):
            found = _evaluate(inner, met, turned)
            return found if isinstance(found, Missing) else not found
        case Both(left, right, decides):
            # Both are evaluated: an error on either side counts, whatever the other says.
            first, second = _evaluate(left, met, turned), _evaluate(right, met, turned)
            # A guard stands before what it guards: has(params.x) && params.x > 3.
            if first is decides:
                return first
            return first if isinstance(first, Missing) else second
        case Pick(condition, yes, no):
            chosen = _evaluate(condition, met, turned)
            branches = _evaluate(yes, met, turned), _evaluate(no, met, turned)
            return chosen if isinstance(chosen, Missing) else branches[0 if chosen else 1]


def _leaf(leaf: Leaf, met: Met) -> Outcome:
    for number in leaf.slots:
        value = met.values[number]
        if isinstance(value, Missing):
            return value
        if isinstance(value, UnfitError):
            raise UnevaluatedError(str(value))
    try:
        found: Any = leaf.program.execute(met.context)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of a Rust library is no Exception
        raise UnevaluatedError(type(error).__name__) from None
    if isinstance(found, bool):
        return found
    raise UnevaluatedError("it came to something else than true or false")


class _Compiler:
    """Takes a condition apart into what is evaluated here and the leaves."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self.comparisons: list[Leaf] = []

    def part(self, node: Node) -> Part:
        match node:
            case Binary(_, "&&" | "||", left, right):
                return Both(self.part(left), self.part(right), decides=node.operator == "||")
            case Unary(_, "!", value):
                return Not(self.part(value))
            case Choice(_, condition, yes, no):
                return Pick(self.part(condition), self.part(yes), self.part(no))
            case Call(_, "has", None, (argument,)):
                return Has(self._texts.guard(argument))
        return self._leaf(node)

    def _leaf(self, node: Node) -> Leaf:
        before = len(self._texts.used)
        text = self._texts.condition(node)
        try:
            program = cel.compile(text)
        except ValueError as error:
            raise ConditionError(
                node.at, f"CEL does not read this: {str(error).splitlines()[0][:120]}"
            ) from None
        leaf = Leaf(program, tuple(dict.fromkeys(self._texts.used[before:])), self._comparison(node))
        if leaf.comparison is not None:
            self.comparisons.append(leaf)
        return leaf

    def _comparison(self, node: Node) -> Comparison | None:
        if not isinstance(node, Binary):
            return None
        operator, left, right = node.operator, node.left, node.right
        if isinstance(left, Literal):
            mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
            operator, left, right = mirrored.get(operator, ""), right, left
        number = self._texts.whole_slot(left)
        if number is None or not isinstance(right, Literal) or type(right.value) is not int:
            return None
        return (
            Comparison(number, operator, right.value)
            if operator in {"<", "<=", ">", ">=", "==", "!="}
            else None
        )
