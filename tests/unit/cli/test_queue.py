"""The queue on a terminal and for programs."""

from __future__ import annotations

import json
from contextlib import nullcontext

import held
import pytest
import written
from held import NOW
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.cli import queue as command
from toolgate.cli.queue_item import as_json_of, lines_of
from toolgate.cli.release import _word
from toolgate.processors.case import Envelope
from toolgate.review.assignees import Assignee
from toolgate.review.errors import VoteRefusedError
from toolgate.review.items import Item, ItemKind, assigned, of_outcome, of_record, of_waiting
from toolgate.review.queue import Queue
from toolgate.review.releasing import Word, release_vote
from toolgate.review.unresolved import Begun, Unread
from toolgate.review.waiting import Waiting
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Hold, Reason
from toolgate.streams.errors import SettingsError

HOUR = 3_600_000
EVENT = changed(
    written.EVENT,
    clk=NOW,
    offset=7,
    append_time=NOW,
    command_id="0-7",
    cost_micros=10_000,
    reasons=(Reason("MALFORMED", "decode", "no \x1b[2J record"),),
)
HOLD = of_waiting(Waiting(held.HOLD, held.HOLD, 0, NOW), NOW)
OUTCOME = of_outcome(Begun(EVENT, NOW + HOUR // 4, "d", started=True))
RECORD = of_record(Unread(EVENT))


@pytest.mark.parametrize(
    ("item", "row", "line"),
    [
        (
            HOLD,
            ("0-1", "hold", "90m", "OVERDUE by 30m", "cfo", "", "0 of 2 cfo", "pay"),
            "needs      2 of cfo until",
        ),
        (
            OUTCOME,
            ("0-7", "outcome", "75m", "OVERDUE by 15m", "operator", "", "operator or approver", "pay"),
            "release    ",
        ),
        (
            RECORD,
            ("intents-0-7", "record", "90m", "in 22h", "operator", "", "operator or approver", ""),
            "intents[0]@7",
        ),
    ],
    ids=["hold", "outcome", "record"],
)
def test_each_kind_is_shown_whole(item: Item, row: tuple[str, ...], line: str):
    """In a row, as lines and as JSON; what others wrote moves no cursor."""
    now_ms = NOW + HOUR * 3 // 2
    assert command._row(item, now_ms)[: len(row)] == row
    text = "\n".join(lines_of(item, now_ms))
    assert (line in text, "\x1b" in text, text.isascii()) == (True, False, True)
    told = as_json_of(item, now_ms)
    assert (told["id"], told["kind"], told["overdue"]) == (item.id, item.kind, "OVERDUE" in row[3])
    assert "\x1b" not in "".join(command._row(item, now_ms))


@pytest.mark.parametrize(
    ("before", "why", "line"),
    [
        ("", "", "taken      by bob 5m ago\n"),
        ("ann", "", "taken      by bob 5m ago, over from ann\n"),
        ("ann", "she is \x1b[2Jaway", "taken      by bob 5m ago, over from ann: she is \\x1b[2Jaway\n"),
    ],
)
def test_who_has_taken_it_is_shown(before, why, line):
    """In a row, as a line and as JSON, with why where somebody has it no longer because of that."""
    now_ms = NOW + HOUR
    item = assigned(HOLD, Assignee("bob", now_ms - 300_000, before, (0, 3)))
    assert command._row(item, now_ms)[5] == "bob for 5m"
    assert line in "\n".join(lines_of(item, now_ms, why))
    told = as_json_of(item, now_ms, why)
    assert (told["taken_by"], told["taken_at"], told["taken_over_from"]) == (
        "bob",
        now_ms - 300_000,
        before or None,
    )
    assert told.get("taken_because", "") == why
    bare = as_json_of(HOLD, now_ms)
    assert (bare["taken_by"], bare["taken_at"], bare["taken_over_from"]) == (None, None, None)


@pytest.mark.parametrize(
    ("happened", "cost_usd", "word"),
    [
        (None, None, None),
        (True, None, Word(happened=True)),
        (True, "0.05", Word(happened=True, cost_micros=50_000)),
        (False, None, Word(happened=False)),
    ],
)
def test_what_people_say_happened(happened, cost_usd, word):
    """Nothing of a record; of a command whether, and what it cost."""
    assert _word(happened, cost_usd) == word


@pytest.mark.parametrize(
    ("happened", "cost_usd", "told"),
    [(None, "1", "without --happened"), (False, "1", "has no cost"), (True, "-1", "must not be negative")],
)
def test_words_that_make_no_sense(happened, cost_usd, told):
    """They are refused before anything is sent."""
    with pytest.raises(SettingsError, match=told):
        _word(happened, cost_usd)


@pytest.mark.parametrize(
    ("item", "word", "told"),
    [
        (HOLD, Word(happened=True), "it is a hold: approve, promote, reject or withdraw it"),
        (OUTCOME, None, "say what happened: --happened or --did-not"),
        (RECORD, Word(happened=False), "it is the record intents-0-7; nothing happened"),
    ],
)
def test_only_what_nobody_knows_can_be_released(item, word, told):
    """And each as it is."""
    with pytest.raises(VoteRefusedError, match=told):
        release_vote(item, "ann", word)


def test_a_release_names_the_very_call():
    """Command, tool and digest, as the approval has them."""
    vote = release_vote(OUTCOME, "ann", Word(happened=True, cost_micros=5), "asked the provider")
    assert (vote.hold_id, vote.run_id, vote.tool, vote.digest) == ("0-7", "r", "pay", "d")
    assert (vote.choice, vote.happened, vote.cost_micros, vote.intent) == ("release", True, 5, "")
    assert (vote.tenant, vote.workflow_id, vote.policy_digest) == (
        EVENT.tenant,
        EVENT.workflow_id,
        EVENT.policy_digest,
    )
    aside = release_vote(RECORD, "ann", None)
    assert (aside.hold_id, aside.run_id, aside.happened) == ("intents-0-7", "", None)
    assert (aside.tenant, aside.workflow_id, aside.policy_digest) == ("", "", "")


@pytest.mark.parametrize(
    ("words", "rows", "more"),
    [
        ([], 100, True),
        (["--limit", "3"], 3, True),
        (["--limit", "300"], 250, False),
        (["--json"], 250, False),
    ],
)
def test_a_long_queue_is_cut(monkeypatch, words, rows, more):
    """A table has a bound and says so; for programs all is there unless they say otherwise."""
    queue = Queue()
    holds = (changed(held.HOLD, hold_id=f"0-{n}", expires_at=NOW * 2) for n in range(250))
    queue.take(
        "holds", [Envelope("holds", 0, n, NOW, b"r", Codec(Hold).encode(one)) for n, one in enumerate(holds)]
    )
    monkeypatch.setattr(command, "Readers", nullcontext)
    monkeypatch.setattr(command, "read", lambda *_: queue)
    done = CliRunner().invoke(module.app, ["queue", "--bootstrap-servers", "127.0.0.1:9", *words])
    assert done.exit_code == 0, done.output
    assert ("--limit shows more" in done.output) == more
    if "--json" in words:
        told = json.loads(done.output)
        assert (len(told["waiting"]), told["total"]) == (rows, 250)
    else:
        assert (done.output.count(" hold "), "250 waiting, 250 overdue" in done.output) == (rows, True)


def test_every_kind_has_its_next_step():
    """What to type is said of each."""
    assert command._VERBS.keys() == set(ItemKind)
