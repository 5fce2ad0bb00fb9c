"""The queue: what waits for people, and deciding about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.console.cards import Card, digest_of
from toolgate.console.quoting import href
from toolgate.processors.amounts import parse_usd
from toolgate.review.errors import VoteRefusedError
from toolgate.review.items import ItemKind, chosen
from toolgate.review.releasing import MEANINGS, Word
from toolgate.review.waiting import Waiting
from toolgate.schemas.enums import Choice
from toolgate.streams.gate.proposals import OPEN

if TYPE_CHECKING:
    from starlette.responses import Response

    from toolgate.console.site import Visit
    from toolgate.processors.keyring import StarterKey
    from toolgate.review.items import Item

SHOWN_MAX = 100
_DIGITS_MAX = 9
COMMENT_CHARS_MAX = 500
_VOTES = {"approve": Choice.APPROVE, "promote": Choice.APPROVE, "reject": Choice.REJECT}
_ASSIGNS = {"take": Choice.TAKE, "take-over": Choice.TAKE_OVER, "give-back": Choice.GIVE_BACK}
_HAPPENED = {"happened": True, "did-not": False}
ASIDE = "aside"


async def queue(visit: Visit) -> Response:
    """What waits, what should be answered first before the rest."""
    at_ms = visit.site.now_ms()
    kind, workflow, role, taken_by, overdue = map(
        visit.query, ("kind", "workflow", "role", "taken_by", "overdue")
    )
    with visit.site.views.lock:
        items = visit.site.views.queue.items(at_ms)
    found = chosen(
        items,
        at_ms,
        kind=kind or None,
        role=role or None,
        workflow=workflow or None,
        overdue=bool(overdue),
        taken_by=taken_by or None,
    )
    last = max(0, len(found) - 1) // SHOWN_MAX + 1
    number = min(_number(visit.query("page")), last)
    chosen_by = {"kind": kind, "workflow": workflow, "role": role, "taken_by": taken_by, "overdue": overdue}
    first = (number - 1) * SHOWN_MAX
    return visit.page(
        "queue.html",
        "queue",
        cards=[Card(item, visit.session.person, at_ms) for item in found[first : first + SHOWN_MAX]],
        first=first + 1,
        before=href("/queue", **chosen_by, page=str(number - 1)) if number > 1 else "",
        after=href("/queue", **chosen_by, page=str(number + 1)) if number < last else "",
        total=len(found),
        all=len(items),
        late=sum(item.overdue(at_ms) for item in found),
        kinds=[each.value for each in ItemKind],
        workflows=sorted({item.workflow_id for item in items if item.workflow_id}),
        roles=sorted({role for item in items for role in item.roles}),
        takers=sorted({item.assignee.kid for item in items if item.assignee}),
        kind=kind,
        workflow=workflow,
        role=role,
        taken_by=taken_by,
        overdue=overdue,
        back=href("/queue", **chosen_by, page=str(number) if number > 1 else ""),
    )


def _number(text: str) -> int:
    """The page that an address asks for; the first where it asks for none."""
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < _DIGITS_MAX else 1


async def item(visit: Visit) -> Response:
    """One of them, also a hold or a draft that is over."""
    at_ms = visit.site.now_ms()
    with visit.site.views.lock:
        found = visit.site.views.queue.find(visit.query("id"), at_ms)
    if found is None:
        return visit.missing("nothing ever waited under this id, or it is no longer kept")
    card = Card(found, visit.session.person, at_ms)
    if card.taken and card.taken.before:
        card.why_taken = await visit.ask(visit.site.desk.why_taken, card.taken)
    return visit.page("item.html", "queue", card=card, back=card.href)


async def decide(visit: Visit, fields: dict[str, str]) -> str:
    """Decide about exactly what the page has shown, signed with the session's key.

    Raises:
        VoteRefusedError: it changes nothing.
    """
    wanted, choice, key = fields.get("id", ""), fields.get("choice", ""), visit.session.person.key
    with visit.site.views.lock:
        found = visit.site.views.queue.find(wanted, visit.site.now_ms())
    if found is None:
        raise VoteRefusedError("nothing waits under this id", wanted)
    if key is None:
        raise VoteRefusedError("you have no key to sign with", wanted)
    if fields.get("digest") != digest_of(found):
        raise VoteRefusedError("what waits is not what the page has shown", wanted)
    if found.state != OPEN:
        raise VoteRefusedError(f"it is over: {found.state}", wanted)
    comment = fields.get("comment", "").strip()[:COMMENT_CHARS_MAX]
    if choice in _ASSIGNS:
        await visit.ask(visit.site.desk.assign, key, found, _ASSIGNS[choice], comment)
        said = "given back" if choice == "give-back" else "taken; the page shows who sees to it"
        visit.session.tell("done", f"{found.kind} {found.id}: {said}.")
    elif isinstance(found.subject, Waiting) and choice in _VOTES:
        await _vote(visit, key, found.subject, _VOTES[choice], comment)
    elif not isinstance(found.subject, Waiting) and choice in {*_HAPPENED, ASIDE}:
        await _release(visit, key, found, _word(wanted, choice, fields.get("cost", "")), comment)
    else:
        raise VoteRefusedError("this is no answer to it", wanted)
    return fields.get("back", "")


async def _vote(visit: Visit, key: StarterKey, waiting: Waiting, choice: Choice, comment: str) -> None:
    told = (await visit.ask(visit.site.desk.vote, key, waiting, choice, comment)).told
    if told.state == OPEN:
        came = f"{len(told.approvals)} of {told.approvals_needed} approvals; it waits for more"
    else:
        why = "; ".join(reason.because or reason.code for reason in told.reasons if told.state == "denied")
        came = told.state + (f": {why}" if why else "")
    visit.session.tell(
        "refused" if told.state == "denied" else "done", f"{waiting.kind} {waiting.id}: {came}."
    )


async def _release(visit: Visit, key: StarterKey, found: Item, word: Word | None, comment: str) -> None:
    event = await visit.ask(visit.site.desk.release, key, found, word, comment)
    visit.session.tell("done", f"{found.kind} {found.id}: {MEANINGS.get(event.note, event.note)}.")


def _word(wanted: str, choice: str, cost: str) -> Word | None:
    if choice == ASIDE:
        return None
    happened, cost = _HAPPENED[choice], cost.strip()
    if not cost or not happened:
        return Word(happened)
    try:
        return Word(happened, parse_usd(cost))
    except ValueError as error:
        raise VoteRefusedError(f"what it cost: {error}", wanted) from None
