"""Cedar policies beside the rules: what loads, what they see of a call, and that they can only take away."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

from toolgate.processors import loader
from toolgate.processors.cedar_text import BYTES_MAX, DEPTH_MAX, POLICIES_MAX, TOKENS_MAX
from toolgate.processors.chain import judge
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import IntentKey, Keyring
from toolgate.processors.loader import from_files
from toolgate.processors.problems import LoadError
from toolgate.processors.reasons import Code
from toolgate.processors.world import World
from toolgate.schemas.enums import Verdict

EXAMPLE = Path(__file__).parents[3] / "examples" / "cedar"
SECRET = b"0123456789abcdef"
TOOLS = b"""
tools:
  - name: pay
    effect: write
    system: bank
    records: [invoice]
    params:
      properties:
        invoice: {type: string}
        cents: {type: integer}
        rate: {type: number}
        note: {type: [string, "null"]}
        urgent: {type: boolean}
        tags: {type: array, items: {type: string}}
        to: {type: object, properties: {iban: {type: string}, bank: {type: string}}, required: [iban]}
        anything: {}
        __entity: {type: string}
      required: [invoice, cents, to]
  - name: look
    effect: read
    records: []
    params: {properties: {invoice: {type: string}}, required: [invoice]}
"""
POLICY = b"""
policy:
  workflow_id: billing_adjustments_v3
  allowed_tools: [pay, look]
  cedar: desk.cedar
"""
PERMIT = "permit (principal, action, resource);\n"
PARAMS = {"invoice": "INV-1", "cents": 700, "to": {"iban": "XX-1"}}


def loaded(text, **others):
    """The policy set with this Cedar file."""
    data = text.encode() if isinstance(text, str) else text
    return from_files({"tools.yaml": TOOLS, "policy.yaml": POLICY, "desk.cedar": data, **others})


@pytest.fixture
def judged(case):
    """Judges a call under these Cedar policies."""

    def make(text, params=PARAMS, tool="pay", **fields):
        keys = Keyring.of([IntentKey("k1", SECRET, "default", "billing_adjustments_v3")])
        return judge(
            case(tool=tool, params=json.dumps(params), **fields), World(loaded(text), ControlState(), keys)
        )

    return make


def told(found):
    """Code, rule and sentence of each reason."""
    return [(reason.code, reason.rule, reason.because) for reason in found.reasons]


def test_a_permit_lets_pass_what_everything_else_lets_pass(judged):
    """And nothing else: a parameter that does not fit stays refused."""
    assert judged(PERMIT).verdict == Verdict.APPROVE
    assert {reason.code for reason in judged(PERMIT, {"cents": 1}).reasons} == {Code.PARAMS_SCHEMA}
    assert [reason.code for reason in judged(PERMIT, tool="nothing").reasons] == [Code.TOOL_UNKNOWN]


def test_a_forbid_denies_by_its_name_and_sentence(judged):
    """Whoever reads the denial knows which policy it was; without a name it is known by its place."""
    body = "forbid (principal, action, resource) when { resource.effect == %s };\n"
    text = f'@id("no_writes")\n@because("writes are for people")\n{body % json.dumps("write")}'
    assert told(judged(PERMIT + text)) == [(Code.CEDAR_DENIED, "no_writes", "writes are for people")]
    assert told(judged(PERMIT + body % json.dumps("write"))) == [
        (Code.CEDAR_DENIED, "policy1", "a Cedar policy forbids this call")
    ]
    assert judged(PERMIT + text, {"invoice": "INV-1"}, "look").verdict == Verdict.APPROVE


def test_what_no_policy_permits_is_denied(judged):
    """As everywhere in Cedar: a file that is taken over from elsewhere keeps its meaning."""
    text = 'permit (principal, action == Action::"look", resource);'
    assert told(judged(text)) == [(Code.CEDAR_DENIED, "desk.cedar", "no Cedar policy permits this call")]


def test_all_that_forbid_are_told_beside_the_rules(judged):
    """Every reason is kept."""
    text = PERMIT + "".join(
        f'@id("{name}") forbid (principal, action == Action::"pay", resource) '
        f"when {{ context.params.cents > {most} }};\n"
        for name, most in (("b", 500), ("a", 600), ("c", 900))
    )
    assert [rule for _, rule, _ in told(judged(text))] == ["a", "b"]


PAY = 'forbid (principal, action == Action::"pay", resource) when {{ {} }};'


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ('principal == Agent::"a1"', True),
        ('principal in Workflow::"billing_adjustments_v3"', True),
        ('resource in System::"bank" && resource.version == "1"', True),
        ('resource == Tool::"look"', False),
        ('context.intent.run == "r1" && context.intent.id == "i1"', True),
        ('context.now == datetime("1970-01-01T00:00:01.000Z")', True),
        ('context.params.to.iban like "XX-*"', True),
        ("context.params.to has bank", False),
        ("context.params has note", False),  # null is as if it were not there
        ('context.params has tags && context.params.tags.contains("b")', True),
        ('context.params has rate && context.params.rate.lessThan(decimal("0.1250"))', False),
        ('context.params has rate && context.params.rate == decimal("0.125")', True),
        ("context.params has urgent && context.params.urgent", True),
    ],
)
def test_what_a_policy_sees_of_a_call(when, holds, judged):
    """Agent in workflow, tool in system, parameters by their schema, the intent, and the broker's time."""
    params = {**PARAMS, "note": None, "tags": ["b", "a", "b"], "rate": 0.125, "urgent": True}
    found = judged(PERMIT + PAY.format(when), params)
    assert found.verdict == (Verdict.DENY if holds else Verdict.APPROVE)


@pytest.mark.parametrize("value", [0.00001, 1e300, -1e15, 922_337_203_685_478])
def test_a_number_that_cedar_has_not_denies(value, judged):
    """Rounding it could let it pass a limit; nobody is shown it."""
    found = judged(PERMIT, {**PARAMS, "rate": value})
    assert [(reason.code, reason.rule) for reason in found.reasons] == [(Code.CEDAR_FAILED, "desk.cedar")]
    assert str(value) not in found.reasons[0].because


@pytest.mark.parametrize("value", [0, -0.0, 3, 0.5, 12.3456, -7.25, 9e14, 900_000_000_000_000])
def test_a_number_that_cedar_has_is_kept_exactly(value, judged):
    """Also one that was written without a point, or with an exponent."""
    same = f'context.params has rate && context.params.rate == decimal("{value:.4f}")'
    assert judged(PERMIT + PAY.format(same), {**PARAMS, "rate": value}).verdict == Verdict.DENY


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"tags": ["x"] * 257}, "a list has 257 elements"),
        ({"invoice": "x" * 16_385}, "text has 16,385 characters"),
    ],
)
def test_what_is_too_large_never_reaches_cedar(changes, because, judged, monkeypatch):
    """Its work is bounded by what it is given."""
    monkeypatch.setattr("cedarpy.is_authorized", None)
    (reason,) = judged(PERMIT, {**PARAMS, **changes}).reasons
    assert reason.code == Code.CEDAR_FAILED
    assert because in reason.because


@pytest.mark.parametrize("effect", ["permit", "forbid"])
def test_a_policy_that_fails_denies_without_showing_values(effect, judged):
    """Cedar itself skips a policy that fails: a forbid would let pass, and so would another permit."""
    text = f'@id("big") {effect} (principal, action == Action::"pay", resource) '
    text += "when { context.params.cents * 9007199254740991 > 5 };\n"
    found = judged(PERMIT + text, {**PARAMS, "cents": 9_007_199_254_740_881})
    assert told(found) == [(Code.CEDAR_FAILED, "big", "big (the policy could not be evaluated)")]


def test_an_answer_that_cannot_be_understood_denies(judged, monkeypatch):
    """NoDecision without an error has not been seen; it would not pass."""
    import cedarpy  # noqa: PLC0415 - only here

    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: cedarpy.AuthzResult({"decision": "NoDecision"}))
    assert [reason.code for reason in judged(PERMIT).reasons] == [Code.CEDAR_FAILED]


def test_names_that_cedars_json_gives_a_meaning_are_not_passed_on(judged):
    """An agent cannot smuggle an entity in as a parameter."""
    assert judged(PERMIT, {**PARAMS, "__entity": "x", "anything": {"__extn": 1}}).verdict == Verdict.APPROVE
    for name in ("__entity", "anything"):
        with pytest.raises(LoadError, match=f"attribute `params.{name}` .* not found"):
            loaded(PERMIT + PAY.format(f'context.params["{name}"] == "x"'))


MISTAKES = [
    ("centz", PAY.format("context.params.centz > 5"), ("2:77: attribute `params.centz` in context for "
     'Action::"pay" not found; did you mean cents?')),
    ("action", 'forbid (principal, action == Action::"paay", resource);',
     '2:38: unrecognized action `Action::"paay"`; did you mean pay?'),
    ("entity", 'forbid (principal == Agnt::"a", action, resource);',
     "2:22: unrecognized entity type `Agnt`; did you mean Agent?"),
    ("has", PAY.format("context.params has centz && context.params.centz > 5"),
     "2:81: nothing that this policy is about has `centz`; did you mean cents?"),
    ("has_unknown", PAY.format("context.params has anything"),
     "2:81: nothing that this policy is about has `anything`"),
    ("has_below", PAY.format("context.params has to.bankk"),
     "2:84: nothing that this policy is about has `bankk`; did you mean bank?"),
    ("has_of_another", 'forbid (principal, action == Action::"look", resource) when { context.params has cents };',
     "2:82: nothing that this policy is about has `cents`"),
    ("has_of_an_entity", "forbid (principal, action, resource) when { resource has efect };",
     "2:58: nothing that this policy is about has `efect`; did you mean effect?"),
    ("has_of_the_agent", "forbid (principal, action, resource) when { principal has effect };",
     "2:59: nothing that this policy is about has `effect`"),
    ("system", 'forbid (principal, action, resource in System::"bnak");',
     '2:48: there is no `System::"bnak"`; did you mean bank?'),
    ("system_in_a_condition", 'forbid (principal, action, resource) when { resource in System::"bankk" };',
     '2:65: there is no `System::"bankk"`; did you mean bank?'),
    ("tool", 'forbid (principal, action, resource == Tool::"lookk");',
     '2:46: there is no `Tool::"lookk"`; did you mean look?'),
    ("types", PAY.format('context.params.cents > "5"'), "2:1: unexpected type: expected Long but saw String"),
    ("optional", PAY.format("context.params.urgent"), ("2:77: unable to guarantee safety of access to optional "
     'attribute `params.urgent` in context for Action::"pay"; ask for it first: has urgent && ...')),
    ("scope", "forbid (principle, action, resource);",
     "2:9: Cedar does not read this: found an invalid variable in the policy scope: principle"),
    ("token", "forbid (principal, action, resource) when { 1 + };",
     "2:49: Cedar does not read this: unexpected token `}`"),
    ("equals", PAY.format("context.params.cents = 5"),
     "2:83: Cedar does not read this: '=' is not a valid operator in Cedar"),
    ("end", "forbid (principal, action, resource)", "2:36: the file ends within a policy; end each policy with ;"),
    ("string", 'forbid (principal, action, resource) when { "a == 1 };',
     "2:45: Cedar does not read this: invalid token"),
    ("template", "forbid (principal == ?principal, action, resource);",
     "2:1: a template decides nothing; write the value out"),
    ("twice", '@id("a") forbid (principal, action, resource);\n@id("a") ' + PERMIT,
     "3:1: policy a is there twice; give each its own id"),
    ("id", '@id("a/b") forbid (principal, action, resource);',
     "2:1: @id 'a/b' has '/' at character 2: only ASCII letters, digits and ._:@+-"),
    ("because", f'@because("{"x" * 201}") forbid (principal, action, resource);',
     "2:1: @because has 201 characters, at most 200 are allowed"),
    ("deep", PAY.format("(" * (DEPTH_MAX + 1) + "1"), (f"2:{61 + DEPTH_MAX}: brackets are nested deeper "
     f"than {DEPTH_MAX}")),
    ("long", PAY.format("true && " * TOKENS_MAX + "true"),
     f"2:1: this policy has more than {TOKENS_MAX:,} words and signs; write several policies"),
    ("many", PERMIT * POLICIES_MAX, (f"129:1: the file has {POLICIES_MAX + 1} policies, at most "
     f"{POLICIES_MAX} are read")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_says_what_is_wrong_where(text, problem):
    """Cedar's words, with the place that Cedar does not tell."""
    with pytest.raises(LoadError) as caught:
        loaded(PERMIT + text)
    assert [str(one).removeprefix("desk.cedar:") for one in caught.value.problems] == [problem]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "desk.cedar: there is no policy in this file; remove cedar, or write one"),
        (b"// nothing\n", "desk.cedar: there is no policy in this file; remove cedar, or write one"),
        (b"permit\n\xff", "desk.cedar:2:1: the file is not UTF-8; save it as UTF-8"),
        (b" " * (BYTES_MAX + 1), "desk.cedar: the file has 65,537 bytes, at most 65,536 are read"),
        (
            b"forbid (principal, action, resource);",
            (
                "desk.cedar:1:1: without a permit Cedar denies every call; "
                "add permit (principal, action, resource); what the forbids leave is allowed"
            ),
        ),
    ],
)
def test_refuses_files_that_cannot_be_meant(data, problem):
    """A file that would deny everything, or nothing, is a mistake."""
    with pytest.raises(LoadError) as caught:
        loaded(data)
    assert [str(one) for one in caught.value.problems] == [problem]


def test_reads_a_byte_order_mark_comments_and_strings_with_semicolons():
    """What is between the policies is no policy."""
    text = (
        '\ufeff// a ; b "\n' + PERMIT.replace("\n", "\r\n") + PAY.format('context.params.invoice == ";//\\""')
    )
    assert loaded(text)


@pytest.mark.parametrize(
    ("policy", "files", "problem"),
    [
        (POLICY, {}, "policy.yaml:5:10: there is no file desk.cedar"),
        (POLICY, {"desc.cedar": b""}, "policy.yaml:5:10: there is no file desk.cedar; did you mean desc.cedar?"),
        (
            POLICY.replace(b"  cedar: desk.cedar\n", b""),
            {"desk.cedar": b""},
            ("desk.cedar: no policy names this file; "
            "name it under cedar in the policy that it belongs to, or remove it"),
        ),
        (
            POLICY.replace(b"desk.cedar", b"../desk.cedar"),
            {},
            ("policy.yaml:5:10: '../desk.cedar' is no Cedar file; "
            "write the name of a file beside this one: desk.cedar"),
        ),
    ],
)  # fmt: skip
def test_policy_and_file_must_name_each_other(policy, files, problem):
    """A file that silently did not count would be the worst of all."""
    with pytest.raises(LoadError) as caught:
        from_files({"tools.yaml": TOOLS, "policy.yaml": policy, **files})
    assert problem in [str(one) for one in caught.value.problems]


def test_without_the_extra_it_does_not_load(monkeypatch):
    """A set is never loaded without what it says."""
    found = util.find_spec
    monkeypatch.setattr(
        "toolgate.processors.cedar_file.find_spec", lambda name: None if name == "cedarpy" else found(name)
    )
    with pytest.raises(LoadError, match=r'policy\.yaml:5:10: .* pip install "toolgate\[cedar\]"'):
        loaded(PERMIT)


def test_the_engine_is_imported_only_when_a_set_asks_for_it():
    """Whoever uses no Cedar needs none of it."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom toolgate.processors import loader\n"
        "import toolgate.streams.gate.worker\n"
        f"loader.load(Path({str(EXAMPLE.parent / 'small')!r}))\n"
        "assert 'cedarpy' not in sys.modules\n"
        f"loader.load(Path({str(EXAMPLE)!r}))\nassert 'cedarpy' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_digest_is_over_the_cedar_file_as_well(tmp_path):
    """Another Cedar file is another policy set; from a folder or from files it is the same."""
    files = {
        "tools.yaml": TOOLS,
        "policies/desk.yaml": POLICY,
        "policies/desk.cedar": PERMIT.encode(),
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    digest = from_files(files).digest
    assert loader.load(tmp_path).digest == digest
    assert from_files({**files, "policies/desk.cedar": PERMIT.encode() + b"\n"}).digest != digest


REFUND = {"ticket_id": "T-0001", "order_id": "O-000001", "cents": 2_000, "reason": "late"}
REPLY = {"ticket_id": "T-0001", "text": "Hello."}


@pytest.mark.parametrize(
    ("tool", "params", "time_ms", "rules"),
    [
        ("read_ticket", {"ticket_id": "T-0001"}, 0, []),
        ("reply", REPLY, 0, []),
        ("reply", {**REPLY, "copy_to": ["desk@example.com"]}, 0, []),
        ("reply", {**REPLY, "copy_to": ["desk@example.com", "me@example.org"]}, 0, ["outside"]),
        ("refund", REFUND, 0, []),
        ("refund", {**REFUND, "reason": "goodwill", "cents": 2_500}, 0, []),
        (
            "refund",
            {**REFUND, "reason": "goodwill", "cents": 2_501, "share": 0.51},
            0,
            ["goodwill", "shares"],
        ),
        ("refund", {**REFUND, "cents": 20_001}, 0, ["support.cedar"]),
        ("refund", {**REFUND, "share": 0.5}, 1_893_455_999_999, []),
        ("refund", REFUND, 1_893_456_000_000, ["freeze"]),
    ],
)
def test_the_example_does_what_its_page_says(tool, params, time_ms, rules, case):
    """examples/cedar, call by call."""
    policies = loader.load(EXAMPLE)
    asked = case(tool=tool, params=json.dumps(params), time_ms=time_ms, workflow_id="support_refunds_v2")
    keys = Keyring.of([IntentKey("k1", SECRET, "default", "support_refunds_v2")])
    found = judge(asked, World(policies, ControlState(), keys))
    assert [reason.rule for reason in found.reasons] == rules
