"""Which differences others' decisions, never committed, explain: they took, so they refused, and ended what waited."""

from __future__ import annotations

import pytest
from written import EVENT

from toolgate.replaying.difference import Field, explained
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Reason

WORD = changed(
    EVENT, topic="ticks", verdict="RECORDED", note="refused", reasons=(Reason("VOTE_REFUSED", "vote"),)
)
DENIED = changed(EVENT, verdict="DENY")


@pytest.mark.parametrize(
    ("event", "names", "explains"),
    [
        pytest.param(DENIED, ["verdict", "reasons", "ops"], True, id="what it would have needed was taken"),
        pytest.param(DENIED, ["verdict", "tool"], False, id="of another call"),
        pytest.param(
            changed(EVENT, verdict="DUPLICATE"), ["verdict", "first"], True, id="the first was theirs"
        ),
        pytest.param(changed(EVENT, verdict="APPROVE"), ["verdict"], False, id="never an approval"),
        pytest.param(
            WORD, ["tool", "agent_id", "command_id", "reasons", "note"], True, id="what waited is over"
        ),
        pytest.param(
            WORD, ["verdict", "kid", "captured", "ops"], True, id="it would have been the last vote"
        ),
        pytest.param(WORD, ["tool", "digest"], False, id="another word"),
        pytest.param(changed(WORD, note="expired"), ["tool", "note"], False, id="what ended it"),
        pytest.param(changed(WORD, reasons=()), ["tool", "note"], False, id="refused for nothing"),
    ],
)
def test_they_explain(event, names, explains):
    """Fields that differ, by what is recorded."""
    assert explained(tuple(Field(name, "", "") for name in names), event) is explains
