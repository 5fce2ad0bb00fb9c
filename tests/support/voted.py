"""The small universe with people who vote on what waits, and what must be true of holds in any history."""

from __future__ import annotations

from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import checker
import universe
from universe_policies import VOTED_FILES

from toolgate.processors.voting import carrying
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Draft, Hold, Vote
from toolgate.streams.gate.due import AGAIN_MS
from toolgate.streams.gate.proposals import id_of
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.schemas.records import AuditEvent

RATES: Mapping[str, float] = MappingProxyType({"vote": 0.08})
# Of people who are quick and many, where more is said by operators and less goes wrong.
DISPUTED: Mapping[str, float] = MappingProxyType(
    {"vote": 0.12, "intent": 0.12, "control": 0.006, "time": 0.03, "fault": 0.006}
)
VOTERS = ("ann", "bob", "eve", "a")  # `a` is the agent
ENDS = frozenset({"approved", "promoted", "denied", "rejected", "withdrawn", "expired"})
LAST_MS = 25 * 3_600_000  # longer than anything may wait


class Voted(universe.Universe):
    """Workers, broker and ledger of one seed, with people who vote."""

    def __init__(
        self, seed: int, files: Mapping[str, bytes] = MappingProxyType(VOTED_FILES), **kwargs: Any
    ) -> None:
        super().__init__(seed, files=files, **kwargs)
        self.votes = Codec(Vote)

    def vote(self) -> None:
        """Somebody votes on what waits, or waited: mostly rightly, sometimes twice."""
        r = self.random
        told = self.proposals()
        over = {id_of(one) for one in told if one.state in ENDS} if r.random() < 0.9 else set()
        waits = [one for one in told if one.state == "open" and not one.vote_id and id_of(one) not in over]
        if not waits:
            return
        self.made += 1
        hold = r.choice(waits)
        vote = self._vote(hold)
        partition = hold.body_partition
        output = Output("votes", partition, hold.run_id.encode(), self.votes.encode(vote))
        self.send(output)
        if r.random() < 0.1:
            self.send(output)

    def _vote(self, hold: Hold | Draft) -> Vote:
        r = self.random
        place = ("intents", hold.body_partition)
        intent = next(e for e in self.broker.visible(place, hold.body_offset) if e.offset == hold.body_offset)
        vote = Vote(
            vote_id=f"v{self.made if r.random() > 0.03 else r.randrange(self.made)}",
            hold_id=id_of(hold),
            run_id=hold.run_id,
            approver=r.choice(VOTERS),
            choice=r.choice(("approve",) * 12 + ("reject", "withdraw")),
            digest=hold.digest,
            policy_digest=hold.policy_digest,
            **carrying(intent),
        )
        match r.randrange(30):
            case 0:
                return changed(vote, digest="0" * 32)
            case 1:
                return changed(vote, policy_digest="0" * 32)
            case 2:
                return changed(vote, intent="")
            case 3:
                return changed(vote, hold_id=f"{hold.body_partition}-9999")
        return vote

    def rest(self, limit: int = 20_000) -> bool:
        """At last everything that waits has expired, and that was said."""
        self.broker.now_ms += AGAIN_MS  # a tick that was lost with its transaction is written again then
        if not super().rest(limit):
            return False
        self.broker.now_ms += LAST_MS
        return super().rest(limit)

    def idle(self) -> bool:
        """... and what has expired has ended."""
        ended = {event.command_id for event in self.audit() if event.note in ENDS}
        return super().idle() and all(
            id_of(one) in ended or one.expires_at > self.broker.now_ms for one in self.proposals()
        )

    def violations(self) -> list[str]:
        """What is wrong with the history, votes included."""
        votes = {
            (e.partition, e.offset): self.votes.decode(e.value)
            for p in range(universe.PARTITIONS)
            for e in self.broker.visible(("votes", p), 0)
        }
        events = sorted(self.audit(), key=lambda event: event.seq)
        return [*super().violations(), *_holds(events, votes, self.proposals())]


def _holds(
    events: list[AuditEvent], votes: Mapping[tuple[int, int], Vote], told: list[Hold | Draft]
) -> Iterator[str]:
    """Each hold ends once, nothing counts afterwards, and who approved it was enough different people, in time."""
    opened = {id_of(one): one for one in told if one.state == "open" and not one.vote_id}
    states = {one.seq: one.state for one in told}
    approvers: dict[str, set[str]] = defaultdict(set)
    ended: dict[str, str] = {}
    for event in events:
        if event.topic not in {"votes", "ticks"} or event.note not in {"counted", *ENDS}:
            continue
        at, hold = checker._at(event), opened.get(event.command_id)
        if hold is None or hold.seq > event.seq:
            yield f"{at} counts, and nothing waited as {event.command_id!r}"
            continue
        if event.command_id in ended:
            yield f"{at} is {event.note}, and {event.command_id} was {ended[event.command_id]} before"
        if states.get(event.seq) != ("open" if event.note == "counted" else event.note):
            yield f"{at} is {event.note}, and people are told {states.get(event.seq)}"
        if event.note in ENDS:
            ended[event.command_id] = event.note
        yield from _counting(
            event, hold, votes.get((event.partition, event.offset)), approvers[event.command_id]
        )


def _counting(event: AuditEvent, hold: Hold | Draft, vote: Vote | None, before: set[str]) -> Iterator[str]:
    at = checker._at(event)
    if event.topic == "ticks":
        if event.clk < hold.expires_at:
            yield f"{at} ends {event.command_id} before its time"
        return
    if vote is None or (vote.hold_id, vote.digest) != (event.command_id, hold.digest):
        yield f"{at} counts, and is about something else"
        return
    if event.note in {"counted", "approved", "promoted"}:
        if vote.choice != "approve" or vote.approver in before or vote.approver == hold.agent_id:
            yield f"{at} counts as an approval of {vote.approver}: {vote.choice}, before it {sorted(before)}"
        if vote.policy_digest != hold.policy_digest or event.policy_digest != hold.policy_digest:
            yield f"{at} counts under other policies than those that held the call"
        if event.clk > hold.expires_at:
            yield f"{at} counts after the hold has expired"
        before.add(vote.approver)
    if event.note in {"approved", "promoted"} and len(before) < hold.approvals_needed:
        yield f"{at} is {event.note} by {sorted(before)}, and {hold.approvals_needed} were needed"
    if (event.verdict == "APPROVE") != (event.note in {"approved", "promoted"}):
        yield f"{at} is {event.note} and {event.verdict}"
