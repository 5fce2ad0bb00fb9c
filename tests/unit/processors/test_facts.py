"""Facts: what results tell, and what rules make of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.catalogue import facts_of
from toolgate.processors.chain import judge
from toolgate.processors.facts import concerning, fact_name, fact_value, rows_of
from toolgate.processors.functions import FUNCTIONS
from toolgate.processors.problems import LoadError
from toolgate.processors.reasons import Code
from toolgate.processors.remembering import FACTS_MAX
from toolgate.processors.verdicts import retryable
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed

TOOLS = """
tools:
  - name: get_booking
    effect: read
    records: []
    params: {properties: {id: {type: string}}, required: [id]}
    result:
      properties:
        cabin: {type: string}
        owner: {type: string}
        made: {type: string}
        legs:
          type: array
          items:
            properties: {code: {type: string}, date: {type: string}, price: {type: integer}}
            required: [code, date, price]
    remember:
      - fact: booking
        key: params.id
        trusted: true
        fields:
          cabin: result.cabin
          owner: result.owner
          made: result.made
          legs: join(result.legs.code, result.legs.date)
          dates: result.legs.date
  - name: get_person
    effect: read
    records: []
    params: {properties: {person: {type: string}}, required: [person]}
    result:
      properties:
        level: {type: string}
        cards:
          type: object
          additionalProperties: {properties: {id: {type: string}, left: {type: integer}}, required: [id]}
    remember:
      - {fact: person, key: params.person, trusted: true, fields: {level: result.level}}
      - {fact: card, each: result.cards, key: each.id, trusted: true, fields: {left: each.left}}
  - name: search
    effect: read
    records: []
    params: {properties: {date: {type: string}}, required: [date]}
    result:
      type: array
      items:
        type: array
        items: {properties: {code: {type: string}, price: {type: integer}}, required: [code, price]}
    remember:
      - {fact: leg, each: result, key: [each.code, params.date], trusted: true, fields: {price: each.price}}
  - name: read_mail
    effect: read
    records: []
    params: {properties: {mail: {type: string}}, required: [mail]}
    result: {properties: {sender: {type: string}}}
    remember:
      - {fact: mail, key: params.mail, fields: {sender: result.sender}}
  - name: change
    effect: write
    records: [id]
    params:
      properties:
        id: {type: string}
        cabin: {type: string}
        cost: {type: integer}
        cards: {type: array, items: {type: string}}
        legs:
          type: array
          items: {properties: {code: {type: string}, date: {type: string}}, required: [code, date]}
      required: [id, cabin, cost, cards, legs]
    remember:
      - {fact: booking, key: params.id, trusted: true, fields: {cabin: params.cabin}}
"""
POLICY = """
policy:
  workflow_id: billing_adjustments_v3
  allowed_tools: [get_booking, get_person, search, read_mail, change]
  now: "2024-05-15T15:00:00-05:00"
  tables:
    rank: [basic, economy, business]
    bags: {silver: 1, gold: 2}
    prices: {basic: {bag: 50, seat: 9}, economy: {bag: 30, seat: 0}}
  rules:
"""
PARAMS = {
    "id": "B1",
    "cabin": "economy",
    "cost": 300,
    "cards": ["c1", "c2"],
    "legs": [{"code": "X1", "date": "2024-05-20"}, {"code": "X2", "date": "2024-05-22"}],
}
BOOKING = {
    "cabin": "basic",
    "owner": "ann",
    "made": "2024-05-14T15:30:00",
    "legs": [
        {"code": "X1", "date": "2024-05-20", "price": 100},
        {"code": "X2", "date": "2024-05-22", "price": 200},
    ],
}
PERSON = {"level": "gold", "cards": {"c1": {"id": "c1", "left": 10}, "c2": {"id": "c2", "left": 30}}}
LEGS = [[{"code": "X1", "price": 100}, {"code": "X2", "price": 150}], [{"code": "X3", "price": 9}]]


@pytest.fixture
def tools(world):
    """The tools of a small travel desk."""
    return world(POLICY.replace("  rules:\n", ""), tools=TOOLS).policies.tools


@pytest.fixture
def all_read(read):
    """Everything that the rules below may ask for."""
    return read(
        ("get_booking", {"id": "B1"}, BOOKING),
        ("get_person", {"person": "ann"}, PERSON),
        ("search", {"date": "2024-05-20"}, LEGS),
        ("search", {"date": "2024-05-22"}, LEGS),
    )


@pytest.fixture
def judged(world, case):
    """Judges a change under one rule, with what the run remembers."""

    def make(when, facts, params=PARAMS, keys=""):
        rule = f"    - id: r\n      tools: [change]\n      because: not so\n{keys}      when: >-\n        {when}\n"
        found = changed(case(tool="change", params=json.dumps(params)), facts=facts)
        return judge(found, world(POLICY + rule, tools=TOOLS))

    return make


HOLDS = [
    'facts.booking[params.id].cabin == "basic"',
    'facts.person[facts.booking[params.id].owner].level == "gold"',
    "sum(facts.leg[join(params.legs.code, params.legs.date)].price) == 250",
    "join(params.legs.code, params.legs.date) == facts.booking[params.id].legs",
    "least(date(facts.booking[params.id].dates)) > now",
    "tables.rank[params.cabin] > tables.rank[facts.booking[params.id].cabin]",
    "tables.bags[facts.person[facts.booking[params.id].owner].level] == 2",
    'tables.prices["basic"].bag + tables.prices[params.cabin].bag == 80',
    "sum(facts.card[params.cards].left) == 40",
    'rows(facts.booking).exists(one, has(one.cabin) && one.cabin == "basic")',
    "has(facts.booking[params.id]) && !has(facts.booking[params.cabin])",
    "pairs(params.legs.date).all(two, two.first < two.second)",
    "zip(params.cards, facts.card[params.cards].left).exists(one, one.second == 30)",
    "running(facts.card[params.cards].left) == [10, 40]",
    "reversed(sorted(params.cards)) == ['c2', 'c1']",
    "count(params.legs) == 2",
    "without(params.cards, facts.booking[params.id].dates) == params.cards",
    "without(join(params.legs.code, params.legs.date), facts.booking[params.id].legs) == []",
    "sum(facts.leg[without(join(params.legs.code, params.legs.date), facts.booking[params.id].legs)].price) == 0",
    'time(facts.booking[params.id].made, "-05:00") == timestamp("2024-05-14T20:30:00Z")',
    "join('X1', '2024-05-20') in facts.booking[params.id].legs",
    "history.landed == 0 && history.failed_writes == 0",
]


@pytest.mark.parametrize("when", HOLDS)
def test_rules_look_at_facts(judged, all_read, when):
    """Through one step or two, through lists, by keys of several parts, beside tables."""
    found = judged(when, all_read)
    assert [reason.code for reason in found.reasons] == [Code.RULE_DENIED], found.reasons
    assert judged(f"!({when})", all_read).verdict == Verdict.APPROVE


UNREAD = [
    ('facts.booking[params.id].cabin == "basic"', "booking", "B1"),
    ('facts.booking[params.id].cabin == "basic" || true == true', "booking", "B1"),
    ('params.cabin == "x" && facts.booking[params.id].cabin == "basic"', "booking", "B1"),
    ("sum(facts.card[params.cards].left) > 1000", "card", "c1"),
    ('facts.person[facts.booking[params.id].owner].level == "x"', "booking", "B1"),
]


@pytest.mark.parametrize(("when", "fact", "key"), UNREAD)
def test_what_was_not_read_is_not_false(judged, when, fact, key):
    """The call is refused whatever else the condition says, and the agent may read and come again."""
    found = judged(when, {})
    assert [reason.code for reason in found.reasons] == [Code.READ_FIRST]
    assert retryable(found.reasons)
    assert [(one.table, one.key) for one in found.wanted] == [(fact, key)]


def test_a_rule_may_deny_what_was_not_read(judged):
    """Where reading would not help."""
    found = judged("facts.booking[params.id].cabin == 'x'", {}, keys="      missing: deny\n")
    assert [reason.code for reason in found.reasons] == [Code.RULE_DENIED]
    assert not retryable(found.reasons)


@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_what_is_left_of_a_list_and_what_is_not_make_the_list(one, other):
    """Nothing is lost, moved or made."""
    without = FUNCTIONS["without"].apply
    left = without(one, other)
    assert left == [item for item in one if item not in other]
    assert sorted(left + without(one, left)) == sorted(one)


@pytest.mark.parametrize("zone", ['"EST"', '"5"', "params.cabin"])
def test_a_time_without_a_zone_cannot_be_judged(judged, all_read, zone):
    """Nor one with a zone that is none: which moment it is, nobody has said."""
    found = judged(f"time(facts.booking[params.id].made, {zone}) < now", all_read)
    assert [reason.code for reason in found.reasons] == [Code.RULE_FAILED]


def test_a_guard_makes_a_missing_fact_false(judged):
    """Only where the rule says so itself."""
    assert judged(
        "has(facts.booking[params.id]) && facts.booking[params.id].cabin == 'basic'", {}
    ).verdict == (Verdict.APPROVE)


def test_a_row_that_lacks_the_field_is_to_be_read(judged, read):
    """A write told its cabin; whose it is, nobody has said."""
    facts = read(("change", PARAMS, None))
    assert judged("has(facts.booking[params.id]) && facts.booking[params.id].owner == 'x'", facts).reasons[
        0
    ].code == (Code.READ_FIRST)


def test_a_row_of_a_table_that_is_not_there_is_a_failure_of_the_rule(judged, all_read):
    """The policy's author has forgotten it: reading cannot help, and nothing is approved."""
    found = judged("tables.rank[params.cabin] > 0", all_read, {**PARAMS, "cabin": "first"})
    assert [reason.code for reason in found.reasons] == [Code.RULE_FAILED]


def test_the_later_word_stands(read, tools):
    """Field by field: a write that landed tells what it changed, and leaves the rest."""
    facts = read(("get_booking", {"id": "B1"}, BOOKING), ("change", PARAMS, None))
    rows = rows_of(facts, facts_of(tools.values()))
    assert rows["booking"]["B1"]["cabin"] == "economy"
    assert rows["booking"]["B1"]["owner"] == "ann"


def test_read_again_stands_over_an_earlier_write(read, tools):
    """The order is that of the results, not that of the names."""
    facts = read(("change", PARAMS, None), ("get_booking", {"id": "B1"}, BOOKING))
    assert rows_of(facts, facts_of(tools.values()))["booking"]["B1"]["cabin"] == "basic"


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        {},
        {"cabin": 1, "owner": None},
        {"legs": "none"},
        {"legs": [{"code": "X1"}]},
        [BOOKING],
    ],
)
def test_what_does_not_fit_is_not_remembered(read, tools, result):
    """A system that answers otherwise than its schema says has told nothing."""
    facts = read(("get_booking", {"id": "B1"}, result))
    assert not any(rows_of(facts, facts_of(tools.values()))["booking"].values())


def test_a_fact_of_another_type_than_now_promised_is_left_out(tools):
    """The catalogue may have changed since it was remembered."""
    facts = {fact_name("booking", "B1", "x#0"): fact_value({"cabin": 7, "owner": "ann"}, 1)}
    assert rows_of(facts, facts_of(tools.values()))["booking"]["B1"] == {"owner": "ann"}


def test_no_more_than_so_many_facts_of_one_result(read):
    """A result cannot fill the ledger."""
    many = [[{"code": f"X{number}", "price": 1} for number in range(FACTS_MAX + 9)]]
    assert len(read(("search", {"date": "d"}, many))) == FACTS_MAX


def test_long_values_and_odd_keys_are_not_remembered(read):
    """Nor what would not be told apart from another key."""
    assert not read(("get_booking", {"id": "B1"}, {**BOOKING, "owner": "x" * 3_000}))
    assert not read(("get_booking", {"id": "B\x1f1"}, BOOKING))
    assert not read(("get_booking", {"id": "B" * 300}, BOOKING))


def test_rules_look_at_what_became_of_earlier_calls(world, case):
    """What the ledger counted; nothing where it counted nothing."""
    rule = "    - {id: r, tools: [change], because: not so, when: history.failed_writes >= 3 || history.landed > 0}\n"
    given = changed(
        case(tool="change", params=json.dumps(PARAMS)),
        history={"landed": 0, "failed": 0, "landed_writes": 0, "failed_writes": 3},
    )
    (reason,) = judge(given, world(POLICY + rule, tools=TOOLS)).reasons
    assert (reason.because, reason.distance) == (
        "not so (history.failed_writes is 3, history.landed is 0)",
        1,
    )


def test_only_facts_that_rules_look_at_go_with_a_call(all_read):
    """What a decision was given is kept with it."""
    assert {name.split("\x1f")[0] for name in concerning(all_read, {"leg"})} == {"leg"}
    assert not concerning(all_read, ())


def test_an_untrusted_fact_proves_nothing_unless_the_rule_says_so(world):
    """Whoever writes the mail would decide."""
    rule = "    - {{id: r, tools: [read_mail], because: not so, {}when: 'has(facts.mail[params.mail].sender)'}}\n"
    with pytest.raises(LoadError, match=r"facts\.mail, which nothing vouches for"):
        world(POLICY + rule.format(""), tools=TOOLS)
    assert world(POLICY + rule.format("untrusted: [mail], "), tools=TOOLS)


BAD_TOOLS = [
    ("key: params.id", "key: params.ix", "params has no ix; known are id"),
    ("cabin: result.cabin", "cabin: result.cabn", "result has no cabn; did you mean cabin?"),
    ("cabin: result.cabin", "cabin: date(result.cabin)", "timestamp cannot be remembered"),
    ("key: params.id", "key: result.legs", "a key is text or a whole number"),
    ("each: result.cards", "each: result.level", "each goes over a list or a mapping"),
    ("fields: {cabin: params.cabin}", "fields: {cabin: params.cost}", "booking.cabin is int here and string"),
    ("fact: person", "fact: Person", "is no name"),
    ("result: {properties: {sender: {type: string}}}", "description: x", "unknown name 'result'"),
]


@pytest.mark.parametrize(("right", "wrong", "what"), BAD_TOOLS)
def test_a_remember_that_does_not_load_says_why(world, right, wrong, what):
    """With its place in the file."""
    assert right in TOOLS
    with pytest.raises(LoadError) as caught:
        world(POLICY.replace("  rules:\n", ""), tools=TOOLS.replace(right, wrong, 1))
    text = str(caught.value)
    assert what in text
    assert "tools.yaml:" in text


BAD_RULES = [
    ("facts.bookin[params.id].cabin == 'x'", "facts has no bookin; did you mean booking?"),
    ("facts.booking[params.id].cabn == 'x'", "has no cabn; did you mean cabin?"),
    ("facts.booking[params.cost].cabin == 'x'", "the key of a row is text, not an int"),
    ("facts.booking == 'x'", "facts.booking is a table"),
    ("facts.booking[params.id + 'x'].cabin == 'x'", "the key of a row is a path"),
    ("tables.rank[params.cabin] == 'x'", "unlike types"),
    ("tables.bag[params.cabin] == 1", "tables has no bag; did you mean bags?"),
    ("join(params.id) == 'x'", "join() takes 2 to 8 paths"),
    ("zip(params.id, params.legs).size() > 0", "zip() takes two lists"),
    ("without(params.cards, params.legs) == []", "without() takes two lists of the same"),
    ("count(params.id) > 0", "count() takes a list"),
    ("time(params.id, params.cost) < now", "time() takes text such as"),
    ("sum('x') > 0", "sum() takes a path"),
]


@pytest.mark.parametrize(("when", "what"), BAD_RULES)
def test_a_rule_over_facts_that_does_not_load_says_why(judged, when, what):
    """Names and types are held to the catalogue."""
    with pytest.raises(LoadError) as caught:
        judged(when, {})
    assert what in str(caught.value)


def test_tables_have_like_rows(world):
    """What one row has, each has."""
    for table in ("{a: 1, b: x}", "{a: {x: 1}, b: {y: 1}}", "{}", "[a, a]", "{a: [1]}", "3"):
        with pytest.raises(LoadError, match=r"table|rank|row"):
            world(f"policy: {{workflow_id: w, allowed_tools: [search], tables: {{t: {table}}}}}", tools=TOOLS)
