"""Conditions: what each comes to, what does not load and why, and laws that hold for all of them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import cel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.condition import Met, UnevaluatedError, compile_condition
from toolgate.processors.condition_syntax import ConditionError, parse, quoted
from toolgate.processors.condition_types import STRING, TIMESTAMP, of_schema, record
from toolgate.processors.slots import value_of

ITEM = {
    "type": "object",
    "required": ["price"],
    "properties": {
        "price": {"type": "number"},
        "count": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
OWNER = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
}
SCHEMA = {
    "type": "object",
    "required": ["cents", "cabin", "items", "day", "usd", "ids", "owner", "note"],
    "properties": {
        "cents": {"type": "integer"},
        "cabin": {"enum": ["economy", "basic"]},
        "items": {"type": "array", "items": ITEM},
        "day": {"type": "string"},
        "usd": {"type": "string"},
        "ids": {"type": "array", "items": {"type": "integer"}},
        "owner": OWNER,
        "note": {"type": ["string", "null"]},
        "rate": {"type": "number"},
        "urgent": {"type": "boolean"},
        "any": {},
    },
}  # fmt: skip
ROOTS = {"params": of_schema(SCHEMA), "now": TIMESTAMP, "agent": record(id=STRING)}
PARAMS = {
    "cents": 7,
    "cabin": "basic",
    "items": [{"price": 3}, {"price": 2.5, "count": 2, "tags": ["a"]}],
    "day": "2026-03-31",
    "usd": "12.50",
    "ids": [1, 2, 2],
    "owner": {"name": "Ann"},
    "note": None,
}


def met(text, **changes):
    """The condition, compiled, and what it meets."""
    slots = []
    condition = compile_condition(text, ROOTS, slots)
    roots = {"params": PARAMS | changes, "now": datetime(2026, 4, 1, 9, tzinfo=UTC), "agent": {"id": "a-1"}}
    return condition, _met(slots, roots)


def _met(slots, roots):
    return Met([partial(value_of, slot) for slot in slots], roots, range(len(slots)))


def holds(text, **changes):
    """What it comes to."""
    condition, values = met(text, **changes)
    return condition.holds(values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("params.cents > 5", True),
        ("5 < params.cents", True),
        ('params["cents"] > 5', True),
        ("params.cents == 7.0", True),
        ("params.cents + 1 >= 8 && params.cents - 1 <= 6 && params.cents * 2 == 14", True),
        ("params.cents % 2 == 1", True),
        ("params.cents / 2 == 3", True),
        ("params.cents + 0.5 > 7.4", True),
        ("-params.cents < -6", True),
        ('params.cabin == "basic"', True),
        ("params.cabin == 'basic'", True),
        ('params.cabin in ["basic", "first"]', True),
        ('params.cabin != "basic"', False),
        ('params.cabin.startsWith("ba") && params.cabin.endsWith("ic") && params.cabin.contains("as")', True),
        ('params.cabin.matches("^b.*c$")', True),
        ('lower(params.owner.name) == "ann"', True),
        ('params.owner.name + "!" == "Ann!"', True),
        ("params.note == null", True),
        ("has(params.rate)", False),
        ("has(params.rate) && params.rate > 0.5", False),
        ("!has(params.rate) || params.rate > 0.5", True),
        ("has(params.urgent) && params.urgent", False),
        ("has(params.rate) ? params.rate > 0.5 : params.cents > 5", True),
        ("has(params.owner.age) && params.owner.age > 18", False),
        ("params.cents > 5 ? params.cents < 9 : params.cents > 3", True),
        ("params.items.all(one, one.price > 2)", True),
        ("params.items.exists(one, has(one.count) && one.count > 1)", True),
        ("params.items.exists_one(one, one.price > 2.6)", True),
        ("params.items.filter(one, one.price > 2.6).size() == 1", True),
        ("params.items.map(one, one.price * 2.0).exists(p, p > 5.9)", True),
        ("params.items.exists(one, has(one.tags) && one.tags.exists(tag, tag == params.cabin))", False),
        ("params.items[1].price == 2.5", True),
        ("size(params.items) == 2 && params.ids.size() == 3", True),
        ("params.items.price == [3.0, 2.5]", True),
        ("sum(params.items.price) > 5.4", True),
        ("sum(params.ids) == 5 && least(params.ids) == 1 && greatest(params.ids) == 2", True),
        ("size(distinct(params.ids)) < size(params.ids)", True),
        ("usd(params.usd) == 12500000", True),
        ("date(params.day) < now", True),
        ('now - date(params.day) > duration("24h")', True),
        ('date(params.day) >= timestamp("2026-03-31T00:00:00Z")', True),
        ("now.getHours() == 9 && now.getFullYear() == 2026", True),
        ('agent.id == "a-1"', True),
        ('string(params.cents) == "7" && double(params.cents) == 7.0', True),
        ("params.cents > 5 // a comment\n && params.cents < 9", True),
        ('params.owner.name == "\\u0041nn"', True),
    ],
)
def test_what_a_condition_comes_to(text, expected):
    """The expressions of the reference."""
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "at", "what", "hint"),
    [
        ("params.cent > 5", 0, "params has no cent", "did you mean cents?"),
        ("parms.cents > 5", 0, "unknown name 'parms'", "did you mean params?"),
        ('params.cents == "7"', 0, "an int == a string compares unlike types", "quote the number"),
        ("params.cabin > 3", 0, "a string > an int compares unlike types", ""),
        ("params.cabin in [1]", 0, "a string in a list of int compares unlike types", ""),
        ("params.cabin in params.cents", 0, "in looks into a list, not an int", ""),
        ("params.day < now", 0, "a string < a timestamp compares unlike types", "use date() or time()"),
        ("params.cents == null", 0, "an int == a null compares unlike types", ""),
        ("params.owner == params.owner", 0, "an object == an object compares unlike types", "members"),
        ("params.rate > 0.5", 0, "params.rate may be missing", "write has(params.rate) && ..."),
        (
            "has(params.owner) && params.owner.age > 1",
            21,
            "params.owner.age may be missing",
            "has(params.owner.age)",
        ),
        ("params.items.exists(one, one.count > 1)", 25, "one.count may be missing", "has(one.count)"),
        ("params.items.count == [2]", 0, "count may be missing in an element", "use a macro"),
        ("params.any == 1", 0, "the tool's schema does not say what params.any is", "plain type"),
        ("params.cents", 0, "this is an int, not a condition", "compare it"),
        ("params.cents && params.cents > 1", 0, "this is an int, not a condition", ""),
        ("true", 0, "the condition looks at nothing", ""),
        ("1 < 2", 0, "the condition looks at nothing", ""),
        ("params.cents / params.cents > 1", 15, "/ takes a constant other than 0", ""),
        ("params.cents / 0 > 1", 15, "/ takes a constant other than 0", ""),
        ("params.cents + params.cabin > 1", 0, "an int + a string has no meaning", ""),
        (
            "params.items.exists(one, one.price * one.price > 1.0)",
            25,
            "in a macro one side of * is a constant",
            "",
        ),
        ("params.items.exists(v1, v1.price > 1)", 20, "'v1' cannot be a variable", ""),
        ("params.items.exists(params, true)", 20, "'params' cannot be a variable", ""),
        ("params.items.exists(one.price, true)", 0, "exists() takes a variable and an expression", ""),
        ("params.cents.exists(one, one > 1)", 0, "exists() goes over a list, not over an int", ""),
        ("params.items.exists(one, one.price)", 25, "exists() takes a condition, not a double", ""),
        (
            "params.ids.exists(a, params.ids.exists(b, params.ids.exists(c, a == b)))",
            42,
            "at most 2 deep",
            "",
        ),
        ('params.cabin.matches("(")', 21, "this is no pattern", ""),
        ("params.cabin.matches(params.day)", 21, "matches() takes a constant pattern", ""),
        ("params.cabin.startsWith(1)", 0, "startsWith() is of text and takes text", ""),
        ('timestamp("soon") < now', 10, "this is no timestamp", "2026-03-31T09:00:00Z"),
        ('now - now > duration("1d")', 21, "this is no duration", "36h"),
        ("timestamp(params.day) < now", 10, "timestamp() takes a constant", "use time() or date()"),
        ("sum(params.cents) > 1", 4, "sum() takes a list of numbers, and params.cents is an int", ""),
        ("sum(params.cents + 1) > 1", 4, "sum() takes a path, not an expression", ""),
        ("usd(params.cents) > 1", 4, 'usd() takes decimal text such as "12.50"', ""),
        ("total(params.ids) > 1", 0, "total() is no function of conditions", ""),
        ('startsWith(params.cabin, "b")', 0, "startsWith() is no function", "write value.startsWith(...)"),
        ("params.ids.sum() > 1", 0, "sum() is no function of conditions, or not called so", "write sum(...)"),
        ("size(params.ids, 2) > 1", 0, "size() takes 1 argument here", ""),
        ("has(params.items.price)", 4, "has() asks for a path", "write has(params.name)"),
        ("has(3)", 4, "has() asks for a path", ""),
        ("params.cents and params.cents", 13, "the condition cannot be read", "write &&"),
        ("params.cents = 7", 13, "the condition cannot be read", "write =="),
        ("params.cents >", 13, "the condition ends too early", ""),
        ("", 0, "the condition ends too early", ""),
        ("{'a': 1} == 1", 0, "the condition cannot be read", "there are no maps"),
        ("params.cents > 9007199254740993", 15, "is beyond 2^53 - 1", ""),
        ("params.cents > 1e999", 15, "is no finite number", ""),
        ('params.cabin == "\\q"', 16, "a backslash that begins no escape", ""),
        ("(" * 30 + "params.cents > 1" + ")" * 30, 24, "nested deeper than 24", ""),
        ("!" * 200 + "(params.cents > 1)", 0, "too many signs", ""),
        ("params.cents > 1" + " || params.cents > 1" * 400, 0, "characters, at most 4,096", ""),
    ],
)
def test_what_does_not_load(text, at, what, hint):
    """Whatever could mean something else than it reads: where it stands, what it is, what to do."""
    with pytest.raises(ConditionError) as caught:
        met(text)
    assert what in caught.value.what
    assert hint in caught.value.hint
    assert caught.value.at == at


@pytest.mark.parametrize(
    ("text", "changes", "why"),
    [
        ("params.items[5].price > 1", {}, "IndexError"),
        ("params.items[5].price > 1 || params.cents > 5", {}, "IndexError"),
        ("params.cents > 5 || params.items[5].price > 1", {}, "IndexError"),
        ("params.cents < 5 && params.items[5].price > 1", {}, "IndexError"),
        ("params.cents * 9007199254740991 > 1 || params.cents > 5", {"cents": 2**52}, "OverflowError"),
        ("usd(params.usd) > 1", {"usd": "1e9"}, "it is no amount of US dollars"),
        ("usd(params.usd) > 1 || params.cents > 5", {"usd": "12,50"}, "it is no amount of US dollars"),
        ("date(params.day) < now", {"day": "31.03.2026"}, "it is no date"),
        ("time(params.day) < now", {"day": "2026-03-31T09:00:00"}, "it is a time without a zone"),
        ("least(params.ids) > 1", {"ids": []}, "it is an empty list"),
        ("sum(params.ids) > 1", {"ids": list(range(257))}, "it has 257 elements, at most 256"),
        ('params.cabin == "x"', {"cabin": "x" * 20_000}, "it has 20,000 characters"),
        ("params.cents > 5", {"cents": "7"}, "it is no int"),
        ("params.cents > 5 || params.cabin == 'basic'", {"cents": True}, "it is no int"),
        ("has(params.rate) || params.rate > 1.0", {}, "it looks at something that is not there"),
        ('params.note < "a"', {}, "TypeError"),
        ('lower(params.note) == "a"', {}, "it is null"),
    ],
)
def test_what_cannot_be_evaluated_is_neither_true_nor_false(text, changes, why):
    """CEL's `||` would let most of these pass; the message shows no value."""
    with pytest.raises(UnevaluatedError, match=why):
        holds(text, **changes)


@pytest.mark.parametrize(
    ("text", "cents", "distance"),
    [
        ("params.cents > 5", 7, 2),
        ("params.cents >= 5", 7, 3),
        ("params.cents < 9", 7, 2),
        ("params.cents <= 9", 7, 3),
        ("9 > params.cents", 7, 2),
        ("params.cents == 7", 7, 1),
        ("params.cents != 5", 7, 2),
        ("!(params.cents <= 5)", 7, 2),
        ('params.cents > 5 && params.cabin == "basic"', 7, 2),
        ('params.cents > 5 || params.cabin == "basic"', 7, None),
        ("params.cents > 5 || params.cents > 6", 7, None),
        ("params.cents > 5 && params.cents > 6", 7, 1),
        ('params.cabin == "basic"', 7, None),
        ("sum(params.ids) > 3", 7, 2),
        ("params.cents + 1 > 5", 7, None),
    ],
)
def test_how_far_a_comparison_is_from_turning(text, cents, distance):
    """Only one that alone would have made the rule come out otherwise has a distance to allow."""
    condition, values = met(text, cents=cents)
    assert condition.holds(values)
    near = condition.near(values)
    assert (near and near[1]) == distance


@given(st.sampled_from([">", ">=", "<", "<=", "==", "!="]), st.integers(-50, 50), st.integers(-50, 50))
def test_the_distance_is_the_least_change_that_turns_it(operator, value, limit):
    """Changed by so much the other way or this, and by no less, the condition comes out otherwise."""
    text = f"params.cents {operator} {limit}"
    slots = []
    condition = compile_condition(text, ROOTS, slots)

    def at(cents):
        return _met(slots, {"params": PARAMS | {"cents": cents}})

    now, (_, distance) = condition.holds(at(value)), condition.near(at(value))
    turned = [by for by in range(-101, 102) if condition.holds(at(value + by)) is not now]
    assert distance == min(map(abs, turned))


LEAVES = {
    "params.cents > 5": True,
    "params.cents > 9": False,
    'params.cabin == "basic"': True,
    "has(params.rate)": False,
}
TREES = st.recursive(
    st.sampled_from(sorted(LEAVES)),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["&&", "||"]), inner, inner),
        st.tuples(st.just("!"), inner),
        st.tuples(st.just("?"), inner, inner, inner),
    ),
    max_leaves=8,
)


def as_text(tree):
    """The tree as it is written."""
    match tree:
        case str():
            return tree
        case ("!", inner):
            return f"!({as_text(inner)})"
        case ("?", condition, yes, no):
            return f"(({as_text(condition)}) ? ({as_text(yes)}) : ({as_text(no)}))"
        case (operator, left, right):
            return f"({as_text(left)} {operator} {as_text(right)})"


def as_python(tree):
    """What Python makes of it."""
    match tree:
        case str():
            return LEAVES[tree]
        case ("!", inner):
            return not as_python(inner)
        case ("?", condition, yes, no):
            return as_python(yes) if as_python(condition) else as_python(no)
        case ("&&", left, right):
            return as_python(left) and as_python(right)
        case (_, left, right):
            return as_python(left) or as_python(right)


@given(TREES)
def test_what_is_evaluated_here_is_what_logic_says(tree):
    """`&&`, `||`, `!` and `? :` are not CEL's own: they must mean the same."""
    assert holds(as_text(tree)) is as_python(tree)


@given(st.text(max_size=200))
def test_any_text_loads_or_says_why_not(text):
    """Nothing else is raised, whatever is written."""
    with suppress(ConditionError):
        compile_condition(text, ROOTS, [])


@given(
    st.one_of(
        st.text(),
        st.integers(-(2**53), 2**53),
        st.booleans(),
        st.none(),
        st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_a_constant_is_read_back(value):
    """What is printed for CEL is what was written."""
    assert cel.compile(quoted(value)).execute({}) == value


def test_the_place_of_each_part_is_kept():
    """Errors point into the text."""
    tree = parse('params.a > 1 && "x" in params.b')
    assert (tree.at, tree.right.at, tree.right.right.at) == (0, 16, 23)
