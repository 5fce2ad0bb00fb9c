"""An endpoint's group where members come and go. The client is in memory; tests/integration has a real one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from toolgate.notify import inbox as inboxes
from toolgate.notify.inbox import Inbox
from toolgate.processors.case import Envelope
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable

HOLDS = "toolgate.holds"


class Client:
    """A consumer whose group keeps no place for as long as `refused`; `end` is where its partitions end."""

    def __init__(self, _config: object) -> None:
        self.refused = False
        self.first, self.end = 0, 10
        self.kept: dict[tuple[str, int], int] = {}
        self.at: dict[tuple[str, int], int] = {}
        self.paused: set[tuple[str, int]] = set()
        self.happens: list[Callable[[], None]] = []
        self.given: list[SimpleNamespace] = []

    def subscribe(self, _topics, *, on_assign, on_revoke, on_lost) -> None:
        """Who is told of rebalances."""
        self.assigned, self.revoked, self.lost = on_assign, on_revoke, on_lost

    def committed(self, places, _limit_s):
        """The places of the group."""
        return [
            TopicPartition(p.topic, p.partition, self.kept.get((p.topic, p.partition), -1001)) for p in places
        ]

    def get_watermark_offsets(self, _place, _limit_s, *, cached: bool) -> tuple[int, int]:
        """Its end."""
        assert not cached
        return self.first, self.end

    def assign(self, places) -> None:
        """Where it reads."""
        self.at = {(p.topic, p.partition): p.offset for p in places}

    def commit(self, *, offsets, asynchronous: bool) -> None:
        """Kept, unless refused."""
        assert not asynchronous
        if self.refused:
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION))
        self.kept |= {(p.topic, p.partition): p.offset for p in offsets}

    def pause(self, places) -> None:
        """Remembered over assignments, as the real one does."""
        self.paused |= {(p.topic, p.partition) for p in places}

    def resume(self, places) -> None:
        """No longer paused."""
        self.paused -= {(p.topic, p.partition) for p in places}

    def poll(self, _timeout_s):
        """What there is, or what happens."""
        if self.happens:
            self.happens.pop(0)()
            return None
        return self.given.pop(0) if self.given else None

    def assign_all(self) -> None:
        """One partition."""
        self.assigned(self, [TopicPartition(HOLDS, 0)])


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    """The only one that is made."""
    made = Client({})
    monkeypatch.setattr(inboxes, "Consumer", lambda _: made)
    return made


def made(passed_over: list[int], *, from_beginning: bool = False) -> Inbox:
    """Over that client; `passed_over` gets what it says of what it does not tell."""
    return Inbox(
        load(bootstrap_servers="none:1"),
        "pager",
        Trouble(),
        lambda: False,
        from_beginning=from_beginning,
        passed_over=passed_over.append,
    )


@pytest.fixture
def inbox(client: Client) -> Inbox:
    """One that begins at the end."""
    assert client.at == {}
    return made([])


@pytest.mark.parametrize(
    ("from_beginning", "first", "kept", "at", "says"),
    [
        (False, 4, {}, 10, [6]),
        (True, 4, {}, 4, []),
        (False, 10, {}, 10, []),
        (False, 4, {(HOLDS, 0): 5}, 5, []),
        (True, 4, {(HOLDS, 0): 5}, 5, []),
    ],
    ids=[
        "new or away too long",
        "to tell of all",
        "nothing there",
        "has a place",
        "has a place, to tell of all",
    ],
)
def test_what_nobody_is_told_of_is_said(client, capsys, from_beginning, first, kept, at, says):  # noqa: PLR0917
    """A group without a place: Kafka keeps none for ever, so it may have had one."""
    said: list[int] = []
    inbox = made(said, from_beginning=from_beginning)
    client.first, client.kept = first, kept
    client.assign_all()
    assert (client.at, said) == ({(HOLDS, 0): at}, says)
    assert client.kept == {(HOLDS, 0): at}
    assert ("`begin: beginning` under another name" in capsys.readouterr().out) == bool(says)
    client.assign_all()  # whatever becomes of the group: once
    assert (said, inbox.drained) == (says, False)


def test_a_place_that_cannot_be_kept_ends_nobody(inbox, client):
    """Members come and go while a group begins; what came in between is not missed."""
    client.refused = True
    client.assign_all()
    assert (client.at, client.kept) == ({(HOLDS, 0): 10}, {})
    client.revoked(client, [])
    client.refused, client.end = False, 12
    client.assign_all()
    assert (client.at, client.kept) == ({(HOLDS, 0): 10}, {(HOLDS, 0): 10})
    client.kept[HOLDS, 0] = 11  # another member has told one
    client.assign_all()
    assert client.at == {(HOLDS, 0): 11}
    assert not inbox.drained


def test_what_comes_back_while_a_record_is_waited_with_is_read_on(inbox, client):
    """It is no longer ours to tell from memory, but to read again."""
    client.assign_all()
    told = Envelope("holds", 0, 10, 0, b"r", b"")
    client.happens = [lambda: client.revoked(client, []), client.assign_all]
    assert not inbox.wait(30, told)
    client.happens = [client.assign_all]
    inbox.wait(0.01)
    assert client.paused == set()


def test_what_was_taken_away_is_not_drained(inbox, client):
    """Only reaching the end is."""
    assert not inbox.drained
    client.assign_all()
    assert not inbox.drained
    client.lost(client, [])
    assert not inbox.drained
    client.assign_all()
    end = KafkaError(KafkaError._PARTITION_EOF)
    client.given = [SimpleNamespace(error=lambda: end, topic=lambda: HOLDS, partition=lambda: 0)]
    assert inbox.take(0) is None
    assert inbox.drained
