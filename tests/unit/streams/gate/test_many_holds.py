"""Ten thousand calls that wait for people at once: through intake, ledger and publisher, and to those who look."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from voting_desk import POLICY, Desk

from toolgate.processors.case import Envelope
from toolgate.review.queue import Queue
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Hold
from toolgate.streams.gate.due import TICKS, Due
from toolgate.streams.ports import Output

MANY, RUNS, BATCH = 10_000, 200, 1_000
OFTEN = "{max: 1000000, per: 1m}"
LIMITS = f"  attempts: {{run: {OFTEN}, agent: {OFTEN}}}\n  limits: {{max_denials: 100000}}\n  budgets"
LATE_MS = 26 * 3_600_000  # longer than a hold may wait
SAID = 200  # expiries that are decided here: each takes as long as the others


@dataclass(frozen=True)
class Flood:
    """A desk where so many wait, and what was told of it."""

    desk: Desk
    wanted: list[Envelope]
    told: list[Output]

    @property
    def holds(self) -> list[Output]:
        """What people are told."""
        return [one for one in self.told if one.topic == "holds"]

    def queue(self) -> Queue:
        """What waits, for people."""
        made = Queue()
        rows = enumerate(self.holds)
        made.take("holds", [Envelope("holds", 3, n, self.desk.now, one.key, one.value) for n, one in rows])
        return made


def flooded() -> Flood:
    """Batch by batch, as many as one batch may have; as often as a run may, by many runs."""
    desk = Desk(POLICY.replace("  budgets", LIMITS))
    runs = [f"r{n % RUNS or ''}" for n in range(MANY)]
    wanted = [desk.wanted_of(run, intent_id=f"i{n}") for n, run in enumerate(runs)]
    told = [one for at in range(0, MANY, BATCH) for one in desk.decide_all(wanted[at : at + BATCH])]
    return Flood(desk, wanted, told)


@pytest.mark.timeout(120)
def test_ten_thousand_holds_at_once():
    """Each is held and told once, waits in order, can be decided about, and ends once when its time is over."""
    flood = flooded()
    desk = flood.desk
    assert Counter(one.topic for one in flood.told) == dict.fromkeys(("holds", "outcomes", "audit"), MANY)
    _in_order(flood)
    approved, rejected = (Codec(Hold).decode(flood.holds[n].value) for n in (0, RUNS))
    desk.wanted = flood.wanted[0]
    assert desk.vote(approved, "bob")["commands"].command_id == approved.hold_id
    assert desk.vote(rejected, "bob", choice="reject")["holds"].state == "rejected"
    _expire(flood, {approved.hold_id, rejected.hold_id})


def _in_order(flood: Flood) -> None:
    """The ledger remembers all, and the queue has all."""
    facts = flood.desk.ledger.look([f"r{n or ''}" for n in range(RUNS)], []).facts.values()
    assert sum(name.startswith("~hold") for texts in facts for name in texts) == MANY
    queue = flood.queue()
    items = queue.items(flood.desk.now)
    assert len({item.id for item in items}) == len(items) == MANY
    assert [item.answer_by_ms for item in items] == sorted(item.answer_by_ms for item in items)
    assert queue.find(items[MANY // 2].id, flood.desk.now) == items[MANY // 2]


def _expire(flood: Flood, over: set[str]) -> None:
    """One tick for each that waits, and again only for those whose end nobody has told."""
    desk = flood.desk
    due = Due(None, lambda: desk.now)  # type: ignore[arg-type]
    due.see(flood.holds)
    held = {(TICKS, 3)}
    assert due.ticks(held) == []
    desk.now += LATE_MS
    ticks = due.ticks(held)
    assert len({one.value for one in ticks}) == len(ticks) == MANY
    due.wrote(ticks)
    assert due.ticks(held) == []
    ended = []
    for tick in ticks[: SAID + 1]:
        at = next(desk.offsets[TICKS])
        made = desk.decide(Envelope(TICKS, 3, at, desk.now, tick.key, tick.value))
        ended += [made["holds"]] if "holds" in made else []
    assert over.isdisjoint(one.hold_id for one in ended)
    assert {one.state for one in ended} == {"expired"}
    assert len(ended) == SAID + 1 - len(over)
    due.see(Output("holds", 3, b"r", Codec(Hold).encode(one)) for one in ended)
    desk.now += LATE_MS
    assert len(due.ticks(held)) == MANY - len(ended)
