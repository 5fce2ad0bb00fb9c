"""One item of the queue, whole: as lines for people, and as plain data for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.cli.asked import asked_lines
from toolgate.cli.wording import about, because, safe
from toolgate.inspection.decoding import as_time
from toolgate.inspection.plain import as_plain
from toolgate.processors.amounts import usd
from toolgate.review.unresolved import Begun
from toolgate.review.waiting import Waiting
from toolgate.schemas.records import Hold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.review.items import Item


def as_json_of(item: Item, now_ms: int, why_taken: str = "") -> dict[str, Any]:
    """An item as plain data; times in epoch milliseconds, money in micro-dollars.

    `why_taken`: why it was taken over from somebody; "" where nobody has said, or nobody asks.
    """
    has = item.assignee
    topic, partition, offset = item.place
    told: dict[str, Any] = {
        "id": item.id,
        "kind": item.kind,
        "state": item.state,
        "tenant": item.tenant,
        "workflow_id": item.workflow_id,
        "run_id": item.run_id,
        "agent_id": item.agent_id,
        "tool": item.tool,
        "owner": item.owner,
        "roles": item.roles,
        "taken_by": has.kid if has else None,
        "taken_at": has.since_ms if has else None,
        "taken_over_from": (has.before or None) if has else None,
        "since": item.since_ms,
        "age_ms": item.age_ms(now_ms),
        "answer_by": item.answer_by_ms,
        "overdue": item.overdue(now_ms),
        "expires_at": item.expires_ms or None,
        "cost_micros": item.cost_micros,
        "why": item.why,
        "place": {"topic": topic, "partition": partition, "offset": offset},
    }
    if why_taken:
        told["taken_because"] = why_taken
    if isinstance(item.subject, Waiting):
        told["approvals"] = list(item.subject.latest.approvals)
        told["opened"] = as_plain(item.subject.opened)
        told["votes"] = [as_plain(vote) for vote in item.subject.votes]
    return told


def lines_of(item: Item, now_ms: int, why_taken: str = "") -> Iterator[str]:
    """An item for people; `why_taken` as above."""
    late = " OVERDUE" if item.overdue(now_ms) else ""
    yield f"{item.kind} {item.id}: {item.state}{late}"
    yield f"owner      {safe(item.owner)}"
    if has := item.assignee:
        over = f", over from {safe(has.before)}" if has.before else ""
        why = f": {safe(why_taken)}" if why_taken else ""
        yield f"taken      by {safe(has.kid)} {about(now_ms - has.since_ms)} ago{over}{why}"
    yield f"since      {as_time(item.since_ms)}, {about(item.age_ms(now_ms))} ago"
    yield f"answer by  {as_time(item.answer_by_ms)}"
    topic, partition, offset = item.place
    if isinstance(item.subject, Waiting):
        yield from _of_waiting(item.subject)
    elif isinstance(item.subject, Begun):
        yield from _of_command(item, item.subject)
    else:
        yield from (f"why        {safe(why)}" for why in item.why)
        yield f"bytes      toolgate tail quarantine; they lay at {topic}[{partition}]@{offset}"


def _of_waiting(waiting: Waiting) -> Iterator[str]:
    held = waiting.opened
    yield from _asker(held.tenant, held.workflow_id, held.agent_id, held.run_id, held.intent_id)
    yield f"tool       {safe(held.tool)} {safe(held.tool_version)}"
    if not isinstance(held, Hold):
        yield f"draft      {safe(held.twin)} would make it" if held.twin else "draft      a proposal"
    yield from asked_lines(held)
    yield f"needs      {held.approvals_needed} of {', '.join(held.roles)} until {as_time(held.expires_at)}"
    yield from (f"why        {because(reason)}" for reason in held.reasons)
    yield f"intent     {held.body_topic}[{held.body_partition}]@{held.body_offset} digest {held.digest}"
    yield f"policies   {held.policy_digest}"
    for vote in waiting.votes:
        said = f"refused: {safe(vote.refused)}" if vote.refused else vote.state
        yield f"vote       {safe(vote.voter)} {vote.choice}, {said}  {safe(vote.comment)}".rstrip()


def _of_command(item: Item, begun: Begun) -> Iterator[str]:
    event = begun.approved
    topic, partition, offset = item.place
    yield from _asker(item.tenant, item.workflow_id, item.agent_id, item.run_id, event.intent_id)
    yield f"tool       {safe(item.tool)} {safe(event.tool_version)}"
    yield f"reserved   {usd(item.cost_micros)}, until somebody says what it cost"
    yield from (f"why        {safe(why)}" for why in item.why)
    yield f"release    counts from {as_time(begun.expires_ms)} on"
    yield f"intent     {topic}[{partition}]@{offset} digest {begun.digest}"
    yield f"policies   {event.policy_digest}"


def _asker(tenant: str, workflow: str, agent: str, run: str, intent: str) -> Iterator[str]:
    yield f"asked by   {safe(workflow)}/{safe(agent)} of tenant {safe(tenant)}"
    yield f"for        run {safe(run)}, intent {safe(intent)}"
