"""The transport: an offset is committed when the changelogs have what came of it."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace
from typing import Any

import faust
import pytest

from toolgate.streams.errors import ToolgateError
from toolgate.streams.watch import transport
from toolgate.streams.watch.transport import FAULT, Consumer, Table


def tabled(sent: int, stands: int) -> Table:
    """A table that has sent so much, of which the broker has so much."""
    made = object.__new__(Table)
    made.sent, made.stands = sent, stands
    return made


class Committing(Consumer):
    """A consumer of nothing but its tables; notes what is committed."""

    def __init__(self, *tables: Any) -> None:
        self.app = SimpleNamespace(tables=dict(enumerate(tables)))
        self.committed: list[Any] = []


@pytest.fixture
def faust_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust's part of a commit."""

    async def commit(self: Any, offsets: Any, *_: Any) -> bool:
        self.committed.append(offsets)
        return True

    monkeypatch.setattr(transport.driver.Consumer, "_commit_offsets", commit)


def test_an_offset_waits_for_the_changelog(faust_commits: None) -> None:
    """It is committed once the broker has what was sent before, and no sooner."""
    table = tabled(sent=3, stands=2)
    consumer = Committing(table, faust.Table.__new__(faust.Table))

    async def commit() -> list[Any]:
        task = asyncio.ensure_future(consumer._commit_offsets({"tp": 7}))
        await asyncio.sleep(0.05)
        before = list(consumer.committed)
        table.sent += 1  # what is sent meanwhile belongs to the next commit
        table.stands += 1
        assert await task
        return before

    assert asyncio.run(commit()) == []
    assert consumer.committed == [{"tp": 7}]


def test_what_the_changelog_never_gets_is_not_committed(
    faust_commits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker may be away for long: then what was read is read again."""
    monkeypatch.setattr(transport, "_WRITTEN_S", 0.05)
    consumer = Committing(tabled(sent=1, stands=0))
    assert not asyncio.run(consumer._commit_offsets({"tp": 7}))
    assert consumer.committed == []


def test_a_row_that_the_changelog_does_not_take_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust would go on, and no offset would ever be committed again."""
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)

    async def refused() -> None:
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(faust.Table, "send_changelog", lambda *_, **__: sent)
        table = Table(faust.App("t", broker="kafka://nowhere"), name="rows")
        table.send_changelog(0, b"k", b"v")
        sent.set_exception(ToolgateError("the broker is away", where="kafka", remedy="see to it"))
        await asyncio.sleep(0)
        assert (table.sent, table.stands) == (1, 0)

    asyncio.run(refused())
    assert ends == [FAULT]
