"""Identity: who wrote a record. Kafka tells a consumer no principal, so records prove it themselves.

Intents and results carry a keyed BLAKE2b (`tg-kid` names the key, `tg-mac` is the MAC, 16 raw bytes); control,
contracts and votes carry Ed25519 signatures (64 raw bytes), the first signer under the same names, others under
`tg-kid-2` and `tg-mac-2` and so on. Both are over topic, key and value: nothing can be moved to another topic or run.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from toolgate.processors.case import deny
from toolgate.processors.control_state import ACTIVATE, MODE, malformed
from toolgate.processors.grants import GRANT, ends, life_fault
from toolgate.processors.keyring import APPROVER, DEV_KID, OPERATOR, STARTER, WATCH, framed, mac
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import SAYS, Choice, Finding
from toolgate.schemas.frozen import changed, frozen
from toolgate.schemas.headers import KID, MAC, kid_of
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from toolgate.processors.case import Case, Envelope
    from toolgate.processors.control_state import ControlState
    from toolgate.processors.keyring import Keyring, OperatorKey
    from toolgate.processors.world import World
    from toolgate.schemas.records import Control, Result, Review, Vote

SIGNERS_MAX = 8
REVIEW_MINUTES_MAX = 480  # a person's day
_FINDINGS = tuple(Finding)
RELEASERS = (OPERATOR, APPROVER)  # roles of which one may say what really happened, or who sees to it


@frozen
class Voter:
    """Whose vote it is, and what they may approve as; None: as anything."""

    kid: str
    roles: frozenset[str] | None


def identity(case: Case, world: World) -> Case:
    """Accept an intent only from its own workflow's key, and find that workflow's policy."""
    intent = case.intent
    kid, fault = _writer(case, world.keys)
    if fault:
        return deny(case, Reason(Code.BAD_IDENTITY, "identity", fault))
    policy = world.policies.for_workflow(intent.tenant, intent.workflow_id)
    if policy is None:
        because = f"no policy for workflow {intent.workflow_id[:128]} of tenant {intent.tenant[:128]}"
        return deny(changed(case, kid=kid), Reason(Code.UNKNOWN_WORKFLOW, "identity", because))
    return changed(case, kid=kid, policy=policy)


def check_result(keyring: Keyring, envelope: Envelope, result: Result) -> str | None:
    """Why this result does not count, or None: its key must belong to an executor that may run the tool."""
    if keyring.insecure_dev:
        return None
    signature = _one(envelope, KID, MAC)
    if isinstance(signature, str):
        return signature
    kid, tag = signature
    key = keyring.executors.get(kid)
    if key is None:
        return f"key id {kid[:128]!r} belongs to no executor"
    if not compare_digest(mac(key.secret, envelope.topic, envelope.key, envelope.value), tag):
        return f"the MAC does not fit key {kid}"
    if result.executor_id != key.executor_id or key.pattern.fullmatch(result.tool) is None:
        return f"key {kid} belongs to executor {key.executor_id}, which may not answer so for {result.tool!r}"
    return None


def check_contract(keyring: Keyring, envelope: Envelope) -> str | None:
    """Why nobody who may start runs vouches for this contract, or None. An agent may not say what its run may touch."""
    if keyring.insecure_dev:
        return None
    if (kid := kid_of(envelope.headers)) in keyring.intents:
        return f"key {kid} is an agent's: it may not say what its own run may touch"
    signers = _signers(keyring, envelope)
    if isinstance(signers, str):
        return signers
    return None if any(STARTER in key.roles for key in signers) else "a contract needs a starter"


def check_vote(keyring: Keyring, envelope: Envelope, vote: Vote) -> Voter | str:
    """Who votes; or why nobody vouches for this vote, as a sentence.

    A vote is an approver's, signed with their own key; a withdrawal is the word of whoever starts runs; a release, and
    who sees to something, that of an operator or an approver. The name in the vote proves nothing: it must be the
    key's.
    """
    if keyring.insecure_dev:
        return Voter(vote.approver, None)
    if (kid := kid_of(envelope.headers)) in keyring.intents:
        return f"key {kid} is an agent's: it may not decide about its own calls"
    signers = _signers(keyring, envelope)
    return signers if isinstance(signers, str) else _approver(vote, signers)


def _approver(vote: Vote, signers: list[OperatorKey]) -> Voter | str:
    key = signers[0]
    if len(signers) > 1:
        return "a vote is one person's: it is signed twice"
    if vote.choice == Choice.WITHDRAW and STARTER not in key.roles:
        return f"key {key.kid} is no starter's: only whoever starts runs may withdraw"
    if vote.choice in SAYS and not key.roles & set(RELEASERS):
        return f"key {key.kid} is neither an operator's nor an approver's"
    if vote.choice not in {Choice.WITHDRAW, *SAYS} and not key.approves_as:
        return f"key {key.kid} is no approver's"
    if vote.approver != key.kid:
        return f"it names {vote.approver[:128]!r} and is signed with key {key.kid}"
    return Voter(key.kid, key.approves_as)


def check_review(keyring: Keyring, envelope: Envelope, review: Review) -> str | None:
    """Why this review of completed work does not count, or None: it is whole, and one person's who may say so.

    That is whoever may approve or operate.
    """
    fault = _review_fault(envelope, review)
    if fault or keyring.insecure_dev:
        return fault
    signers = _signers(keyring, envelope)
    if isinstance(signers, str):
        return signers
    if len(signers) > 1:
        return "a review is one person's: it is signed twice"
    key = signers[0]
    if fault := reviewer_fault(key):
        return fault
    if review.reviewer != key.kid:
        return f"it names {review.reviewer[:128]!r} and is signed with key {key.kid}"
    return None


def _review_fault(envelope: Envelope, review: Review) -> str | None:
    if review.finding not in _FINDINGS:
        return f"{review.finding[:128]!r} is no finding: one of {', '.join(_FINDINGS)}"
    if not 0 <= review.minutes <= REVIEW_MINUTES_MAX:
        return f"it took {review.minutes} minutes: from 0 to {REVIEW_MINUTES_MAX} are believed"
    if envelope.key != review.workflow_id.encode("utf-8", "surrogatepass"):
        return "its key is not its workflow's id"
    return None


def reviewer_fault(key: OperatorKey) -> str | None:
    """Why whoever has this key may not say what they find of completed work, or None."""
    may = key.roles & set(RELEASERS)
    return None if may else f"key {key.kid} is neither an operator's nor an approver's"


def check_control(keyring: Keyring, envelope: Envelope, control: Control, before: ControlState) -> str | None:
    """Why this control record does not count, or None: whole, signed by all it names, with the roles.

    What a record needs depends on what held `before` it: the watch may order a mode where that tightens, and say
    nothing else. How long a grant stands counts from its append.
    """
    if fault := malformed(control) or life_fault(control, envelope.time_ms):
        return fault
    if keyring.insecure_dev:
        return None
    signers = _signers(keyring, envelope)
    if isinstance(signers, str):
        return signers
    if sorted(control.issued_by) != sorted(key.kid for key in signers):
        return "issued_by does not name exactly the keys that signed"
    return _role_fault(control, signers, before)


def _role_fault(control: Control, signers: list[OperatorKey], before: ControlState) -> str | None:
    """Which role is missing among those who signed, or None."""
    operators = sum(OPERATOR in key.roles for key in signers)
    widens = control.kind == GRANT and not ends(control)
    if control.kind == "lift" or widens:
        return None if operators >= 2 else f"{control.kind} needs two operators, {operators} signed"
    if control.kind == ACTIVATE:
        return None if any("publisher" in key.roles for key in signers) else "activate needs a publisher"
    # No kill: two people would have to lift what a watch has misread.
    watched = control.kind == MODE and not before.loosens(control)
    if operators or (watched and any(WATCH in key.roles for key in signers)):
        return None
    return f"{control.kind} needs an operator{' or the watch' if watched else ''}"


def _writer(case: Case, keys: Keyring) -> tuple[str, str]:
    """(kid, "") of the writer, or ("", why it is not believed)."""
    if keys.insecure_dev:
        return DEV_KID, ""
    signature = _one(case.envelope, KID, MAC)
    if isinstance(signature, str):
        return "", signature
    kid, tag = signature
    key = keys.intents.get(kid)
    if key is None:
        return "", f"key id {kid[:128]!r} belongs to no workflow"
    envelope, intent = case.envelope, case.intent
    if not compare_digest(mac(key.secret, envelope.topic, envelope.key, envelope.value), tag):
        return "", f"the MAC does not fit key {kid}"
    if key.workflow_id != intent.workflow_id or key.tenant != intent.tenant:
        return (
            "",
            f"key {kid} belongs to workflow {key.workflow_id} of tenant {key.tenant}, not the intent's",
        )
    return kid, ""


def _one(envelope: Envelope, kid_name: str, mac_name: str) -> tuple[str, bytes] | str:
    """Key id and signature under these header names, or what is wrong with them."""
    kid = tag = None
    for name, value in envelope.headers:
        if name == kid_name:
            if kid is not None:
                return f"header {kid_name} is there twice"
            kid = value
        elif name == mac_name:
            if tag is not None:
                return f"header {mac_name} is there twice"
            tag = value
    if kid is None or tag is None:
        return f"header {kid_name if kid is None else mac_name} is missing: the record is not signed"
    return kid.decode("ascii", "replace"), tag


def _signers(keyring: Keyring, envelope: Envelope) -> list[OperatorKey] | str:
    """Everybody who signed, each once and rightly; or what is wrong."""
    names = {name for name, _ in envelope.headers}
    signed = framed(envelope.topic, envelope.key, envelope.value)
    signers: list[OperatorKey] = []
    for place in range(1, SIGNERS_MAX + 1):
        suffix = "" if place == 1 else f"-{place}"
        if place > 1 and KID + suffix not in names:
            break
        signature = _one(envelope, KID + suffix, MAC + suffix)
        if isinstance(signature, str):
            return signature
        key = keyring.operators.get(signature[0])
        if key is None:
            return f"key id {signature[0][:128]!r} belongs to nobody who may sign this"
        if key in signers:
            return f"key {key.kid} signed twice"
        try:
            VerifyKey(key.public).verify(signed, signature[1])
        except (BadSignatureError, ValueError):
            return f"the signature does not fit key {key.kid}"
        signers.append(key)
    return signers
