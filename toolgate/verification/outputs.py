"""What the gate writes beside the audit: each record belongs to one decision, and each decision has its own."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from toolgate.verification.findings import Findings, Law
from toolgate.verification.holds import ENDS, WORDS, Holds
from toolgate.verification.params import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolgate.schemas.records import AuditEvent
    from toolgate.verification.columns import Row
    from toolgate.verification.history import Cut, History

_CALLS = ("intents", "votes")


def _commands(event: AuditEvent) -> bool:
    return event.verdict == "APPROVE" and not event.dry_run


def _denials(event: AuditEvent) -> bool:
    return event.verdict == "DENY"


def _outcomes(event: AuditEvent) -> bool:
    """A proven writer is told of a verdict; a starter also of a contract that is sent again."""
    if event.topic == "contracts":
        return event.note == "accepted" or event.verdict == "DUPLICATE"
    if event.topic in WORDS:
        return event.note in ENDS
    return bool(event.kid) and event.verdict not in {"DUPLICATE", "QUARANTINE"}


def _refused_contract(event: AuditEvent) -> bool:
    """Its writer is told unless nothing is proven of them: the audit's fields alone do not say which."""
    return event.topic == "contracts" and event.note == "refused"


class _Rule(NamedTuple):
    """What must lie on a topic, and which of its fields must be those of the event."""

    topic: str
    law: Law
    inputs: tuple[str, ...]  # topics
    wanted: Callable[[AuditEvent], bool]
    fields: tuple[str, ...]
    of_votes: tuple[str, ...] = ()  # ... and of the event of a last vote, whose digest is the vote's own


_PLACE = ("tenant", "workflow_id", "run_id", "agent_id", "tool", "tool_version", "policy_digest")
_RULES = (
    _Rule(
        "commands",
        Law.COMMAND,
        _CALLS,
        _commands,
        ("digest", "command_id", "intent_id", "ctl", "grant", *_PLACE),
        ("command_id", "ctl", "grant", *_PLACE),
    ),
    _Rule(
        "denials",
        Law.DENIAL,
        _CALLS,
        _denials,
        ("digest", "params_digest", "policy_digest", "intent_id", "partition", "offset"),
        ("params_digest", "policy_digest"),
    ),
    _Rule("outcomes", Law.OUTCOME, ("intents", "contracts", *WORDS), _outcomes, ("digest", "command_id")),
)


def outputs(history: History, cut: Cut, findings: Findings) -> tuple[Output, ...]:
    """A judge for each topic beside the audit."""
    proposals = [Proposals(topic, history, cut, findings) for topic in ("holds", "drafts")]
    return (*proposals, *(Output(rule, history, cut, findings) for rule in _RULES))


class Output:
    """Commands, denials or outcomes, matched to decisions by seq."""

    def __init__(self, rule: _Rule, history: History, cut: Cut, findings: Findings) -> None:
        self._rule = rule
        self._same = attrgetter(*rule.fields)
        self._same_of_votes = attrgetter(*rule.of_votes) if rule.of_votes else None
        self._history = history
        self._told = history.told[rule.topic]
        self._cut = cut
        self._findings = findings

    def see(self, event: AuditEvent) -> None:
        """The next event takes what belongs to it."""
        rule, told = self._rule, self._told
        wanted = event.topic in rule.inputs and rule.wanted(event)
        if wanted or told.next <= event.seq:
            self._match(event, told.of(event.seq), wanted=wanted)

    def end(self) -> None:
        """What is left belongs to nothing, unless its event may still be on its way."""
        topic, law = self._rule.topic, self._rule.law
        for row in self._told.left():
            readable = self._history.read(topic, row) is not None
            if readable and (self._cut.rest or row.seq <= self._cut.upto):
                self._findings.add(law, row.place(topic), f"is on {topic} and was never decided")

    def _match(self, event: AuditEvent, rows: list[Row], *, wanted: bool) -> Any:
        """The record that belongs to an event; None where there is none."""
        topic, law = self._rule.topic, self._rule.law
        add, record = self._findings.add, None
        while rows and record is None:
            row, *rows = rows
            record = self._history.read(topic, row)
        if record is None:
            if wanted and self._history.kept(topic, event.partition, event.seq, event.append_time):
                self._findings.at(law, event, f"is {event.verdict} and has no record on {topic}")
            return None
        if not wanted and not self._may(event):
            add(law, row.place(topic), f"belongs to {_named(event)}, which is {event.verdict}")
        for again in rows:
            if self._history.read(topic, again) is not None:
                add(law, again.place(topic), f"repeats {row.place(topic)}")
        if fault := self._fault(event, record):
            add(law, row.place(topic), fault)
        return record

    def _may(self, event: AuditEvent) -> bool:
        """Whether a record may be there that need not be."""
        return self._rule.topic == "outcomes" and _refused_contract(event)

    def _fault(self, event: AuditEvent, record: Any) -> str:
        """What is wrong with the record of an event, or ""."""
        topic, word = self._rule.topic, event.topic in WORDS
        same, fields = (self._same_of_votes, self._rule.of_votes) if word else (self._same, self._rule.fields)
        if same is not None and (said := same(record)) != (decided := same(event)):
            return _difference(event, fields, said, decided)
        if topic == "commands":
            return _of_call(event, record)
        if topic == "outcomes" and word:
            approves = (record.verdict == "APPROVE") == (event.verdict == "APPROVE")
            right = approves and record.hold_id == event.command_id
            return (
                ""
                if right
                else f"says {record.verdict} of {record.hold_id}, and {_named(event)} is {event.note}"
            )
        if topic == "outcomes" and event.topic == "intents" and record.verdict != event.verdict:
            return f"says {record.verdict}, and {_named(event)} is {event.verdict}"
        return ""


class Proposals(Output):
    """Holds or drafts: one for each decision that leaves something for people, and one for each word that counts."""

    def __init__(self, topic: str, history: History, cut: Cut, findings: Findings) -> None:
        super().__init__(
            _Rule(topic, Law.PROPOSAL, (), _commands, ("digest", "intent_id")), history, cut, findings
        )
        self._holds = Holds(topic, findings)

    def see(self, event: AuditEvent) -> None:
        """The next event takes what belongs to it."""
        about = self._holds.knows(event) if event.topic in WORDS else self._holds.opens(event)
        wanted = about and (event.topic not in WORDS or self._holds.wants(event))
        if wanted or self._told.next <= event.seq:
            record = self._match(event, self._told.of(event.seq), wanted=wanted)
            if about:
                self._holds.see(event, record)

    def _may(self, event: AuditEvent) -> bool:
        """A vote that its voter is told to change nothing."""
        return event.topic == "votes" and event.note == "refused" and self._holds.knows(event)


def _of_call(event: AuditEvent, record: Any) -> str:
    """What is wrong with what a command would do, or ""."""
    if (digest := digest_of(record.params)) != event.params_digest:
        return _difference(event, ("params_digest",), [digest], [event.params_digest])
    reserved = [op.args[2] for op in event.ops if op.op == "reserve"]
    if event.topic in WORDS and reserved[:1] != [record.digest]:
        return f"has digest {record.digest!r}, and {_named(event)} reserves for {reserved}"
    return ""


def _difference(event: AuditEvent, fields: Sequence[str], said: Sequence[Any], decided: Sequence[Any]) -> str:
    at = next(i for i in range(len(said)) if said[i] != decided[i])
    return f"has {fields[at]} {said[at]!r}, and {_named(event)} has {decided[at]!r}"


class Quarantined:
    """A record on quarantine for each input that could not be read, and no other."""

    def __init__(self, history: History, cut: Cut, findings: Findings) -> None:
        self._history = history
        self._cut = cut
        self._findings = findings
        self._left = dict(history.quarantined)

    def see(self, event: AuditEvent) -> None:
        """The next event takes what belongs to it."""
        if event.verdict != "QUARANTINE":
            return
        found = self._left.pop(f"{event.topic}-{event.partition}-{event.offset}", None)
        if found is None:
            if self._history.kept("quarantine", event.partition, event.seq, event.append_time):
                self._findings.at(Law.QUARANTINE, event, "could not be read, and was not put aside")
            return
        for again in found[1:]:
            self._findings.add(Law.QUARANTINE, again, f"repeats {found[0]}")

    def end(self) -> None:
        """What is left was never quarantined; at rest all of it."""
        if self._cut.rest:
            for source, places in self._left.items():
                for place in places:
                    self._findings.add(Law.QUARANTINE, place, f"keeps {source}, which could be read")


def _named(event: AuditEvent) -> str:
    return f"{event.topic}[{event.partition}]@{event.offset} (seq {event.seq})"
