"""The canonical form: it says the same, keeps every comment, and is its own canonical form."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgate.processors.canonical import canonical, comments
from toolgate.processors.problems import LoadError
from toolgate.processors.strict_yaml import parse

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))

FORMS = [
    ("policy:\n    workflow_id:   w\n", "policy:\n  workflow_id: w\n"),
    ("a:\n- 1\n-   2\n", "a:\n  - 1\n  - 2\n"),
    ("a: { b: 1 , c: [ 2,3 ] }\n", "a: {b: 1, c: [2, 3]}\n"),
    ("a: 1   \n\n\n\nb: 2\n", "a: 1\n\nb: 2\n"),
    ("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
    ("\ufeffa: 1", "a: 1\n"),
    ("# head\na: 1   # why\n# tail", "# head\na: 1   # why\n# tail\n"),
    ("a: 'it''s'\nb: \"x\"\nc: 0.350\n", "a: 'it''s'\nb: \"x\"\nc: 0.350\n"),
    ("a: |\n    x  # text\n\n\n    y\n", "a: |\n  x  # text\n\n\n  y\n"),
    ("a: >  # folded\n    x\n    y\n", "a: >  # folded\n  x\n  y\n"),
    ('a: "# no comment"\n', 'a: "# no comment"\n'),
]


@pytest.mark.parametrize(("text", "expected"), FORMS)
def test_has_one_form(text, expected):
    """Indentation and spaces are ours; order, quotes, blocks and comments the writer's."""
    assert canonical("f.yaml", text.encode()).decode() == expected


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_examples_are_in_it(path):
    """Who copies one begins with a file that `toolgate policy fmt` leaves alone."""
    assert canonical("f.yaml", path.read_bytes()) == path.read_bytes()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {b: 1, # why\n  c: 2}\n", "f.yaml:1:1: this comment would be lost"),
        (
            "a:  # why\n - { }\n - 0\n - 0\n",
            "the data of this file would change",
        ),  # the library joins two lines
        ("a: 1\na: 2\n", "f.yaml:2:1: key 'a' is there twice"),
        ("a: [1\n", "this is not YAML"),
        ("a: &x 1\n", "anchor &x is not allowed"),
    ],
)
def test_refuses_what_it_cannot_keep(text, said):
    """Nothing is lost without a word."""
    with pytest.raises(LoadError) as caught:
        canonical("f.yaml", text.encode())
    assert said in str(caught.value)


_KEYS = st.from_regex(r"[a-z]{1,6}_?[a-z]?", fullmatch=True).filter(
    lambda key: key not in {"y", "n", "on", "off", "no", "yes", "null", "true", "false"}
)
_SCALARS = st.one_of(
    st.integers(-9, 99_999).map(str),
    st.decimals("0.01", "99", places=2).map(str),
    st.sampled_from(["true", "x", '"a: b # c"', "'it''s'", "null", "plain text", '"0x1"']),
)
_FLOW = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{' , '.join(items)}]"),
        st.dictionaries(_KEYS, inner, max_size=3).map(
            lambda items: "{ " + ",  ".join(f"{k}:  {v}" for k, v in items.items()) + "}"
        ),
    ),
    max_leaves=6,
)
_COMMENTS = st.sampled_from(["", "", "# why", "# more: [x"])


@st.composite
def _blocks(draw, depth=0):
    """A block mapping, with odd indentation, empty lines and comments."""
    indent = draw(st.integers(1, 5))
    lines = []
    for key in draw(st.lists(_KEYS, min_size=1, max_size=4, unique=True)):
        if comment := draw(_COMMENTS):
            lines.append(comment)
        kind = draw(st.sampled_from(["scalar", "scalar", "text", "map", "list"] if depth < 3 else ["scalar"]))
        lines += [""] * draw(st.integers(0, 3))
        behind = f"  {draw(_COMMENTS)}"
        if kind == "scalar":
            lines.append(f"{key}:  {draw(_FLOW)}{behind}")
            continue
        if kind == "text":
            lines += [f"{key}: |", f"{' ' * indent}a # b", "", f"{' ' * indent}c"]
            continue
        lines.append(f"{key}:{behind}")
        if kind == "map":
            lines += [" " * indent + line if line else line for line in draw(_blocks(depth=depth + 1))]
        else:
            lines += [f"{' ' * indent}- {item}" for item in draw(st.lists(_FLOW, min_size=1, max_size=3))]
    return lines


REFUSALS = ("would change", "would be lost", "does not come to rest", "cannot be written again")


@settings(max_examples=150, deadline=None)
@given(_blocks().map("\n".join))
def test_formatting_twice_is_formatting_once(text):
    """Whatever it reads, it says the same afterwards, keeps every comment and comes to rest; or it refuses."""
    data = text.encode()
    document, problems = parse("f.yaml", data)
    if document is None or problems:
        return
    try:
        once = canonical("f.yaml", data)
    except LoadError as refusal:
        told = str(refusal)
    else:
        told = ""
    if told:
        assert any(said in told for said in REFUSALS)
        return
    assert canonical("f.yaml", once) == once
    again, _ = parse("f.yaml", once)
    assert again is not None
    assert again.data == document.data
    assert [found for _, found in comments(once.decode())] == [found for _, found in comments(text)]
