"""Grants: what two people allow for a short time, of whom, of what, and until when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.control_state import ControlState, malformed
from toolgate.processors.grants import LIFE_MS_MAX, TOOLS_MAX, granted, life_fault
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control

NOW = 1_000_000
CALL = {"tenant": "acme", "workflow": "billing", "run": "r1", "tool": "refund"}


def grant(*tools, scope="workflow", value="billing", version=1, expires_at=NOW + 60_000):
    """A record that grants these tools, or ends what stands where it names none."""
    until = expires_at if tools else None
    return Control(
        "g1", "grant", scope, value, "fire", ("ann", "ben"), version=version, expires_at=until, tools=tools
    )


def covering(state, *, time_ms=NOW, **call):
    """The grant that covers a call."""
    call = CALL | call
    return granted(state.grants, call["tenant"], call["workflow"], call["run"], call["tool"], time_ms)


@pytest.mark.parametrize(
    ("scope", "value", "tools", "covers"),
    [
        ("workflow", "billing", ("refund",), True),
        ("workflow", "acme/billing", ("refund",), True),
        ("workflow", "other/billing", ("refund",), False),
        ("workflow", "bill*", ("refund",), False),
        ("workflow", "r1", ("refund",), False),
        ("run", "r1", ("refund",), True),
        ("run", "acme/r1", ("refund",), True),
        ("run", "r2", ("refund",), False),
        ("run", "billing", ("refund",), False),
        ("workflow", "billing", ("ref*",), True),
        ("workflow", "billing", ("mail", "*"), True),
        ("workflow", "billing", ("ref",), False),
        ("workflow", "billing", ("Refund",), False),
    ],
)
def test_a_grant_covers_what_it_names(scope, value, tools, covers):
    """Exactly this workflow or run, in every tenant or in one; tools by globs."""
    state = ControlState().apply(grant(*tools, scope=scope, value=value), 0)
    assert (covering(state) is not None) == covers


def test_a_grant_covers_nothing_after_its_end():
    """Its last millisecond is its own."""
    state = ControlState().apply(grant("refund"), 0)
    assert covering(state, time_ms=NOW + 60_000) is not None
    assert covering(state, time_ms=NOW + 60_001) is None


def test_of_several_grants_the_one_that_ends_last_covers():
    """So that a short one for the workflow does not cut a longer one of the run."""
    state = ControlState().apply(grant("refund"), 0)
    state = state.apply(
        changed(grant("*", scope="run", value="r1", expires_at=NOW + 90_000), control_id="g2"), 1
    )
    found = covering(state)
    assert found
    assert found.control_id == "g2"


def test_a_newer_grant_replaces_the_older():
    """Of the same scope and name: what it does not name is no longer granted."""
    state = ControlState().apply(grant("refund"), 0).apply(grant("mail", version=2), 1)
    assert covering(state) is None
    assert covering(state, tool="mail") is not None


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({}, ""),
        ({"scope": "tenant", "value": "acme"}, "for scope workflow or run, not tenant"),
        ({"scope": "all", "value": ""}, "for scope workflow or run, not all"),
        ({"scope": "tool", "value": "refund"}, "for scope workflow or run, not tool"),
        ({"value": ""}, "names no workflow"),
        ({"reason": ""}, "needs a reason"),
        ({"reason": " \n"}, "needs a reason"),
        ({"reason": "x" * 1_001}, "at most 1,000"),
        ({"control_id": "g" * 129}, "control_id has 129 characters"),
        ({"issued_by": ("ann", "b" * 129)}, "issued_by has 129 characters"),
        ({"issued_by": tuple("abcdefghi")}, "issued by 9 people, at most 8"),
        ({"issued_by": ("ann",)}, "issued by 2 people, this one by 1"),
        ({"issued_by": ("ann", "ann")}, "issued by 2 people, this one by 1"),
        ({"tools": ()}, "has an expiry and names no tools"),
        ({"expires_at": None}, "has no expiry"),
        ({"tools": ("refund", "")}, "is empty"),
        ({"tools": ("re fund",)}, "has ' '"),
        ({"tools": ("x",) * (TOOLS_MAX + 1)}, "at most 64"),
        ({"tools": (), "expires_at": None}, ""),
        ({"tools": (), "expires_at": None, "issued_by": ("ann",)}, ""),
        ({"tools": (), "expires_at": None, "reason": ""}, "needs a reason"),
    ],
)
def test_a_grant_says_whom_what_why_and_how_long(fields, fault):
    """What is not whole is refused; one who signs alone can only end it."""
    found = malformed(changed(grant("refund"), **fields))
    assert fault in found if fault else found == ""


@pytest.mark.parametrize(
    ("life_ms", "fault"),
    [
        (1, ""),
        (LIFE_MS_MAX, ""),
        (LIFE_MS_MAX + 1, "at most 4h are allowed"),
        (0, "had ended 0 ms before it was written"),
        (-5, "had ended 5 ms before it was written"),
    ],
)
def test_a_grant_is_short(life_ms, fault):
    """Counted from its append, so that one which was signed long ago lives no longer."""
    found = life_fault(grant("refund", expires_at=NOW + life_ms), NOW)
    assert fault in found if fault else found == ""
    assert life_fault(grant(), NOW) == ""


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_grant_follows_on_the_last_one(version):
    """A signed record that is copied to the topic again grants nothing again, ended or not."""
    state = ControlState().apply(grant("refund"), 0)
    assert state.stale(grant("refund", version=version))
    assert not state.stale(grant("refund", version=2))
    state = state.apply(grant(version=0), 1)
    assert covering(state) is None
    assert state.stale(grant("refund", version=1))
    assert state.stale(grant("refund", version=2))  # signed when nobody had ended the first
    assert not state.stale(grant("refund", version=3))


def test_the_end_of_a_grant_always_holds():
    """Whatever was said meanwhile, and also where nothing stands."""
    assert ControlState().stale(grant(version=9)) == ""
    state = ControlState().apply(grant("refund"), 0).apply(grant("mail", version=2), 1)
    assert state.stale(grant(version=0)) == ""
    assert state.apply(grant(version=0), 2).grant("workflow", "billing").tools == ()


WORDS = st.lists(
    st.builds(
        grant,
        st.sampled_from(["refund", "mail", "*"]),
        scope=st.sampled_from(["workflow", "run"]),
        value=st.sampled_from(["billing", "acme/billing", "r1"]),
        version=st.integers(0, 4),
        expires_at=st.integers(NOW - 5, NOW + 5),
    )
    | st.builds(grant, scope=st.sampled_from(["workflow", "run"]), value=st.sampled_from(["billing", "r1"])),
    max_size=8,
)


@given(WORDS, st.integers(NOW - 6, NOW + 6))
def test_what_covers_is_the_last_word_on_its_target(words, time_ms):
    """In whatever order grants were given and ended; one that is stale was never applied."""
    state, last = ControlState(), {}
    for offset, word in enumerate(words):
        if not state.stale(word):
            state = state.apply(word, offset)
            last[word.scope, word.value] = word
    found = covering(state, time_ms=time_ms)
    covers = [
        word.expires_at
        for (scope, value), word in last.items()
        if value in {CALL[scope], f"acme/{CALL[scope]}"} and {"refund", "*"} & set(word.tools)
        if time_ms <= word.expires_at
    ]
    assert (found.expires_at if found else None) == max(covers, default=None)
