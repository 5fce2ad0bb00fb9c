"""Control and shadow: from where a record holds, and what must not happen while it does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from toolgate.verification.events import UnreadableError
from toolgate.verification.findings import Findings, Law, Place

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent, Control
    from toolgate.verification.history import History

_STOPS = frozenset({"kill", "mode"})
_ORDERED = frozenset({"all", "tenant", "workflow"})  # scopes that an order can be about
_CANARY = re.compile(r"canary: ?([0-9]{1,2})%")


class Shadow:
    """A call in shadow is recorded with what it would have been; nothing moves and nothing comes of it."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def see(self, event: AuditEvent) -> None:
        """The next event."""
        shadowed = (
            event.topic == "intents" and event.would_have and event.verdict == "RECORDED" and event.tool
        )
        if shadowed and (event.ops or event.command_id):
            moved = ", ".join(op.op for op in event.ops) or event.command_id
            self._findings.at(Law.SHADOW, event, f"is in shadow and makes {moved}")

    def end(self) -> None:
        """Nothing is left to say."""


@dataclass(slots=True)
class _Stretch:
    """Consecutive decisions under one control position."""

    ctl: int
    first: AuditEvent
    last: AuditEvent


class _Approved(NamedTuple):
    """An approval that some record might cover, and the targets of records that would."""

    ctl: int
    place: Place
    targets: tuple[tuple[str, str], ...]
    lies_at: int  # where its run lies among ten thousand


class Stops:
    """Control records hold for exactly the decisions above their published seq; a kill stops what it covers.

    A record counts if the gate has published from where it holds: one that it refused has no such seq.
    """

    def __init__(self, history: History, findings: Findings) -> None:
        self._words = history.words
        self._findings = findings
        self._stretches: list[_Stretch] = []
        self._after: dict[int, AuditEvent] = {}
        self._approved: list[_Approved] = []
        self._history = history
        stops = {at: word for at, word in self._words.items() if word.kind in _STOPS}
        self._begins = min(stops, default=None)
        self._targets = {(word.scope, word.value) for word in stops.values()}
        self._systems = any(word.scope == "system" for word in stops.values())
        self._canaries = any(_CANARY.fullmatch(word.mode) for word in stops.values())

    def see(self, event: AuditEvent) -> None:
        """The next event; commands are still there, for the system that they name."""
        if self._stretches and self._stretches[-1].ctl == event.ctl:
            self._stretches[-1].last = event
        else:
            if self._stretches and self._stretches[-1].ctl > event.ctl:
                what = f"stands at control {event.ctl}, behind {self._stretches[-1].ctl} before it"
                self._findings.at(Law.CONTROL, event, what)
            self._stretches.append(_Stretch(event.ctl, event, event))
        if event.topic == "control" and event.after is not None:
            self._after[event.offset] = event
        if event.verdict == "APPROVE" and self._begins is not None and event.ctl > self._begins:
            targets = tuple([target for target in self._names(event) if target in self._targets])
            if targets:
                place = Place(event.topic, event.partition, event.offset, event.seq)
                self._approved.append(_Approved(event.ctl, place, targets, self._lies_at(event)))

    def end(self) -> None:
        """Everything that was published is known now."""
        for offset, event in self._after.items():
            self._holds(offset, event.after or 0)
        standing: dict[str, dict[tuple[str, str], Control]] = {"kill": {}, "mode": {}}
        words = [(at, self._words[at]) for at in sorted(self._after) if at in self._words]
        for approved in self._approved:  # in the order of seq, so in that of control
            while words and words[0][0] < approved.ctl:
                _take(standing, words.pop(0)[1])
            word = _covers(standing, approved)
            if word is not None:
                what = (
                    f"is approved under {word.kind} {word.control_id} of {word.scope} {word.value}".rstrip()
                )
                self._findings.add(Law.KILL, approved.place, what)

    def _names(self, event: AuditEvent) -> list[tuple[str, str]]:
        """Every target that covers an approval, the widest first."""
        targets = [("all", "")]
        for scope, name in (
            ("tenant", event.tenant),
            ("workflow", event.workflow_id),
            ("run", event.run_id),
            ("agent", event.agent_id),
            ("tool", event.tool),
            ("system", self._system(event.seq) if self._systems else ""),
        ):
            if name:
                targets += [(scope, name), (scope, f"{event.tenant}/{name}")]
        return targets

    def _lies_at(self, event: AuditEvent) -> int:
        if not self._canaries:
            return 0
        names = (event.tenant, event.workflow_id, event.run_id)
        written = b"\0".join(name.encode("utf-8", "surrogatepass") for name in names)
        hashed = blake2b(written, digest_size=8, person=b"toolgate canary").digest()
        return int.from_bytes(hashed, "big") % 10_000

    def _system(self, seq: int) -> str:
        row = self._history.told["commands"].first(seq)
        try:
            return "" if row is None else str(self._history.record_of["commands"](row.payload).system)
        except UnreadableError:  # found when the command is looked at
            return ""

    def _holds(self, offset: int, after: int) -> None:
        for stretch in self._stretches:
            above = stretch.ctl > offset
            wrong = stretch.first if above else stretch.last
            if (wrong.seq > after) != above:
                what = f"stands at control {stretch.ctl}, and control {offset} holds after seq {after}"
                self._findings.at(Law.CONTROL, wrong, what)
                return


def _take(standing: dict[str, dict[tuple[str, str], Control]], word: Control) -> None:
    target = (word.scope, word.value)
    match word.kind:
        case "kill":
            standing["kill"][target] = word
        case "lift":
            standing["kill"].pop(target, None)
        case "mode":
            standing["mode"][target] = word


def _covers(standing: dict[str, dict[tuple[str, str], Control]], approved: _Approved) -> Control | None:
    """The word that forbids an approval: a kill of anything it names, or an order that has its run in shadow."""
    for target in approved.targets:
        kill, order = standing["kill"].get(target), standing["mode"].get(target)
        if kill is not None:
            return kill
        if order is not None and target[0] in _ORDERED and _in_shadow(order.mode, approved.lies_at):
            return order
    return None


def _in_shadow(mode: str, lies_at: int) -> bool:
    """Whether an order has a run in shadow: all of them, or those beyond a canary's share."""
    canary = _CANARY.fullmatch(mode)
    return mode == "shadow" or (canary is not None and lies_at >= int(canary[1]) * 100)
