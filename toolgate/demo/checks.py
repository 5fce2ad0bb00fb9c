"""Checks: what must be true of the evidence, whatever the policy says. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.schemas.enums import Verdict
from toolgate.streams.ledger.accounts import Money
from toolgate.streams.ledger.fold import Fold, OrderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from toolgate.demo.evidence import Evidence
    from toolgate.demo.script import Step
    from toolgate.schemas.records import AuditEvent

SHOWN_MAX = 10
LEDGER = "Redis = fold(audit)"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; `differences` is empty when it does."""

    name: str
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return not self.differences


def run_checks(evidence: Evidence) -> tuple[Check, ...]:
    """All checks, each with what it found."""
    return (
        Check("audit = inputs: one event for each record", tuple(_totality(evidence))),
        Check("one first decision for each intent", tuple(_firsts(evidence.decisions()))),
        Check("commands = approvals, with equal digests", tuple(_commands(evidence))),
        Check(LEDGER, tuple(_ledger(evidence.audit, evidence.ledger))),
    )


def check_told(evidence: Evidence, steps: Iterable[Step]) -> Check:
    """Whether every agent heard what the log says of its intent."""
    return Check("agents were told what was decided", tuple(_told(evidence, steps)))


def check_limits(evidence: Evidence) -> Check:
    """Whether every account had room for every decision, in the order they were made."""
    return Check("no budget was exceeded at any decision", tuple(_limits(evidence.audit)))


def _place(event: AuditEvent) -> str:
    return f"{event.topic}[{event.partition}] at {event.offset} (seq {event.seq})"


def _totality(evidence: Evidence) -> Iterator[str]:
    audited = Counter((event.topic, event.partition, event.offset) for event in evidence.audit)
    written = {(*tp, offset) for tp, offsets in evidence.inputs.items() for offset in offsets}
    for topic, partition, offset in sorted(written - audited.keys()):
        yield f"{topic}[{partition}] at {offset} has no audit event"
    for (topic, partition, offset), count in sorted(audited.items()):
        if count > 1:
            yield f"{topic}[{partition}] at {offset} has {count} audit events"
        elif topic in {tp[0] for tp in evidence.inputs} and (topic, partition, offset) not in written:
            yield f"{topic}[{partition}] at {offset} is audited, and there is no such record"


def _firsts(events: list[AuditEvent]) -> Iterator[str]:
    firsts: dict[str, AuditEvent] = {}
    for event in events:
        if event.first:
            if event.intent_id in firsts:
                other = _place(firsts[event.intent_id])
                yield f"{_place(event)} decides {event.intent_id} first, and so does {other}"
            firsts[event.intent_id] = event
    for event in events:
        if event.first:
            continue
        first = firsts.get(event.intent_id)
        if first is None or first.seq != event.first_seq:
            yield f"{_place(event)} of {event.intent_id} is no first decision and repeats none"
        elif event.verdict == Verdict.APPROVE:
            yield f"{_place(event)} approves {event.intent_id} again"


def _commands(evidence: Evidence) -> Iterator[str]:
    approved = Counter(
        (event.command_id, event.digest, event.seq)
        for event in evidence.decisions()
        if event.verdict == Verdict.APPROVE
    )
    made = Counter((command.command_id, command.digest, command.seq) for command in evidence.commands)
    for (command_id, digest, seq), count in sorted((approved - made).items()):
        yield f"approval {command_id} of {digest} (seq {seq}) lacks {count} command(s)"
    for (command_id, digest, seq), count in sorted((made - approved).items()):
        yield f"command {command_id} of {digest} (seq {seq}) is {count} more than was approved"


def _ledger(audit: tuple[AuditEvent, ...], ledger: Mapping[str, Any]) -> Iterator[str]:
    fold = Fold()
    try:
        for event in audit:
            fold.add(event)
    except OrderError as error:
        yield f"the audit cannot be folded: {error}"
        return
    state = fold.state()
    for part in sorted(state.keys() | ledger.keys()):
        ours, theirs = state.get(part), ledger.get(part)
        if ours == theirs:
            continue
        if not isinstance(ours, dict) or not isinstance(theirs, dict):
            yield f"{part}: the audit says {ours}, Redis has {theirs}"
            continue
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                yield f"{part} {name}: the audit says {ours.get(name)}, Redis has {theirs.get(name)}"


def _told(evidence: Evidence, steps: Iterable[Step]) -> Iterator[str]:
    decided = {event.intent_id: event for event in evidence.decisions() if event.first}
    for step in steps:
        event, outcome = decided.get(step.intent_id), step.told.outcome
        if event is None:
            yield f"{step.intent_id} was told {outcome.verdict}, and was never decided"
            continue
        said = (outcome.verdict, outcome.seq, *outcome.codes)
        stands = (event.verdict, event.seq, *dict.fromkeys(reason.code for reason in event.reasons))
        if said != stands:
            yield f"{step.intent_id} was told {said}, and the audit says {stands}"


def _limits(audit: tuple[AuditEvent, ...]) -> Iterator[str]:
    fold = Fold(ids=False)
    try:
        for event in audit:
            fold.add(event)
            for op in event.ops:
                if op.op == "reserve":
                    yield from _over(fold, event, op.args[4])
    except OrderError as error:
        yield f"the audit cannot be folded: {error}"


def _over(fold: Fold, event: AuditEvent, parts: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    for name, unit, _amount, cap, *_ in parts:
        account = fold.accounts.table[f"c:{name}"]
        if isinstance(account, Money) and account.used + account.freed > cap:
            yield f"{_place(event)} takes {name} to {account.used + account.freed:,} {unit} of {cap:,}"
