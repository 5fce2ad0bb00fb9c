"""Tools of an MCP server: schemas are taken closed, hints are not believed, what cannot be checked is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.canonical import canonical
from toolgate.processors.catalogue import CatalogueFile, compile_tools
from toolgate.processors.catalogue_text import merged
from toolgate.processors.mcp_tools import Imported, imported
from toolgate.processors.problems import LoadError
from toolgate.processors.written_file import read_file

OPEN = {"type": "object"}


def one(schema=OPEN, *, trust_hints=False, **fields):
    """The import of one tool."""
    [tool] = imported(
        "f", {"tools": [{"name": "t", "inputSchema": schema, **fields}]}, trust_hints=trust_hints
    )[0]
    return tool


def loaded(text):
    """A catalogue's tools by name."""
    document, model, problems = read_file("tools.yaml", text, CatalogueFile)
    assert problems == []
    assert document is not None
    assert model is not None
    tools, problems = compile_tools(document, model)
    assert problems == []
    return tools


@pytest.mark.parametrize(
    ("hints", "trusted", "effect", "idempotent"),
    [
        (None, False, "write", False),
        ({"readOnlyHint": True, "idempotentHint": True}, False, "write", False),
        ({"readOnlyHint": True, "idempotentHint": True}, True, "read", True),
        ({"readOnlyHint": False, "destructiveHint": True}, True, "irreversible", False),
        ({"readOnlyHint": False}, True, "write", False),
        ({"readOnlyHint": "true"}, True, "write", False),
        ("readOnlyHint", True, "write", False),
    ],
)
def test_a_hint_counts_only_when_it_is_trusted(hints, trusted, effect, idempotent):
    """A server that lies makes nothing easier; only true is true."""
    entry = one(annotations=hints, trust_hints=trusted).entry
    assert (entry["effect"], entry.get("idempotent", False)) == (effect, idempotent)


@pytest.mark.parametrize(
    ("schema", "params", "fits"),
    [
        ({"type": "object", "properties": {"a": {}}}, {"b": 1}, False),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, {"b": 1}, False),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": {}}, {"b": 1}, False),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"b": 1}, True),
        (
            {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": True}}},
            {"a": {"x": 1}},
            False,
        ),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}, {}, True),
        ({"type": "object", "properties": {"dependencies": {"type": "string"}}}, {"dependencies": "x"}, True),
        (
            {"type": "object", "properties": {"a": {"enum": [{"additionalProperties": True}]}}},
            {"a": {"additionalProperties": True}},
            True,
        ),
    ],
)
def test_schemas_are_closed_where_the_server_left_them_open(schema, params, fits):
    """What a call takes beyond what is named is decided by people, not by the server."""
    tools = loaded(merged("f", None, [one(schema)]).text)
    assert (tools["t"].schema.faults(params) == ()) is fits


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ({"name": "a/b", "inputSchema": OPEN}, "tools[0]: the name 'a/b' has '/'"),
        ({"name": "", "inputSchema": OPEN}, "tools[0]: the name '' is empty"),
        ({"inputSchema": OPEN}, "tools[0]: the tool has no name"),
        ({"name": "t"}, "tools[0] (t): inputSchema: there is no schema of the parameters"),
        ({"name": "t", "inputSchema": {"type": "string"}}, "inputSchema.type: parameters are an object"),
        (
            {"name": "t", "inputSchema": {"properties": {"a": {"items": [{}]}}}},
            "inputSchema.properties.a.items",
        ),
        (
            {"name": "t", "inputSchema": {"dependencies": {"a": ["b"]}}},
            "inputSchema.dependencies: dependencies is of an older",
        ),
        (
            {"name": "t", "inputSchema": {"properties": {"a": {"additionalItems": False}}}},
            "additionalItems is of an older",
        ),
        ({"name": "t", "inputSchema": {"$ref": "https://x.test/s"}}, "leads out of this schema"),
        (
            {"name": "t", "inputSchema": {"$schema": "http://json-schema.org/draft-04/schema#"}},
            "is no draft that is read",
        ),
        (
            {"name": "t", "inputSchema": {"properties": {"a": {"pattern": "(?=x)"}}}},
            "patterns take no look-around",
        ),
        ({"name": "t", "inputSchema": OPEN, "description": 7}, "the description is no text"),
    ],
)
def test_what_cannot_be_checked_is_left_out_and_told(tool, said):
    """The tools beside it are taken all the same."""
    found, problems = imported(
        "f", {"tools": [tool, {"name": "good", "inputSchema": OPEN}]}, trust_hints=False
    )
    assert [item.name for item in found] == ["good"]
    [problem] = problems
    assert said in str(problem)


def test_a_name_that_stands_twice_is_taken_once():
    """The second one could be another tool under the first one's name."""
    tool = {"name": "t", "inputSchema": OPEN}
    found, problems = imported("f", {"tools": [tool, tool]}, trust_hints=False)
    assert (len(found), len(problems)) == (1, 1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "this is no list of tools"),
        ({"result": []}, "this is no list of tools"),
        ({"tools": ["t"]}, "this is no list of tools"),
        ({"tools": [], "nextCursor": "2"}, "the list goes on"),
    ],
)
def test_another_answer_is_refused(data, said):
    """Half a list would make the other half look as if it were gone."""
    with pytest.raises(LoadError, match=said):
        imported("f", data, trust_hints=False)


def test_characters_that_nobody_sees_are_told():
    """A description that reads otherwise to a model than to a person."""
    assert one(description="a\u200bb\tc\n").notes == (
        "the description has characters that nobody sees: U+200B",
    )


OURS = b"""\
# ours
tools:
  - name: t
    description: old   # of ours
    params:
      type: object
    effect: read   # looked at it
    cost: 0.01
  - {name: mine, params: {properties: {}}, effect: write}
"""


def test_what_people_wrote_stays_when_a_tool_is_imported_again():
    """Schema and description are the server's; effect, cost and comments are not."""
    schema = {"type": "object", "properties": {"y": {"type": "number", "multipleOf": 0.01}}}
    made = merged(
        "f",
        OURS,
        [
            one(schema, description="new"),
            Imported("new", {"name": "new", "params": {}, "effect": "write"}, ()),
        ],
    )
    assert made.states == {"t": "updated", "new": "added"}
    assert made.unlisted == ("mine",)
    text = made.text.decode()
    for kept in (
        "# ours\n",
        "    effect: read   # looked at it\n",
        "    cost: 0.01\n",
        "  - {name: mine,",
        '"y":',
    ):
        assert kept in text
    tools = loaded(made.text)
    assert (tools["t"].effect, tools["t"].description) == ("read", "new")
    assert set(tools) == {"t", "mine", "new"}


def test_importing_the_same_again_changes_nothing():
    """Neither the text nor, with it, any digest."""
    tool = one({"type": "object", "properties": {"a": {"maximum": 0.1}}}, description="Reads: it")
    once = merged("f", None, [tool])
    again = merged("f", once.text, [tool])
    assert (again.text, again.states) == (once.text, {"t": "same"})


_TEXT = st.text(
    st.characters(
        codec="utf-8",
        exclude_characters="\x85\u2028\u2029\ufeff",
        exclude_categories=["Cc", "Cn", "Cs", "Co"],
    ),
    max_size=12,
) | st.sampled_from(
    ["yes", "on", "null", "007", "1e3", "0x1", "- a", "# x", "a: b", "a\nb", " x ", "~", "", "'", '"', "\\"]
)


@given(
    st.dictionaries(_TEXT, st.fixed_dictionaries({"const": _TEXT, "description": _TEXT}), max_size=4), _TEXT
)
def test_whatever_texts_a_server_sends_are_read_back_as_they_were(properties, description):
    """No text is taken for a boolean, a number or a comment, and the file is in its canonical form."""
    text = merged(
        "f", None, [one({"type": "object", "properties": properties}, description=description)]
    ).text
    tool = loaded(text)["t"]
    assert tool.schema.document["properties"] == properties
    assert tool.description == description
    assert canonical("f", text) == text
