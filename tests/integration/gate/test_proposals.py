"""Holds, drafts and shadow through a real gate: what agents hear, and what lies on the topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gate_load import WORKFLOW

from toolgate.schemas.records import Draft, Hold
from toolgate.sdk import Client
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from gate_site import Site

pytestmark = pytest.mark.real
WAIT_S = 60.0
POLICY = """
policy:
  workflow_id: {workflow}
  mode: {mode}
  allowed_tools: [look, pay]
  limits: {{max_tool_calls: 30, max_cost_usd: 1}}
  rules:
    - {{id: kept, tools: [pay], when: params.id == "hold", then: hold, because: people look at it}}
    - {{id: proposed, tools: [pay], when: params.id == "draft", then: draft, because: only proposed}}
    - {{id: refused, tools: [pay], when: params.id == "deny", because: never}}
"""
ASKED = ("fine", "hold", "draft", "deny")


def test_each_verdict_reaches_its_agent_and_its_topic(site: Site):
    """One hold, one draft; in shadow none of either, and the audit says what would have been."""
    ring = site.folder / "keyring.yaml"
    keys.new_intent(ring, "shadow-1", "shadow_v1")
    shadow = keys.load(ring).intents["shadow-1"]
    (site.folder / "policies").mkdir()
    texts = {"enforced": (WORKFLOW, "enforce"), "shadow": ("shadow_v1", "shadow")}
    (site.folder / "policy.yaml").unlink()
    for name, (workflow, mode) in texts.items():
        text = POLICY.format(workflow=workflow, mode=mode)
        (site.folder / "policies" / f"{name}.yaml").write_text(text, encoding="utf-8")
    worker = site.worker().running()
    told = {}
    for key, run in ((site.agents, "run-e"), (shadow, "run-s")):
        with Client(site.settings, key, "agent") as client:
            tickets = [client.send(client.intent(run, "pay", {"id": name})) for name in ASKED]
            told[run] = [ticket.decided(WAIT_S) for ticket in tickets]
    assert [outcome.verdict for outcome in told["run-e"]] == ["APPROVE", "HOLD", "DRAFT", "DENY"]
    assert [outcome.codes for outcome in told["run-s"]] == [("SHADOWED",)] * 4
    events = [event for event in site.check() if event.run_id == "run-s"]
    assert [event.would_have for event in events] == ["APPROVE", "HOLD", "DRAFT", "DENY"]
    assert all(event.verdict == "RECORDED" and not event.ops for event in events)
    (hold,), (draft,) = site.read("holds", Hold), site.read("drafts", Draft)
    held = told["run-e"][1]
    assert (hold.hold_id, hold.seq, hold.digest, hold.state) == (held.hold_id, held.seq, held.digest, "open")
    assert (draft.seq, draft.run_id) == (told["run-e"][2].seq, "run-e")
    assert len(site.envelopes("commands")) == 1
    assert worker.metrics()['toolgate_intents_total{verdict="HOLD"}'] == 1
    assert worker.stop() == 0
