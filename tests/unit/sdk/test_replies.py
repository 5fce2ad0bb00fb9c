"""Replies: an answer that cannot be read yet keeps its place; one that never can be is passed over."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Outcome, Result
from toolgate.sdk.replies import Replies

OUTCOME = Outcome("i-1", "d", 1, "DENY")


class Message:
    """As the client gives it."""

    def __init__(self, value):
        self.value = lambda: value
        self.error = lambda: None
        self.topic = lambda: "t.outcomes"
        self.offset = lambda: 7


@pytest.fixture
def heard():
    """The outcomes that tickets were told."""
    return []


@pytest.fixture
def replies(heard):
    """Replies without a consumer."""
    one = Replies.__new__(Replies)
    one._names = {"t.outcomes": "outcomes", "t.results": "results"}
    one._hears = SimpleNamespace(outcome=heard.append)
    one._outcomes, one._results, one._undecided = Codec(Outcome), Codec(Result), False
    return one


def test_an_answer_waits_while_only_the_schema_registry_could_read_it(replies, heard, registry, undecided):
    """Nobody decides an intent a second time: a lost outcome would never come again."""
    registered = Codec(Outcome, registry)
    message = Message(registered.encode(OUTCOME))
    replies._outcomes = undecided(Outcome)
    assert (replies._hear(message), replies._hear(message), heard) == (False, False, [])
    replies._outcomes = registered
    assert (replies._hear(message), heard) == (True, [OUTCOME])


def test_what_is_no_answer_is_passed_over(replies, heard):
    """What stands behind it is heard."""
    assert replies._hear(Message(b"junk"))
    assert replies._hear(Message(Codec(Outcome).encode(OUTCOME)))
    assert heard == [OUTCOME]
