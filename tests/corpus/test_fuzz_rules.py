"""Rules under random conditions, parameters and facts: what is broken or true is never approved."""

from __future__ import annotations

import json
from functools import cache

import json_reference
import pytest
from changes import changed_text
from fuzzing import examples, fuzz
from hypothesis import strategies as st
from judging import judged, world_of
from rule_reference import CAPS, LEAVES, TREES, BrokenError, Tree

from toolgate.schemas.enums import Verdict

DEPTH_MAX = 32
USUAL = {"order_id": "O-1", "kind": "part", "cents": 700}
ODD = st.sampled_from(
    (None, True, -1, 0, 1, 7, 2**53 - 1, 2**53, 7e2, -0.0, 1e308, 1e-300, "", "x", "7", "O-1", "X-1", "void", "VoID",
     [], {})
)  # fmt: skip
AMOUNTS = st.sampled_from(
    ("5", "5.000001", "0.1", "7.5", "1e9", " 1", "+1", "-1", "1,5", "1_0", "\u0661", "NaN", "", "1\n", ".5",
     "5.", "9" * 50)
)  # fmt: skip
DAYS = st.sampled_from(
    (
        "2026-03-30",
        "2026-03-31",
        "20260331",
        "2026-W14-2",
        "2026-02-30",
        "0000-01-01",
        "\uff12026-03-31",
        "9999-12-31",
    )
)
NUMBERS = st.sampled_from(
    (0, 1, 3, 7, 30, 31, 900, 901, 5_001, 50_001, 2**31, 3_037_000_500, 2**53 - 1, 7e2, 0.4, 1.5)
)
OFTEN = {
    "order_id": st.sampled_from(("O-1", "O-2", "X-1", "VOID", "\u212aX", "vo\u0131d")),
    "kind": st.sampled_from(sorted(CAPS)),
    "cents": NUMBERS,
}
OPTIONAL = {
    "rate": NUMBERS,
    "usd": AMOUNTS,
    "day": DAYS,
    "note": st.none() | st.sampled_from(("", "short", "longer")),
    "ids": st.lists(NUMBERS | st.none(), max_size=3) | st.sampled_from(([1] * 256, [7] * 257)),
    "lines": st.lists(st.fixed_dictionaries({"sku": st.sampled_from("xy"), "usd": AMOUNTS}), max_size=2),
}


def _perhaps_odd(usual: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.integers(0, 11).flatmap(lambda roll: ODD if roll == 0 else usual)


PARAMS = st.fixed_dictionaries(
    {name: _perhaps_odd(usual) for name, usual in OFTEN.items()},
    optional={name: _perhaps_odd(usual) for name, usual in OPTIONAL.items()},
).map(lambda params: json.dumps(params, separators=(",", ":")))
FACT = '{"at":7,"is":{"owner":"ann","paid":900,"skus":[]}}'
TOLD = st.just({"O-1": FACT}) | st.dictionaries(
    st.sampled_from(("O-1", "O-2", "X-1")),
    st.just(FACT)
    | changed_text([FACT])
    | (NUMBERS | ODD).map(lambda paid: json.dumps({"at": 1, "is": {"paid": paid}})),
    max_size=2,
)


def may_be_approved(tree: Tree, params: str, told: dict[str, str]) -> bool:
    """Whether the parameters are JSON that has one meaning, and the condition is false for certain."""
    facts = {}
    for order, text in told.items():
        try:
            facts[order] = json.loads(text)["is"]["paid"]
        except (ValueError, LookupError, TypeError, RecursionError):
            continue  # nothing can be known of it
    try:
        return not tree.judge(json_reference.read(params.encode("utf-8", "surrogatepass"), DEPTH_MAX), facts)
    except (BrokenError, json_reference.RefusedError, LookupError, TypeError):
        return False


@cache
def of_leaf(number: int):
    """The world under one rule, of the leaf of this number."""
    return world_of(LEAVES[number].text)


@pytest.mark.parametrize("number", range(len(LEAVES)), ids=lambda number: LEAVES[number].text)
def test_each_leaf_lets_something_pass_and_stops_something(number):
    """A rule that always or never holds would show nothing."""
    known = {"O-1": FACT}
    tried = [
        USUAL,
        USUAL
        | {"cents": 901, "rate": 1.5, "usd": "9", "day": "2026-01-01", "ids": [901, 7], "note": "longer"},
        USUAL | {"cents": 3, "order_id": "VOID", "lines": [{"sku": "x", "usd": "8"}]},
        USUAL | {"cents": 3, "order_id": "X-1"},
        USUAL | {"cents": 3},
        USUAL | {"cents": 50_001},
    ]
    texts = [json.dumps(params) for params in tried]
    found = [judged(of_leaf(number), text, known).verdict == Verdict.APPROVE for text in texts]
    assert found == [may_be_approved(LEAVES[number], text, known) for text in texts]
    assert set(found) == {True, False}


@examples(80)
def test_a_leaf_that_is_broken_or_true_is_never_approved(count):
    """Parameters at the edges of their types, as JSON that may be no JSON, and facts of all kinds."""

    @fuzz(
        count,
        st.integers(0, len(LEAVES) - 1),
        PARAMS | PARAMS | PARAMS.flatmap(lambda t: changed_text([t])),
        TOLD,
    )
    def law(number, params, told):
        found = judged(of_leaf(number), params, told)
        assert found.verdict != Verdict.APPROVE or may_be_approved(LEAVES[number], params, told), found


@examples(25)
def test_a_tree_that_is_broken_or_true_is_never_approved(count):
    """An error stays one under `||`, `!` and `? :`, whatever the other side says."""

    @fuzz(count, TREES, st.lists(PARAMS, min_size=3, max_size=3), TOLD)
    def law(tree, many, told):
        world = world_of(tree.text)
        for params in many:
            found = judged(world, params, told)
            assert found.verdict != Verdict.APPROVE or may_be_approved(tree, params, told), (params, found)
