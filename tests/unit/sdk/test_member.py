"""A member of an executor's group, over a client in memory; tests/integration/sdk has a real one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from toolgate.sdk import member as members
from toolgate.sdk.member import Member
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.settings import load

if TYPE_CHECKING:
    import pytest
    from confluent_kafka import TopicPartition


class Client:
    """A consumer that remembers over assignments what is paused, as the real one does."""

    def __init__(self, _config: object) -> None:
        self.at: dict[int, int] = {}
        self.paused: set[int] = set()

    def list_topics(self, name: str, _limit_s: float) -> Any:
        """It is there."""
        return SimpleNamespace(topics={name: SimpleNamespace(error=None)})

    def subscribe(self, _topics: list[str], **_callbacks: object) -> None:
        """Nothing is assigned by itself."""

    def assign(self, places: list[TopicPartition]) -> None:
        """Where it reads."""
        self.at = {place.partition: place.offset for place in places}

    def pause(self, places: list[TopicPartition]) -> None:
        """Until it is resumed."""
        self.paused |= {place.partition for place in places}

    def resume(self, places: list[TopicPartition]) -> None:
        """No longer."""
        self.paused -= {place.partition for place in places}


def test_a_partition_that_comes_back_is_fetched(monkeypatch: pytest.MonkeyPatch):
    """One that was paused when the group was shared out anew would be fetched no more."""
    client = Client({})
    monkeypatch.setattr(members, "Consumer", lambda _: client)
    monkeypatch.setattr(members, "TransactionalProducer", lambda *_: SimpleNamespace(init=lambda: None))
    member = Member(load(bootstrap_servers="none:1"), "pay", Trouble(), lambda _: None)
    member.begin({0: 5, 1: 7})
    member.pause(0)
    member.begin({0: 6})
    assert (client.at, client.paused) == ({0: 6}, set())
