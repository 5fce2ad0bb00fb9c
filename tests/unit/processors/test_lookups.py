"""Lookups: they find what `value_of` finds, whatever stands there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.condition import Met, UnevaluatedError, UnreadError, _evaluate, compile_condition
from toolgate.processors.condition_types import (
    BOOL,
    DOUBLE,
    INT,
    STRING,
    TIMESTAMP,
    Field,
    Type,
    list_of,
    map_of,
    of_schema,
    record,
    set_of,
)
from toolgate.processors.facts import FactKind, Told, fact_name, fact_value, rows_of, tables_of
from toolgate.processors.functions import UnfitError
from toolgate.processors.lookups import TOLD, lookup
from toolgate.processors.slots import ELEMENTS_MAX, STRING_CHARS_MAX, value_of

LEG = {
    "type": "object",
    "required": ["code", "cost"],
    "properties": {"code": {"type": "string"}, "cost": {"type": "integer"}},
}
SCHEMA = {
    "type": "object",
    "required": ["id", "cents", "price", "ok", "ids", "legs", "note"],
    "properties": {
        "id": {"type": "string"},
        "cents": {"type": "integer"},
        "price": {"type": "number"},
        "ok": {"type": "boolean"},
        "ids": {"type": "array", "items": {"type": "string"}},
        "legs": {"type": "array", "items": LEG},
        "note": {"type": ["string", "null"]},
    },
}
ROW = Type(
    "object",
    None,
    tuple(
        (name, Field(kind, required=True))
        for name, kind in {
            "owner": STRING,
            "left": INT,
            "share": DOUBLE,
            "open": BOOL,
            "tags": list_of(STRING),
        }.items()
    ),
)
KINDS = {name: FactKind(name, trusted=True, row=ROW, reads=()) for name in ("order", "card")}
ROOTS = {
    "params": of_schema(SCHEMA),
    "facts": tables_of(KINDS),
    "tables": record(rank=map_of(INT), prices=map_of(record(bag=INT))),
    "registry": record(known=set_of(STRING), codes=set_of(INT), vendors=map_of(record(owner=STRING))),
    "now": TIMESTAMP,
}
TABLES = {"rank": {"A": 1, "B": 2}, "prices": {"A": {"bag": 3}}}
REGISTRIES = {
    "known": frozenset({"A", "a"}),
    "codes": frozenset({1, 2, 3}),
    "vendors": {"A": {"owner": "B"}, "B": {"owner": "A"}},
}
NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
CONDITIONS = [
    "params.cents > 5",
    "5 >= params.cents",
    "params.cents != 5 && !(params.cents == 7)",
    "params.cents == 7.0",
    "params.price > 3",
    "params.price <= 2.5 || params.ok",
    "params.ok == true",
    'params.id == "A"',
    'params.id < "B"',
    'params.id in ["A", "C"]',
    "params.id in params.ids",
    "params.id in params.legs.code",
    "params.cents in params.legs.cost",
    'params.id.startsWith("A") || params.id.endsWith("B") || params.id.contains("C")',
    "params.note == null",
    'params.note == "A"',
    'lower(params.id) == "a"',
    "sum(params.legs.cost) > 10",
    "least(params.legs.cost) < params.cents",
    "params.ids == params.legs.code",
    "params.legs.exists(one, one.cost > params.cents)",
    'facts.order[params.id].owner == "A"',
    "facts.card[facts.order[params.id].owner].left > params.cents",
    "has(facts.order[params.id]) && facts.order[params.id].open",
    "has(facts.order[params.id].left) ? facts.order[params.id].left > 3 : params.ok",
    "facts.order[params.id].share > 0.5",
    "sum(facts.card[params.ids].left) > 10",
    'params.id in facts.order["A"].tags',
    "params.id in facts.card[params.ids].tags",
    "facts.card[lower(params.id)].left == facts.order[params.id].left",
    "facts.card[greatest(params.ids)].left == 3",
    "sum(facts.card[join(params.ids, params.legs.code)].left) == 3",
    'facts.card[join("A", params.id)].left == 3',
    "rows(facts.card).exists(one, has(one.left) && one.left > 3)",
    "tables.rank[params.id] > tables.rank[facts.order[params.id].owner]",
    "sum(tables.rank[params.ids]) == 3",
    "tables.prices[params.id].bag > 2",
    "params.id in registry.known",
    "lower(params.id) in registry.known || params.cents in registry.codes",
    "(params.id in registry.known) == params.ok",
    "params.legs.all(one, params.id in registry.known)",
    "facts.order[params.id].owner in registry.known",
    "has(facts.order[params.id]) && facts.order[params.id].owner in registry.known",
    "count(without(params.ids, registry.known)) == 0",
    "params.id in registry.known ? params.cents > 3 : params.ok",
    "registry.vendors[params.id].owner == params.id",
    "has(registry.vendors[params.id]) && registry.vendors[params.id].owner in registry.known",
    "registry.vendors[facts.order[params.id].owner].owner in params.ids",
    'now > timestamp("2026-03-31T00:00:00Z")',
    "date(params.id) < now",
    'time(params.id, "-05:00") < now',
    "count(params.legs) > 1",
    "count(facts.order[params.id].tags) > count(params.ids)",
    "count(without(params.ids, params.legs.code)) == 0",
    "size(params.id) > 1",
    "size(params.ids) > 1",
    "2 >= params.ids.size()",
    'size(facts.order["A"].tags) == 1',
    "size(facts.order[params.id].owner) == 1",
]  # fmt: skip

_odd = st.sampled_from(
    [
        *(None, True, 3, 2.5, "A", "2026-03-31", "x" * (STRING_CHARS_MAX + 1), {}, {"A": "A"}),
        *([], [None], ["A", 1], [["A"]], ["A"] * (ELEMENTS_MAX + 1), ["x" * (STRING_CHARS_MAX + 1)]),
        *([{"code": "A"}], [{"code": None, "cost": None}]),
    ]
)
_text = st.sampled_from(["A", "B", "C", "a", "A A", ""])
_int = st.integers(-2, 9)
_float = st.sampled_from([0.0, -0.0, 0.5, 2.5, 3.0])
_leg = st.fixed_dictionaries({"code": _text, "cost": _int})


def _mostly(usual):
    """Nearly always what the schema promises."""
    return st.integers(0, 9).flatmap(lambda roll: _odd if roll == 0 else usual)


params = st.fixed_dictionaries(
    {},
    optional={
        "id": _mostly(_text),
        "cents": _mostly(_int),
        "price": _mostly(_float | _int),
        "ok": _mostly(st.booleans()),
        "ids": _mostly(st.lists(_text, max_size=3)),
        "legs": _mostly(st.lists(_leg, max_size=3)),
        "note": _mostly(_text | st.none()),
    },
)
_fields = st.fixed_dictionaries(
    {},
    optional={
        "owner": _mostly(_text),
        "left": _mostly(_int),
        "share": _mostly(_float),
        "open": _mostly(st.booleans()),
        "tags": _mostly(st.lists(_text, max_size=3)),
        "unknown": _text,
    },
)
texts = st.dictionaries(
    st.builds(fact_name, st.sampled_from(["order", "card", "other"]), _text, st.sampled_from(["r", "s"])),
    st.builds(fact_value, _fields, st.integers(0, 3)),
    max_size=8,
)


def _outcome(find):
    try:
        return find()
    except UnfitError as fault:
        return "unfit", str(fault)
    except (UnreadError, UnevaluatedError) as fault:
        return type(fault).__name__, str(fault)


def _plain(condition, met):
    """What a condition comes to with every leaf in CEL."""
    condition._check_read(met)
    found = _evaluate(condition.root, met, None)
    if isinstance(found, bool):
        return found
    if found.root == "facts":
        raise UnreadError((found,))
    raise UnevaluatedError("it looks at something that is not there")


@pytest.mark.parametrize("when", CONDITIONS)
@given(given_params=params, told=texts)
def test_prepared_conditions_come_to_what_plain_ones_do(when, given_params, told):
    """Slot by slot the same value or the same fault, and the same outcome of the whole."""
    slots = []
    condition = compile_condition(when, ROOTS, slots)
    roots = {
        "params": given_params,
        "tables": TABLES,
        "registry": REGISTRIES,
        "now": NOW,
        "facts": rows_of(told, KINDS),
    }
    lookups, quick = [lookup(slot) for slot in slots], {**roots, TOLD: Told(told, KINDS)}
    for slot, find in zip(slots, lookups, strict=True):
        assert repr(_outcome(lambda find=find: find(quick))) == repr(
            _outcome(lambda slot=slot: value_of(slot, roots))
        )
    plain = Met([partial(value_of, slot) for slot in slots], roots, range(len(slots)))
    prepared = Met(lookups, quick, condition.told)
    assert _outcome(lambda: condition.holds(prepared)) == _outcome(lambda: _plain(condition, plain))


def test_the_common_case_is_prepared():
    """A slot of each usual kind has a function of its own, so the law above compares two different things."""
    slots = []
    for when in CONDITIONS:
        compile_condition(when, ROOTS, slots)
    left = [str(slot) for slot in slots if not hasattr(lookup(slot), "__code__")]
    assert left == [
        *("params.legs", "facts.order[params.id]", "rows(facts.card)"),
        *("registry.vendors[params.id]", "count(params.legs)"),
    ]


@given(told=texts)
def test_rows_are_the_same_one_by_one(told):
    """In place of all tables: a row that was told several times is put together in the same way."""
    tables, rows = rows_of(told, KINDS), Told(told, KINDS)
    for kind, table in tables.items():
        for key, row in table.items():
            assert KINDS[kind].fitting(rows[Told.place(kind, key)]) == row
    for name, text in told.items():
        kind, key, _ = name.split("\x1f")
        assert kind not in KINDS or (key in tables[kind] and json.loads(text)["at"] >= 0)
