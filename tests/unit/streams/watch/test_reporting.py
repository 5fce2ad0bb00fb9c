"""Reporting: alerts told once, orders that only tighten."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from toolgate.processors.control_state import ControlState
from toolgate.processors.problems import LoadError, Problem
from toolgate.schemas import registry
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Alert, Control
from toolgate.streams.errors import ControlRefusedError, UnreachableError
from toolgate.streams.ports import RetryError
from toolgate.streams.watch.judging import Demotion
from toolgate.streams.watch.ladder import Move
from toolgate.streams.watch.metrics import Process
from toolgate.streams.watch.reporting import Reporting, demoted

VALUE = "default/desk"


@dataclass
class Topic:
    """A Faust topic that takes everything."""

    sent: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def send(self, key: bytes, value: bytes, headers: Any) -> asyncio.Future[None]:
        """Taken at once."""
        self.sent.append((key, value))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


@dataclass
class Follower:
    """Control as it stands, and what is said; raises `error` the first `fails` times."""

    state: ControlState = field(default_factory=ControlState)
    fails: int = 0
    error: Exception = field(default_factory=lambda: RetryError("Kafka is away"))
    said: list[Control] = field(default_factory=list)

    def say(self, word: Any, signers: Any) -> int | None:
        """As the real one, at once."""
        made = word(self.state)
        if made is None:
            return None
        if self.fails:
            self.fails -= 1
            raise self.error
        self.said.append(made)
        self.state = self.state.apply(made, self.state.position)
        return self.state.position - 1


def alert(number: int = 1) -> Alert:
    """Something to be told."""
    return Alert(f"breach/{number}", "breach", "warning", "t", "w", "", "s", "it broke", "{}", 0, 0)


def demotion(to: str = "draft_only") -> Demotion:
    """A workflow that has to fall."""
    return Demotion("default", "desk", Move(to, {"because": [{"slo": "denial_rate"}], "to": to}))


def reporting(
    follower: Follower, topic: Topic | None = None, *, acts: bool = True
) -> tuple[Reporting, Process]:
    """One with or without a key."""
    process = Process()
    signers: dict[str, Any] = {"watch-1": object()} if acts else {}
    made = Reporting(topic or Topic(), registry.bundled(), follower, signers, process)  # type: ignore[arg-type]
    return made, process


def ordered(mode: str) -> ControlState:
    """An order that stands for the workflow."""
    word = Control("c0", "mode", "workflow", VALUE, "", ("ann",), mode=mode, version=1)
    return ControlState().apply(word, 0)


def test_an_alert_is_told_once() -> None:
    """By its id: what lasts would else be told each minute."""
    topic = Topic()
    made, process = reporting(Follower(), topic)
    asyncio.run(made.tell([alert(1), alert(1), alert(2)]))
    asyncio.run(made.tell([alert(2)]))
    assert [Codec(Alert).decode(value).alert_id for _, value in topic.sent] == ["breach/1", "breach/2"]
    assert process.alerts == {("breach", "warning"): 2}


def test_an_order_has_its_figures() -> None:
    """Signed by the watch, in the version that follows, with what caused it."""
    follower = Follower()
    made, process = reporting(follower)
    made.order(demotion())
    made.close()
    (word,) = follower.said
    assert (word.kind, word.scope, word.value, word.mode, word.version) == (
        "mode",
        "workflow",
        VALUE,
        "draft_only",
        1,
    )
    assert (word.issued_by, word.reason) == (("watch-1",), "denial_rate not kept")
    assert "denial_rate" in word.evidence
    assert process.demotions == {("default", "desk"): 1}


@pytest.mark.parametrize(
    ("standing", "to", "said"),
    [
        ("shadow", "draft_only", []),  # it would loosen
        ("draft_only", "draft_only", []),
        ("draft_only", "canary:10%", []),  # people have ordered it meanwhile
        ("read_only", "draft_only", []),
        ("canary:5%", "canary:10%", []),
        ("enforce", "draft_only", ["draft_only"]),
        ("canary:10%", "draft_only", ["shadow"]),  # runs that are in shadow would get drafts
        ("read_only", "shadow", ["shadow"]),
    ],
)
def test_nothing_is_ordered_that_loosens(standing: str, to: str, said: list[str]) -> None:
    """Seen by what stands when it is said, whatever was judged before."""
    follower = Follower(ordered(standing))
    made, process = reporting(follower)
    made.order(demotion(to))
    made.close()
    assert [word.mode for word in follower.said] == said
    assert process.orders_failed == 0


@pytest.mark.parametrize(
    "error",
    [
        RetryError("Kafka is away"),
        ControlRefusedError("watch-1 may not say it", remedy="see its role"),
        UnreachableError("this user may not write control", remedy="see its rights"),
        LoadError([Problem("desk.yaml", 1, 1, "a word of a later version")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_order_that_could_not_be_said_is_counted_and_said_the_next_minute(error: Exception) -> None:
    """People were told that the workflow falls; the breach lasts, and is judged again."""
    follower = Follower(fails=1, error=error)
    made, process = reporting(follower)
    made.order(demotion())
    made._hand.submit(lambda: None).result()
    made.order(demotion())
    made._hand.submit(lambda: None).result()
    made.close()
    assert len(follower.said) == 1
    assert (process.demotions, process.orders_failed) == ({("default", "desk"): 1}, 1)


def test_without_a_key_nothing_is_ordered() -> None:
    """People are told that somebody has to."""
    follower = Follower()
    made, _ = reporting(follower, acts=False)
    made.order(demotion())
    made.close()
    assert follower.said == []
    assert "no key" in demoted(demotion(), 0, acts=False).summary
    assert "no key" not in demoted(demotion(), 0, acts=True).summary


def test_a_fall_after_a_person_took_it_up_is_told_though_the_hour_is_the_same() -> None:
    """An alert of the same id is told once; what nobody has ordered yet is the same for an hour."""
    first = demotion()
    again = replace(first, moved_ms=60_000)
    ids = [
        demoted(one, at_ms, acts=True).alert_id
        for one, at_ms in ((first, 0), (first, 60_000), (again, 120_000))
    ]
    assert ids[0] == ids[1] != ids[2]
