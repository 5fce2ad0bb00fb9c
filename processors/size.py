"""Size: nothing is approved whose records could be larger than their topics take.

An output over its topic's limit fails the transaction it is in, and the same one again after every restart. So
the bound is worked out beforehand, from what the records are made of: the intent's own text, what is captured,
the records that it touches in every set that counts them, a row, a balance or a reason for every claim, and what
rules have said.
A refused intent takes nothing, so its records hold little more than the intent itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.capture import CAPTURED_BYTES_MAX
from toolgate.processors.case import deny
from toolgate.processors.claims import Distinct, Remember
from toolgate.processors.limits import RECORD_BYTES_MAX
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.processors.world import World

# Below schemas.bundle.OUTPUT_BYTES_MAX by what the ledger adds to an audit event: `visible`, an entry for every
# partition of the inputs (2,049 of at most 30 bytes), its own ids and digests.
DECISION_BYTES_MAX = 900_000
# Scope, tenant, workflow, path and window: the longest name that the loader lets be made has less than 700 bytes.
ACCOUNT_BYTES_MAX = 700
# A claim's account stands in its row, its balance and its reservation; beside it label, amounts, a sentence.
CLAIM_BYTES_MAX = 3 * ACCOUNT_BYTES_MAX + 1_200
REASON_BYTES_MAX = 400  # code, rule, unit and figures, beside the sentence
ENTRY_BYTES_MAX = RECORD_BYTES_MAX + 2  # a record with its length


def size(case: Case, world: World) -> Case:  # noqa: ARG001 - one signature for every processor
    """Refuse what would make a command, denial or audit event that its topic does not take."""
    if case.verdict == Verdict.DENY:
        return case
    bound = decision_bytes(case)
    if bound <= DECISION_BYTES_MAX:
        return case
    because = f"the decision could take {bound:,} bytes to write, at most {DECISION_BYTES_MAX:,} are allowed"
    over = bound - DECISION_BYTES_MAX
    return deny(
        case, Reason(Code.OUTPUT_TOO_LARGE, "size", because, "", "bytes", bound, DECISION_BYTES_MAX, over)
    )


def decision_bytes(case: Case) -> int:
    """An upper bound of the largest record that a decision on this case makes."""
    named, kept = len(case.records), 0
    for claim in case.claims:
        if type(claim) is Distinct:
            named += len(claim.records)
        elif type(claim) is Remember:
            kept += len(claim.value.encode())
    return (
        len(case.envelope.value or b"")
        + kept
        + CAPTURED_BYTES_MAX
        + named * ENTRY_BYTES_MAX
        + (len(case.always) + len(case.claims)) * CLAIM_BYTES_MAX
        + sum(
            len(reason.because.encode()) + REASON_BYTES_MAX
            for reason in case.reasons + case.shadow_reasons + case.waived
        )
    )
