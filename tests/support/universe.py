"""A small universe for the real loop: workers over the memory log and ledger, and everything that can go wrong.

One seed gives one history. Each step either lets one worker pass one of its points or does something to the
world around it. At the end the faults stop, the workers come to rest, and `checker.violations` judges what
the log holds.
"""

from __future__ import annotations

from collections import Counter, deque
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import checker
import orjson
from committed import Committed
from operators import VERSION, Operators
from shaky import Shaky
from silence import Silence
from universe_policies import FILES, compiled

from toolgate.processors.keyring import Keyring
from toolgate.processors.policy_store import PolicyStore
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent, Command, Control, Draft, Hold, Intent, Result
from toolgate.streams.gate import snapshots
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.loop import Fixed, Gate
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.gate.snapshotter import Snapshotter
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ledger.store import Store
from toolgate.streams.log.memory import Broker, Entry, MemoryLog
from toolgate.streams.ports import CONTROL, INPUTS, Ledger, Output, RejoinError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PARTITIONS = 3
CO_PARTITIONED = (
    *("intents", "contracts", "results", "votes", "ticks"),
    "commands",
    "denials",
    "holds",
    "drafts",
    "outcomes",
    "audit",
    "quarantine",
    "pulse",
)
SINGLE = ("control", "policies", "snapshots", "seen", "alerts")


class Universe:
    """Workers, broker and ledger of one seed."""

    def __init__(  # noqa: PLR0917 - what makes a history
        self,
        seed: int,
        workers: int = 3,
        store: Any = None,
        make_ledger: Callable[[], Ledger] | None = None,
        files: Mapping[str, bytes] = MappingProxyType(FILES),
        sizes: tuple[int, int] = (7, 3),
        burst: int = 1,
        stride: int = 1,
    ) -> None:
        self.sizes = sizes  # of a batch and of its parts
        self.burst = burst  # how many records of a kind arrive at a time
        self.stride = stride  # how many points at most a worker passes before the next turn
        self.random = Random(seed)
        # What happens next is drawn apart: a shorter life of the same seed is the beginning of a longer one.
        self.kinds = Random(f"kinds of {seed}")
        self.broker = Broker(PARTITIONS, CO_PARTITIONED, SINGLE)
        self.broker.on_commit = self._commit_meets
        self.store = Store() if store is None else store
        self.make_ledger = make_ledger or (lambda: MemoryLedger(self.store))
        self.files = files
        self.policies = compiled(files)
        self.operators = Operators(self.random, self.broker, files, PARTITIONS)
        self.publisher = Publisher("model")
        self.codecs = {t: Codec(t) for t in (Intent, Result, Control, AuditEvent, Command, Hold, Draft)}
        self.committed = Committed(self.broker, self.codecs)
        self.faults = True
        self.nothing = self.store.copy()
        self.images = [self.nothing]
        self.take_over_code = False
        self.running: dict[int, Iterator[str]] = {}
        self.frozen: list[Iterator[str]] = []
        self.made = 0
        self.sent: list[Output] = []
        self.answered: set[str] = set()
        self.counts: dict[str, int] = {}
        self.without: frozenset[str] = frozenset()  # kinds of faults that do not happen in this history
        self.suffered: Counter[str] = Counter()
        self.trace: deque[str] = deque(maxlen=TRACE)  # the last steps of its life
        for slot in range(workers):
            self.start(slot)

    # --- workers ---

    def start(self, slot: int) -> None:
        """A new process for a slot."""
        inputs = (*((t, p) for t in INPUTS for p in range(PARTITIONS) if t != CONTROL), (CONTROL, 0))
        fixed = Fixed(
            slot=slot,
            slots=PARTITIONS,
            inputs=inputs,
            batch_size=self.sizes[0],
            part_size=self.sizes[1],
            poll_s=0,
            take_over_code=self.take_over_code,
        )
        ledger: Any = Shaky(self.make_ledger(), self.random, lambda: self.faults, self.happens)
        self.running[slot] = Gate(
            fixed,
            lambda on_revoke: MemoryLog(self.broker, on_revoke),
            ledger,
            Intake(self.policies, Keyring.insecure(), store=PolicyStore(VERSION, compiled)),
            self.publisher,
            Silence(),
            now_ms=lambda: self.broker.now_ms,
            nonce=lambda: f"{self.random.getrandbits(48):012x}",
        ).run()

    def step(self, worker: Iterator[str]) -> str:
        """Let a worker pass one point."""
        point = next(worker)
        self.counts[point] = self.counts.get(point, 0) + 1
        return point

    def _commit_meets(self, slot: int) -> str:
        if not self.faults or self.random.random() > 0.03:
            return "done"
        met = self.random.choice(("lost", "late", "aborted"))
        return met if self.happens(f"{met} commit") else "done"

    def happens(self, fault: str) -> bool:
        """Whether a fault that was drawn happens; it is counted."""
        if fault in self.without:
            return False
        self.suffered[fault] += 1
        self.trace.append(f"fault: {fault}")
        return True

    # --- inputs ---

    def send(self, output: Output) -> None:
        """An input record arrives."""
        self.sent.append(output)
        self.broker.append(output)

    def intent(self) -> None:
        """A new intent, sometimes sent twice, to whatever partition."""
        r = self.random
        self.made += 1
        partition = r.randrange(PARTITIONS)
        run = f"r{partition}-{r.randrange(3)}"
        tool = r.choice(("pay", "pay", "pay", "look", "look", "paint"))
        params = orjson.dumps({"id": f"x{r.randrange(9 if tool == 'pay' else 2)}"}).decode()
        # Now and then an id that was used for something else, mostly on another partition.
        number = self.made if r.random() > 0.02 else r.randrange(1, self.made + 1)
        intent = Intent(
            intent_id=f"i{number}",
            kind="call",
            tenant="default",
            workflow_id="s" if self.made % 11 == 0 and ("default", "s") in self.policies.workflows else "w",
            run_id=run,
            agent_id="a",
            tool=tool,
            params=params,
            results_seen_to=self._seen_to(partition) if r.random() < 0.3 else None,
            declared_cost_micros=r.randrange(12),
            dry_run=r.random() < 0.03,
            ttl_ms=r.choice((None, None, None, 60_000)),
        )
        output = Output("intents", partition, run.encode(), self.codecs[Intent].encode(intent))
        self.send(output)
        if r.random() < 0.15:
            self.send(output)
        if r.random() < 0.03:
            self.send(Output("intents", partition, run.encode(), r.randbytes(9)))
        if r.random() < 0.05 and self.sent:
            self.send(r.choice(self.sent))

    def _seen_to(self, partition: int) -> int:
        """The last result that an agent could have read, or one that is not there."""
        read = [e.offset for e in self.committed.visible(("results", partition))[-2:]]
        beyond = len(self.broker.log["results", partition]) + 3
        return self.random.choice(read) if read and self.random.random() < 0.9 else beyond

    def result(self) -> None:
        """An executor answers a committed command, sometimes twice, sometimes late."""
        r = self.random
        partition = r.randrange(PARTITIONS)
        commands = self.committed.records(Command, "commands", partition)[-6 * self.burst :]
        if not commands:
            return
        command = r.choice(commands)
        if command.command_id in self.answered and r.random() < 0.8:
            return
        self.answered.add(command.command_id)
        result = Result(
            command_id=command.command_id,
            intent_id=command.intent_id,
            run_id=command.run_id,
            tool=command.tool,
            digest=command.digest,
            status=r.choice(("started", "ok", "ok", "ok", "error", "void")),
            executor_id="e",
            body=r.choice(('{"color":"red"}', '{"color":"blue"}', '{"color":7}', "no JSON", "")),
            actual_cost_micros=r.choice((None, 0, 1, 3, 20)),
            actual_records=r.choice((None, (f"x{r.randrange(9)}",))),
        )
        self.send(Output("results", partition, command.run_id.encode(), self.codecs[Result].encode(result)))

    def control(self) -> None:
        """An operator kills a run, or lifts it; a publisher activates a policy set."""
        output = Output("control", 0, b"run", self.codecs[Control].encode(self.operators.word(self.made)))
        if self.random.random() < 0.3:  # transactional records leave markers: positions have gaps
            self.broker.log["control", 0].append(Entry(None))
        self.send(output)

    # --- faults ---

    def fault(self) -> None:
        """Something goes wrong with the world, or with one worker."""
        self._suffer(self.random.choice(FAULTS))

    def _suffer(self, what: str) -> None:
        slot = self.random.choice(list(self.running))
        if self.happens(what):
            getattr(self, f"_{what}")(slot)

    def _crash(self, slot: int) -> None:
        self.start(slot)

    def _zombie(self, slot: int) -> None:
        self.frozen.append(self.running[slot])
        self.start(slot)

    def _thaw(self, _slot: int) -> None:
        if self.frozen:
            worker = self.frozen.pop(self.random.randrange(len(self.frozen)))
            for _ in range(self.random.randrange(12)):
                if self._advance(worker) is None:
                    break

    def _expel(self, slot: int) -> None:
        self.broker.expel(slot)

    def _timeout(self, slot: int) -> None:
        self.broker.time_out(slot)

    def _restart(self, _slot: int) -> None:
        self.store.restart()

    def _older(self, _slot: int) -> None:
        self.store.restart(self.random.choice(self.images))

    def _empty(self, _slot: int) -> None:
        self.store.restart(self.nothing)

    def _snapshot(self, _slot: int) -> None:
        self.snapshot()

    def _advance(self, worker: Iterator[str]) -> str | None:
        try:
            point = self.step(worker)
        except (StopIteration, RejoinError):
            return None
        self.trace.append(f"worker that was cut off: {point}")
        return point

    def snapshot(self) -> None:
        """The snapshot process does a round, in one transaction."""
        for output in snapshots.outputs(Snapshotter(MemoryLog(self.broker, lambda _: None)).follow()):
            self.broker.append(output)

    # --- a whole history ---

    def live(self, steps: int, rates: Mapping[str, float] = MappingProxyType({})) -> None:
        """Random steps; `rates` says how often each kind, or one of FAULTS, happens, where not as usual."""
        r = self.random
        usual = {
            "intent": 0.12,
            "result": 0.04,
            "control": 0.003,
            "fault": 0.012,
            "time": 0.06,
            "backup": 0.015,
        }
        kinds = usual | dict(rates)
        weights = [*kinds.values(), 1 - sum(kinds.values())]
        for kind in self.kinds.choices([*kinds, "step"], weights, k=steps):
            match kind:
                case "step":
                    slot = r.choice(list(self.running))
                    for _ in range(1 if self.stride == 1 else r.randint(1, self.stride)):
                        self.trace.append(f"worker {slot}: {self.step(self.running[slot])}")
                case "time":
                    self.broker.now_ms += r.choice((1, 10, 900, 30_000, 600_000))
                case "backup":
                    self.images = [*self.images[-5:], self.store.copy()]
                case _ if kind in FAULTS:
                    self._suffer(kind)
                case _:
                    self.trace.append(f"world: {kind}")
                    for _ in range(self.burst if kind in IN_BURSTS else 1):
                        getattr(self, kind)()

    def rest(self, limit: int = 20_000) -> bool:
        """Faults stop; whether the workers come to rest with everything decided."""
        self.faults = False
        for slot in range(PARTITIONS):
            if slot not in self.running:
                self.broker.time_out(slot)
        for done in range(limit):
            for worker in self.running.values():
                self.step(worker)
            if done % 50 == 49 and self.idle():
                return True
        return False

    def idle(self) -> bool:
        """Every input record is audited, and the ledger holds no decision back."""
        audited = {(e.topic, e.partition, e.offset) for e in self.audit()}
        return not self.store.waiting() and all(
            (*tp, o) in audited for tp, offsets in self.inputs().items() for o in offsets
        )

    def audit(self) -> list[AuditEvent]:
        """All committed audit events."""
        return [event for p in range(PARTITIONS) for event in self.committed.records(AuditEvent, "audit", p)]

    def commands(self) -> list[Command]:
        """All committed commands."""
        return [
            command for p in range(PARTITIONS) for command in self.committed.records(Command, "commands", p)
        ]

    def proposals(self) -> list[Hold | Draft]:
        """All committed holds and drafts."""
        return [
            one
            for topic, record in (("holds", Hold), ("drafts", Draft))
            for p in range(PARTITIONS)
            for one in self.committed.records(record, topic, p)
        ]

    def inputs(self) -> dict[tuple[str, int], list[int]]:
        """Offsets of all input records."""
        return {
            tp: [e.offset for e in self.committed.visible(tp)] for tp in self.broker.log if tp[0] in INPUTS
        }

    def violations(self) -> list[str]:
        """What is wrong with the history."""
        dump = self.make_ledger().dump()
        good = {
            output.value for output in self.sent if output.topic == "intents" and len(output.value or b"") > 9
        }
        read = {
            (p, e.offset): self.codecs[Intent].decode(e.value).results_seen_to
            for p in range(PARTITIONS)
            for e in self.committed.visible(("intents", p))
            if e.value in good  # 9 bytes are the noise of `intent`
        }
        words, sets = self.operators.words(), self.operators.sets()
        return checker.violations(
            self.audit(),
            self.commands(),
            self.inputs(),
            dump,
            words,
            read=read,
            sets=sets,
            proposals=self.proposals(),
        )


TRACE = 40
IN_BURSTS = frozenset(("intent", "result", "task", "contract"))
FAULTS = (
    "crash", "crash", "zombie", "zombie", "thaw", "thaw", "expel", "timeout",
    "restart", "older", "older", "empty", "snapshot", "snapshot",
)  # fmt: skip


def history(seed: int, steps: int = 1500, **kwargs: Any) -> list[str]:
    """The violations of one seed's history."""
    universe = Universe(seed, **kwargs)
    universe.live(steps)
    if not universe.rest():
        return ["the workers do not come to rest"]
    return universe.violations()
