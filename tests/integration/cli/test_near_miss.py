"""near-miss as people run it, on a real gate's log: clusters, a report, a policy test, a backtested proposal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from gate_load import WORKFLOW
from gate_site import Site
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.cli.exits import exit_for
from toolgate.sdk import Client
from toolgate.streams import topic_admin
from toolgate.streams.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real
TOOLS = """
tools:
  - name: pay
    effect: write
    system: bank
    records: [id]
    cost: 0.01
    redact: [card]
    params:
      properties: {id: {type: string}, usd: {type: integer}, card: {type: string}, note: {type: string}}
      required: [id, usd]
  - name: refund
    effect: write
    system: bank
    records: [id]
    cost: 0.01
    params: {properties: {id: {type: string}, usd: {type: integer}}, required: [id, usd]}
"""
POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [pay, refund]
  limits: {{max_cost_usd: 0.03, max_denials: 10000}}  # of one run
  rules:
    - {{id: large, tools: [pay], when: params.usd > 100, then: deny, because: large payments are people's}}
"""
HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e"


@pytest.fixture(scope="module")
def site(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A log with denials: over the cost of a run, and by a rule that somebody goes round."""
    settings = load(
        bootstrap_servers=stack.bootstrap, redis_url=stack.redis_url, prefix="nearmiss", partitions=2
    )
    topic_admin.apply(topic_admin.connect(settings), settings)
    with Site(settings, tmp_path_factory.mktemp("nearmiss")) as made:
        (made.folder / "tools.yaml").write_text(TOOLS, encoding="utf-8")
        (made.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        made.worker().running()
        with Client(settings, made.agents, agent_id="ann") as client:

            def ask(run: str, tool: str, **params: Any) -> str:
                return client.submit(client.intent(run, tool, params)).verdict

            said = [ask(f"run-{n}", "pay", id="a", usd=1) for n in (1, 1, 1, 1, 2, 2, 2, 2, 2)]
            assert said.count("DENY") == 3
            assert ask("run-3", "pay", id="b", usd=300, card="4111", note=HOSTILE) == "DENY"
            assert [ask("run-3", "pay", id="b", usd=100) for _ in range(3)] == ["APPROVE"] * 3
            assert ask("run-4", "refund", id="b", usd=300) == "APPROVE"
        made.rest()
        yield made


def toolgate(site: Site, *words: str, code: int = 0) -> str:
    """What a command prints, as `main` runs it."""
    told = {name: value for name, value in site.environment().items() if name.startswith("TOOLGATE_")}
    answer = CliRunner().invoke(module.app, ["near-miss", *words], env=told)
    error = answer.exception
    found = answer.exit_code if error is None or isinstance(error, SystemExit) else exit_for(error)
    assert found == code, (answer.stdout, answer.stderr, error)
    return f"{answer.stdout}{error}" if code else answer.stdout


def of(site: Site, code: str) -> dict[str, Any]:
    """The cluster of a reason code, whole."""
    [found] = json.loads(toolgate(site, "--code", code, "--json"))["clusters"]
    return dict(json.loads(toolgate(site, found["id"], "--json")))


def test_denials_are_listed_by_effect(site: Site):
    """With how many, what is missing, and what would let them through."""
    text = toolgate(site)
    assert "4 denials in 2 clusters" in text
    assert "limits.max_cost_usd: 0.03 -> 0.04 lets 3 of 3 through one by one" in text
    assert "rules.large.when: 100 -> 300 lets 1 of 1 through" in text
    assert "Nothing was denied." in toolgate(site, "--tool", "refund")
    toolgate(site, "nothing", code=14)
    toolgate(site, "--since", "7 days", code=2)


def test_who_goes_round_a_denial_is_seen(site: Site):
    """In parts by the same tool, at once by another of the same system; parameters as the policy shows them."""
    found = of(site, "RULE_DENIED")
    assert found["system"] == "bank"
    ways = {one["way"]: (one["scope"], len(one["commands"]), one["tools"]) for one in found["through"]}
    assert ways == {
        "split in parts": ("run", 3, ["pay"]),
        "another tool of the same system": ("agent", 1, ["refund"]),
    }
    [example] = found["examples"]
    assert json.loads(example["params"])["card"] == "[redacted]"
    [shape] = found["parameters"]
    assert shape["shape"]["usd"] == "number of 3 digits"
    text = toolgate(site, found["id"])
    assert text.replace("\n", "").isprintable()
    assert "4111" not in text


def test_the_report_is_one_page_and_the_same_as_data(site: Site, tmp_path: Path):
    """What agents wrote is text in it; there is nothing to fetch."""
    toolgate(site, "report", "--out", str(tmp_path / "week"))
    page = (tmp_path / "week" / "near-misses.html").read_text("utf-8")
    data = json.loads((tmp_path / "week" / "near-misses.json").read_text("utf-8"))
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "src=" not in page
    assert "\x1b" not in page
    assert (data["denials"], data["before"], len(data["clusters"])) == (4, 0, 2)


def test_a_cluster_becomes_a_policy_test(site: Site, tmp_path: Path):
    """Tried on the policies that the gate has."""
    out = tmp_path / "denied.yaml"
    toolgate(site, "test", of(site, "BUDGET_EXCEEDED")["id"], "--out", str(out))
    text = out.read_text("utf-8")
    assert "it comes out as it is written here" in text
    assert '"limits.max_cost_usd": "0.010000"' in text


def test_a_cluster_becomes_a_proposal_that_was_tried(site: Site, tmp_path: Path):
    """One value is changed, the log is decided again under both, and nothing is in force."""
    folder = tmp_path / "proposed"
    wanted = of(site, "BUDGET_EXCEEDED")["id"]
    told = json.loads(toolgate(site, "propose", wanted, "--to", str(folder), "--json"))
    assert (folder / "policy.yaml").read_text("utf-8") == POLICY.replace("0.03", "0.04")
    assert (told["intents"], told["before"]["verdicts"]) == (14, {"APPROVE": 10, "DENY": 4})
    assert told["become_approvals"] == {"decisions": 2, "cost_micros": 20_000}
    assert told["become_denials"] == {"decisions": 0, "cost_micros": 0}
    assert told["of_cluster"] == 2
    assert json.loads((folder / "proposal.json").read_text("utf-8"))["cluster"] == wanted
    assert "there is something already" in toolgate(site, "propose", wanted, "--to", str(folder), code=2)
    large = of(site, "RULE_DENIED")["id"]
    said = toolgate(site, "propose", large, "--to", str(tmp_path / "higher"))
    assert "params.usd > 300" in (tmp_path / "higher" / "policy.yaml").read_text("utf-8")
    assert "nothing is in force" in said
    held = json.loads(
        toolgate(site, "propose", large, "--change", "2", "--to", str(tmp_path / "held"), "--json")
    )
    assert held["become_held_or_drafted"]["decisions"] == held["of_cluster"] == 1
    toolgate(site, "propose", large, "--change", "3", "--to", str(tmp_path / "none"), code=2)
    assert list(site.envelopes("control")) == []
