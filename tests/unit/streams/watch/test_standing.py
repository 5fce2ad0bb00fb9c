"""Standing: what control and policies say is kept current, and whoever follows says where it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from patience import until
from pulses import BEGIN_MS, pulse

from toolgate.processors.breach_terms import Breach
from toolgate.processors.control_state import ControlState
from toolgate.processors.problems import LoadError, Problem
from toolgate.schemas.records import Control
from toolgate.schemas.registry import RegistryError
from toolgate.streams.errors import UnreachableError
from toolgate.streams.operating import Said
from toolgate.streams.ports import FatalError, LogError, RetryError, UnavailableError
from toolgate.streams.watch import standing
from toolgate.streams.watch.figures import MINUTE_MS, Figures
from toolgate.streams.watch.judging import judge, rise
from toolgate.streams.watch.measures import Prices
from toolgate.streams.watch.standing import Follower

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


def activation(digest: str, version: int) -> Control:
    """A set for everything."""
    return Control(
        f"a{version}",
        "activate",
        "all",
        "",
        "",
        ("pat",),
        version=version,
        policy_digest=digest,
        checked_by="t",
    )


TERM = Breach("on_breach[0]", "denial_rate", 300_000, 300_000, 3_600_000, 0, 5, "demote")


def policies(**modes: str) -> SimpleNamespace:
    """A set whose workflows, all of the tenant `default`, have these modes."""
    workflows = {
        ("default", name): SimpleNamespace(
            mode=mode, breaches=(TERM,), written=SimpleNamespace(budgets=[]), review_share_ppm=0
        )
        for name, mode in modes.items()
    }
    return SimpleNamespace(workflows=workflows, for_workflow=lambda *place: workflows.get(place))


def followed(*words: Control | Said, fallback: object = None, **sets: SimpleNamespace | Exception) -> Any:
    """What is followed of some words, the first at 1,000, the next at 2,000, and so on."""
    operating = Operating(sets=dict(sets))
    for number, word in enumerate(words, start=1):
        operating.tell(word, number * 1_000)
    made = follower(operating, fallback)
    made._look()
    assert made.problem == ""
    return made.now


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
        until(lambda: "a word of a later version" in made.problem, "what keeps it from reading", 10)
        operating.fails = None
        until(lambda: made.problem == "", "it to read again", 10)


def test_whoever_cannot_read_at_first_does_not_begin() -> None:
    """A watch that knows nothing of what is promised has nothing to judge by."""
    with pytest.raises(RetryError), follower(Operating(fails=RetryError("no answer"))):
        pass


@pytest.mark.parametrize(
    ("before", "after", "moved", "raised"),
    [
        ("enforce", "enforce", [], []),  # something else of its policy is another
        ("canary:10%", "canary: 10%", [], []),
        ("enforce", "canary:10%", [PLACE], []),
        ("canary:20%", "canary:10%", [PLACE], []),
        ("shadow", "draft_only", [PLACE], [PLACE]),
        ("draft_only", "canary:10%", [PLACE], [PLACE]),  # enforces some runs
    ],
)
def test_an_activation_moves_a_workflow_whose_own_mode_it_changes(
    before: str, after: str, moved: list[tuple[str, str]], raised: list[tuple[str, str]]
) -> None:
    """It stands on its rung since then, whoever's word it was; of one that keeps its mode nothing is said."""
    sets = {"a": policies(desk=before, mail="shadow"), "b": policies(desk=after, mail="shadow")}
    found = followed(activation("a", 1), activation("b", 2), fallback=sets["a"], **sets)
    assert (found.moved, found.raised) == (dict.fromkeys(moved, 2_000), dict.fromkeys(raised, 2_000))
    first = followed(activation("b", 1), fallback=sets["a"], b=sets["b"])
    assert (first.moved, first.raised) == (dict.fromkeys(moved, 1_000), dict.fromkeys(raised, 1_000))


def test_a_workflow_that_a_set_brings_has_not_moved() -> None:
    """All that is counted of it is of this mode, so it may fall at once; one that comes back as another has moved."""
    sets = {"a": policies(desk="draft_only"), "b": policies(mail="shadow"), "c": policies(desk="enforce")}
    words = [activation("a", 1), activation("b", 2), activation("a", 3), activation("c", 4)]
    found = followed(*words[:3], **sets)
    assert (found.moved, found.began) == ({}, {PLACE: 1_000, ("workflow", "default/mail"): 2_000})
    assert PLACE not in followed(*words[:3], fallback=sets["a"], **sets).began
    assert followed(*words, **sets).raised == {PLACE: 4_000}
    assert followed(words[0], words[1], activation("c", 3), **sets).raised == {PLACE: 3_000}


def test_an_old_set_that_does_not_load_here_any_more_keeps_nobody_from_judging() -> None:
    """What it said of modes nobody here can know: those before and after it are compared."""
    gone = LoadError([Problem("desk.yaml", 1, 1, "a word that was taken out")])
    sets = {"a": policies(desk="enforce"), "b": gone, "c": policies(desk="shadow")}
    words = [activation("a", 1), activation("b", 2)]
    assert followed(*words, activation("a", 3), **sets).moved == {}
    assert followed(*words, activation("c", 3), **sets).moved == {PLACE: 3_000}


def test_the_last_word_counts_of_orders_and_activations() -> None:
    """An order that tightens after a set that loosened, and what was refused changes nothing."""
    sets = {"a": policies(desk="shadow"), "b": policies(desk="enforce")}
    words = (activation("a", 1), activation("b", 2), order("draft_only", 1))
    found = followed(*words, fallback=sets["a"], **sets)
    assert (found.moved, found.raised) == ({PLACE: 3_000}, {PLACE: 2_000})
    operating = Operating(sets=dict(sets))
    operating.tell(activation("b", 9), 1_000, refused="CONTROL_REFUSED: version 9 cannot follow")
    made = follower(operating, sets["a"])
    made._look()
    assert (made.now.moved, made.now.raised) == ({}, {})


def test_a_set_is_looked_at_once() -> None:
    """Every word on control has its history read again; old sets are compiled anew by then."""
    operating = Operating(sets={"a": policies(desk="shadow"), "b": policies(desk="enforce")})
    operating.tell(activation("a", 1), 1_000)
    operating.tell(activation("b", 2), 2_000)
    made = follower(operating)
    made._look()
    del operating.sets["a"]
    operating.tell(order("draft_only", 1), 3_000)
    made._look()
    assert (made.now.moved, made.now.raised) == ({PLACE: 3_000}, {PLACE: 2_000})


def test_a_workflow_that_a_set_brings_may_fall_at_once_and_has_stood_there_since_then() -> None:
    """It is stopped within its first window; what speaks for the next rung needs a day, as everybody's does."""
    figures = Figures()
    figures.take(0, 0, pulse(intents=10, denied=9))
    workflow, at_ms = figures.workflows[0, "default", "desk"], BEGIN_MS + MINUTE_MS
    operating = Operating(sets={"a": policies(desk="canary:10%")})
    operating.tell(activation("a", 1), BEGIN_MS)
    made = follower(operating)
    made._look()
    found = judge(workflow, made.now, at_ms, Prices())
    assert found.demotion is not None
    assert found.demotion.move.mode == "draft_only"
    assert rise(workflow, made.now, at_ms, Prices())["on_rung_ms"] == MINUTE_MS


def test_what_was_before_an_activation_speaks_neither_against_its_mode_nor_for_the_next() -> None:
    """Figures of shadow say nothing of enforce: no fall for them, and a day on the rung begins with the activation."""
    figures = Figures()
    figures.take(0, 0, pulse(intents=10, denied=9))
    workflow = figures.workflows[0, "default", "desk"]
    at_ms = BEGIN_MS + 10 * MINUTE_MS
    operating = Operating(sets={"b": policies(desk="canary:10%")})
    made = follower(operating, policies(desk="draft_only"))
    operating.tell(activation("b", 1), at_ms - MINUTE_MS)
    made._look()
    found = judge(workflow, made.now, at_ms, Prices())
    assert (found.judged.breached, found.demotion) == ({"denial_rate": True}, None)
    assert rise(workflow, made.now, at_ms, Prices())["on_rung_ms"] == MINUTE_MS
    later = Figures()
    later.take(0, 0, pulse(at_ms + 61 * MINUTE_MS, intents=10, denied=9))
    caused = judge(later.workflows[0, "default", "desk"], made.now, at_ms + 62 * MINUTE_MS, Prices())
    assert caused.demotion is not None
    assert caused.demotion.move.mode == "draft_only"
