"""Publish: from decisions to the records of one transaction. Pure, and the same bytes for the same decision.

A command and the audit event that approves it come from here together, with the same digest: one cannot be
without the other. What could not be read goes to quarantine byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.case import place_of
from toolgate.processors.limits import HOLD_MS
from toolgate.processors.repairs import repair
from toolgate.processors.verdicts import retryable
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import frozen
from toolgate.schemas.headers import event_headers, trace_of
from toolgate.schemas.records import (
    Alert,
    AuditEvent,
    Command,
    Control,
    Denial,
    Draft,
    Hold,
    Intent,
    Outcome,
    Pulse,
    RunContract,
)
from toolgate.streams.gate import alerting, audited, voted
from toolgate.streams.gate.contracted import outcome_of
from toolgate.streams.gate.proposals import draft_of, hold_of
from toolgate.streams.gate.pulses import pulse_of
from toolgate.streams.gate.rollups import roll_up
from toolgate.streams.gate.told import DisagreementError, told_of
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.processors.case import Case, Envelope
    from toolgate.schemas.records import Reason
    from toolgate.schemas.registry import Registry
    from toolgate.streams.gate.items import Item
    from toolgate.streams.gate.rollups import Balances, Owner, Rollup, Rollups
    from toolgate.streams.gate.told import Told
    from toolgate.streams.ports import Decision, Reply

SOURCE = "/toolgate/gate"


@frozen
class Source:
    """What all records of one decision carry: the input's place and key, the decision's id, the input's trace."""

    envelope: Envelope
    event_id: str
    trace: bytes | None


class Publisher:
    """Makes the output records of decisions."""

    def __init__(self, code_version: str, registry: Registry | None = None) -> None:
        self._code_version = code_version
        self._audit = Codec(AuditEvent, registry)
        self._command = Codec(Command, registry)
        self._denial = Codec(Denial, registry)
        self._outcome = Codec(Outcome, registry)
        self._hold = Codec(Hold, registry)
        self._draft = Codec(Draft, registry)
        self._pulse = Codec(Pulse, registry)
        self._alert = Codec(Alert, registry)

    def outputs(
        self,
        items: list[tuple[Item, Decision]],
        reply: Reply,
        after: Mapping[int, int],
        rollups: Rollups,
    ) -> list[Output]:
        """The records of some decisions, in the order of `seq`.

        Args:
            items: each item with its decision.
            reply: the ledger's reply: its gen and stable go into every audit event.
            after: control offset -> the seq after which it holds.
            rollups: what the batch has done so far; these decisions are added.

        Raises:
            DisagreementError: a decision stored by an earlier worker is not what this one's chain says.
        """
        made: list[Output] = []
        for item, decision in sorted(items, key=lambda pair: pair[1].seq):
            told = told_of(item, decision)
            source = _source(item, decision)
            balances = audited.balances_of(item.case, decision) if item.case else ()
            made += self._records(item, decision, told.reasons, source)
            made.append(self._audit_output(item, decision, told, balances, reply, after, source))
            roll_up(rollups, item, decision, told, balances)
        return made

    def audit(self, item: Item, decision: Decision, reply: Reply, after: Mapping[int, int]) -> Output:
        """The audit event alone, as `outputs` makes it of one decision.

        Raises:
            DisagreementError: as `outputs`.
        """
        told, source = told_of(item, decision), _source(item, decision)
        balances = audited.balances_of(item.case, decision) if item.case else ()
        return self._audit_output(item, decision, told, balances, reply, after, source)

    def pulses(self, rollups: Rollups) -> list[Output]:
        """One rollup of a whole batch for each of its workflows and policy versions."""
        rollups.close()
        return [self._pulse_output(owner, rollup) for owner, rollup in rollups.items()]

    def _records(
        self, item: Item, decision: Decision, reasons: tuple[Reason, ...], source: Source
    ) -> Iterator[Output]:
        """Everything but the audit event."""
        envelope, case = source.envelope, item.case
        if decision.verdict == Verdict.QUARANTINE:
            code, detail = item.reading.problem or ("", "")
            why = (("tg-reason", code.encode()), ("tg-detail", detail.encode("utf-8", "replace")))
            whence = (("tg-source", f"{envelope.topic}-{envelope.partition}-{envelope.offset}".encode()),)
            yield Output("quarantine", envelope.partition, envelope.key, envelope.value, why + whence)
        yield from self._of_words(item, decision, reasons, source)
        if alert := alerting.of_word(item, decision):
            yield self._alert_output(alert, source)
        if case is None or decision.verdict == Verdict.DUPLICATE or (item.hold and decision.conflict):
            return
        intent = case.intent
        command_id = audited.command_id(case, decision)
        if command_id:
            yield self._command_output(case, decision, command_id, source)
            if alert := alerting.of_call(case, decision, command_id):
                yield self._alert_output(alert, source)
        if decision.verdict == Verdict.DENY:
            yield self._denial_output(case, decision, reasons, source)
        held = decision.verdict == Verdict.HOLD and not intent.dry_run
        if held:
            hold = self._hold.encode(hold_of(case, decision, reasons))
            yield self._output("holds", "hold", source, hold)
        if decision.verdict == Verdict.DRAFT and not intent.dry_run:
            draft = self._draft.encode(draft_of(case, decision, reasons))
            yield self._output("drafts", "draft", source, draft)
        if not case.kid:
            # Somebody may have taken another's intent id: its agent must not be told what became of a forgery.
            return
        outcome = Outcome(
            intent_id=intent.intent_id,
            digest=case.digest,
            seq=decision.seq,
            verdict=audited.verdict_of(item, decision),
            codes=tuple(dict.fromkeys(reason.code for reason in reasons)),
            retryable=retryable(reasons),
            repair=repair(case, reasons) if reasons else "",
            hold_id=place_of(case) if held or item.hold else "",
            command_id=command_id,
            dry_run=intent.dry_run,
        )
        yield self._output("outcomes", "outcome", source, self._outcome.encode(outcome))

    def _of_words(
        self, item: Item, decision: Decision, reasons: tuple[Reason, ...], source: Source
    ) -> Iterator[Output]:
        """What became of a contract, for its starter; of a hold or draft, for people, and in the end for its agent."""
        if isinstance(item.reading.record, RunContract):
            outcome = outcome_of(item, item.reading.record, decision, reasons)
        else:
            outcome = voted.outcome_of(item, decision, reasons)
        if outcome:
            yield self._output("outcomes", "outcome", source, self._outcome.encode(outcome))
        told = voted.record_of(item, decision, reasons)
        if isinstance(told, Hold):
            yield self._output("holds", "hold", source, self._hold.encode(told))
        elif told is not None:
            yield self._output("drafts", "draft", source, self._draft.encode(told))

    def _output(self, topic: str, kind: str, source: Source, value: bytes) -> Output:
        """A record beside its input's: same partition and key, the input's trace passed on."""
        envelope = source.envelope
        headers = event_headers(f"toolgate.{kind}.v1", source.event_id, SOURCE, source.trace)
        return Output(topic, envelope.partition, envelope.key, value, headers)

    def _alert_output(self, alert: Alert, source: Source) -> Output:
        headers = event_headers("toolgate.alert.v1", alert.alert_id, SOURCE, source.trace)
        return Output("alerts", 0, alert.alert_id.encode(), self._alert.encode(alert), headers)

    def _command_output(self, case: Case, decision: Decision, command_id: str, source: Source) -> Output:
        intent, tool = case.intent, case.tool
        if tool is None:
            raise DisagreementError("an approved call has no tool")
        command = Command(
            command_id=command_id,
            intent_id=intent.intent_id,
            seq=decision.seq,
            ctl=decision.ctl,
            tenant=intent.tenant,
            workflow_id=intent.workflow_id,
            run_id=intent.run_id,
            agent_id=intent.agent_id,
            tool=intent.tool,
            tool_version=tool.version,
            params=intent.params,
            digest=case.digest,
            policy_digest=decision.policy_digest,
            idempotent=tool.idempotent,
            approved_at=decision.clk,
            expires_at=_until(case, decision),
            reserved_cost_micros=case.cost_micros,
            records=case.records,
            system=tool.system,
            grant=case.grant.control_id if case.grant else "",
        )
        return self._output("commands", "command", source, self._command.encode(command))

    def _denial_output(
        self, case: Case, decision: Decision, reasons: tuple[Reason, ...], source: Source
    ) -> Output:
        intent, envelope = case.intent, case.envelope
        denial = Denial(
            intent_id=intent.intent_id,
            seq=decision.seq,
            ctl=decision.ctl,
            clk=decision.clk,
            partition=envelope.partition,
            offset=envelope.offset,
            tenant=intent.tenant,
            workflow_id=intent.workflow_id,
            run_id=intent.run_id,
            agent_id=intent.agent_id,
            tool=intent.tool,
            tool_version=case.tool.version if case.tool else "",
            effect=case.tool.effect if case.tool else "",
            digest=case.digest,
            params_digest=case.params_digest,
            policy_digest=decision.policy_digest,
            retryable=retryable(reasons),
            dry_run=intent.dry_run,
            cost_micros=case.cost_micros,
            records=case.records,
            reasons=reasons,
        )
        return self._output("denials", "denial", source, self._denial.encode(denial))

    def _audit_output(  # noqa: PLR0913, PLR0917 - what an audit event tells comes from all of them
        self,
        item: Item,
        decision: Decision,
        told: Told,
        balances: Balances,
        reply: Reply,
        after: Mapping[int, int],
        source: Source,
    ) -> Output:
        reading, case = item.reading, item.case
        envelope, record = source.envelope, reading.record
        owner = record if isinstance(record, (Intent, RunContract)) else item.hold
        intent = record if isinstance(record, Intent) else None
        event = AuditEvent(
            seq=decision.seq,
            gen=reply.gen,
            ctl=decision.ctl,
            clk=decision.clk,
            stable=reply.stable,
            visible=decision.visible,
            topic=envelope.topic,
            partition=envelope.partition,
            offset=envelope.offset,
            append_time=envelope.time_ms,
            first=decision.first,
            verdict=audited.verdict_of(item, decision),
            intent_id=audited.id_of(record),
            digest=reading.digest,
            params_digest=case.params_digest if case else "",
            tenant=owner.tenant if owner else "",
            workflow_id=owner.workflow_id if owner else "",
            run_id=audited.run_of(record),
            agent_id=intent.agent_id if intent else item.hold.agent_id if item.hold else "",
            tool=audited.tool_of(item),
            tool_version=case.tool.version if case and case.tool else "",
            dry_run=bool(intent and intent.dry_run),
            command_id=audited.command_of(item, decision),
            cost_micros=case.cost_micros if case else 0,
            reasons=told.reasons,
            ops=decision.ops,
            balances=tuple([balance for _, balance in balances]),
            policy_digest=decision.policy_digest,
            schema_id=reading.schema_id,
            code_version=self._code_version,
            kid=audited.writer_of(item),
            captured=audited.captured_of(item),
            note=audited.note_of(item, decision, told.reasons),
            after=after.get(envelope.offset) if isinstance(record, Control) and not item.refused else None,
            first_seq=decision.first_seq,
            would_have=told.would_have,
            shadow_reasons=told.shadow_reasons,
            grant=told.grant,
            waived=told.waived,
        )
        return self._output("audit", "audit", source, self._audit.encode(event))

    def _pulse_output(self, owner: Owner, rollup: Rollup) -> Output:
        pulse = pulse_of(owner, rollup)
        event_id = f"{'/'.join(owner)}/{rollup.clk}"
        headers = event_headers("toolgate.pulse.v1", event_id, SOURCE)
        return Output("pulse", None, pulse.workflow_id.encode(), self._pulse.encode(pulse), headers)


def _until(case: Case, decision: Decision) -> int:
    """When a command may no longer begin; under a grant not after that has ended."""
    until = decision.clk + HOLD_MS
    return min(until, case.grant.expires_at) if case.grant else until


def _source(item: Item, decision: Decision) -> Source:
    envelope = item.reading.envelope
    return Source(envelope, str(decision.seq), trace_of(envelope.headers))
