"""Standing: what control and policies say now, read beside the application by a thread of its own.

The watch needs it to know what is promised (`on_breach`, `warn_at`, `review_share`), on which rung a workflow stands,
and to say a word of its own. It is read as the gate reads it, so a word that the gate would refuse is not written.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import structlog

from toolgate.processors.control_state import ACTIVATE, MODE, ControlState
from toolgate.processors.modes import looser
from toolgate.processors.problems import LoadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from toolgate.processors.policy import PolicySet, WorkflowPolicy
    from toolgate.schemas.records import Control
    from toolgate.streams.operating import Operating, Said, Signer

Place = tuple[str, str]  # the scope and value of an order
_EVERY_S = 2.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds. By place, in epoch milliseconds: when a mode was last ordered or activated, and last loosened."""

    state: ControlState = field(default_factory=ControlState)
    policies: PolicySet | None = None
    moved: Mapping[Place, int] = field(default_factory=dict)
    raised: Mapping[Place, int] = field(default_factory=dict)
    began: Mapping[Place, int] = field(default_factory=dict)  # when an activation first brought its policy

    def policy(self, tenant: str, workflow_id: str) -> WorkflowPolicy | None:
        """The policy that is in force for a workflow; None where nobody can say, or none is."""
        return self.policies.for_workflow(tenant, workflow_id) if self.policies else None


class Follower:
    """Keeps a `Standing` current as long as it is entered, and says words in between. A context manager.

    Args:
        operating: the control and policies topics; used by this object's thread alone.
        fallback: the set of the folder that is in force until one is activated; None where there is none.
    """

    def __init__(self, operating: Operating, fallback: PolicySet | None) -> None:
        self._operating = operating
        self._fallback = fallback
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._standing = Standing(policies=fallback)
        self._written: dict[str, Mapping[Place, str]] = {}  # by the digest of a set, what it says
        self._position = -1
        self._thread = threading.Thread(target=self._follow, name="standing", daemon=True)
        self.problem = ""  # why it is not current; "" while it is

    def __enter__(self) -> Self:
        self._read()  # whoever does not know what is promised has nothing to begin with
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._operating.__exit__(kind, error, trace)

    @property
    def now(self) -> Standing:
        """As it was last read."""
        return self._standing

    def say(
        self, word: Callable[[ControlState], Control | None], signers: Mapping[str, Signer]
    ) -> int | None:
        """Say what a function makes of how things stand, if it makes anything; the record's offset.

        Blocks until it stands. Raises as `Operating.say`.
        """
        with self._lock:
            made = word(self._operating.standing())
            offset = None if made is None else self._operating.say(made, signers)
        self._look()
        return offset

    def _follow(self) -> None:
        while not self._over.wait(_EVERY_S):
            self._look()

    def _look(self) -> None:
        try:
            with self._lock:
                self._read()
        except Exception as error:  # noqa: BLE001 - the thread would end, and what it knew would pass for current
            why = f"{type(error).__name__}: {error}"
            if not self.problem:
                _log.warning("control cannot be read", why=why, exc_info=True)
            self.problem = why
        else:
            self.problem = ""

    def _read(self) -> None:
        state = self._operating.standing()
        if state.position == self._position:
            return
        digest = state.policy.digest
        policies = self._operating.policies(digest) if digest else self._fallback
        times = _moves(self._operating.history(), _modes(self._fallback), self._modes_of)
        self._standing, self._position = Standing(state, policies, *times), state.position

    def _modes_of(self, digest: str) -> Mapping[Place, str]:
        """The modes that a set says; none where it does not load here any more: nobody here can know them."""
        if digest not in self._written:
            try:
                self._written[digest] = _modes(self._operating.policies(digest))
            except LoadError:
                self._written[digest] = {}
        return self._written[digest]


def _modes(policies: PolicySet | None) -> dict[Place, str]:
    """What the policy of each workflow says, by the place of orders for that workflow alone."""
    workflows = policies.workflows if policies else {}
    return {("workflow", f"{tenant}/{name}"): policy.mode for (tenant, name), policy in workflows.items()}


def _moves(
    said: Iterable[Said], written: dict[Place, str], modes_of: Callable[[str], Mapping[Place, str]]
) -> tuple[dict[Place, int], dict[Place, int], dict[Place, int]]:
    """`moved`, `raised` and `began` of a `Standing`.

    Of a set only those workflows move whose policy says another mode than their last one did. A workflow without one
    before does not: there is nothing of another mode to leave out, and it may have to fall within its first window.

    Args:
        said: control, in order.
        written: the modes of policies before any activation; it is changed.
        modes_of: those of a set, by its digest.
    """
    moved: dict[Place, int] = {}
    raised: dict[Place, int] = {}
    began: dict[Place, int] = {}
    orders = ControlState()
    for one in said:
        word = one.word
        if one.refused:
            continue
        if word.kind == MODE:
            place = (word.scope, word.value)
            moved[place] = one.time_ms
            if orders.loosens(word):
                raised[place] = one.time_ms
            orders = orders.apply(word, one.offset)
        elif word.kind == ACTIVATE:
            for place, mode in modes_of(word.policy_digest).items():
                was = written.get(place, mode)
                if place not in written:
                    began[place] = one.time_ms
                if looser(mode, was):
                    moved[place] = raised[place] = one.time_ms
                elif looser(was, mode):
                    moved[place] = one.time_ms
                written[place] = mode
    return moved, raised, began
