"""Rollups: what a batch did for each workflow under each policy version, for the pulse. Pure.

Only what a proven writer sent counts for a workflow: nobody else may spoil its figures. Of a command's end its
executor says whose command it was, and is believed as in the rest.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.processors.claims import Label
from toolgate.processors.names import is_id
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Choice, Kind, ResultStatus, Verdict
from toolgate.schemas.records import Balance, Result, Vote
from toolgate.streams.gate import voted
from toolgate.streams.ledger.taking import UNRESOLVED

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.schemas.records import Op
    from toolgate.streams.gate.items import Item
    from toolgate.streams.gate.told import Told
    from toolgate.streams.ports import Decision

Owner = tuple[str, str, str]  # tenant, workflow, digest of the policy set
Balances = Sequence[tuple[Label, Balance]]

# What limits people have set: a history that may happen once is full by design, and names what it is about.
# A tuple, and names of the members: the loop that asks is the most frequent one here, and both take half the time.
_REACH = Code.BLAST_RADIUS
_LIMITS = (Code.BUDGET_EXCEEDED, _REACH, Code.CALLS_EXCEEDED)
_APPROVE, _DUPLICATE = Verdict.APPROVE, Verdict.DUPLICATE
_FINISH, _USAGE = Kind.FINISH, Kind.USAGE
_SETTLED = frozenset({"settled", "void", "late", "uncovered"})  # notes of what ended a reservation
_ENDED = _SETTLED | {UNRESOLVED}
_VOTED = frozenset(
    {voted.COUNTED, voted.APPROVED, voted.PROMOTED, voted.DENIED, voted.REJECTED, voted.WITHDRAWN}
)
_WRONG = frozenset({ResultStatus.ERROR, ResultStatus.UNKNOWN})
_KNOWN = frozenset({ResultStatus.OK, ResultStatus.ERROR})  # what it cost is its executor's to say
_DONE = frozenset({Verdict.APPROVE, Verdict.RECORDED})  # of the end of a run; recorded in shadow
_MONEY = re.compile(r":(?:contract_)?usd(?:@[0-9T-]+)?\Z", re.ASCII)  # accounts of money, by their names


@dataclass(slots=True)
class Rollup:
    """What a batch did for one workflow under one policy version; `levels` by rule and account, as they stand last."""

    clk: int = 0
    partitions: set[int] = field(default_factory=set)
    intents: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    would_have: Counter[str] = field(default_factory=Counter)
    cost_micros: int = 0
    finished: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    tool_errors: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    settled_micros: int = 0
    detected: int = 0
    detection_ms: int = 0
    detection_ms_max: int = 0
    records: Counter[int] = field(default_factory=Counter)
    levels: dict[tuple[str, str], tuple[Label, Balance]] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)  # runs
    ended: set[str] = field(default_factory=set)  # likewise


class Rollups(defaultdict[Owner, Rollup]):
    """What a batch did, by owner."""

    def __init__(self) -> None:
        super().__init__(Rollup)

    def close(self) -> None:
        """The batch is over: a run that ended in it is active no more, under whatever policy version it was."""
        ended: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for (tenant, workflow_id, _), rollup in self.items():
            ended[tenant, workflow_id] |= rollup.ended
        for (tenant, workflow_id, _), rollup in self.items():
            rollup.active -= ended[tenant, workflow_id]

    def seen(self, owner: Owner, item: Item, decision: Decision) -> Rollup:
        """The owner's, which has seen this input now."""
        rollup = self[owner]
        if decision.clk > rollup.clk:  # noqa: PLR1730 - a call of `max` takes as long as the rest
            rollup.clk = decision.clk
        rollup.partitions.add(item.reading.envelope.partition)
        return rollup


def roll_up(rollups: Rollups, item: Item, decision: Decision, told: Told, balances: Balances) -> None:
    """Count a decision for its workflow; `balances` are those of its case."""
    record, case = item.reading.record, item.case
    if isinstance(record, Vote):
        _roll_vote(rollups, item, record, decision, told, balances)
    elif case is not None:
        if not case.kid:
            return
        intent = case.intent
        rollup = rollups.seen((intent.tenant, intent.workflow_id, decision.policy_digest), item, decision)
        if decision.verdict != _DUPLICATE:
            rollup.intents += 1
        if case.tool is not None:
            rollup.tools[case.tool.name] += 1
        _roll_case(rollup, case, decision, told, balances)
    elif isinstance(record, Result) and not item.refused:
        _roll_end(rollups, item, record, decision)


def _roll_case(rollup: Rollup, case: Case, decision: Decision, told: Told, balances: Balances) -> None:
    """What was decided about a call or a report, when it came or when people had approved it."""
    verdict, intent = decision.verdict, case.intent
    rollup.verdicts[verdict] += 1
    if told.reasons:
        rollup.codes.update({reason.code for reason in told.reasons})
    if told.would_have:
        rollup.would_have[told.would_have] += 1
    reach = _fill(rollup, balances) if balances else None
    if intent.dry_run:
        return
    if intent.kind == _FINISH:
        if decision.first and verdict in _DONE:
            rollup.finished[intent.run_outcome or ""] += 1
            rollup.ended.add(intent.run_id)
    elif verdict == _APPROVE:
        rollup.cost_micros += case.cost_micros
        if intent.kind == _USAGE:
            rollup.settled_micros += case.cost_micros
            return
        rollup.active.add(intent.run_id)
        if reach is not None:
            rollup.records[reach] += 1


def _fill(rollup: Rollup, balances: Balances) -> int | None:
    """Note how full accounts are; how many records the fullest set of a blast radius holds, None if there is none."""
    reach, levels = None, rollup.levels
    for pair in balances:
        label, balance = pair
        code = label.code
        if code in _LIMITS:
            levels[label.rule, balance.account] = pair
            if code is _REACH and (reach is None or balance.used > reach):
                reach = balance.used
    return reach


def _roll_end(rollups: Rollups, item: Item, result: Result, decision: Decision) -> None:
    """How a command ended, once."""
    # Who does not know leaves it open (docs/decisions/0032): that counts again if it is said again.
    owner = _owner_of(result)
    if result.status == ResultStatus.STARTED or decision.note not in _ENDED or owner is None:
        return
    rollup = rollups.seen(owner, item, decision)
    rollup.results[result.status] += 1
    said = result.actual_cost_micros if result.status in _KNOWN else None
    rollup.settled_micros += _settled(decision.ops, said)
    if result.status in _WRONG:
        rollup.tool_errors[result.tool] += 1
        appended = item.reading.envelope.time_ms
        # Only what can be: a sum of what executors may say otherwise would be no number of the topic.
        took = appended - result.approved_at if 0 < result.approved_at < appended else 0
        rollup.detected += 1
        rollup.detection_ms += took
        rollup.detection_ms_max = max(rollup.detection_ms_max, took)


def _roll_vote(  # noqa: PLR0913, PLR0917 - as `roll_up`
    rollups: Rollups, item: Item, vote: Vote, decision: Decision, told: Told, balances: Balances
) -> None:
    """A word of people, and what was decided about the call that the last one brought before the rules again."""
    if not item.voter or item.refused:
        return
    hold = item.hold
    if hold is None:
        owner = _owner_of(vote) if vote.choice == Choice.RELEASE else None
        if owner and decision.note in _SETTLED:
            rollup = rollups.seen(owner, item, decision)
            rollup.words[vote.choice] += 1
            rollup.settled_micros += _settled(decision.ops, vote.cost_micros)
        return
    note = voted.note_of(item, decision, told.reasons)
    owner = hold.tenant, hold.workflow_id, hold.policy_digest
    if note in _VOTED:
        rollups.seen(owner, item, decision).words[vote.choice] += 1
    if item.case is not None and note in {voted.APPROVED, voted.PROMOTED, voted.DENIED, voted.EXPIRED}:
        _roll_case(rollups.seen(owner, item, decision), item.case, decision, told, balances)


def _owner_of(record: Result | Vote) -> Owner | None:
    """Whose command it is about, as its writer says; what is no name would make pulses without end."""
    owner = record.tenant, record.workflow_id, record.policy_digest
    return owner if all(map(is_id, owner)) else None


def _settled(ops: tuple[Op, ...], said: int | None) -> int:
    """What an ended command really cost, in micro-dollars: as was said, else what its accounts of money were taken."""
    if said is not None:
        return said
    rows = [row for op in ops if op.op == "settle" for row in op.args[2]]
    return max((spent + beyond for account, spent, _, beyond in rows if _MONEY.search(account)), default=0)
