"""Races of votes: what came between the opening of a hold and the decision about a vote on it, by the log alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Vote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from universe import Universe

    from toolgate.schemas.records import AuditEvent, Control

OPENS = frozenset({"HOLD", "DRAFT"})
ENDS = frozenset({"approved", "promoted", "denied", "rejected", "withdrawn", "expired"})
JUDGED, OPEN, RACED = "judged", "met what was open", "raced"
CODEC = Codec(Vote)


def races(universe: Universe) -> Counter[str]:
    """`counted` over a universe's history."""
    votes = {
        (e.partition, e.offset): CODEC.decode(e.value).hold_id
        for tp in universe.broker.log
        if tp[0] == "votes"
        for e in universe.broker.visible(tp, 0)
    }
    return counted(universe.audit(), votes, universe.operators.words())


def counted(
    audit: Iterable[AuditEvent], votes: Mapping[tuple[int, int], str], words: Mapping[int, Control]
) -> Counter[str]:
    """How many votes were judged, how many of them found their hold open, and how many raced with what.

    A vote on a hold that had ended before it was written has raced with nothing. The broker's clock tells that: one of
    the same millisecond as the end is not counted, so these are the least that there were.

    Args:
        audit: all committed audit events.
        votes: what each vote is about, by its partition and offset.
        words: control records by offset.
    """
    events = sorted(audit, key=lambda event: event.seq)
    opened = {f"{e.partition}-{e.offset}": e for e in events if e.topic == "intents" and e.verdict in OPENS}
    ended = {e.command_id: e for e in events if e.note in ENDS}
    held = {e.offset for e in events if e.topic == "control" and e.after is not None}
    came = Counter[str]()
    for event in events:
        if event.topic != "votes":
            continue
        came[JUDGED] += 1
        hold_id = votes[event.partition, event.offset]
        since, end = opened.get(hold_id), ended.get(hold_id)
        if since is None or since.seq > event.seq:
            continue
        over = end is not None and end.seq < event.seq
        came[OPEN] += not over
        if end is not None and over and event.append_time >= end.clk:
            continue
        met = {_of(words[at], since.run_id) for at in held if since.ctl <= at < event.ctl} - {""}
        met |= {"a recovery"} if event.gen != since.gen else set()
        if end is not None and (over or end is event) and end.note == "expired":
            met.add("an expiry")
        elif over:
            met.add("another end")
        came.update(met)
        came[RACED] += bool(met)
    return came


def _of(word: Control, run_id: str) -> str:
    """What a control record is to a vote on a hold of a run; "" nothing."""
    if word.kind == "activate":
        return "an activation"
    return f"a {word.kind}" if word.kind in {"kill", "lift"} and word.value == run_id else ""
