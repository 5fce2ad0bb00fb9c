"""The two ports of the gate: the log (Kafka) and the ledger (Redis). Adapters come in pairs, real and memory.

The loop speaks to nothing else, so the same loop runs in production, in tests and in a simulator.
Topics are logical names ("intents"); adapters put the prefix before them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from toolgate.schemas.frozen import frozen

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope
    from toolgate.processors.claims import Claim, Count, Rate, Remember, Reserve, Settle
    from toolgate.schemas.records import Op, Visible

TopicPartition = tuple[str, int]
GIVEN_BYTES_MAX = 524_288  # all that a run may remember, as JSON in JSON
CONTROL = "control"  # the one input that every worker reads whole
POLICIES = "policies"  # policy sets; one partition
INPUTS = ("intents", "contracts", "results", "votes", "ticks", CONTROL)  # the topics that the gate decides on
NOBODY = -1  # the slot that owns a topic-partition which was released or never taken


# --- ledger -----------------------------------------------------------------------------------------------


@frozen
class Ask:
    """One input record as the ledger sees it.

    `verdict` is the chain's. Claims are looked at whatever it is, and one that has no room denies, unless the
    verdict is "RECORDED": then it is only told. "APPROVE" takes the claims, all or none; a "HOLD" or "DRAFT" takes what
    is to be remembered, and nothing else; no other takes any. `always`
    is taken whatever the verdict, also for duplicates and dry runs; a refused `always` denies. `on_deny` is counted
    when the record is denied. `intent_id` is `seen_key` of tenant and id; an empty one is not deduplicated.
    `policy_digest` comes back with the decision: one made under a policy that its publisher does not have
    cannot be published. So does `given`, what the record was judged with besides itself: a run may remember more by
    the time a stored decision is published. With `settle`, the claims are taken if it ends anything.
    """

    offset: int
    time_ms: int
    verdict: str
    intent_id: str = ""
    digest: str = ""
    policy_digest: str = ""
    dry_run: bool = False
    claims: tuple[Claim, ...] = ()
    always: tuple[Rate, ...] = ()
    on_deny: tuple[Count | Remember, ...] = ()
    reserve: Reserve | None = None
    settle: Settle | None = None
    given: str = ""


@frozen
class Share:
    """The part of a call that is about one topic-partition: owned ones are all named, also when idle."""

    topic: str
    partition: int
    epoch: int
    expect: int  # the committed offset
    start: int  # consumer position before the batch ("from" in ledger.md)
    next: int  # consumer position after it
    asks: tuple[Ask, ...] = ()


@frozen
class Decision:
    """The ledger's answer to an ask; the same answer again when the offset was decided before.

    `refused` names each claim that could not be taken by its index into always + claims, with the level
    found: used amount, excess microseconds over tau, distinct count with this intent's records, counter, or
    Own's 1 and 2. `after` has, in the order of claims, (account, used) after the decision.
    """

    offset: int
    seq: int
    clk: int
    ctl: int
    verdict: str  # APPROVE, DENY, DUPLICATE or the ask's own
    first: bool
    refused: tuple[tuple[int, int], ...]
    ops: tuple[Op, ...]
    after: tuple[tuple[str, int], ...]
    visible: tuple[Visible, ...]
    first_seq: int | None  # of a duplicate, or of the decision whose id this one reuses with other content
    conflict: bool  # same intent_id, other digest: denied
    note: str  # what results and releases do to reservations, see ledger/taking.py; else ""
    policy_digest: str
    given: str = ""


@frozen
class Reply:
    """Decisions in the order of the call's shares and asks; `stable` as ledger.md defines it."""

    gen: str
    stable: int
    decisions: tuple[tuple[Decision, ...], ...]


@frozen
class Look:
    """What runs remember: by run the texts by name, and counters by key."""

    facts: Mapping[str, Mapping[str, str]]
    counts: Mapping[str, int]


NOTHING = Look({}, {})


@frozen
class Standing:
    """What a worker reads at join: the ledger's generation, code digest and control position."""

    gen: str  # "" while nothing verified is there
    code: str
    ctl: int
    seq: int
    rec: str = ""  # nonce of a recovery in progress
    beat: int = 0  # rises with every step of it


@frozen
class Seen:
    """Of a committed audit event: where it belongs, and which intent id it used, where it is a `first` decision."""

    seq: int
    clk: int
    topic: str
    partition: int
    offset: int
    first: bool
    intent_id: str
    digest: str
    tenant: str


@frozen
class Entry:
    """... and what it did: all of it that a ledger is rebuilt from."""

    seq: int
    ctl: int
    clk: int
    stable: int
    topic: str
    partition: int
    offset: int
    first: bool
    intent_id: str
    digest: str
    tenant: str
    ops: tuple[Op, ...]


@frozen
class Reserved:
    """Reservations of a snapshot, packed as the ledger keeps them."""

    buckets: list[tuple[int, list[Any]]]  # (bucket, [id, packed, ...]) of each in which some were made
    due: list[list[Any]]  # [account, id, expires_at, amount] of each part that time will give back


class LedgerError(Exception):
    """Cannot judge now. Each subclass says what the worker does about it."""


class UnavailableError(LedgerError):
    """No answer in time: nothing is approved, the worker pauses and asks again (the call may have happened)."""


class UnverifiedError(LedgerError):
    """This ledger may be older than the log: nobody decides until it is rebuilt."""


class StaleControlError(LedgerError):
    """The ledger is at another control position: evaluate the batch again under `ctl`."""

    def __init__(self, ctl: int) -> None:
        super().__init__(f"control position is {ctl}")
        self.ctl = ctl


class RejoinError(LedgerError):
    """FENCED, GAP or HOLE: drop everything in flight and join again."""


class CodeMismatchError(LedgerError):
    """The ledger runs other scripts than this process has: no recovery, exit."""


class Ledger(Protocol):
    """One ledger: accounts, marks and decisions of one topic prefix."""

    code: str  # digest of the scripts that this process has

    def standing(self) -> Standing:
        """Read generation, code and control position; remembers the generation for the calls that follow."""

    def take(self, tp: TopicPartition, slot: int, expected: tuple[int, int]) -> int:
        """Compare-and-set the owner of a topic-partition: `expected` is its (slot, epoch) read before; new epoch.

        Raises RejoinError when the owner has changed meanwhile.
        """

    def owner(self, tp: TopicPartition) -> tuple[int, int]:
        """(slot, epoch) of the owner; slot -1 when released or never owned."""

    def decided(self, tp: TopicPartition) -> int:
        """The offset behind the last decision, committed or not, on a topic-partition that this worker has taken."""

    def release(self, tp: TopicPartition, slot: int, epoch: int) -> None:
        """Give a topic-partition up in order, after its last commit; nothing happens if it is another's by now."""

    def send(self, ctl: int, shares: Sequence[Share]) -> None:
        """ledger.md, Decide: one atomic call. What an earlier `send` asked and nobody received is given up."""

    def receive(self) -> Reply:
        """The reply to what was sent last, once; every error of the call is raised here, never by `send`."""

    def look(self, runs: Iterable[str], counters: Iterable[str]) -> Look:
        """What runs remember, as of the ledger's clock; what is not there is left out.

        Facts and counters of a run change only by decisions of its own partition: its owner sees them as they stand.
        """

    def apply_control(self, offset: int, before: int) -> int:
        """Apply the control record at `offset` iff ctl == `before`; returns the seq after which it holds.

        Idempotent: a record that was applied before answers with its stored seq. Raises StaleControlError
        when the ledger stands elsewhere.
        """

    # recovery, in this order; every step checks that no other recovery has claimed the ledger since
    def claim(self, nonce: str, *, take_over_code: bool = False) -> None:
        """Load the scripts of generation `nonce`; gen := "" and rec := nonce in one step.

        Raises CodeMismatchError when the ledger's code is another, unless `take_over_code`.
        """

    def beat(self, nonce: str) -> None:
        """Say that the recovery is alive while it does something else than writing here."""

    def wipe(self, nonce: str) -> None:
        """Remove every key of this ledger but the claim."""

    def load(self, nonce: str, clk: int, accounts: Mapping[str, Any], reserved: Iterable[Reserved]) -> None:
        """Put a snapshot's accounts, as `dump` gave them, and its reservations; `clk`: as of when."""

    def apply(self, nonce: str, entries: Iterable[Entry]) -> None:
        """Execute the ops of committed audit events, given in seq order, and enter first decisions into dd.

        What goes wrong in it may be raised by a later step, `finish` at the latest; so of `remember`.
        """

    def remember(self, nonce: str, ids: bytes) -> None:
        """Enter ids of first decisions, packed by `rows.packed_ids`, whose accounts a snapshot holds already."""

    def finish(
        self,
        nonce: str,
        seq: int,
        ctl: int,
        after: Mapping[int, int],
        next_offsets: Mapping[TopicPartition, int],
    ) -> None:
        """Write nx, ca, ctl, seq and, last, gen := nonce."""

    def dump(self) -> dict[str, object]:
        """The committed view in canonical form, as of the ledger's clock: what fold(audit) must equal."""


# --- log --------------------------------------------------------------------------------------------------


@frozen
class Output:
    """One record to produce."""

    topic: str
    partition: int | None  # None: by key
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(slots=True)
class Assignment:
    """The topic-partitions of one group generation with the group metadata taken then (opaque, never refreshed)."""

    generation: int
    partitions: frozenset[TopicPartition]
    metadata: object = field(repr=False, default=None)


class LogError(Exception):
    """The log did not do what was asked."""


class RetryError(LogError):
    """Nothing happened; the same call may be made again."""


class AbortError(LogError):
    """The transaction must be aborted; everything in flight is dropped."""


class FatalError(LogError):
    """This producer or consumer is fenced, or the outcome is unknown: build new ones and join again."""


class Log(Protocol):
    """Kafka as the gate uses it: one consumer in one group, one transactional producer, read_committed reads."""

    def open(self, slot: int) -> None:
        """New producer with the slot's transactional id, `init_transactions`, then a new consumer that subscribes.

        Closes what was open before. On revocation the consumer calls `on_revoke` before the partitions go.
        """

    def close(self) -> None:
        """Leave the group in order and close both."""

    def assignment(self) -> Assignment:
        """The current assignment; a new `generation` means that everything in flight must be dropped."""

    def poll(self, limit: int, timeout_s: float) -> list[Envelope]:
        """Up to `limit` records of assigned partitions, in offset order within each; serves group callbacks."""

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """The next record of `tp` to deliver."""

    def pause(self, tp: TopicPartition) -> None:
        """Deliver nothing of `tp` until `seek` says where to go on."""

    def committed(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Stable committed offsets of the group: waits for commits in progress. Missing ones are left out."""

    def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """(first offset, last stable offset) of a topic-partition, asked of the broker."""

    def produce(self, outputs: Iterable[Output]) -> None:
        """Put records into the open transaction; begins one when none is open.

        Raises AbortError (already aborted) or FatalError. What is open when the log is closed is never committed.
        """

    def commit(self, offsets: Mapping[TopicPartition, int], assignment: Assignment) -> Iterator[str]:
        """Send offsets with the assignment's metadata and commit what was produced.

        Yields the name of each crash point before it is passed: "send_offsets", "commit". Exhausted means
        committed. Raises as `produce`.
        """

    def fence(self, slots: Iterable[int]) -> None:
        """`init_transactions` with the transactional id of each slot: aborts what is open, waits for commits."""

    def read(self, topic: str, start: Mapping[int, int] | None = None) -> Iterator[Envelope]:
        """Committed records of all partitions of `topic` from `start` (default: the beginning) to the end as of now."""

    def tail_control(self, position: int) -> tuple[list[Envelope], int]:
        """Committed control records from `position` to the last stable offset as of now, and that end offset.

        Raises RetryError when the end cannot be learnt within its limit: such a worker counts as killed.
        """


OnRevoke = Callable[[frozenset[TopicPartition]], None]
