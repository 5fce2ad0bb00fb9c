"""Items: what people have to see to, whatever it is: one type for everything in the queue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from toolgate.processors.approval import ANSWER_MS
from toolgate.processors.claims import DAY_MS
from toolgate.processors.identity import RELEASERS
from toolgate.processors.keyring import OPERATOR
from toolgate.streams.gate.proposals import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.review.assignees import Assignee
    from toolgate.review.unresolved import Begun, Unread
    from toolgate.review.waiting import Waiting
    from toolgate.schemas.records import Reason

OUTCOME_ANSWER_MS = 3_600_000  # money stays spent, and an effect may stand that nobody knows of
RECORD_ANSWER_MS = DAY_MS  # nothing was done: its writer hears nothing until somebody looks


class ItemKind(StrEnum):
    """What the gate cannot do alone: held calls, drafts, outcomes that nobody knows, records nobody can read."""

    HOLD = "hold"
    DRAFT = "draft"
    OUTCOME = "outcome"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Item:
    """Something that a person has to see to; times in epoch milliseconds.

    Attributes:
        id: what `approve`, `reject`, `promote`, `withdraw` and `release` name.
        state: open; of holds and drafts also how they ended.
        owner: who sees to it that somebody answers.
        roles: of which whoever answers needs one.
        since_ms: when it became somebody's matter.
        answer_by_ms: after which it is overdue.
        expires_ms: when it ends by itself; 0: never.
        why: sentences for people; they may quote agents.
        place: topic, partition and offset of what it is about: the intent, or the record that could not be read.
        subject: all that is known of it.
        assignee: who has taken it; None: nobody.
    """

    id: str
    kind: ItemKind
    state: str
    tenant: str
    workflow_id: str
    run_id: str
    agent_id: str
    tool: str
    owner: str
    roles: tuple[str, ...]
    since_ms: int
    answer_by_ms: int
    expires_ms: int
    cost_micros: int
    why: tuple[str, ...]
    place: tuple[str, int, int]
    subject: Waiting | Begun | Unread
    assignee: Assignee | None = None

    def age_ms(self, now_ms: int) -> int:
        """How long it has been somebody's matter."""
        return max(0, now_ms - self.since_ms)

    def overdue(self, now_ms: int) -> bool:
        """Whether somebody should have answered by now."""
        return self.state == OPEN and self.answer_by_ms <= now_ms


def chosen(  # noqa: PLR0913 - one parameter for each thing to choose by
    items: Iterable[Item],
    now_ms: int,
    *,
    kind: str | None,
    role: str | None,
    workflow: str | None,
    overdue: bool,
    taken_by: str | None,
) -> list[Item]:
    """Those of a kind, that a role may decide about, of a workflow, that somebody has taken; None for any.

    `overdue`: only what is late.
    """
    return [
        item
        for item in items
        if kind in {None, item.kind}
        and role in {None, *item.roles}
        and workflow in {None, item.workflow_id}
        and (not overdue or item.overdue(now_ms))
        and taken_by in {None, item.assignee.kid if item.assignee else None}
    ]


def assigned(item: Item, assignee: Assignee | None) -> Item:
    """The item with who has taken it."""
    return replace(item, assignee=assignee) if assignee else item


def of_waiting(waiting: Waiting, now_ms: int) -> Item:
    """The item of a hold or a draft; one from before policies named owners has the default time."""
    held = waiting.opened
    return Item(
        id=waiting.id,
        kind=ItemKind(waiting.kind),
        state=waiting.state(now_ms),
        tenant=held.tenant,
        workflow_id=held.workflow_id,
        run_id=held.run_id,
        agent_id=held.agent_id,
        tool=held.tool,
        owner=held.owner or " or ".join(held.roles),
        roles=held.roles,
        since_ms=waiting.opened_ms,
        answer_by_ms=held.answer_by or min(waiting.opened_ms + ANSWER_MS, held.expires_at),
        expires_ms=held.expires_at,
        cost_micros=waiting.cost_micros,
        why=_said(held.reasons),
        place=(held.body_topic, held.body_partition, held.body_offset),
        subject=waiting,
    )


def of_outcome(begun: Begun) -> Item:
    """The item of a command that may have had its effect, and nobody knows."""
    event = begun.approved
    why = (
        "its executor does not know what became of it"
        if begun.unknown_ms
        else "it was begun, and has no end: its executor has died, or cannot report"
    )
    partition, _, offset = begun.command_id.partition("-")
    return Item(
        id=begun.command_id,
        kind=ItemKind.OUTCOME,
        state=OPEN,
        tenant=event.tenant,
        workflow_id=event.workflow_id,
        run_id=event.run_id,
        agent_id=event.agent_id,
        tool=event.tool,
        owner=OPERATOR,
        roles=RELEASERS,
        since_ms=begun.since_ms,
        answer_by_ms=begun.since_ms + OUTCOME_ANSWER_MS,
        expires_ms=0,
        cost_micros=event.cost_micros,
        why=(why,),
        place=("intents", int(partition), int(offset)),
        subject=begun,
    )


def of_record(unread: Unread) -> Item:
    """The item of a record that could not be read: it is in quarantine, and was never decided about."""
    event = unread.event
    return Item(
        id=unread.id,
        kind=ItemKind.RECORD,
        state=OPEN,
        tenant="",
        workflow_id="",
        run_id="",
        agent_id="",
        tool="",
        owner=OPERATOR,
        roles=RELEASERS,
        since_ms=event.append_time,
        answer_by_ms=event.append_time + RECORD_ANSWER_MS,
        expires_ms=0,
        cost_micros=0,
        why=_said(event.reasons),
        place=(event.topic, event.partition, event.offset),
        subject=unread,
    )


def _said(reasons: tuple[Reason, ...]) -> tuple[str, ...]:
    return tuple(reason.because or reason.code for reason in reasons)
