"""A transaction step that the client never ends is ended by us."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest

from toolgate.streams.log import producer as module
from toolgate.streams.log.producer import TransactionalProducer
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import FatalError


class Deaf:
    """A client that takes everything and never comes back from sending offsets."""

    def __init__(self) -> None:
        self.released = Event()

    def begin_transaction(self) -> None:
        """Fine."""

    def poll(self, _: float) -> None:
        """Nothing to serve."""

    def send_offsets_to_transaction(self, *_: Any) -> None:
        """Waits until the test is over."""
        self.released.wait()


def test_offsets_that_are_never_sent_are_fatal(monkeypatch: pytest.MonkeyPatch):
    """The producer is given up: only a new one's start tells what became of the transaction."""
    monkeypatch.setattr(module, "STEP_S", 0.01)
    monkeypatch.setattr(module, "_GRACE_S", 0.05)
    config = {"bootstrap.servers": "127.0.0.1:1", "transactional.id": "p-gate-0", "log_level": 0}
    producer = TransactionalProducer(config, str, Trouble())
    deaf: Any = Deaf()
    producer._producer = deaf
    try:
        steps = producer.transact([], {("intents", 0): 7}, object())
        assert [next(steps), next(steps)] == ["produce", "send_offsets"]
        with pytest.raises(FatalError, match="p-gate-0: send offsets: no answer"):
            next(steps)
        with pytest.raises(FatalError, match="closed or has failed"):
            next(producer.transact([], {}, object()))
    finally:
        deaf.released.set()
