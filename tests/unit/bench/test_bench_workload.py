"""The workload: the same from the same number, and nothing in it is refused before the ledger is asked."""

from __future__ import annotations

from bench import workload
from toolgate.processors import loader
from toolgate.processors.case import Envelope
from toolgate.processors.claims import Charge, Distinct, Rate
from toolgate.processors.control_state import ControlState
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Intent
from toolgate.streams.gate import keys
from toolgate.streams.gate.intake import Intake


def test_the_chain_approves_every_intent_and_asks_for_all_kinds_of_room(tmp_path):
    """Four budgets, a rate and a blast radius, for every one: a refused intent would cost less than it must."""
    workload.write_files(tmp_path)
    policies = loader.load(tmp_path)
    assert (len(policies.tools), len(policies.workflows)) == (100, 100)
    intake = Intake(policies, keys.load(tmp_path / workload.KEYRING))
    for offset, sent in enumerate(workload.intents(300, "s")):
        envelope = Envelope("intents", 0, offset, 1_700_000_000_000, sent.key, sent.value, sent.headers)
        item = intake.item(intake.read(envelope), ControlState())
        assert item.ask.verdict == Verdict.APPROVE
        kinds = [type(claim) for claim in item.ask.claims]
        assert [kinds.count(kind) for kind in (Charge, Rate, Distinct)] == [4, 1, 1]


def test_the_same_seed_gives_the_same_intents_and_another_one_none_of_them():
    """Contenders of one round get the same bytes; windows that follow each other share no run."""
    first, again, other = (list(workload.intents(50, seed)) for seed in ("a", "a", "b"))
    assert first == again
    assert not {sent.key for sent in first} & {sent.key for sent in other}


def test_a_batch_has_about_one_call_of_a_run():
    """Agents wait for an outcome: a batch that held a whole run would be cheaper than any real one."""
    codec = Codec(Intent)
    batch = [codec.decode(sent.value) for sent in workload.intents(workload.RUNS_AT_ONCE, "s")]
    assert len({intent.run_id for intent in batch}) == len(batch)
    assert len({intent.workflow_id for intent in batch}) == workload.POLICIES
    lived = [sent.key for sent in workload.intents(2 * workload.RUNS_AT_ONCE, "s", calls_per_run=1)]
    assert len(set(lived)) == len(lived)
