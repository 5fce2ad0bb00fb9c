"""Cards: what waits, as a page shows it to somebody: what is asked, how it stands, and what they may do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.console.quoting import href
from toolgate.processors.identity import RELEASERS
from toolgate.review.asked import earlier_of, lines_of, undo_of
from toolgate.review.items import ItemKind
from toolgate.review.unresolved import Begun
from toolgate.review.waiting import Waiting
from toolgate.streams.gate.proposals import OPEN

if TYPE_CHECKING:
    from toolgate.console.people import Person
    from toolgate.review.items import Item

_HEADINGS = {
    ItemKind.OUTCOME: "Nobody knows whether this happened",
    ItemKind.RECORD: "A record that could not be read",
}


class Card:
    """An item of the queue. `waiting` is the hold or draft, `begun` the command; of others they are None."""

    def __init__(self, item: Item, person: Person, now_ms: int) -> None:
        self.item = item
        self.id = item.id
        self.kind = item.kind.value
        self.heading = item.tool or _HEADINGS[item.kind]
        self.says = _HEADINGS[item.kind] if item.kind == ItemKind.OUTCOME else ""
        self.waiting = item.subject if isinstance(item.subject, Waiting) else None
        self.begun = item.subject if isinstance(item.subject, Begun) else None
        self.place = f"{item.place[0]}[{item.place[1]}]@{item.place[2]}"
        self.age_ms = item.age_ms(now_ms)
        self.answer_ms = item.answer_by_ms - now_ms
        self.left_ms = item.expires_ms - now_ms if item.expires_ms else None
        self.overdue = item.overdue(now_ms)
        self.lines = lines_of(self.waiting.opened) if self.waiting else []
        self.undo = undo_of(self.waiting.opened) if self.waiting else None
        self.earlier = earlier_of(self.waiting.opened) if self.waiting else []
        self.records = self.waiting.opened.records if self.waiting else ()
        self.reasons = self.waiting.opened.reasons if self.waiting else ()
        self.approvals = self.waiting.latest.approvals if self.waiting else ()
        self.needed = self.waiting.opened.approvals_needed if self.waiting else 0
        self.approve = "promote" if item.kind == ItemKind.DRAFT else "approve"
        self.digest = digest_of(item)
        self.href = href("/queue/item", id=item.id)
        # What the gate will say anyway, said before the click; the gate's word is the one that counts.
        self.why_not = why_not(item, person)
        self.taken = item.assignee
        self.taken_ms = now_ms - item.assignee.since_ms if item.assignee else 0
        self.taking = taking(item, person)
        self.why_taken = ""  # of one taken over, where somebody has looked


def digest_of(item: Item) -> str:
    """What a form names of an item, so that what is decided about is what was shown."""
    match item.subject:
        case Waiting():
            return item.subject.opened.digest
        case Begun():
            return item.subject.digest
    return item.id


def taking(item: Item, person: Person) -> str:
    """What this person may say of who sees to an item: take, give-back or take-over; "" nothing."""
    if item.state != OPEN or person.key is None or not person.roles & set(RELEASERS):
        return ""
    if item.assignee is None:
        return "take"
    return "give-back" if item.assignee.kid == person.kid else "take-over"


def why_not(item: Item, person: Person) -> str:
    """Why this person need not decide about an item, or ""."""
    if item.state != OPEN:
        return f"It is over: {item.state}."
    if person.key is None:
        return "You read only: your user has no key."
    if isinstance(item.subject, Waiting):
        return _why_no_vote(item, item.subject, person)
    return "" if person.roles & set(RELEASERS) else "It takes the key of an operator or an approver."


def _why_no_vote(item: Item, waiting: Waiting, person: Person) -> str:
    if not person.approves:
        return "It takes the key of an approver."
    if not person.approves_as & set(item.roles):
        needed, has = " or ".join(item.roles), ", ".join(sorted(person.approves_as))
        return f"It needs {needed}, and your key stands for {has}."
    return "You have approved it; somebody else must, too." if person.kid in waiting.latest.approvals else ""
