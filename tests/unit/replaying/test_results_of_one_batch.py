"""Results that the gate reads at once tell what they tell one after the other."""

from __future__ import annotations

from typing import Any

import pytest
from replays import Kept, kept
from universe import Universe
from universe_policies import POLICY, TOOLS

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Command, Intent, Result
from toolgate.streams.ports import Output

# The write tells of the same thing as the read, so when its end is unknown, what was read is forgotten.
PAINTING = TOOLS.replace(
    b"system: wall,",
    b"system: wall, remember: [{fact: thing, key: params.id, trusted: true, fields: {color: params.id}}],",
)
FILES = {"tools.yaml": PAINTING, "policies/w.yaml": POLICY.partition(b"  rules:")[0]}


class Desk(Universe):
    """One worker that reads whatever there is at once, and nothing goes wrong."""

    def __init__(self) -> None:
        super().__init__(0, workers=1, files=FILES, sizes=(1000, 250))
        self.faults = False

    def call(self, tool: str) -> None:
        """A call of the one run about the one thing."""
        self.made += 1
        intent = Intent(
            intent_id=f"i{self.made}",
            kind="call",
            tenant="default",
            workflow_id="w",
            run_id="r",
            agent_id="a",
            tool=tool,
            params='{"id":"x1"}',
        )
        self.send(Output("intents", 0, b"r", self.codecs[Intent].encode(intent)))

    def ends(self, *ends: tuple[str, str, str]) -> None:
        """Executors report: of which tool's call, with which status and body."""
        waiting: list[Command] = [one for one in self.commands() if one.command_id not in self.answered]
        for tool, status, body in ends:
            command = next(one for one in waiting if one.tool == tool)
            waiting.remove(command)
            self.answered.add(command.command_id)
            result = Result(
                command_id=command.command_id,
                intent_id=command.intent_id,
                run_id=command.run_id,
                tool=tool,
                digest=command.digest,
                status=status,
                executor_id="e",
                body=body,
            )
            self.send(Output("results", 0, b"r", Codec(Result).encode(result)))

    def told(self) -> list[tuple[Any, ...]]:
        """What the results made the run remember or forget, in order: (name, text)."""
        events = sorted(self.audit(), key=lambda event: event.seq)
        return [op.args[1:3] for e in events if e.topic == "results" for op in e.ops if op.op == "remember"]

    def history(self) -> Kept:
        """What lies in the log."""
        return kept(self, FILES)


READ, LOST = ("look", "ok", '{"color":"red"}'), ("paint", "unknown", "")


@pytest.mark.parametrize("together", [True, False])
def test_a_write_of_unknown_end_makes_forget_what_was_read_in_the_same_batch(together):
    """It does not matter how much the gate reads at once; and what is forgotten is not forgotten once more."""
    desk = Desk()
    for tool in ("look", "paint", "paint"):
        desk.call(tool)
    assert desk.rest()
    for ends in ([READ, LOST, LOST],) if together else ([READ], [LOST], [LOST]):
        desk.ends(*ends)
        assert desk.rest()
    things = [(name.split("\x1f")[:2], text != "") for name, text in desk.told() if name.startswith("thing")]
    assert things == [(["thing", "x1"], True), (["thing", "x1"], False)]
    assert desk.history().replay().first is None
