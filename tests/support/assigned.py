"""The small universe where people also say who sees to what."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import released
import voted

from toolgate.schemas.enums import ASSIGNS
from toolgate.schemas.records import Vote
from toolgate.streams.gate.proposals import id_of
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

RATES: Mapping[str, float] = MappingProxyType({**released.RATES, "assign": 0.06})
NOTES = frozenset({"taken", "taken_over", "given_back"})


class Assigned(released.Released):
    """Workers, broker and ledger of one seed, with people who vote, say what happened and who sees to it."""

    def assign(self) -> None:
        """Somebody takes what waits, or waited, takes it over or gives it back; sometimes twice."""
        told = self.proposals()
        if not told:
            return
        r, self.made = self.random, self.made + 1
        hold = r.choice(told)
        vote = Vote(
            vote_id=f"s{self.made}",
            hold_id=id_of(hold),
            run_id=hold.run_id,
            approver=r.choice(voted.VOTERS),
            choice=r.choice(sorted(ASSIGNS)),
            digest="",
            policy_digest="",
            comment=r.choice(("", "they are away")),
        )
        output = Output("votes", hold.body_partition, hold.run_id.encode(), self.votes.encode(vote))
        self.send(output)
        if r.random() < 0.2:
            self.send(output)

    def violations(self) -> list[str]:
        """What is wrong with the history: also a word on who sees to it that did something."""
        found = super().violations()
        for event in self.audit():
            if event.note in NOTES and (event.verdict != "RECORDED" or event.ops or not event.kid):
                found.append(f"seq {event.seq} only says who sees to {event.command_id}, and did something")
        return found
