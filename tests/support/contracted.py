"""The small universe with runs that may have contracts, and what must be true of them in any history."""

from __future__ import annotations

import json
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import checker
import universe
from universe_policies import CONTRACTED_FILES

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Intent, RunContract
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.schemas.records import AuditEvent

RATES: Mapping[str, float] = MappingProxyType({"contract": 0.05, "task": 0.1, "intent": 0.04})
TOOLS = ("pay", "look", "paint")
RUNS_AHEAD = 3  # runs of a partition that are under way at a time


class Contracted(universe.Universe):
    """Workers, broker and ledger of one seed, with a workflow whose runs may have contracts."""

    def __init__(
        self, seed: int, files: Mapping[str, bytes] = MappingProxyType(CONTRACTED_FILES), **kwargs: Any
    ) -> None:
        super().__init__(seed, files=files, **kwargs)
        self.contracts = Codec(RunContract)

    def task(self) -> None:
        """A call of a run that may have a contract, sometimes one that names results it has not seen."""
        partition, run = self._run()
        self.made += 1
        intent = Intent(
            intent_id=f"t{self.made}",
            kind="call",
            tenant="default",
            workflow_id="c",
            run_id=run,
            agent_id="a",
            tool=self.random.choice(TOOLS),
            params=json.dumps({"id": f"x{self.random.randrange(9)}"}),
        )
        self.send(Output("intents", partition, run.encode(), self.codecs[Intent].encode(intent)))

    def contract(self) -> None:
        """Somebody says what a run may touch: sometimes twice, in other words, for another workflow, or too late."""
        r = self.random
        partition, run = self._run()
        self.made += 1
        contract = RunContract(
            contract_id=f"c{self.made}",
            tenant="default",
            workflow_id=r.choice(("c", "c", "c", "c", "d", "w")),
            run_id=run,
            owner="o",
            tools=tuple(r.sample(TOOLS, r.randrange(1, 3))),
            values={},
            max_calls=r.choice((None, 1, 2)),
            max_cost_micros=r.choice((None, 1_000)),
            deadline=r.choice((None, self.broker.now_ms + 900_000)),
        )
        output = Output("contracts", partition, run.encode(), self.contracts.encode(contract))
        self.send(output)
        if r.random() < 0.2:
            self.send(output)

    def _run(self) -> tuple[int, str]:
        partition = self.random.randrange(universe.PARTITIONS)
        return partition, f"c{partition}-{self.made // 9 + self.random.randrange(RUNS_AHEAD)}"

    def violations(self) -> list[str]:
        """What is wrong with the history, contracts included."""
        return [*super().violations(), *_contracts(sorted(self.audit(), key=lambda event: event.seq))]


def _contracts(events: list[AuditEvent]) -> Iterator[str]:
    """At most one contract a run, none after its first approval, and every approval after one keeps to it."""
    held: dict[str, dict[str, Any]] = {}
    calls: Counter[str] = Counter()
    # An approval that a rebuild dropped had begun its run all the same: it is decided again, behind the contract.
    begun = {event.run_id for event in events if event.topic == "intents" and event.verdict == "APPROVE"}
    for event in events:
        run = event.run_id
        if event.topic == "contracts":
            yield from _accepting(event, run in held, calls[run], run in begun)
            if event.note == "accepted":
                held[run] = json.loads(next(op.args[2] for op in event.ops if op.op == "remember"))
        elif event.topic == "intents" and event.workflow_id == "c" and event.verdict in {"APPROVE", "DENY"}:
            calls[run] += event.verdict == "APPROVE"
            if run in held:
                yield from _held_to(event, held[run], calls[run])


def _accepting(event: AuditEvent, held: bool, calls: int, begun: bool) -> Iterator[str]:  # noqa: FBT001
    at, rules = checker._at(event), {reason.rule for reason in event.reasons}
    if event.note == "accepted" and (held or calls):
        yield f"{at} is accepted: a second contract, or one of a run that has begun"
    if "contract.late" in rules and not begun:
        yield f"{at} is refused as late, and run {event.run_id} never begins"
    if "contract.taken" in rules and not held:
        yield f"{at} is refused as a second one, and run {event.run_id} has none"


def _held_to(event: AuditEvent, contract: dict[str, Any], calls: int) -> Iterator[str]:
    at, codes = checker._at(event), {reason.code for reason in event.reasons}
    fits = contract["workflow_id"] == "c" and event.tool in contract["tools"]
    if fits == ("CONTRACT_DENIED" in codes) and not codes & {"KILLED", "ID_CONFLICT"}:
        yield f"{at}: under {contract} the call of {event.tool} met {codes or 'nothing'}"
    if event.verdict == "APPROVE" and event.clk > contract["until"]:
        yield f"{at} is approved after the deadline of its contract"
    if event.verdict == "APPROVE" and calls > (contract["max_calls"] or calls):
        yield f"{at} is approved over the ceiling of its contract"
