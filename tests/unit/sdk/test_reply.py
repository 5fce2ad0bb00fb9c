"""A reply says in a line what an agent has to know."""

from __future__ import annotations

import pytest

from toolgate.schemas.records import Outcome, Result
from toolgate.sdk import Reply


def outcome(verdict: str, *codes: str, dry_run: bool = False) -> Outcome:
    """What the gate said."""
    return Outcome("i", "d", 1, verdict, codes, dry_run=dry_run)


def result(status: str, body: str = "", error: str = "") -> Result:
    """What the executor said."""
    return Result("0-1", "i", "run", "pay", "d", status, "desk", body, error=error)


@pytest.mark.parametrize(
    ("reply", "approved", "ok", "data", "why"),
    [
        (Reply(outcome("APPROVE"), result("ok", '{"a":1}')), True, True, {"a": 1}, ""),
        (Reply(outcome("APPROVE"), result("ok")), True, True, None, ""),
        (Reply(outcome("APPROVE"), result("error", "", "closed")), True, False, None, "error: closed"),
        (Reply(outcome("APPROVE"), result("unknown")), True, False, None, "unknown: no reason given"),
        (Reply(outcome("DENY", "TOOL_DENIED", "X"), None), False, False, None, "DENY: TOOL_DENIED, X"),
        (Reply(outcome("APPROVE", dry_run=True), None), True, False, None, ""),
        (Reply(outcome("HOLD", "HELD_BY_RULE"), None), False, False, None, "HOLD: HELD_BY_RULE"),
        (Reply(outcome("DRAFT", "DRAFTED"), None), False, False, None, "DRAFT: DRAFTED"),
        (Reply(outcome("RECORDED", "SHADOWED"), None), False, False, None, "RECORDED: SHADOWED"),
        (Reply(outcome("RECORDED"), None), False, False, None, "RECORDED: no reason given"),
    ],
)
def test_a_reply_tells_what_became_of_the_call(reply, approved, ok, data, why):
    """A denial, a failure and an answer look different, and none is an exception."""
    assert (reply.approved, reply.ok, reply.data, reply.why) == (approved, ok, data, why)


def test_a_reply_has_the_repair_as_data():
    """Nothing to do is an empty mapping, so that `.get("do")` works."""
    told = Outcome("i", "d", 1, "HOLD", repair='{"do":"ask","hold_id":"0-1"}')
    assert Reply(told, None).repair == {"do": "ask", "hold_id": "0-1"}
    assert Reply(outcome("APPROVE"), None).repair == {}
