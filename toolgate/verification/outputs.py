"""What the gate writes beside the audit: each record belongs to one decision, and each decision has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.verification.findings import Findings, Law

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.records import AuditEvent
    from toolgate.verification.history import Cut, History

_CALLS = ("intents",)


def _commands(event: AuditEvent) -> bool:
    return event.verdict == "APPROVE" and not event.dry_run


def _denials(event: AuditEvent) -> bool:
    return event.verdict == "DENY"


def _holds(event: AuditEvent) -> bool:
    return event.verdict == "HOLD" and not event.dry_run


def _drafts(event: AuditEvent) -> bool:
    return event.verdict == "DRAFT" and not event.dry_run


def _outcomes(event: AuditEvent) -> bool:
    """A proven writer is told of a verdict; a starter also of a contract that is sent again."""
    if event.topic == "contracts":
        return event.note == "accepted" or event.verdict == "DUPLICATE"
    return bool(event.kid) and event.verdict not in {"DUPLICATE", "QUARANTINE"}


def _refused_contract(event: AuditEvent) -> bool:
    """Its writer is told unless nothing is proven of them: the audit's fields alone do not say which."""
    return event.topic == "contracts" and event.note == "refused"


_DENIAL = ("digest", "params_digest", "policy_digest", "intent_id", "partition", "offset")
# topic, law, the inputs' topics, when a record must be there, the fields that must be the event's
_RULES: tuple[tuple[str, Law, tuple[str, ...], Callable[[AuditEvent], bool], tuple[str, ...]], ...] = (
    (
        "commands",
        Law.COMMAND,
        _CALLS,
        _commands,
        (
            "digest",
            "command_id",
            "intent_id",
            "ctl",
            "tenant",
            "workflow_id",
            "run_id",
            "agent_id",
            "tool",
            "tool_version",
            "params_digest",
            "policy_digest",
        ),
    ),
    (
        "denials",
        Law.DENIAL,
        _CALLS,
        _denials,
        _DENIAL,
    ),
    ("holds", Law.PROPOSAL, _CALLS, _holds, ("digest", "intent_id")),
    ("drafts", Law.PROPOSAL, _CALLS, _drafts, ("digest", "intent_id")),
    ("outcomes", Law.OUTCOME, ("intents", "contracts"), _outcomes, ("digest", "command_id")),
)


class Outputs:
    """Commands, denials, holds, drafts and outcomes, matched to decisions by seq."""

    def __init__(self, history: History, cut: Cut, findings: Findings) -> None:
        self._history = history
        self._cut = cut
        self._findings = findings
        self._rules = [(*rule, history.told[rule[0]]) for rule in _RULES]

    def see(self, event: AuditEvent) -> None:
        """The next event takes what belongs to it."""
        for topic, law, inputs, must, fields, told in self._rules:
            found = told.pop(event.seq, None)
            wanted = event.topic in inputs and must(event)
            if found is None:
                if wanted and self._history.kept(topic, event.partition, event.seq, event.append_time):
                    self._findings.at(law, event, f"is {event.verdict} and has no record on {topic}")
                continue
            one = found[0]
            if not wanted and not (topic == "outcomes" and _refused_contract(event)):
                self._findings.add(law, one.place, f"belongs to {_named(event)}, which is {event.verdict}")
            for again in found[1:]:
                self._findings.add(law, again.place, f"repeats {one.place}")
            self._compare(law, event, one, fields)
            if topic == "outcomes" and event.topic == "intents" and one.fields["verdict"] != event.verdict:
                what = f"says {one.fields['verdict']}, and {_named(event)} is {event.verdict}"
                self._findings.add(law, one.place, what)

    def end(self) -> None:
        """What is left belongs to nothing, unless its event may still be on its way."""
        for topic, law, _, _, _, told in self._rules:
            for seq, found in told.items():
                if self._cut.rest or seq <= self._cut.upto:
                    for one in found:
                        self._findings.add(law, one.place, f"is on {topic} and was never decided")

    def _compare(self, law: Law, event: AuditEvent, one: Any, fields: tuple[str, ...]) -> None:
        for name in fields:
            said, decided = one.fields[name], getattr(event, name)
            if said != decided:
                what = f"has {name} {said!r}, and {_named(event)} has {decided!r}"
                self._findings.add(law, one.place, what)
                return


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
