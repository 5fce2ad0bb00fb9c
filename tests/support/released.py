"""The small universe where executors do not know what happened, and people say it."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

import universe
import voted

from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Command, Result, Vote
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

RATES: Mapping[str, float] = MappingProxyType({**voted.RATES, "word": 0.06, "result": 0.06})
SETTLES = frozenset({"settled", "void", "late", "uncovered"})


class Released(voted.Voted):
    """Workers, broker and ledger of one seed, with people who vote and say what happened."""

    def send(self, output: Output) -> None:
        """Every third end is one that nobody knows."""
        if output.topic == "results" and self.random.random() < 0.3:
            result = changed(Codec(Result).decode(output.value), status="unknown")
            output = changed(output, value=Codec(Result).encode(result))
        super().send(output)

    def word(self) -> None:
        """Somebody says what happened to a command, or puts a record aside: mostly rightly, sometimes twice."""
        r, partition = self.random, self.random.randrange(universe.PARTITIONS)
        commands = self.committed.records(Command, "commands", partition)
        if not commands:
            return
        command = r.choice(commands)
        self.made += 1
        vote = Vote(
            vote_id=f"w{self.made}",
            hold_id=command.command_id if r.random() < 0.9 else f"intents-{partition}-{r.randrange(9)}",
            run_id=command.run_id,
            approver=r.choice(voted.VOTERS),
            choice="release",
            digest=command.digest if r.random() < 0.95 else "0" * 32,
            policy_digest="",
            tool=command.tool,
            happened=r.choice((True, False, None)),
            cost_micros=r.choice((None, None, 0, 3)),
        )
        output = Output("votes", partition, command.run_id.encode(), self.votes.encode(vote))
        super().send(output)
        if r.random() < 0.2:
            super().send(output)

    def released(self) -> list[AuditEvent]:
        """What was said of commands and records, and settled something or not, in the order of seq."""
        about = {one.command_id for p in range(universe.PARTITIONS) for one in self._commands(p)}
        events = sorted(self.audit(), key=lambda event: event.seq)
        notes = SETTLES | {"ended", "running", "unknown", "mismatch", "released"}
        return [e for e in events if e.topic == "votes" and e.note in notes and {e.command_id} & about]

    def _commands(self, partition: int) -> list[Command]:
        return self.committed.records(Command, "commands", partition)

    def violations(self) -> list[str]:
        """What is wrong with the history: also what is settled twice, or by people while its executor has time."""
        found = super().violations()
        settled = Counter(op.args[0] for event in self.audit() for op in event.ops if op.op == "settle")
        found += [f"{name} is settled {times} times" for name, times in settled.items() if times > 1]
        expires = {op.args[0]: op.args[1] for event in self.audit() for op in event.ops if op.op == "reserve"}
        return found + [
            f"seq {event.seq} settles {event.command_id} before its time"
            for event in self.released()
            if event.note in SETTLES and event.clk < expires[event.command_id]
        ]
