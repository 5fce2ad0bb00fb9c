"""A batch goes to the ledger in parts: in order, one at a time, and nothing before all of it was read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from toolgate.processors.case import Envelope
from toolgate.streams.gate.deciding import Deciding
from toolgate.streams.gate.points import PATIENCE, PAUSE
from toolgate.streams.gate.steering import Steering
from toolgate.streams.gate.waiting import Waiting
from toolgate.streams.ports import Look, Reply, StaleControlError, UnavailableError

TP = ("intents", 0)


class Desk:
    """A ledger, a control topic and an intake that note what happens."""

    def __init__(self, behind: int = 0) -> None:
        self.behind = behind  # how often the control topic is read before it shows the record
        self.ctl = 0
        self.events: list[Any] = []
        self.unreadable: set[int] = set()
        self.control: list[Envelope] = []
        self.policies = SimpleNamespace(remembers=False)
        self.looks: list[Look | Exception] = []

    def send(self, ctl: int, shares: Any) -> None:
        """A question."""
        (share,) = shares
        self.asked = ctl, share
        self.events.append(("sent", share.start, share.next))

    def receive(self) -> Reply:
        """Its answer: the offsets that were asked about."""
        ctl, share = self.asked
        if ctl != self.ctl:
            raise StaleControlError(self.ctl)
        self.events.append(("received", share.start))
        return Reply(
            "g", 0, (tuple(SimpleNamespace(offset=ask.offset, ctl=ctl, given="") for ask in share.asks),)
        )  # type: ignore[misc]

    def apply_control(self, _offset: int, _before: int) -> int:
        """Nothing."""
        return 0

    def tail_control(self, position: int) -> tuple[list[Envelope], int]:
        """What lies on the control topic, once it shows."""
        if self.behind:
            self.behind -= 1
            return [], position
        found = [e for e in self.control if e.offset >= position]
        return found, position + len(found)

    def read(self, envelope: Envelope) -> Any:
        """A reading, or none for want of the registry."""
        if envelope.offset in self.unreadable:
            raise UnavailableError("the registry is away")
        return SimpleNamespace(envelope=envelope, record=None)

    def remembers(self, _state: Any) -> bool:
        """Whether rules look at facts."""
        return bool(self.policies.remembers)

    def wants(self, readings: Any, _state: Any) -> tuple[set[str], set[str]]:
        """What must be looked up: something for each, where policies look at it."""
        return set() if not self.policies.remembers else {str(one.envelope.offset) for one in readings}, set()

    def look(self, runs: Any, _counters: Any) -> Look:
        """What is remembered."""
        self.events.append(("looked", *sorted(runs)))
        found = self.looks.pop(0) if self.looks else Look({}, {})
        if isinstance(found, Exception):
            raise found
        return found

    def item(
        self, reading: Any, _state: Any, look: Look, given: str | None = None, _refused: Any = None
    ) -> Any:
        """What is asked about it."""
        ask = SimpleNamespace(offset=reading.envelope.offset, given=given or "".join(look.facts))
        return SimpleNamespace(reading=reading, ask=ask)

    def publish(self, pairs: Any, _reply: Reply) -> None:
        """Note whose decision goes with what."""
        self.events.append(("published", [(i.ask.offset, d.offset, d.ctl) for i, d in pairs]))

    def run(self, count: int, part_size: int = 2) -> list[str]:
        """Decide so many records; the points that were passed."""
        steering = Steering(self, self, self)  # type: ignore[arg-type]
        waiting = Waiting(lambda _: 0, lambda: 0)
        deciding = Deciding(self, self, steering, waiting, part_size)  # type: ignore[arg-type]
        held = {TP: SimpleNamespace(epoch=1, committed=0, position=0, decided=0)}
        envelopes = [Envelope(*TP, offset, 0, b"r", b"x") for offset in range(count)]
        return list(deciding.run(envelopes, held, self.publish))  # type: ignore[arg-type]


def test_each_part_is_asked_before_the_one_before_is_published():
    """So the ledger works while we publish; positions follow each other, and nobody else's decision is published."""
    desk = Desk()
    desk.run(5)
    assert desk.events == [
        ("sent", 0, 2),
        ("received", 0),
        ("sent", 2, 4),
        ("published", [(0, 0, 0), (1, 1, 0)]),
        ("received", 2),
        ("sent", 4, 5),
        ("published", [(2, 2, 0), (3, 3, 0)]),
        ("received", 4),
        ("published", [(4, 4, 0)]),
    ]


def test_without_records_the_ledger_is_told_what_is_committed():
    """One question without asks, and nothing to publish."""
    desk = Desk()
    desk.run(0)
    assert desk.events == [("sent", 0, 0), ("received", 0)]


def test_a_record_that_must_wait_stops_the_batch_before_anything_is_asked():
    """Whatever was produced before it would be aborted, again and again, for as long as the registry is away."""
    desk = Desk()
    desk.unreadable = {4}
    with pytest.raises(UnavailableError, match="registry"):
        desk.run(5)
    assert desk.events == []


def test_facts_are_looked_up_before_intents_are_judged():
    """Once for a batch, and again when Redis gave no answer."""
    desk = Desk()
    desk.policies.remembers = True
    desk.looks = [UnavailableError("away"), Look({"m": {}}, {})]
    points = desk.run(2)
    assert desk.events[:3] == [("looked", "0", "1"), ("looked", "0", "1"), ("sent", 0, 2)]
    assert points[:3] == ["look", PAUSE, "look"]


def test_nothing_is_looked_up_for_policies_that_look_at_nothing():
    """They come into force while the batch is decided: what results tell must not depend on where it began."""
    desk = Desk()
    desk.policies.remembers = True
    desk.ctl = 1
    desk.control = [Envelope("control", 0, 0, 0, None, b"x")]
    desk.apply_control = lambda *_: setattr(desk.policies, "remembers", False)  # type: ignore[method-assign]
    desk.run(1)
    assert [event[0] for event in desk.events].count("looked") == 1
    assert desk.events[-1] == ("published", [(0, 0, 1)])


def test_a_ledger_that_cannot_be_looked_into_decides_nothing():
    """The batch comes again."""
    desk = Desk()
    desk.policies.remembers = True
    desk.looks = [UnavailableError("away")] * 9
    with pytest.raises(UnavailableError):
        desk.run(2)
    assert {event[0] for event in desk.events} == {"looked"}


def test_a_stored_decision_is_published_as_it_was_judged():
    """The run may remember more by now than when it was decided."""
    desk = Desk()
    desk.policies.remembers = True
    desk.looks = [Look({"later": {}}, {})]
    judged = []
    item = desk.item
    desk.item = lambda *given: judged.append(given[2:]) or item(*given)  # type: ignore[method-assign]
    desk.run(1)
    assert judged == [(Look({"later": {}}, {}), None, None), (Look({"later": {}}, {}), "", None)]


def test_results_are_decided_before_intents_are_judged():
    """What they tell is what the intents are judged by."""
    desk = Desk()
    desk.policies.remembers = True
    asked = []
    desk.send = lambda ctl, shares: (  # type: ignore[method-assign]
        asked.append([(s.topic, s.start, s.next) for s in shares]),
        setattr(desk, "asked", (ctl, shares)),
    )
    desk.receive = lambda: Reply(  # type: ignore[method-assign]
        "g",
        0,
        tuple(
            tuple(SimpleNamespace(offset=ask.offset, ctl=0, given="") for ask in share.asks)
            for share in desk.asked[1]
        ),
    )
    steering = Steering(desk, desk, desk)  # type: ignore[arg-type]
    deciding = Deciding(desk, desk, steering, Waiting(lambda _: 0, lambda: 0), 9)  # type: ignore[arg-type]
    held = {tp: SimpleNamespace(epoch=1, committed=0, position=0, decided=0) for tp in (TP, ("results", 0))}
    envelopes = [Envelope(topic, 0, 0, 0, b"r", b"x") for topic in ("intents", "results")]
    list(deciding.run(envelopes, held, desk.publish))  # type: ignore[arg-type]
    assert asked == [
        [("intents", 0, 0), ("results", 0, 1)],
        [("intents", 0, 1), ("results", 1, 1)],
    ]


def test_control_that_the_topic_shows_a_moment_later_is_waited_for():
    """Another worker has applied a record that we cannot see yet: no reason to join again."""
    desk = Desk(behind=2)
    desk.control = [Envelope("control", 0, 0, 0, None, b"x")]
    desk.ctl = 1
    points = desk.run(3)
    assert points.count(PAUSE) == 2
    assert [event for event in desk.events if event[0] == "published"] == [
        ("published", [(0, 0, 1), (1, 1, 1)]),
        ("published", [(2, 2, 1)]),
    ]


def test_control_that_never_shows_is_given_up():
    """Under a control position that nobody can read, nothing may be decided."""
    desk = Desk(behind=2 * PATIENCE)
    desk.ctl = 1
    with pytest.raises(UnavailableError, match="control is read up to 0, not 1"):
        desk.run(1)
    assert not [event for event in desk.events if event[0] == "published"]
