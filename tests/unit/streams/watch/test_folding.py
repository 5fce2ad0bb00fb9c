"""Folding: what is told before a table knows it, whose minutes are judged, and what ends them."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from pulses import BEGIN_MS, pulse

from toolgate.processors.claims import RUN_IDLE_MS
from toolgate.schemas import registry
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import ResultStatus
from toolgate.schemas.records import Level as Reported
from toolgate.schemas.records import Pulse, Result, Review
from toolgate.streams.settings import Settings
from toolgate.streams.watch.figures import MINUTE_MS
from toolgate.streams.watch.folding import Folding
from toolgate.streams.watch.open_runs import HOUR_MS
from toolgate.streams.watch.rows import UNREPORTED, Level, levels_of
from toolgate.streams.watch.transport import FAULT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

SETTINGS = Settings(bootstrap_servers="nowhere:1", prefix="t")
PULSE = SETTINGS.topic("pulse")


class App:
    """A Faust application that has no broker: its agents are fed by hand."""

    def __init__(self) -> None:
        self.agents: dict[str, Callable[[Any], Any]] = {}
        self.tables: dict[str, dict[bytes, bytes]] = {}
        self.left: dict[tuple[str, int], int] = {(PULSE, 0): 0}
        self.rebuild: Any = None
        self.silent = False  # the broker
        self.on_rebalance_complete = SimpleNamespace(
            connect=lambda handler: setattr(self, "rebuild", handler)
        )
        self.consumer = self

    def topic(self, name: str, **_: object) -> str:
        """Its name stands for it."""
        return name

    def Table(self, name: str, **_: object) -> dict[bytes, bytes]:  # noqa: N802 - Faust's
        """Kept here."""
        return self.tables.setdefault(name, Kept(self))

    def agent(self, topic: str, **_: object) -> Callable[[Any], None]:
        """Kept by its topic."""
        return lambda take: self.agents.__setitem__(topic, take)

    def assignment(self) -> set[Place]:
        """One partition of pulses."""
        return {Place(PULSE, 0)}

    def behind(self, folded: object) -> dict[tuple[str, int], int]:
        """As a test says."""
        return self.left

    def forget(self) -> None:
        """Nothing was fetched."""

    def feed(self, topic: str, offset: int, value: bytes, time_ms: int = BEGIN_MS) -> None:
        """Have the agent of a topic take one record."""

        async def events() -> AsyncIterator[SimpleNamespace]:
            yield SimpleNamespace(
                message=SimpleNamespace(
                    topic=topic,
                    partition=0,
                    offset=offset,
                    value=value,
                    key=b"",
                    headers=(),
                    timestamp=time_ms / 1_000,
                )
            )

        asyncio.run(self.agents[topic](SimpleNamespace(events=events)))


class Kept(dict[bytes, bytes]):
    """A table: its broker may not answer."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app

    async def kept(self) -> None:
        """Until the broker has it all."""
        if self._app.silent:
            raise asyncio.CancelledError


class Place(NamedTuple):
    """A topic-partition as Faust has it."""

    topic: str
    partition: int


class Watching:
    """Notes what it is told; dies in between if it is to."""

    def __init__(self) -> None:
        self.minutes: list[int] = []
        self.completions: list[str] = []
        self.warnings: list[str] = []
        self.dies = False

    async def minute_over(self, workflow: object, at_ms: int) -> None:
        """Which minutes."""
        self._die()
        self.minutes.append((at_ms - BEGIN_MS) // MINUTE_MS)

    async def completed(self, result: Result, time_ms: int) -> None:
        """Which commands."""
        self._die()
        self.completions.append(result.command_id)

    async def repeated(self, seen: object) -> None:
        """No run repeats anything here."""

    def reached(self, pulse: Pulse) -> list[Level]:
        """All that are told."""
        return levels_of(pulse)

    async def warned(self, pulse: Pulse, level: Level) -> None:
        """Which accounts."""
        self._die()
        self.warnings.append(level.account)

    def believes(self, envelope: object, review: Review) -> bool:
        """Everybody but Mallory."""
        return review.reviewer != "mallory"

    def drew(self, review: Review) -> bool:
        """One command."""
        return review.command_id == "0-1"

    def _die(self) -> None:
        if self.dies:
            raise asyncio.CancelledError


def folding(app: App, watching: Watching) -> Folding:
    """One over the tables of an application."""
    made = Folding(app, SETTINGS, registry.bundled(), watching)  # type: ignore[arg-type]
    asyncio.run(app.rebuild())
    return made


def told(minute: int) -> bytes:
    """A pulse of a minute."""
    return Codec(Pulse, registry.bundled()).encode(pulse(BEGIN_MS + minute * MINUTE_MS, intents=1))


def ended(command_id: str) -> bytes:
    """A command that ended well."""
    result = Result(command_id, "i", "r", "look", "d", ResultStatus.OK, "e", body="{}", params_digest="p")
    return Codec(Result, registry.bundled()).encode(result)


def test_who_dies_while_it_tells_of_a_command_tells_of_it_again() -> None:
    """The table must not know a result of which nobody has been told."""
    app, watching = App(), Watching()
    folding(app, watching)
    result = ended("0-1")
    watching.dies = True
    with pytest.raises(asyncio.CancelledError):
        app.feed(SETTINGS.topic("results"), 0, result)
    watching.dies = False
    folding(app, watching)
    app.feed(SETTINGS.topic("results"), 0, result)
    app.feed(SETTINGS.topic("results"), 0, result)
    assert watching.completions == ["0-1"]


def test_who_dies_while_it_warns_of_an_account_warns_again() -> None:
    """And once more only of another account."""
    app, watching = App(), Watching()
    levels = tuple(Reported("budgets[0]", "agent", account, "usd_micros", 9, 10) for account in "ab")
    codec = Codec(Pulse, registry.bundled())
    folding(app, watching)
    watching.dies = True
    with pytest.raises(asyncio.CancelledError):
        app.feed(PULSE, 0, codec.encode(pulse(levels=levels)))
    watching.dies = False
    folding(app, watching)
    app.feed(PULSE, 0, codec.encode(pulse(levels=levels)))
    folding(app, watching)
    app.feed(PULSE, 1, codec.encode(pulse(levels=levels)))
    assert watching.warnings == ["a", "b"]


def test_of_reviews_the_first_that_is_believed_counts() -> None:
    """Also after a restart; and of commands that were not drawn it is noted that they were not."""
    app, watching = App(), Watching()
    words = [
        ("0-1", "mallory", "right"),
        ("0-1", "ann", "wrong"),
        ("0-2", "ann", "wrong"),
        ("0-1", "bob", "right"),
    ]
    for offset, (command, who, finding) in enumerate(words):
        made = folding(app, watching)
        review = Review("r", command, "default", "desk", "run", "v1", who, finding)
        app.feed(SETTINGS.topic("reviews"), offset, Codec(Review, registry.bundled()).encode(review))
    row = made.figures.workflows[0, "default", "desk"].versions["v1"].ever
    assert (row.findings, row.undrawn) == ({"wrong": 2}, {"wrong": 1})


def test_a_run_is_forgotten_when_its_end_is_counted_for_good() -> None:
    """Who dies before the broker has the count has the run in its table still, and counts it then."""
    app, watching = App(), Watching()
    codec = Codec(Pulse, registry.bundled())
    late = codec.encode(pulse(BEGIN_MS + RUN_IDLE_MS + HOUR_MS))
    folding(app, watching)
    app.feed(PULSE, 0, codec.encode(pulse(active=("r1", "r2"))))
    app.silent = True
    with pytest.raises(asyncio.CancelledError):
        app.feed(PULSE, 1, late)
    assert len(app.tables["open"]) == 2
    app.silent = False
    app.tables["figures"].clear()  # nothing of it had been kept
    made = folding(app, watching)
    app.feed(PULSE, 1, late)
    assert made.figures.workflows[0, "default", "desk"].versions["v1"].ever.finished == {UNREPORTED: 2}
    assert not app.tables["open"]
    assert not folding(app, watching).open.rows()


def test_who_dies_while_it_judges_judges_again() -> None:
    """However long nothing had come: the pulse that ended the silence is in no table yet."""
    app, watching = App(), Watching()
    folding(app, watching)
    app.feed(PULSE, 0, told(0))
    watching.dies = True
    with pytest.raises(asyncio.CancelledError):
        app.feed(PULSE, 1, told(240))
    watching.dies = False
    folding(app, watching)
    app.feed(PULSE, 1, told(240))
    assert watching.minutes == list(range(-4, 241))


class Ended(BaseException):
    """The process has."""


@pytest.mark.parametrize(
    ("topic", "value", "ends"),
    [
        ("pulse", b"\x00\x00\x00\x00\x01newer", True),
        ("denials", b"\x00\x00\x00\x00\x01newer", True),
        ("pulse", b"no record at all", False),
        ("results", b"\x00\x00\x00\x00\x01whose", False),  # any executor may write there
        ("reviews", b"\x00\x00\x00\x00\x01whose", False),
    ],
)
def test_what_a_newer_gate_has_written_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, topic: str, value: bytes, *, ends: bool
) -> None:
    """It is for a newer watch, which goes on there; what nobody can read ends nothing."""

    def end(code: int) -> None:
        assert code == FAULT
        raise Ended

    monkeypatch.setattr("os._exit", end)
    app = App()
    made = folding(app, Watching())
    with pytest.raises(Ended) if ends else nullcontext():
        app.feed(SETTINGS.topic(topic), 0, value)
    assert (made.unreadable, len(made.folded)) == ((0, 0) if ends else (1, 1))


@pytest.mark.parametrize(("left", "minutes"), [({(PULSE, 0): 0}, [1, 2]), ({(PULSE, 0): 3}, []), ({}, [])])
def test_a_clock_ends_minutes_only_where_nothing_is_left(
    left: dict[tuple[str, int], int], minutes: list[int]
) -> None:
    """A partition of which nothing was fetched yet may have hours of pulses."""
    app, watching = App(), Watching()
    made = folding(app, watching)
    app.feed(PULSE, 0, told(0))
    app.left = left
    asyncio.run(made.until(BEGIN_MS + 2 * MINUTE_MS))
    assert watching.minutes == minutes


def test_many_minutes_hold_nobody_up() -> None:
    """Others are heard in between; after a rebalance the rest is for whoever has the partition then."""
    app, watching = App(), Watching()
    made = folding(app, watching)
    app.feed(PULSE, 0, told(0))

    async def silence() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(made.until(BEGIN_MS + 600 * MINUTE_MS))
            group.create_task(app.rebuild())

    asyncio.run(silence())
    assert len(watching.minutes) < 3
