"""The queue: what waits for people, and deciding about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.console.asked import lines
from toolgate.console.quoting import href
from toolgate.console.views import now_ms
from toolgate.review.errors import VoteRefusedError
from toolgate.schemas.enums import Choice
from toolgate.schemas.records import Hold
from toolgate.streams.gate.proposals import OPEN

if TYPE_CHECKING:
    from starlette.responses import Response

    from toolgate.console.people import Person
    from toolgate.console.site import Visit
    from toolgate.review.waiting import Waiting

SHOWN_MAX = 100
COMMENT_CHARS_MAX = 500
_CHOICES = {"approve": Choice.APPROVE, "promote": Choice.APPROVE, "reject": Choice.REJECT}


class Item:
    """What waits, as a page shows it to somebody."""

    def __init__(self, waiting: Waiting, person: Person, at_ms: int) -> None:
        self.waiting = waiting
        self.id = waiting.id
        self.kind = waiting.kind
        self.opened = waiting.opened
        self.state = waiting.state(at_ms)
        self.age_ms = at_ms - waiting.opened_ms
        self.left_ms = waiting.opened.expires_at - at_ms
        self.approvals = waiting.latest.approvals
        self.needed = waiting.opened.approvals_needed
        self.votes = waiting.votes
        self.lines = lines(waiting)
        self.cost_micros = waiting.opened.cost_micros if isinstance(waiting.opened, Hold) else None
        self.records = waiting.opened.records if isinstance(waiting.opened, Hold) else ()
        self.approve = "approve" if waiting.kind == "hold" else "promote"
        self.mine = person.kid in self.approvals
        # What the gate will say anyway, said before the click; the gate's word is the one that counts.
        self.mayn_t = _mayn_t(self, person)
        self.href = href("/queue/item", id=waiting.id)


def _mayn_t(item: Item, person: Person) -> str:
    """Why this person need not vote on it, or ""."""
    if item.state != OPEN:
        return f"It is over: {item.state}."
    if not person.approves:
        return "You read only: your user has no key of an approver."
    if not person.approves_as & set(item.opened.roles):
        needed, has = " or ".join(item.opened.roles), ", ".join(sorted(person.approves_as))
        return f"It needs {needed}, and your key stands for {has}."
    return "You have approved it; somebody else must, too." if item.mine else ""


async def queue(visit: Visit) -> Response:
    """What waits, what expires first before the rest."""
    at_ms, workflow, role = now_ms(), visit.query("workflow"), visit.query("role")
    with visit.site.views.lock:
        waiting = visit.site.views.board.waiting(at_ms)
    found = [
        one for one in waiting if workflow in {"", one.opened.workflow_id} and role in {"", *one.opened.roles}
    ]
    person = visit.session.person
    return visit.page(
        "queue.html",
        "queue",
        items=[Item(one, person, at_ms) for one in found[:SHOWN_MAX]],
        total=len(found),
        all=len(waiting),
        workflows=sorted({one.opened.workflow_id for one in waiting}),
        roles=sorted({role for one in waiting for role in one.opened.roles}),
        workflow=workflow,
        role=role,
        back=href("/queue", workflow=workflow, role=role),
    )


async def item(visit: Visit) -> Response:
    """One of them, also one that is over."""
    with visit.site.views.lock:
        found = visit.site.views.board.by_id.get(visit.query("id"))
    if found is None:
        return visit.missing("nothing ever waited under this id, or it is no longer kept")
    shown = Item(found, visit.session.person, now_ms())
    return visit.page("item.html", "queue", item=shown, back=shown.href)


async def decide(visit: Visit, fields: dict[str, str]) -> str:
    """Vote, signed with the session's key, on exactly what the page has shown.

    Raises:
        VoteRefusedError: it changes nothing.
    """
    wanted, choice, key = (
        fields.get("id", ""),
        _CHOICES.get(fields.get("choice", "")),
        visit.session.person.key,
    )
    with visit.site.views.lock:
        waiting = visit.site.views.board.by_id.get(wanted)
    if waiting is None or choice is None:
        raise VoteRefusedError("nothing waits under this id", wanted)
    if key is None:
        raise VoteRefusedError("you have no key to sign with", wanted)
    if fields.get("digest") != waiting.opened.digest:
        raise VoteRefusedError("what waits is not what the page has shown", wanted)
    if (state := waiting.state(now_ms())) != OPEN:
        raise VoteRefusedError(f"it is over: {state}", wanted)
    comment = fields.get("comment", "").strip()[:COMMENT_CHARS_MAX]
    cast = await visit.ask(visit.site.desk.vote, key, waiting, choice, comment)
    told = cast.told
    if told.state == OPEN:
        came = f"{len(told.approvals)} of {told.approvals_needed} approvals; it waits for more"
    else:
        why = "; ".join(reason.because or reason.code for reason in told.reasons if told.state == "denied")
        came = told.state + (f": {why}" if why else "")
    visit.session.tell("refused" if told.state == "denied" else "done", f"{waiting.kind} {wanted}: {came}.")
    return fields.get("back", "")
