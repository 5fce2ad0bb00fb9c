"""The pulses of a small history on a real Kafka and Redis add up to what happened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from gate_load import WORKFLOW

from toolgate.schemas.enums import ResultStatus
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Command, Pulse
from toolgate.sdk import Client
from toolgate.sdk.reports import Reports, begun, ended
from toolgate.sdk.wire import Wire
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from gate_site import Site

pytestmark = pytest.mark.real

POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [look, pay]
  limits: {{max_tool_calls: 2}}
  budgets: [{{scope: tenant, max: 1.00, window: none}}]
  blast_radius: [{{scope: run, max: 5}}]
  rules: [{{id: large, tools: [pay], when: params.id == "big", then: hold, because: big ones wait}}]
"""
CALLS = (
    ("r1", "look", "a"),
    ("r1", "pay", "a"),
    ("r1", "pay", "b"),
    ("r2", "pay", "c"),
    ("r2", "pay", "big"),
)


def ends(site: Site) -> None:
    """Each command ends: what reads with ok, the payment of `c` with an error, the others with a cost of their own."""
    reports = Reports(site.settings, site.desk, Wire(site.settings))
    for command in site.read("commands", Command):
        partition = int(command.command_id.partition("-")[0])
        start = begun(command, site.desk.executor_id)
        reports.publish(start, partition)
        wrong = '"c"' in command.params
        end = ended(start, ResultStatus.ERROR if wrong else ResultStatus.OK)
        if command.tool == "pay" and not wrong:
            end = changed(end, actual_cost_micros=7_000)
        reports.publish(end, partition)
        reports.publish(end, partition)  # the first one counts


def test_pulses_add_up_to_the_history(site: Site):
    """Calls, a denial, a vote, ends and outcomes of runs, whatever came in which batch; each batch has its level."""
    (site.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    keys.new_operator(site.folder / "keyring.yaml", "bob", ["approver"])
    site.worker().running()
    with Client(site.settings, site.agents, "ann") as client:
        said = [client.submit(client.intent(run, tool, {"id": what})) for run, tool, what in CALLS]
        assert [one.verdict for one in said] == ["APPROVE", "APPROVE", "DENY", "APPROVE", "HOLD"]
        done = site.toolgate(
            "approve", said[-1].hold_id, "--as", "bob", "--keys", str(site.folder / "keyring.yaml")
        )
        assert done.returncode == 0, done.stdout + done.stderr
        ends(site)
        client.submit(client.finish("r1"))
        client.submit(client.finish("r2", "failed"))
    site.rest()
    pulses = site.read("pulse", Pulse)
    (version,) = {event.policy_digest for event in site.audit()}
    assert {(one.tenant, one.workflow_id, one.policy_digest) for one in pulses} == {
        ("default", WORKFLOW, version)
    }
    assert len({envelope.partition for envelope in site.envelopes("pulse")}) == 1

    def total(name: str) -> int:
        return sum(getattr(one, name) for one in pulses)

    def counted(name: str) -> dict[str, int]:
        return dict(sum((Counter(getattr(one, name)) for one in pulses), Counter[str]()))

    names = (
        "intents",
        "approved",
        "denied",
        "held",
        "duplicates",
        "cost_micros",
        "settled_micros",
        "detected",
    )
    # The look, three payments and two ends of runs; the denied call costs nothing. Two payments cost 7,000.
    assert {name: total(name) for name in names} == {
        "intents": 7,
        "approved": 6,
        "denied": 1,
        "held": 1,
        "duplicates": 0,
        "cost_micros": 31_000,
        "settled_micros": 1_000 + 2 * 7_000 + 10_000,
        "detected": 1,
    }
    assert counted("finished") == {"succeeded": 1, "failed": 1}
    assert (counted("results"), counted("tool_errors")) == ({"ok": 3, "error": 1}, {"pay": 1})
    assert (counted("words"), counted("tools")) == ({"approve": 1}, {"look": 1, "pay": 4})
    assert counted("codes") == {"CALLS_EXCEEDED": 1, "HELD_BY_RULE": 1}
    assert counted("records") == {"1": 2, "2": 1}
    assert total("detection_ms") == max(one.detection_ms_max for one in pulses) > 0
    fullest = {level.rule: level for one in pulses for level in one.levels}
    assert fullest.keys() == {"limits.max_tool_calls", "budgets[0]", "blast_radius[0]"}
    assert max(level.used for one in pulses for level in one.levels if level.rule == "budgets[0]") == 31_000
