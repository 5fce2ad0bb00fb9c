"""The transport: an offset is committed when the changelogs have what came of it."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from faust.types import TP

from toolgate.streams.errors import ToolgateError
from toolgate.streams.watch import transport
from toolgate.streams.watch.transport import FAULT, Consumer, Table

PULSE, ROWS = TP("pulse", 0), TP("rows-changelog", 0)


def tabled(*pending: asyncio.Future[Any]) -> Table:
    """A table of which the broker does not have these rows."""
    made = object.__new__(Table)
    made.pending = set(pending)
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
    """It is committed once the broker has each row that was sent before, whatever it has of later ones."""

    async def commit() -> None:
        before, after = (asyncio.get_running_loop().create_future() for _ in range(2))
        table = tabled(before)
        consumer = Committing(table, faust.Table.__new__(faust.Table))
        task = asyncio.ensure_future(consumer._commit_offsets({"tp": 7}))
        await asyncio.sleep(0)
        table.pending.add(after)
        after.set_result(None)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not task.done()
        assert consumer.committed == []
        before.set_result(None)
        assert await task
        assert consumer.committed == [{"tp": 7}]

    asyncio.run(commit())


def test_an_offset_for_which_no_row_is_under_way_is_committed_at_once(faust_commits: None) -> None:
    """There is nothing to wait for."""
    consumer = Committing(tabled())
    assert asyncio.run(consumer._commit_offsets({"tp": 7}))
    assert consumer.committed == [{"tp": 7}]


def test_a_row_that_the_changelog_does_not_take_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust would go on, and no offset would ever be committed again."""
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)

    async def refused() -> None:
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(faust.Table, "send_changelog", lambda *_, **__: sent)
        table = Table(faust.App("t", broker="kafka://nowhere"), name="rows")
        table.send_changelog(0, b"k", b"v")
        assert table.pending == {sent}
        sent.set_exception(ToolgateError("the broker is away", where="kafka", remedy="see to it"))
        await asyncio.sleep(0)

    asyncio.run(refused())
    assert ends == [FAULT]


def test_a_row_that_the_changelog_has_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the table would keep each that it ever sent."""

    async def taken() -> None:
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(faust.Table, "send_changelog", lambda *_, **__: sent)
        table = Table(faust.App("t", broker="kafka://nowhere"), name="rows")
        table.send_changelog(0, b"k", b"v")
        sent.set_result(None)
        await asyncio.sleep(0)
        assert table.pending == set()

    asyncio.run(taken())


class Reading(Consumer):
    """A consumer of one topic and of one changelog."""

    def __init__(self) -> None:
        self._active_partitions = {PULSE, ROWS}
        self._paused_partitions: set[Any] = set()
        self.app = SimpleNamespace(tables=SimpleNamespace(changelog_topics={ROWS.topic}))


def test_nothing_is_handed_on_while_it_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came meanwhile would be counted once more, and the way back taken for a gap in the topic."""
    active: list[set[Any]] = []

    async def seek(self: Any) -> None:
        active.append(set(self._active_partitions))

    monkeypatch.setattr(transport.driver.Consumer, "perform_seek", seek)
    consumer = Reading()
    asyncio.run(consumer.perform_seek())
    assert active == [{ROWS}]
    assert consumer._active_partitions == {PULSE, ROWS}


def test_whoever_is_interrupted_on_the_way_back_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rebalance that did it says what is read next."""

    async def interrupted(self: Any) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(transport.driver.Consumer, "perform_seek", interrupted)
    consumer = Reading()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(consumer.perform_seek())
    assert consumer._active_partitions == {ROWS}


def assigned(**states: tuple[int | None, int | None]) -> Consumer:
    """A consumer whose client knows, by topic, the last stable offset and where it reads."""
    made = object.__new__(Consumer)
    tops = {TP(topic, 0): SimpleNamespace(lso=lso, _position=at) for topic, (lso, at) in states.items()}
    assignment = SimpleNamespace(tps=frozenset(tops), state_value=tops.get) if tops else None
    client = SimpleNamespace(
        _subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
    )
    made._thread = SimpleNamespace(_consumer=client, fetched={TP("waiting", 0): 39})
    return made


def test_how_far_it_is_behind_is_known_without_asking() -> None:
    """Of what has no place yet, nothing is said; what was fetched and waits counts as well."""
    found = assigned(
        caught_up=(50, 50), away=(50, 20), waiting=(50, 50), unfetched=(None, 0), placeless=(50, None)
    ).behind({("waiting", 0): 29})
    assert found == {("caught_up", 0): 0, ("away", 0): 30, ("waiting", 0): 10}


def test_whoever_has_no_partition_is_behind_nowhere() -> None:
    """In a rebalance there may be none."""
    assert assigned().behind({}) == {}
