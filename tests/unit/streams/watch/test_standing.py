"""Standing: what control and policies say is kept current, and whoever follows says where it is not."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from toolgate.processors.control_state import ControlState
from toolgate.processors.problems import LoadError, Problem
from toolgate.schemas.records import Control
from toolgate.schemas.registry import RegistryError
from toolgate.streams.errors import UnreachableError
from toolgate.streams.operating import Said
from toolgate.streams.ports import FatalError, LogError, RetryError, UnavailableError
from toolgate.streams.watch import standing
from toolgate.streams.watch.standing import Follower

if TYPE_CHECKING:
    from types import SimpleNamespace

PLACE = ("workflow", "default/desk")


@dataclass
class Operating:
    """Control as it stands, with sets by digest; raises `fails` as long as there is one."""

    said: list[Said] = field(default_factory=list)
    sets: dict[str, SimpleNamespace | Exception] = field(default_factory=dict)
    fails: Exception | None = None

    def tell(self, word: Control, time_ms: int = 0, refused: str = "") -> None:
        """One more record on control."""
        self.said.append(Said(len(self.said), time_ms, word, refused))

    def standing(self) -> ControlState:
        """As the real one."""
        if self.fails:
            raise self.fails
        state = ControlState()
        for one in self.said:
            state = state if one.refused else state.apply(one.word, one.offset)
        return state

    def history(self) -> list[Said]:
        """As the real one."""
        return self.said

    def policies(self, digest: str) -> SimpleNamespace | None:
        """As the real one."""
        found = self.sets.get(digest)
        if isinstance(found, Exception):
            raise found
        return found

    def __exit__(self, *_: object) -> None:
        """It has nothing to close."""


def order(mode: str, version: int, value: str = "default/desk") -> Control:
    """A mode for the workflow."""
    return Control(f"c{version}", "mode", "workflow", value, "", ("ann",), mode=mode, version=version)


def follower(operating: Operating, fallback: object = None) -> Follower:
    """One that has not begun."""
    return Follower(cast("Any", operating), cast("Any", fallback))


@pytest.mark.parametrize(
    "error",
    [
        LoadError([Problem("desk.yaml", 1, 1, "a word of a later version")]),
        FatalError("fenced"),
        LogError("no answer"),
        RetryError("no answer"),
        UnavailableError("no policies yet"),
        UnreachableError("Kafka is away", remedy="start it"),
        RegistryError("no such schema"),
        AssertionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_keeps_it_from_reading_is_its_problem_until_it_reads_again(error: Exception) -> None:
    """The thread goes on: whoever judged by a frozen state for ever, and said it was current, would be believed."""
    operating = Operating()
    made = follower(operating)
    operating.fails = error
    made._look()
    assert type(error).__name__ in made.problem
    assert str(error) in made.problem
    operating.fails = None
    operating.tell(order("draft_only", 1))
    made._look()
    assert made.problem == ""
    assert made.now.state.orders[PLACE].mode == "draft_only"


def test_the_thread_outlives_what_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that only a newer version can load is in force for a while; then one that loads here is."""
    monkeypatch.setattr(standing, "_EVERY_S", 0.001)
    operating = Operating()
    with follower(operating) as made:
        operating.fails = LoadError([Problem("desk.yaml", 1, 1, "a word of a later version")])
        _until(lambda: "a word of a later version" in made.problem)
        operating.fails = None
        _until(lambda: made.problem == "")


def test_whoever_cannot_read_at_first_does_not_begin() -> None:
    """A watch that knows nothing of what is promised has nothing to judge by."""
    with pytest.raises(RetryError), follower(Operating(fails=RetryError("no answer"))):
        pass


def _until(holds: Any) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)
