"""The chain: every processor in its order, and what makes one verdict of what they say.

`python -m toolgate.processors.chain` prints it. The same tuple runs in the gate, in tests and in simulations.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from toolgate.processors.access import access
from toolgate.processors.approval_terms import terms_of
from toolgate.processors.break_glass import break_glass
from toolgate.processors.case import Approved, Case, deny
from toolgate.processors.cedar import cedar
from toolgate.processors.claims import Remember
from toolgate.processors.contract import contract
from toolgate.processors.control import control
from toolgate.processors.holds import kept, opened
from toolgate.processors.identity import identity
from toolgate.processors.limits import attempts, limits
from toolgate.processors.reasons import Code
from toolgate.processors.rules import rules
from toolgate.processors.run_contract import run_contract
from toolgate.processors.shadow import shadow_of, shadowed
from toolgate.processors.size import size
from toolgate.processors.verdicts import ends_case, ordered, verdict_of
from toolgate.processors.world import World
from toolgate.schemas.enums import WAITS, Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Reason

Processor = Callable[[Case, World], Case]

CHAIN: tuple[Processor, ...] = (
    identity, control, contract, access, run_contract, rules, cedar, break_glass, limits, size,
)  # fmt: skip


def judge(case: Case, world: World) -> Case:
    """The case with verdict, ordered reasons and claims; never raises: what cannot be judged is denied."""
    name = "judge"
    try:
        for processor in CHAIN:
            name = processor.__name__
            case = processor(case, world)
            if case.reasons and ends_case(case.reasons):
                break
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of a Rust library is no Exception, and must deny too
        # The message stays out: it may hold what the agent sent.
        because = f"{type(error).__name__} in {name}"
        case = deny(case, Reason(Code.CANNOT_JUDGE, name, because))
    return _settled(case, world)


def _settled(case: Case, world: World) -> Case:
    """What is asked of the ledger: an approval takes its claims, a hold or draft has them looked at."""
    if case.approved and case.verdict in WAITS:
        case = _released(case, case.approved)
    if because := shadow_of(case, world):
        return shadowed(case, because)
    if case.verdict == Verdict.APPROVE:
        return case
    if case.verdict == Verdict.DENY:
        return _denied(case)
    return _waiting(case, world)


def _released(case: Case, approved: Approved) -> Case:
    """The case without what only leaves it to people, unless more, or others, must decide now than have.

    Who approved a held call has not said that a write may happen where it would be a draft now.
    """
    terms = terms_of(case)
    if terms.approvers > approved.approvers or frozenset(terms.roles) != approved.roles:
        return case
    drops = WAITS if approved.kind == Verdict.DRAFT else {Verdict.HOLD}
    left = tuple(reason for reason in case.reasons if verdict_of((reason,)) not in drops)
    return changed(case, reasons=left, verdict=verdict_of(left))


def _waiting(case: Case, world: World) -> Case:
    """A held or drafted case keeps nothing for its result, as it has none yet, but what people are to decide on."""
    asked = tuple(claim for claim in case.claims if type(claim) is not Remember)
    hold = kept(opened(case, world.policies.digest, terms_of(case)), new=True)
    return changed(case, reasons=ordered(case.reasons), claims=(*asked, hold), reserve=None)


def _denied(case: Case) -> Case:
    """A refused case asks for nothing, but its attempt and its denial count once its writer is proven."""
    always, on_deny = attempts(case) if case.kid else ((), ())
    return changed(
        case, reasons=ordered(case.reasons), claims=(), reserve=None, always=always, on_deny=on_deny
    )


def printed() -> str:
    """The chain as text: one processor a line, with what it does."""
    return "".join(f"{p.__name__:<14}{(p.__doc__ or '').splitlines()[0]}\n" for p in CHAIN)


if __name__ == "__main__":
    sys.stdout.write(printed())
