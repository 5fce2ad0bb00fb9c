"""Registries: what a set's files say of the world outside, and what conditions may ask of it."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from toolgate.processors.case import Case, Envelope
from toolgate.processors.chain import CHAIN
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.loader import from_files, load
from toolgate.processors.problems import LoadError
from toolgate.processors.rule_looks import looks
from toolgate.processors.rules import rules
from toolgate.processors.tables import ENTRIES_MAX, ROWS_MAX, TABLES_MAX
from toolgate.processors.world import World
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent

TOOLS = b"""\
tools:
  - name: pay
    effect: write
    params:
      properties:
        to: {type: string}
        cc: {type: array, items: {type: string}}
        vendor: {type: string}
        iban: {type: string}
        code: {type: integer}
        price: {type: number}
        ok: {type: boolean}
      required: [to, cc, vendor, iban, code, price, ok]
  - name: look
    effect: read
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {owner: {type: string}}}
    remember: [{fact: seen, key: params.id, trusted: true, fields: {owner: result.owner}}]
"""
POLICY = """\
policy:
  workflow_id: w
  allowed_tools: [pay, look]
  rules:
    - id: r
      tools: [pay]
      when: >-
        %s
      because: b
"""
FILES = {
    "tools.yaml": TOOLS,
    "registries/contacts.yaml": b"registry: {rows: [ann@example.com, Bob@example.com]}\n",
    "registries/people.yaml": b"registry: {rows: [ann, bob]}\n",
    "registries/codes.yaml": b"registry: {rows: [7, 8]}\n",
    "registries/vendors.yaml": b"registry: {rows: {V-1: {iban: DE1, open: true}, V-2: {iban: DE2, open: false}}}\n",
    "registries/limits.yaml": b"registry:\n  description: by vendor\n  rows: {V-1: 10, V-2: 20}\n",
}
PARAMS = '{"to":"%s","cc":["ann"],"vendor":"%s","iban":"DE1","code":7,"price":1.5,"ok":true}'


def files(when, **more):
    """The set with one rule."""
    return {**FILES, "policy.yaml": (POLICY % when).encode(), **more}


def asked(policies, to="ann", vendor="V-1", facts=None):
    """A case as it comes to the rules."""
    intent = Intent(
        intent_id="i", kind="call", tenant="default", workflow_id="w", run_id="r", agent_id="a", tool="pay",
        params=PARAMS % (to, vendor),
    )  # fmt: skip
    case = Case(Envelope("intents", 0, 0, 1_000, b"r", b"", ()), intent, "d" * 32)
    case = changed(case, policy=policies.for_workflow("default", "w"), facts=facts or {})
    world = World(policies, ControlState(), Keyring.of([]))
    for stage in CHAIN:
        if stage.__name__ == "contract":
            case = stage(case, world)
    return case, world


def reasons(when, **given):
    """Codes and sentences of what the rule says of a call."""
    return [
        (reason.code, reason.because) for reason in rules(*asked(from_files(files(when)), **given)).reasons
    ]


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("params.to in registry.people", True),
        ("!(params.to in registry.people) || params.code != 7", False),
        ("params.code in registry.codes", True),
        ("params.vendor in registry.people", False),
        ("lower(params.to) in registry.people", True),
        ("(params.to in registry.people) == params.ok", True),
        ("params.to in registry.people ? params.code == 7 : params.code == 8", True),
        ("params.cc.all(one, params.to in registry.people && one != params.iban)", True),
        ("count(without(params.cc, registry.people)) == 0", True),
        ("count(without(params.cc, registry.contacts)) == 0", False),
        ("has(registry.vendors[params.vendor])", True),
        ("has(registry.vendors[params.to])", False),
        ("registry.vendors[params.vendor].iban == params.iban", True),
        ("registry.vendors[params.vendor].open && registry.limits[params.vendor] == 10", True),
        ("has(registry.vendors[params.to]) && registry.vendors[params.to].open", False),
        ("rows(registry.vendors).exists(one, has(one.iban) && one.iban == params.iban)", True),
    ],
)
def test_conditions_ask_registries(when, holds):
    """Entries by `in` and without(), rows by key, as tables are."""
    assert [code for code, _ in reasons(when)] == (["RULE_DENIED"] if holds else [])


def test_a_row_that_is_not_there_fails_the_rule_as_in_a_table():
    """Nothing is approved, and reading would not help."""
    [(code, because)] = reasons("registry.vendors[params.vendor].open", vendor="V-9")
    assert code == "RULE_FAILED"
    assert "something that is not there" in because


def test_a_reason_shows_what_was_looked_for():
    """The value, and that it is not there; never the entries."""
    [(_, because)] = reasons("!(params.to in registry.people)", to="eve")
    assert because == 'b (params.to is "eve", params.to in registry.people is false)'


def test_explains_what_was_found_in_registries():
    """Beside what it was looked up by."""
    when = "params.to in registry.people && registry.vendors[params.vendor].iban == params.iban"
    [look] = looks(asked(from_files(files(when)))[0])
    assert dict(look.values) == {
        "params.to": '"ann"',
        "params.to in registry.people": "true",
        "registry.vendors[params.vendor].iban": '"DE1"',
        "params.iban": '"DE1"',
    }


def test_what_is_asked_of_a_fact_needs_the_fact_and_no_more():
    """A fact that was not read is read first, unless the rule asks for it with has()."""
    plain, guard = "facts.seen[params.vendor].owner in registry.people", "has(facts.seen[params.vendor]) && "
    assert [code for code, _ in reasons(plain)] == ["READ_FIRST"]
    assert reasons(guard + plain) == []


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("params.to in registry.contcats", "8:22: registry has no contcats; did you mean contacts?"),
        ("has(registry.vendros[params.to])", "8:13: registry has no vendros; did you mean vendors?"),
        ("registry.vendors[params.to].ibna == params.iban", "registry.vendors[params.to] has no ibna"),
        ("params.code in registry.people", "8:9: an int in a set of string compares unlike types"),
        ("params.price in registry.codes", "a double in a set of int compares unlike types"),
        ("params.cc in registry.people", "of a list: count(without(params.cc, registry.people)) == 0"),
        (
            "params.cc.all(one, one in registry.people)",
            "of a list: count(without(params.names, registry.people)) == 0",
        ),
        ('params.to + "x" in registry.people', "what is looked for in registry.people is a path"),
        ("params.to in registry.vendors", "registry.vendors is a table"),
        (
            "lower(params.to) in registry.contacts",
            "lower() never gives what registry.contacts has in capitals",
        ),
        ("size(registry.people) > 1", "registry.people is only asked what is in it"),
        ("registry.people.exists(one, one == params.to)", "registry.people is only asked what is in it"),
        ("registry.people == params.cc", "registry.people is only asked what is in it"),
        ("registry.people[0] == params.to", "registry.people is only asked what is in it"),
        (
            "params.to in without(registry.people, params.cc)",
            "without() takes two lists of the same, or one and a registry",
        ),
        ("count(registry.people) > 1", "count() takes a list"),
        ("has(registry.people)", "has() asks for a path"),
        ("count(without(params.cc, registry.codes)) == 0", "without() takes"),
    ],
)
def test_refuses_what_has_no_meaning(when, said):
    """At load, with the place and what to write."""
    with pytest.raises(LoadError) as caught:
        from_files(files(when))
    assert said in str(caught.value)


def listed(count):
    """A registry of so many entries."""
    return b"registry:\n  rows: [" + b",".join(b"%d" % number for number in range(count)) + b"]\n"


def keyed(count):
    """A registry of so many rows."""
    return b"registry:\n  rows: {" + b",".join(b"k%d: {v: 1}" % number for number in range(count)) + b"}\n"


def test_rows_go_through_a_registry_as_far_as_a_condition_goes():
    """A registry that grows beyond it is told when it is loaded, not call by call."""
    when = "rows(registry.big).exists(one, has(one.v) && one.v == params.code)"
    from_files(files(when, **{"registries/big.yaml": keyed(256)}))
    with pytest.raises(LoadError, match="takes a table of at most 256 rows"):
        from_files(files(when, **{"registries/big.yaml": keyed(257)}))


def calls(act):
    """How many functions are called on the way, of Python and of C."""
    events = Counter()
    sys.setprofile(lambda _frame, event, _argument: events.update([event]))
    try:
        act()
    finally:
        sys.setprofile(None)
    return events["call"] + events["c_call"]


def test_ten_thousand_entries_cost_no_more_than_ten():
    """One look into a set, however many there are; nothing of it goes to CEL."""
    called = []
    for count in (10, 10_000):
        when = "params.code in registry.big && !has(registry.rows[params.to])"
        more = {"registries/big.yaml": listed(count), "registries/rows.yaml": keyed(count)}
        case, world = asked(from_files(files(when, **more)))
        assert case.policy.rules["pay"].told == frozenset()
        assert rules(case, world).verdict == "DENY"  # what is made once is made
        called.append(calls(lambda case=case, world=world: rules(case, world)))
    assert called[0] == called[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (listed(ENTRIES_MAX + 1), "registries/big.yaml:2:9: a list has at most 100,000 entries"),
        (keyed(ROWS_MAX + 1), "registries/big.yaml:2:9: a table has at most 10,000 rows"),
        (b"#" * 1_100_000, "registries/big.yaml: the file has 1,100,000 bytes"),
    ],
    ids=["entries", "rows", "bytes"],
)
def test_refuses_what_is_too_large(text, said):
    """A limit on everything."""
    with pytest.raises(LoadError) as caught:
        from_files(files("params.ok", **{"registries/big.yaml": text}))
    assert said in str(caught.value)


def test_refuses_too_many_registries():
    """Likewise."""
    many = {f"registries/r{number:02}.yaml": listed(1) for number in range(TABLES_MAX)}
    with pytest.raises(LoadError, match="there are 37 registries, at most 32 are allowed"):
        from_files(files("params.ok", **many))


@pytest.mark.parametrize("name", ["Contacts", "c\N{CYRILLIC SMALL LETTER O}ntacts", "my-contacts", "1st", ""])
def test_a_registry_is_named_as_conditions_name_it(name):
    """A file that no condition could name is an error, and so is a name that only looks like another."""
    with pytest.raises(
        LoadError, match=r"is no name: small letters, digits and _, a letter first; rename the file"
    ):
        from_files(files("params.ok", **{f"registries/{name}.yaml": listed(1)}))


def test_does_not_blame_policies_for_a_broken_registry():
    """While it cannot be read, no rule is told that there is none of its name."""
    with pytest.raises(LoadError) as caught:
        from_files(files("params.to in registry.people", **{"registries/people.yaml": b"registry: 3\n"}))
    assert {problem.file for problem in caught.value.problems} == {"registries/people.yaml"}


def test_registries_are_part_of_the_set(tmp_path):
    """They are found in the folder, count for the digest, and need no policy that looks at them."""
    given = files("params.ok")
    for name, text in given.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)
    (tmp_path / "registries" / "README.md").write_text("not a registry")
    digest = load(tmp_path).digest
    assert digest == from_files(given).digest
    (tmp_path / "registries" / "codes.yaml").write_bytes(FILES["registries/codes.yaml"] + b"#")
    assert load(tmp_path).digest != digest
