"""Who sees to what waits, through intake, ledger and publisher: it is noted, and decides nothing."""

from __future__ import annotations

import pytest
from voting_desk import POLICY, Desk

from toolgate.schemas.frozen import changed, names_of

WORDS = {"take": "taken", "take_over": "taken_over", "give_back": "given_back"}
# What tells one event from another where a word more was said before it.
_PLACED = frozenset({"seq", "stable", "offset", "visible", "first_seq"})


def word(desk: Desk, hold, choice: str, kid: str = "bob", **fields) -> dict[str, object]:
    """What a word on who sees to a hold makes."""
    values = {
        "vote_id": f"v-{next(desk.words)}",
        "digest": "",
        "policy_digest": "",
        "intent": "",
        "comment": "why",
    }
    return desk.vote(hold, kid, choice=choice, **{**values, **fields})


@pytest.mark.parametrize("choice", WORDS)
@pytest.mark.parametrize("kid", ["bob", "ops"])
def test_who_sees_to_it_is_noted_with_who_has_signed_it(choice, kid):
    """An approver may say it, and an operator; nothing is told but to the audit."""
    desk = Desk()
    made = word(desk, desk.ask()["holds"], choice, kid)
    assert made.keys() == {"audit"}
    event = made["audit"]
    assert (event.verdict, event.note, event.kid, event.command_id) == ("RECORDED", WORDS[choice], kid, "3-0")
    assert (event.ops, event.reasons, event.tool) == ((), (), "")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kid": "sam"}, "neither an operator's nor an approver's"),
        ({"signed_by": "eve"}, "belongs to nobody who may sign this"),
        ({"approver": "ann"}, "names 'ann' and is signed with key bob"),
        ({"hold_id": "4-0"}, "lies in partition 4"),
        ({"hold_id": "intents-4-7"}, "lies in partition 4"),
        ({"hold_id": "3/0"}, "names nothing that waits"),
        ({"run_id": "other"}, "key is not the run_id"),
        ({"choice": "take_over", "comment": "  "}, "says why"),
        ({"vote_id": ""}, "vote_id"),
        ({"comment": "x" * 1001}, "comment"),
    ],
    ids=str,
)
def test_a_word_that_does_not_count_says_nothing_of_anybody(given, told):
    """Forged, without the role, astray, of nothing, without a reason: it is audited as refused."""
    desk = Desk()
    made = word(desk, desk.ask()["holds"], **{"choice": "take", **given})
    assert made.keys() == {"audit"}
    event = made["audit"]
    assert (event.note, event.kid, event.command_id, event.ops) == ("refused", "", "", ())
    assert told in event.reasons[0].because


def decided(*, assigned: bool) -> list[dict[str, object]]:
    """What calls and votes come to, with words on who sees to them between, or without."""
    desk, made = Desk(POLICY.replace("max: 0.015", "max: 1")), []

    def also(hold, choice: str, kid: str) -> None:
        if assigned:
            word(desk, hold, choice, kid)

    first = desk.ask()
    also(first["holds"], "take", "ann")
    made += [first, desk.vote(first["holds"], "eve", "eve")]
    also(first["holds"], "take_over", "ops")
    made.append(desk.vote(first["holds"], "bob"))  # ops has it, and bob approves
    also(first["holds"], "give_back", "ops")
    second = desk.ask(intent_id="i1")
    also(second["holds"], "take", "bob")
    made += [second, desk.vote(second["holds"], "ann", choice="reject")]
    also(second["holds"], "take", "bob")
    return made


def told(made: dict[str, object]) -> dict[str, object]:
    """The records of one input, without what says only where they lie."""
    return {
        topic: changed(one, **dict.fromkeys(_PLACED & set(names_of(type(one))), 0))
        for topic, one in made.items()
    }


def test_to_have_an_item_gives_no_right_and_takes_none_away():
    """What is decided is the same, whoever has taken what."""
    assert [told(one) for one in decided(assigned=True)] == [told(one) for one in decided(assigned=False)]
