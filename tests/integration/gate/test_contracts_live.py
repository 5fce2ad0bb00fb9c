"""Run contracts on a real Kafka and Redis: who may say what a run may touch, and that it holds after a rebuild."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from gate_load import WORKFLOW

from toolgate.processors.keyring import IntentKey, StarterKey
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.sdk import Client, ContractRefusedError, NoAnswerError, Starter
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate_site import Site

pytestmark = pytest.mark.real

POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [look, pay]
  contract: {{required: true, values: [payees]}}
  rules:
    - {{id: named, tools: [pay], when: '!(params.id in contract.values.payees)', because: only whom the request names}}
"""


@pytest.fixture
def ring(site: Site):
    """The site's keyring, with a starter and an operator who is none."""
    (site.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    ring = site.folder / "keyring.yaml"
    keys.new_operator(ring, "starter-1", ["starter"])
    keys.new_operator(ring, "ann-1", ["operator"])
    return ring


@pytest.fixture
def starter(site: Site, ring) -> Iterator[Starter]:
    """Whoever starts runs."""
    with Starter(site.settings, StarterKey("starter-1", keys.load_signer(ring, "starter-1"))) as made:
        yield made


def asked(site: Site, *calls: tuple[str, str, str]) -> list[tuple[str, tuple[str, ...]]]:
    """Verdict and codes of calls (run, tool, id), one after the other."""
    with Client(site.settings, site.agents, "ann") as client:
        answers = [client.submit(client.intent(run, tool, {"id": name})) for run, tool, name in calls]
    return [(answer.verdict, answer.codes) for answer in answers]


def test_a_run_keeps_to_its_contract_also_after_a_rebuild(site: Site, starter: Starter):
    """Nothing before it, only what it names behind it, and one for good."""
    worker = site.worker().running()
    assert asked(site, ("r", "look", "a")) == [("DENY", ("CONTRACT_REQUIRED",))]
    contract = starter.contract(
        "r", WORKFLOW, ["look", "pay"], owner="ann", values={"payees": ["bob"]}, max_calls=4
    )
    assert starter.publish(contract).verdict == Verdict.RECORDED
    calls = (("r", "look", "a"), ("r", "pay", "bob"), ("r", "pay", "eve"))
    held = [("APPROVE", ()), ("APPROVE", ()), ("DENY", ("RULE_DENIED",))]
    assert asked(site, *calls) == held
    with pytest.raises(ContractRefusedError, match="CONTRACT_REFUSED"):
        starter.publish(changed(contract, contract_id="wider", values={"payees": ("eve",)}))
    site.redis().flushall()
    assert asked(site, *calls) == held
    assert asked(site, ("r", "look", "a")) == [("DENY", ("CALLS_EXCEEDED",))]
    assert worker.process.poll() is None
    notes = [
        (event.note, [reason.rule for reason in event.reasons])
        for event in site.audit()
        if event.topic == "contracts"
    ]
    assert notes == [("accepted", []), ("refused", ["contract.late", "contract.taken"])]


def test_who_is_no_starter_says_nothing(site: Site, ring, starter: Starter):
    """Not an operator, and never an agent with its own key: whoever starts the run hears nothing, the audit has it."""
    site.worker().running()
    contract = starter.contract("r", WORKFLOW, ["look"], owner="ann", values={"payees": []})
    with (
        Starter(site.settings, StarterKey("ann-1", keys.load_signer(ring, "ann-1"))) as operator,
        pytest.raises(NoAnswerError),
    ):
        operator.publish(contract, 3)
    agent: IntentKey = site.agents
    with Client(site.settings, agent, "ann") as client:
        value = starter._codec.encode(contract)
        client._sender.send(
            "contracts", b"r", value, (), client._partition(client.intent("r", "look", {}))
        ).result(30)
    assert starter.publish(contract).verdict == Verdict.RECORDED
    events = [event for event in site.audit() if event.topic == "contracts"]
    assert [(event.note, [reason.code for reason in event.reasons]) for event in events] == [
        ("refused", ["BAD_IDENTITY"]),
        ("refused", ["BAD_IDENTITY"]),
        ("accepted", []),
    ]
    assert "is an agent's" in events[1].reasons[0].because


def test_the_command_waits_until_it_holds(site: Site, ring):
    """And ends with a code of its own where the gate refuses it."""
    site.worker().running()
    words = ("contract", "r", "--workflow", WORKFLOW, "--tool", "pay", "--owner", "ann", "--as", "starter-1")
    assert str(ring) == str(site.folder / "keyring.yaml")
    refused = site.toolgate(*words, "--json")
    assert (refused.returncode, refused.stdout) == (20, "")
    assert "CONTRACT_REFUSED" in refused.stderr
    done = site.toolgate(*words, "--value", "payees=bob", "--max-cost", "0.5", "--within", "1h", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"]["verdict"] == "RECORDED"
    assert asked(site, ("r", "pay", "bob"), ("r", "look", "bob")) == [
        ("APPROVE", ()),
        ("DENY", ("CONTRACT_DENIED",)),
    ]
