"""Rules and Cedar: the same condition, written once and translated, decides the same in both engines."""

from __future__ import annotations

import json
from random import Random

import pytest
from cedar_translation import RATE, translated

from toolgate.processors.case import Case, Envelope
from toolgate.processors.cedar import cedar
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.loader import from_files
from toolgate.processors.reasons import Code
from toolgate.processors.rules import rules
from toolgate.processors.world import World
from toolgate.schemas.records import Intent

RULES, CALLS = 10, 20  # of one policy set: 200 cases
SETS_OF_EVERY_CHANGE, SETS_OF_A_NIGHT = 100, 1_000
TOOLS = b"""
tools:
  - name: pay
    effect: write
    records: []
    params:
      properties:
        a: {type: integer}
        b: {type: integer}
        o: {type: integer}
        rate: {type: number}
        s: {type: string}
        t: {type: string}
        f: {type: boolean}
        list: {type: array, items: {type: string}}
      required: [a, b, rate, s, t, f, list]
"""
WORDS = ["", "a", "ab", "b", "ba", "*", "a*", "\\", '"', "\n", "é", "e\u0301", "😀", "A", "a\0", " a"]
NUMBERS = [-3, -1, 0, 1, 2, 3, 9_007_199_254_740_991, -9_007_199_254_740_991]
RATES = [-1.5, -0.0, 0.0, 0.1, 0.1234, 1.0, 2.5, 900_000_000_000.25]
NOWS = [0, 999, 1_000, 1_700_000_000_000]
ORDER = ["<", "<=", ">", ">=", "==", "!="]


def quoted(text):
    """A constant of text."""
    return json.dumps(text, ensure_ascii=False)


def some(random):
    """A list of constants of text."""
    return f"[{', '.join(quoted(random.choice(WORDS)) for _ in range(random.randint(1, 3)))}]"


def leaf(random):
    """A condition without logic."""
    order, number = random.choice(ORDER), random.choice(NUMBERS)
    one, word = random.choice("ab"), quoted(random.choice(WORDS))
    return random.choice(
        [
            f"params.{one} {order} {number}",
            f"params.a {order} params.b",
            f"params.a {random.choice('+-')} params.b {order} {number}",
            f"params.{one} * {random.choice(NUMBERS)} {order} {number}",
            f"-params.{one} {order} {number}",
            f"params.{one} in [{random.choice(NUMBERS)}, {random.choice(NUMBERS)}]",
            f"(has(params.o) && params.o {order} {number})",
            f"params.{RATE} {order} {abs(random.choice(RATES))}",
            f"params.s {random.choice(['==', '!='])} {word}",
            f"params.s {random.choice(['==', '!='])} params.t",
            f"params.s in {some(random)}",
            f"params.{random.choice('st')}.{random.choice(['startsWith', 'endsWith', 'contains'])}({word})",
            "params.f",
            f"params.f {random.choice(['==', '!='])} true",
            f"{word} in params.list",
            f"params.list.{random.choice(['all', 'exists'])}(one, one in {some(random)})",
            f'now {order} timestamp("1970-01-01T00:00:01Z")',
            f"intent.reason == {word}",
        ]
    )


def tree(random, depth):
    """A condition of up to this depth."""
    if depth == 0 or random.random() < 0.2:
        return leaf(random)
    inner = [tree(random, depth - 1) for _ in range(3)]
    form = random.choice(["({} && {})", "({} || {})", "!({})", "({} ? {} : {})"])
    return form.format(*inner)


def policy_set(random):
    """Rules, and the same as Cedar policies."""
    texts = [tree(random, 3) for _ in range(RULES)]
    policy = {
        "workflow_id": "w",
        "allowed_tools": ["pay"],
        "rules": [{"id": f"r{n}", "when": text, "because": "b"} for n, text in enumerate(texts)],
        "cedar": "w.cedar",
    }
    forbids = "".join(
        f'@id("r{n}") forbid (principal, action, resource) when {{ {translated(text)} }};\n'
        for n, text in enumerate(texts)
    )
    return from_files(
        {
            "tools.yaml": TOOLS,
            "policy.yaml": json.dumps({"policy": policy}, ensure_ascii=False).encode(),
            "w.cedar": ("permit (principal, action, resource);\n" + forbids).encode(),
        }
    )


def call(random, policies):
    """A call with parameters that fit."""
    params = {
        "a": random.choice(NUMBERS),
        "b": random.choice(NUMBERS),
        RATE: random.choice(RATES),
        "s": random.choice(WORDS),
        "t": random.choice(WORDS),
        "f": random.random() < 0.5,
        "list": [random.choice(WORDS) for _ in range(random.randint(0, 4))],
    }
    if random.random() < 0.5:
        params["o"] = random.choice(NUMBERS)
    intent = Intent("i", "call", "default", "w", "r", "agent", tool="pay", reason=random.choice(WORDS))
    envelope = Envelope("intents", 0, 0, random.choice(NOWS), b"r", b"")
    policy = policies.for_workflow("default", "w")
    return Case(envelope, intent, "", params=params, policy=policy, tool=policies.tools["pay"])


def said(found, code):
    """The rules that gave this reason."""
    return {reason.rule for reason in found.reasons if reason.code == code}


def compare(seed):
    """One policy set and its calls: how many cases held, and how many were denied or failed."""
    random = Random(seed)
    policies = policy_set(random)
    world = World(policies, ControlState(), Keyring.insecure())
    held = failed = 0
    for _ in range(CALLS):
        asked = call(random, policies)
        ours, theirs = rules(asked, world), cedar(asked, world)
        unjudged = said(ours, Code.RULE_FAILED)
        # Cedar leaves out what stands behind a decided && or ||, so it may fail less often, but never more.
        assert said(theirs, Code.CEDAR_FAILED) <= unjudged, (seed, asked.params)
        ours_denied, theirs_denied = said(ours, Code.RULE_DENIED), said(theirs, Code.CEDAR_DENIED)
        assert ours_denied == theirs_denied - unjudged, (seed, asked.params)
        held += len(ours_denied)
        failed += len(unjudged)
    return held, failed


@pytest.mark.parametrize("block", range(4))
def test_rules_and_cedar_decide_the_same(block):
    """20,000 conditions and calls: a condition means in our rules what it means in Cedar."""
    size = SETS_OF_EVERY_CHANGE // 4
    found = [compare(seed) for seed in range(block * size, (block + 1) * size)]
    cases = size * RULES * CALLS
    held, failed = sum(one for one, _ in found), sum(two for _, two in found)
    # Random conditions that never hold, or never do not, would show nothing.
    assert cases // 5 < held < cases * 4 // 5
    assert 0 < failed < cases // 5


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(10))
def test_rules_and_cedar_decide_the_same_at_length(block):
    """200,000 further ones."""
    size = SETS_OF_A_NIGHT // 10
    for seed in range(10_000 + block * size, 10_000 + (block + 1) * size):
        compare(seed)
