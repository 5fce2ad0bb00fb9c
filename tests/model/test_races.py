"""Votes that race: each is counted by what came between its hold and the decision about it."""

from __future__ import annotations

import pytest
from races import counted
from written import EVENT

from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control

HELD = changed(EVENT, topic="intents", verdict="HOLD", note="", run_id="r", command_id="")
WORD = Control("c", "kill", "run", "r", "", ("op",))


def at(event, seq: int, **fields):
    """An event of partition 0 at a seq, which is its offset and its time."""
    return changed(
        event,
        **{"seq": seq, "clk": seq, "append_time": seq, "partition": 0, "offset": seq, "gen": "g"} | fields,
    )


def voted(seq: int, note: str = "refused", **fields):
    """The event of a vote; one that counts names its hold."""
    names = {
        "topic": "votes",
        "verdict": "RECORDED",
        "note": note,
        "command_id": "" if note == "refused" else "0-1",
    }
    return at(HELD, seq, **names | fields)


def said(word: Control, **fields):
    """A control record at offset 0, and a vote before which it holds."""
    given = at(HELD, 3, topic="control", verdict="RECORDED", offset=0, after=3)
    return [changed(given, **fields), voted(5, ctl=1)], {0: word}


EXPIRED = at(HELD, 4, topic="ticks", verdict="RECORDED", note="expired", command_id="0-1")
# What came after the hold -> control records, whether the last vote found it open, and what it raced with.
MET = {
    "nothing": ([voted(5)], {}, 1, set()),
    "its own approval": ([voted(5, "approved")], {}, 1, set()),
    "a recovery": ([voted(5, gen="h")], {}, 1, {"a recovery"}),
    "a kill": (*said(WORD), 1, {"a kill"}),
    "a lift": (*said(changed(WORD, kind="lift")), 1, {"a lift"}),
    "a kill of another run": (*said(changed(WORD, value="q")), 1, set()),
    "a kill that was refused": (*said(WORD, after=None), 1, set()),
    "an activation": (*said(changed(WORD, kind="activate", value="")), 1, {"an activation"}),
    "an expiry on its way": ([EXPIRED, voted(5, append_time=3)], {}, 0, {"an expiry"}),
    "an expiry before it": ([EXPIRED, voted(5)], {}, 0, set()),
    "an expiry in its millisecond": ([EXPIRED, voted(5, append_time=4)], {}, 0, set()),
    "its own coming too late": ([voted(5, "expired")], {}, 1, {"an expiry"}),
    "another's rejection": ([voted(4, "rejected"), voted(5, append_time=3)], {}, 0, {"another end"}),
    "two at once": ([EXPIRED, voted(5, append_time=3, gen="h")], {}, 0, {"an expiry", "a recovery"}),
}


@pytest.mark.parametrize("name", MET)
def test_a_vote_races_with_what_came_while_it_was_under_way(name):
    """Once, however much that is, and not with an end that came before it was written."""
    after, words, found_open, met = MET[name]
    audit = [at(HELD, 1), *after]
    votes = {(0, e.offset): "0-1" for e in audit if e.topic == "votes"}
    came = counted(audit, votes, words)
    others = len(votes) - 1
    assert came["judged"] == len(votes)
    assert came["met what was open"] == found_open + others
    assert came["raced"] == bool(met)
    assert {kind for kind in came if came[kind]} - {"judged", "met what was open", "raced"} == met


def test_a_vote_about_nothing_is_judged_and_races_with_nothing():
    """It names a hold that never was, or one that is opened later."""
    audit = [voted(2), at(HELD, 3), voted(4)]
    assert counted(audit, {(0, 2): "0-3", (0, 4): "0-9"}, {}) == {"judged": 2}
