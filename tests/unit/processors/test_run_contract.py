"""Run contracts: the policy is cut to what whoever started the run has named, and never widened."""

from __future__ import annotations

import pytest

from toolgate.processors.case import Envelope
from toolgate.processors.chain import judge
from toolgate.processors.claims import FACT_BYTES_MAX
from toolgate.processors.placement import partition_of
from toolgate.processors.problems import LoadError
from toolgate.processors.reasons import Code
from toolgate.processors.run_contract import LIFE_MS, accepting, contract_fault, contract_of
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import RunContract

HEAD = "policy: {workflow_id: billing_adjustments_v3, allowed_tools: [read_invoice, execute_refund], "
REQUIRED, OPTIONAL = "contract: {required: true}}\n", "contract: {required: false}}\n"
NAMED = (
    "contract: {values: [invoices]}, rules: [{id: named, when: '!(params.invoice_id in contract.values.invoices)', "
    "because: only what the request names}]}\n"
)
CONTRACT = RunContract(
    "c1", "default", "billing_adjustments_v3", "r1", "ann", ("read_invoice",), {"invoices": ("I-1",)}
)


def kept(contract=CONTRACT, time_ms=1_000):
    """What the run remembers of a contract."""
    return contract_of({one.name: one.value for one in accepting(contract, time_ms) if hasattr(one, "value")})


@pytest.mark.parametrize(
    ("policy", "contract", "tool", "codes"),
    [
        (REQUIRED, None, "read_invoice", [Code.CONTRACT_REQUIRED]),
        (REQUIRED, CONTRACT, "read_invoice", []),
        (REQUIRED, CONTRACT, "execute_refund", [Code.CONTRACT_DENIED]),
        (REQUIRED, changed(CONTRACT, workflow_id="other"), "read_invoice", [Code.CONTRACT_DENIED]),
        (REQUIRED, changed(CONTRACT, tenant="acme"), "read_invoice", [Code.CONTRACT_DENIED]),
        # It may name what the policy does not allow: that adds nothing.
        (
            REQUIRED,
            changed(CONTRACT, tools=("discard_draft",)),
            "discard_draft",
            [Code.TOOL_NOT_ALLOWED],
        ),
        (OPTIONAL, None, "execute_refund", []),
        (OPTIONAL, CONTRACT, "execute_refund", [Code.CONTRACT_DENIED]),
        (NAMED, None, "read_invoice", [Code.CONTRACT_REQUIRED]),
        (NAMED, CONTRACT, "read_invoice", []),
        (NAMED, changed(CONTRACT, values={"invoices": ("I-2",)}), "read_invoice", [Code.RULE_DENIED]),
        (NAMED, changed(CONTRACT, values={"invoices": ()}), "read_invoice", [Code.RULE_DENIED]),
        ("mode: enforce}\n", CONTRACT, "execute_refund", []),
    ],
)
def test_a_call_must_fit_policy_and_contract(policy, contract, tool, codes, case, world):  # noqa: PLR0917
    """One row for each way in which the two meet."""
    asked = changed(case(tool=tool), run_contract=kept(contract) if contract else None)
    judged = judge(asked, world(HEAD + policy))
    assert [reason.code for reason in judged.reasons] == codes
    assert bool(judged.claims) is (not codes)


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        ({}, {"contract.deadline"}),
        ({"max_calls": 3}, {"contract.deadline", "contract.max_calls"}),
        (
            {"max_cost_micros": 0, "max_calls": 0},
            {"contract.deadline", "contract.max_calls", "contract.max_cost_usd"},
        ),
    ],
)
def test_every_ceiling_is_a_claim(fields, rules, case, world):
    """The ledger has the last word about each, so that parallel calls of a run cannot pass one together."""
    asked = changed(case(), run_contract=kept(changed(CONTRACT, **fields)))
    judged = judge(asked, world(HEAD + REQUIRED))
    of_contract = {c.label.rule for c in judged.claims if c.label.rule.startswith("contract.")}
    assert of_contract - {"contract.late"} == rules


def test_model_spend_counts_against_the_ceiling(case, world):
    """And needs no contract: what was spent is spent."""
    report = case(kind="usage", declared_cost_micros=7)
    bound = changed(report, run_contract=kept(changed(CONTRACT, max_cost_micros=5)))
    assert not judge(report, world(HEAD + REQUIRED)).reasons
    claims = judge(bound, world(HEAD + REQUIRED)).claims
    assert [(c.amount, c.max, c.latch) for c in claims if c.label.rule == "contract.max_cost_usd"] == [
        (7, 5, "run:r1:latched")
    ]


@pytest.mark.parametrize(
    ("deadline", "until"), [(None, 1_000 + LIFE_MS), (5_000, 5_000), (2**50, 1_000 + LIFE_MS)]
)
def test_it_ends_before_the_ledger_could_forget_it(deadline, until):
    """A run whose contract were forgotten would go on under its policy alone."""
    assert kept(changed(CONTRACT, deadline=deadline))["until"] == until


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, ""),
        ({"contract_id": ""}, "contract_id is empty"),
        ({"owner": "a b"}, "owner has ' ' at character 2"),
        ({"run_id": "r2"}, "the record's key is not the run_id"),
        ({"workflow_id": "other"}, "there is no policy for workflow other"),
        ({"tools": ()}, "it names 0 tools"),
        ({"tools": ("t",) * 257}, "it names 257 tools, 1 to 256 are allowed"),
        ({"tools": ("re\u0430d",)}, "CYRILLIC SMALL LETTER A"),
        ({"values": {}}, "it does not name invoices"),
        (
            {"values": {"invoices": (), "orders": ()}},
            "it names orders, which no rule of the policy can look at",
        ),
        ({"values": {"invoices": ("x",) * 257}}, "it has 257 invoices, at most 256 are allowed"),
        ({"values": {"invoices": ("",)}}, "each of its invoices must have 1 to 256 characters"),
        ({"values": {"invoices": ("x" * 257,)}}, "each of its invoices must have 1 to 256 characters"),
        (
            {"values": {"invoices": tuple("x" * 250 for _ in range(20))}},
            f"at most {FACT_BYTES_MAX:,} are allowed",
        ),
        ({"values": {"invoices": ("\ud800",)}}, "it cannot be kept"),
        ({"max_calls": -1}, "max_calls must be between 0 and 2^53 - 1"),
        ({"max_cost_micros": 2**53}, "max_cost_micros must be between 0 and 2^53 - 1"),
        ({"deadline": 1_000}, "its deadline had passed by 0 ms"),
        ({"deadline": -5}, "its deadline had passed by 1,005 ms"),
    ],
)
def test_says_what_is_wrong_with_a_contract(fields, says, load):
    """A contract with a fault does not count, and whoever wrote it is told why."""
    contract = changed(CONTRACT, **fields)
    policies = load(HEAD + NAMED)
    envelope = Envelope("contracts", 0, 7, 1_000, b"r1", b"")
    fault = contract_fault(
        contract, envelope, 0, policies.for_workflow(contract.tenant, contract.workflow_id)
    )
    assert says in fault
    assert bool(fault) is bool(says)


def test_a_contract_lies_in_its_runs_partition(load):
    """Elsewhere it could be decided after calls that it forbids."""
    home = partition_of(b"r1", 6)
    policy = load(HEAD + NAMED).for_workflow("default", CONTRACT.workflow_id)
    for partition in range(6):
        envelope = Envelope("contracts", partition, 7, 1_000, b"r1", b"")
        assert (contract_fault(CONTRACT, envelope, 6, policy) == "") is (partition == home)


def test_a_policy_without_the_key_takes_none(load):
    """It would be kept and never looked at."""
    policy = load(HEAD + "mode: enforce}\n").for_workflow("default", CONTRACT.workflow_id)
    fault = contract_fault(CONTRACT, Envelope("contracts", 0, 7, 1_000, b"r1", b""), 0, policy)
    assert "takes no contracts" in fault


RULE = "rules: [{id: r, when: 'CONDITION', because: b}]}\n"


@pytest.mark.parametrize(
    ("contract", "condition", "says"),
    [
        ("", "params.invoice_id in contract.values.invoices", "contract"),
        ("contract: {required: false}, ", "params.invoice_id in contract.values.invoices", "contract"),
        (
            "contract: {values: [invoices]}, ",
            "params.invoice_id in contract.values.invoice",
            "did you mean invoices",
        ),
        ("contract: {values: [invoices]}, ", "contract.values.invoices == params.invoice_id", "unlike types"),
        ("contract: {values: [invoices]}, ", 'contract.owners == "ann"', "did you mean owner"),
        ("contract: {required: false, values: [a]}, ", 'params.invoice_id == ""', "may not be there"),
        ("contract: {values: [a, a]}, ", 'params.invoice_id == ""', "a is there twice"),
        ("contract: {values: [A-1]}, ", 'params.invoice_id == ""', "is no name"),
        ("contract: {needed: true}, ", 'params.invoice_id == ""', "needed"),
    ],
)
def test_says_what_is_wrong_with_a_policy(contract, condition, says, load):
    """A rule looks at a contract only where every call that it is about has one."""
    with pytest.raises(LoadError) as caught:
        load(HEAD + contract + RULE.replace("CONDITION", condition))
    assert says in str(caught.value)
