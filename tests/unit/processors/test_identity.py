"""Identity: only a workflow's own key speaks for it, and control needs the right people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from toolgate.processors.case import Envelope
from toolgate.processors.control_state import ControlState
from toolgate.processors.identity import KID, MAC, check_control, check_result, check_review, identity
from toolgate.processors.keyring import ExecutorKey, IntentKey, Keyring, OperatorKey, framed, mac
from toolgate.processors.modes import MODES
from toolgate.processors.reasons import Code
from toolgate.schemas.bundle import schemas
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control, Result, Review

SECRET = b"0123456789abcdef"
OTHER = b"fedcba9876543210"
WORKFLOW = "billing_adjustments_v3"
OPTIONAL_BYTES = st.none() | st.binary(max_size=6)
RECORDS = st.tuples(st.text(max_size=4), OPTIONAL_BYTES, OPTIONAL_BYTES)


@given(RECORDS, RECORDS)
def test_two_records_never_look_alike_to_the_mac(one, other):
    """No bytes can be moved between topic, key and value without changing what is signed."""
    assert (framed(*one) == framed(*other)) is (one == other)


def test_accepts_the_workflows_own_key(case, world):
    """A rightly signed intent gets its key id and its policy, and no reason against it."""
    judged = identity(case(), world())
    assert (judged.kid, judged.reasons) == ("k1", ())
    assert judged.policy is not None
    assert judged.policy.workflow_id == WORKFLOW


@pytest.mark.parametrize(
    ("headers", "because"),
    [
        ((), "header tg-kid is missing"),
        (((KID, b"k1"),), "header tg-mac is missing"),
        (((KID, b"k1"), (KID, b"k1"), (MAC, b"x")), "header tg-kid is there twice"),
        (((KID, b"k1"), (MAC, b"x"), (MAC, b"x")), "header tg-mac is there twice"),
        (((KID, b"k9"), (MAC, b"x")), "key id 'k9' belongs to no workflow"),
        (((KID, b"\xff" * 9_000), (MAC, b"x")), "belongs to no workflow"),
        (((KID, b"k1"), (MAC, b"x" * 16)), "the MAC does not fit key k1"),
        (((KID, b"k1"), (MAC, b"")), "the MAC does not fit key k1"),
    ],
)
def test_refuses_what_does_not_prove_its_writer(headers, because, case, world):
    """Unsigned, twice signed, unknown and wrongly signed intents are nobody's."""
    judged = identity(case(headers=headers), world())
    assert [reason.code for reason in judged.reasons] == [Code.BAD_IDENTITY]
    assert because in judged.reasons[0].because
    assert len(judged.reasons[0].because) < 300
    assert judged.kid == ""


@pytest.mark.parametrize("fields", [{"workflow_id": "another"}, {"tenant": "another"}])
def test_refuses_a_key_of_another_workflow(fields, case, world):
    """A key that is right, but another's, speaks for nobody else."""
    judged = identity(case(**fields), world())
    assert [reason.code for reason in judged.reasons] == [Code.BAD_IDENTITY]


@pytest.mark.parametrize("part", ["topic", "key", "value"])
def test_refuses_a_record_that_was_changed_or_moved(part, case, world):
    """The MAC holds topic, key and value together."""
    made = case()
    parts = {
        "topic": "intents",
        "key": made.envelope.key,
        "value": made.envelope.value,
        part: "x" if part == "topic" else b"x",
    }
    moved = mac(SECRET, parts["topic"], parts["key"], parts["value"])
    judged = identity(case(headers=((KID, b"k1"), (MAC, moved))), world())
    assert [reason.code for reason in judged.reasons] == [Code.BAD_IDENTITY]


def test_refuses_a_workflow_without_policy(case, world):
    """The writer is proven, but nothing says what it may do."""
    keys = Keyring.of([IntentKey("k1", SECRET, "default", "new_one")])
    judged = identity(case(workflow_id="new_one"), world(keys=keys))
    assert [reason.code for reason in judged.reasons] == [Code.UNKNOWN_WORKFLOW]
    assert judged.kid == "k1"


def test_an_insecure_keyring_believes_everybody(case, world):
    """On a laptop no keys are needed; the key id says so."""
    judged = identity(case(headers=()), world(keys=Keyring.insecure()))
    assert (judged.kid, judged.reasons) == ("insecure-dev", ())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: IntentKey("k", b"short", "t", "w"), "16 to 64 bytes"),
        (lambda: IntentKey("k", b"x" * 65, "t", "w"), "16 to 64 bytes"),
        (lambda: IntentKey("k/1", SECRET, "t", "w"), "kid 'k/1'"),
        (lambda: IntentKey("k", SECRET, "t\u0430", "w"), "CYRILLIC"),
        (lambda: ExecutorKey("k", SECRET, "e", ("[a]",)), "tool '\\[a\\]'"),
        (lambda: OperatorKey("k", b"x" * 31, frozenset({"operator"})), "32 bytes"),
        (lambda: OperatorKey("k", b"x" * 32, frozenset({"root"})), "unknown role"),
        (
            lambda: Keyring.of([IntentKey("k", SECRET, "t", "w"), ExecutorKey("k", SECRET, "e", ())]),
            "there twice",
        ),
        (
            lambda: Keyring.of([OperatorKey(kid, b"x" * 32, frozenset({"operator"})) for kid in ("a", "b")]),
            "the same public key",
        ),
    ],
)
def test_refuses_keys_that_cannot_serve(make, message):
    """A keyring with a weak, nameless or doubled key is not made."""
    with pytest.raises(ValueError, match=message):
        make()


def test_secrets_are_not_shown():
    """A printed key gives nothing away."""
    shown = repr(Keyring.of([IntentKey("k", SECRET, "t", "w"), ExecutorKey("e", SECRET, "x", ("*",))]))
    assert SECRET.decode() not in shown


EXECUTOR = ExecutorKey("x1", SECRET, "exec-1", ("read_*", "send_mail"))


def result(**fields):
    """A result of exec-1 for read_invoice."""
    values = {"tool": "read_invoice", "executor_id": "exec-1", **fields}
    return Result("0-1", "i1", "r1", digest="d", status="ok", **values)


@pytest.mark.parametrize(
    ("secret", "kid", "made", "refused"),
    [
        (SECRET, b"x1", result(), None),
        (SECRET, b"x1", result(tool="send_mail"), None),
        (SECRET, b"x1", result(tool="send_mails"), "may not answer"),
        (SECRET, b"x1", result(executor_id="exec-2"), "may not answer"),
        (OTHER, b"x1", result(), "does not fit"),
        (SECRET, b"x2", result(), "belongs to no executor"),
        (SECRET, b"k1", result(), "belongs to no executor"),
    ],
)
def test_a_result_counts_only_from_an_executor_of_its_tool(secret, kid, made, refused):
    """Key, MAC, executor and tool must all be right; an intent's key is no executor's."""
    keys = Keyring.of([EXECUTOR, IntentKey("k1", SECRET, "t", "w")])
    envelope = Envelope(
        "results", 0, 0, 0, b"r1", b"v", ((KID, kid), (MAC, mac(secret, "results", b"r1", b"v")))
    )
    answer = check_result(keys, envelope, made)
    assert answer is None if refused is None else refused in str(answer)


def test_an_unsigned_result_counts_only_for_an_insecure_keyring():
    """Without headers there is no writer."""
    envelope = Envelope("results", 0, 0, 0, b"r1", b"v")
    assert "not signed" in str(check_result(Keyring.of([EXECUTOR]), envelope, result()))
    assert check_result(Keyring.insecure(), envelope, result()) is None


ROLES = {
    "ann": {"operator"},
    "bob": {"operator"},
    "eye": {"watch"},
    "pub": {"publisher"},
    "sam": {"starter"},
    "amy": {"approver"},
}
SIGNERS = {name: SigningKey(bytes([number]) * 32) for number, name in enumerate(ROLES)}
PEOPLE = Keyring.of(
    [OperatorKey(name, key.verify_key.encode(), frozenset(ROLES[name])) for name, key in SIGNERS.items()]
)


NOTHING = ControlState()


def control(kind="kill", *, by=("ann",), scope="workflow", value="w", mode=""):
    """A control record that names its signers."""
    if kind == "activate":
        return Control("c1", kind, "all", "", "because", tuple(by), "5e" * 16, checked_by="1")
    if kind == "grant":
        return Control("c1", kind, scope, value, "because", tuple(by), expires_at=60_000, tools=("pay",))
    return Control("c1", kind, scope, value, "because", tuple(by), mode=mode)


def signed(by, *, topic="control", value=b"v"):
    """An envelope with the signatures of these people."""
    headers = []
    for place, name in enumerate(by, start=1):
        suffix = "" if place == 1 else f"-{place}"
        signature = SIGNERS[name].sign(framed(topic, b"k", value)).signature
        headers += [(KID + suffix, name.encode()), (MAC + suffix, signature)]
    return Envelope("control", 0, 0, 0, b"k", b"v", tuple(headers))


@pytest.mark.parametrize(
    ("kind", "mode", "by", "refused"),
    [
        ("kill", "", ("ann",), None),
        ("kill", "", ("eye",), "needs an operator"),
        ("kill", "", ("ann", "eye"), None),
        ("kill", "", ("pub",), "needs an operator"),
        ("lift", "", ("ann", "bob"), None),
        ("lift", "", ("ann",), "needs two operators"),
        ("lift", "", ("ann", "eye"), "needs two operators"),
        ("grant", "", ("bob", "ann"), None),
        ("grant", "", ("ann", "pub"), "needs two operators"),
        ("grant", "", ("ann", "eye"), "needs two operators"),
        ("grant", "", ("eye",), "issued by 2 people, this one by 1"),
        ("activate", "", ("pub",), None),
        ("activate", "", ("ann", "bob"), "needs a publisher"),
        ("activate", "", ("eye",), "needs a publisher"),
        ("mode", "enforce", ("ann",), None),
        ("mode", "enforce", ("eye",), "needs an operator"),
        ("mode", "read_only", ("eye",), None),
        ("mode", "enforce", ("ann", "eye"), None),
        ("mode", "canary:10%", ("eye",), None),
        ("mode", "read_only", ("pub",), "needs an operator or the watch"),
        ("mode", "dance", ("ann",), "none of enforce, draft_only, read_only, shadow or canary"),
        ("mode", "canary:0%", ("ann",), "none of enforce"),
        ("mode", "canary:100%", ("ann",), "none of enforce"),
        ("demote", "", ("eye",), "demote needs an operator"),
        ("alert", "", ("eye",), "alert needs an operator"),
        ("dance", "", ("pub", "eye"), "dance needs an operator"),
    ],
)
def test_control_needs_the_right_roles(kind, mode, by, refused):
    """The watch only orders what tightens; what loosens needs two operators."""
    answer = check_control(PEOPLE, signed(by), control(kind, by=by, mode=mode), NOTHING)
    assert answer is None if refused is None else refused in str(answer)


@pytest.mark.parametrize(
    ("envelope", "record", "refused"),
    [
        (signed(()), control(by=()), "not signed"),
        (signed(("ann", "ann")), control("lift", by=("ann", "ann")), "signed twice"),
        (signed(("ann",)), control(by=("bob",)), "issued_by"),
        (signed(("ann", "bob")), control("lift", by=("ann",)), "issued_by"),
        (signed(("ann",), value=b"other"), control(), "does not fit key ann"),
        (signed(("ann",), topic="intents"), control(), "does not fit key ann"),
        (
            Envelope("control", 0, 0, 0, b"k", b"v", ((KID, b"ann"), (MAC, b"short"))),
            control(),
            "does not fit",
        ),
        (Envelope("control", 0, 0, 0, b"k", b"v", ((KID, b"eve"), (MAC, b"x" * 64))), control(), "nobody"),
    ],
)
def test_control_counts_only_when_all_it_names_signed_it(envelope, record, refused):
    """Signatures are whole, of known people, each once, and exactly those that the record names."""
    assert refused in str(check_control(PEOPLE, envelope, record, NOTHING))


@pytest.mark.parametrize("keys", [PEOPLE, Keyring.insecure()])
@pytest.mark.parametrize(("scope", "value"), [("workflow", ""), ("all", "w"), ("world", "w")])
def test_control_that_names_nothing_is_refused_whoever_signed(scope, value, keys):
    """A kill that would silently stop nothing is an error, even on a laptop."""
    assert check_control(keys, signed(("ann",)), control(scope=scope, value=value), NOTHING) is not None


@pytest.mark.parametrize(
    ("by", "refused"),
    [(("ann",), None), (("eye",), "needs an operator"), (("pub",), "needs an operator")],
)
def test_one_can_end_what_two_have_granted(by, refused):
    """An operator: what people have granted no watch ends."""
    word = changed(control("grant", by=by), tools=(), expires_at=None)
    answer = check_control(PEOPLE, signed(by), word, NOTHING)
    assert answer is None if refused is None else refused in str(answer)


KINDS = next(
    field["type"]["symbols"] for field in schemas("control")[-1].runtime["fields"] if field["name"] == "kind"
)


@pytest.mark.parametrize(
    "scope", [("all", ""), ("tenant", "acme"), ("workflow", "w"), ("workflow", "acme/w")]
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_watch_only_tightens_modes(kind, scope):
    """Of every kind that the schema knows, about anything, alone: one that tightens is all that it may say."""
    standing = ControlState().apply(_ordered("canary:20%", *scope), 0)
    words = (
        [_ordered(mode, *scope) for mode in (*MODES, "canary:10%", "canary:20%", "canary:21%")]
        if kind == "mode"
        else [_activation()]
        if kind == "activate"
        else [
            changed(_ordered("", *scope), kind=kind),
            changed(_ordered("", *scope), kind=kind, tools=("pay",)),
        ]
    )
    said = {word.mode for word in words if check_control(PEOPLE, signed(("eye",)), word, standing) is None}
    assert said == ({"shadow", "canary:10%", "canary:20%"} if kind == "mode" else set())


BY = [("ann",), ("ann", "bob"), ("ann", "eye"), ("eye",), ("pub",), ("pub", "eye"), ("sam",), ("amy",)]
OPERATORS = {("ann",), ("ann", "bob"), ("ann", "eye")}
MAY = {
    "kill": OPERATORS,
    "lift": {("ann", "bob")},
    "activate": {("pub",), ("pub", "eye")},
    "mode": OPERATORS | {("eye",), ("pub", "eye")},
    "grant": {("ann", "bob")},
    "demote": OPERATORS,  # and is told that nothing acts on it
    "alert": OPERATORS,
}


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("kind", KINDS)
def test_who_may_say_what(kind, by):
    """Every kind that the schema knows, and every role; of modes one that tightens."""
    word = control(kind, by=by, mode="shadow" if kind == "mode" else "")
    assert (check_control(PEOPLE, signed(by), word, NOTHING) is None) is (by in MAY[kind])


def _ordered(mode, scope, value):
    return Control("c1", "mode", scope, value, "because", ("eye",), mode=mode, version=2)


def _activation():
    return changed(control("activate", by=("eye",)), version=1)


def test_an_insecure_keyring_believes_control():
    """On a laptop nobody signs."""
    assert check_control(Keyring.insecure(), signed(()), control("lift", by=()), NOTHING) is None


@pytest.mark.parametrize(
    ("by", "fields", "key", "refused"),
    [
        (("amy",), {}, b"w", None),
        (("ann",), {"reviewer": "ann"}, b"w", None),
        (("sam",), {"reviewer": "sam"}, b"w", "neither an operator's nor an approver's"),
        (("amy",), {"reviewer": "ann"}, b"w", "it names 'ann'"),
        (("amy", "ann"), {}, b"w", "signed twice"),
        ((), {}, b"w", "header tg-kid is missing"),
        (("amy",), {"finding": "x" * 999}, b"w", "is no finding"),
        (("amy",), {"minutes": -1}, b"w", "it took -1 minutes"),
        (("amy",), {"minutes": 481}, b"w", "it took 481 minutes"),
        (("amy",), {}, b"other", "its key is not its workflow's id"),
    ],
)
def test_a_review_counts_from_one_person_who_may_say_so(by, fields, key, refused):
    """It is in the unit cost and the success rate of its workflow, and may bring a workflow down."""
    said = changed(Review("v1", "0-1", "t", "w", "r", "d", "amy", "wrong", minutes=480), **fields)
    headers = []
    for place, name in enumerate(by, start=1):
        suffix = "" if place == 1 else f"-{place}"
        signature = SIGNERS[name].sign(framed("reviews", key, b"v")).signature
        headers += [(KID + suffix, name.encode()), (MAC + suffix, signature)]
    fault = check_review(PEOPLE, Envelope("reviews", 0, 0, 0, key, b"v", tuple(headers)), said)
    assert fault is None if refused is None else refused in str(fault)
    assert len(str(fault)) < 300
