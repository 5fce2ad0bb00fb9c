"""Conditions: the `when` of a rule, checked at load against the tool's schema and evaluated in CEL.

`&&`, `||`, `!` and `? :` are evaluated here, and what stands between them, a leaf, in CEL: so an error in a leaf is an
error of the condition, whatever the other leaves say, and it can be told by how much a comparison missed. CEL itself
would let `broken || true` pass. Leaves that Python and CEL agree on do without it (condition_native.py): a context for
CEL costs more than all the rest of a decision's rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from toolgate.processors.condition_native import native
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
    from collections.abc import Collection, Mapping, Sequence

    import cel

    from toolgate.processors.condition_native import Native
    from toolgate.processors.condition_types import Type
    from toolgate.processors.lookups import Lookup

FACTS = "facts"
_PROGRAMS_KEPT = 4_096  # many workflows have the same rules
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
    """Something that CEL evaluates, or `native` instead; `slots` are the numbers of those that it looks at."""

    program: cel.Program
    slots: tuple[int, ...]
    comparison: Comparison | None = None
    native: Native | None = None


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
Run = Callable[["Met"], Outcome]


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. `slots` are the numbers of those that it looks at, in the order of its text."""

    root: Part
    slots: tuple[int, ...]
    comparisons: tuple[Leaf, ...]
    facts: tuple[int, ...] = ()  # of the slots, those that must be there whatever the rest comes to
    told: tuple[int, ...] = ()  # of the slots, those that CEL is asked about
    run: Run = field(init=False, repr=False, compare=False)  # the root, prepared

    def __post_init__(self) -> None:
        """Prepare the root."""
        object.__setattr__(self, "run", _prepared(self.root))

    def holds(self, met: Met) -> bool:
        """Whether it holds for the values that were met.

        Raises:
            UnreadError: it looks at facts that are not there, and does not ask for them with has().
            UnevaluatedError: a leaf could not be evaluated, or looks at something that is not there.
        """
        values = met.values
        for number in self.facts:
            if isinstance(values[number], Missing):
                self._check_read(met)
        found = self.run(met)
        if isinstance(found, Missing):
            if found.root == FACTS:
                raise UnreadError((found,))
            raise UnevaluatedError("it looks at something that is not there")
        return found

    def _check_read(self, met: Met) -> None:
        values = [met.values[number] for number in self.facts]
        if unread := [one for one in values if isinstance(one, Missing) and one.root == FACTS]:
            raise UnreadError(tuple(dict.fromkeys(unread)))

    def near(self, met: Met) -> tuple[Comparison, int] | None:
        """The comparison that alone would have turned it, with the distance; the nearest one, or None."""
        found = []
        came_to = _evaluate(self.root, met, None) if self.comparisons else None
        for leaf in self.comparisons:
            comparison = leaf.comparison
            value = comparison and met.values[comparison.slot]
            if comparison is None or type(value) is not int:
                continue
            if _evaluate(self.root, met, leaf) is not came_to:
                found.append((comparison.distance(value), comparison))
        if not found:
            return None
        distance, nearest = min(found, key=lambda one: one[0])
        return nearest, distance


class Met:
    """What all slots of a tool's rules are in one intent; an UnfitError stands for a value that cannot be judged.

    Args:
        lookups: what finds each slot's value.
        roots: what it finds it in.
        told: the slots that CEL is asked about.
    """

    def __init__(self, lookups: Sequence[Lookup], roots: Mapping[str, Any], told: Collection[int]) -> None:
        try:
            self.values = [find(roots) for find in lookups]
        except UnfitError:  # seldom, so only then each is asked by itself
            self.values = [_found_or_fault(find, roots) for find in lookups]
        self.told = told
        self._context: cel.Context | None = None

    def context(self, slots: Sequence[int]) -> cel.Context:
        """A context of CEL in which these slots stand, if they have values; made when a leaf first needs one."""
        if any(number not in self.told for number in slots):
            return self._context_of(slots)
        if self._context is None:
            self._context = self._context_of(self.told)
        return self._context

    def _context_of(self, slots: Collection[int]) -> cel.Context:
        import cel  # noqa: PLC0415 - as in _program

        found = ((number, self.values[number]) for number in slots)
        known = {slot_name(at): value for at, value in found if not isinstance(value, Missing | UnfitError)}
        return cel.Context(variables=known)


def _found_or_fault(find: Lookup, roots: Mapping[str, Any]) -> Any:
    try:
        return find(roots)
    except UnfitError as fault:
        return fault


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
    facts = tuple(one for one in used if texts.unguarded(one, FACTS))
    return Condition(root, used, tuple(compiler.comparisons), facts, tuple(dict.fromkeys(compiler.told)))


@lru_cache(_PROGRAMS_KEPT)
def _program(text: str) -> cel.Program:
    import cel  # noqa: PLC0415 - it loads a command line of its own, and most commands compile nothing

    return cel.compile(text)


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


def _prepared(part: Part) -> Run:
    """What comes to the same as `_evaluate` does with nothing turned."""
    match part:
        case Leaf():
            return _prepared_leaf(part)
        case Both():
            return _prepared_both(part)
        case Not(inner):
            run = _prepared(inner)

            def negated(met: Met) -> Outcome:
                found = run(met)
                return found if isinstance(found, Missing) else not found

            return negated
    return lambda met: _evaluate(part, met, None)


def _prepared_leaf(leaf: Leaf) -> Run:
    test = leaf.native
    if test is None:
        return lambda met: _leaf(leaf, met)

    def found(met: Met) -> Outcome:
        outcome = test(met.values)
        return _leaf(leaf, met) if outcome is None else outcome

    return found


def _prepared_both(part: Both) -> Run:
    left, right, decides = _prepared(part.left), _prepared(part.right), part.decides

    def found(met: Met) -> Outcome:
        first, second = left(met), right(met)
        if first is decides:
            return first
        return first if isinstance(first, Missing) else second

    return found


def _leaf(leaf: Leaf, met: Met) -> Outcome:
    for number in leaf.slots:
        value = met.values[number]
        if isinstance(value, Missing):
            return value
        if isinstance(value, UnfitError):
            raise UnevaluatedError(str(value))
    context = met.context(leaf.slots)
    try:
        found: Any = leaf.program.execute(context)
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
        self.told: list[int] = []

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
            program = _program(text)
        except ValueError as error:
            raise ConditionError(
                node.at, f"CEL does not read this: {str(error).splitlines()[0][:120]}"
            ) from None
        used = tuple(dict.fromkeys(self._texts.used[before:]))
        leaf = Leaf(program, used, self._comparison(node), native(node, self._texts.slot_of))
        if leaf.comparison is not None:
            self.comparisons.append(leaf)
        if leaf.native is None:
            self.told += used
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
