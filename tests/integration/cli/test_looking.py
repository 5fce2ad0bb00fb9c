"""submit, tail and explain as people run them, with a real gate and an executor beside it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from gate_load import WORKFLOW
from gate_site import Site
from patience import until
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.cli.exits import exit_for
from toolgate.sdk import Answer, Executor, ToolError
from toolgate.streams import topic_admin
from toolgate.streams.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.schemas.records import Command
    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real
PARTITIONS = 2
INVERSE = """
  - name: unpay
    effect: write
    records: [id]
    params: {properties: {id: {type: string}}}
"""


def pay(command: Command) -> Answer:
    """Refuses one record with a message that would clear a screen."""
    if "closed" in command.params:
        raise ToolError("closed \x1b[2J for good")
    return Answer({"paid": True}, actual_cost_micros=4_000)


@pytest.fixture(scope="module")
def site(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One prefix for all tests of this module, with a worker that decides and an executor that pays."""
    settings = load(
        bootstrap_servers=stack.bootstrap, redis_url=stack.redis_url, prefix="looking", partitions=PARTITIONS
    )
    topic_admin.apply(topic_admin.connect(settings), settings)
    with Site(settings, tmp_path_factory.mktemp("looking")) as made:
        tools = made.folder / "tools.yaml"
        inverse = "    inverse: {tool: unpay, params: {id: id}}\n"
        tools.write_text(tools.read_text().rstrip() + "\n" + inverse + INVERSE.lstrip("\n"), encoding="utf-8")
        made.worker().running()
        executor = Executor(settings, made.desk, {"pay": pay, "look": lambda _: Answer({"found": 1})})
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(executor.run)
            try:
                # what the executor logs when it begins must not stand in what a test reads
                assert submit(made, "look", "run-0", "--result").code == 0
                yield made
            finally:
                executor.stop()
                work.result(30)


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    stdout: str
    stderr: str


def toolgate(site: Site, *words: str, stdin: str | None = None) -> Ended:
    """A command as `main` runs it, in this process: starting forty would take a minute."""
    told = {name: value for name, value in site.environment().items() if name.startswith("TOOLGATE_")}
    answer = CliRunner().invoke(module.app, words, input=stdin, env=told)
    error = answer.exception
    if error is None or isinstance(error, SystemExit):
        return Ended(answer.exit_code, answer.stdout, answer.stderr)
    return Ended(exit_for(error), answer.stdout, f"{answer.stderr}error: {error}")


def submit(site: Site, tool: str, run: str, *words: str, record: str = "r-1") -> Ended:
    """One intent by hand."""
    params = json.dumps({"id": record})
    return toolgate(site, "submit", "--tool", tool, "--run", run, "--params", params, *words)


def rows(answer: Ended) -> list[dict[str, Any]]:
    """One object a line."""
    assert answer.code == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def explained(site: Site, *words: str) -> dict[str, Any]:
    """An explanation as JSON."""
    answer = toolgate(site, "explain", *words, "--json")
    assert answer.code == 0, answer.stderr
    return dict(json.loads(answer.stdout))


def test_an_approved_intent_ends_with_0_and_can_be_explained(site: Site):
    """Verdict and result on stdout, the next command on stderr; the explanation has all of it, and how to undo it."""
    answer = submit(site, "pay", "run-a", "--intent-id", "a-1", "--result")
    assert answer.code == 0, answer.stderr
    assert answer.stdout.startswith("APPROVE")
    assert "ok by desk, $0.004" in answer.stdout
    assert "next:  toolgate explain a-1 --run run-a" in answer.stderr

    def settled() -> dict[str, Any]:
        found = explained(site, "a-1", "--run", "run-a")
        return found if [r["audit"]["value"]["note"] for r in found["results"]][-1:] == ["settled"] else {}

    found = until(settled, "the result to be settled")
    [decision] = found["decisions"]
    assert decision["audit"]["value"]["kid"] == "agents-1"
    assert decision["intent"]["value"]["params"] == '{"id":"r-1"}'
    assert decision["outcome"]["value"]["verdict"] == "APPROVE"
    assert found["command"]["value"]["command_id"] == decision["audit"]["value"]["command_id"]
    assert found["undo"] == {"tool": "unpay", "params": {"id": "r-1"}, "why": "as the catalogue says"}
    assert found["missing"] == []

    told = toolgate(site, "explain", "a-1")
    for said in (
        "key agents-1",
        "policy set",
        "run:run-a:approved_calls",
        "1 call",
        "$0.01",
        "unpay",
        "settled",
    ):
        assert said in told.stdout
    assert "next:  toolgate tail audit" in told.stderr


def test_a_denied_intent_ends_with_12_and_its_reasons(site: Site):
    """The agent's view names codes; the explanation has what was missing."""
    answer = submit(site, "burn", "run-b", "--intent-id", "b-1")
    assert answer.code == 12
    assert answer.stdout.startswith("DENY")
    assert "TOOL_UNKNOWN  There is no tool of this name." in answer.stdout
    [decision] = explained(site, "b-1")["decisions"]
    assert [reason["code"] for reason in decision["denial"]["value"]["reasons"]] == ["TOOL_UNKNOWN"]
    assert decision["audit"]["value"]["verdict"] == "DENY"


def test_a_command_that_fails_ends_with_13(site: Site):
    """What the tool said stands there, and does nothing to the terminal."""
    answer = submit(site, "pay", "run-c", "--result", record="closed")
    assert answer.code == 13
    assert "error by desk" in answer.stdout
    assert "closed \\x1b[2J for good" in answer.stdout


def test_an_intent_from_stdin_as_json(site: Site):
    """One object in, one object out, nothing else."""
    made = {"run_id": "run-d", "tool": "look", "params": {"id": "x"}, "intent_id": "d-1", "dry_run": True}
    answer = toolgate(site, "submit", "-", "--json", "--kid", "agents-1", stdin=json.dumps(made))
    assert (answer.code, answer.stderr) == (0, "")
    said = json.loads(answer.stdout)
    assert (said["outcome"]["verdict"], said["outcome"]["dry_run"], said["result"]) == ("APPROVE", True, None)


def test_a_repetition_is_not_answered_and_explained_as_one(site: Site):
    """Exit code 3 within the time given, with the command that tells what happened."""
    assert submit(site, "look", "run-e", "--intent-id", "e-1").code == 0
    again = submit(site, "look", "run-e", "--intent-id", "e-1", "--timeout", "2")
    assert again.code == 3
    assert "next:  toolgate explain e-1 --run run-e" in again.stderr
    verdicts = [each["audit"]["value"]["verdict"] for each in explained(site, "e-1")["decisions"]]
    assert verdicts == ["APPROVE", "DUPLICATE"]


def test_an_unknown_intent_ends_with_14(site: Site):
    """With what to check."""
    answer = toolgate(site, "explain", "nothing-like-it")
    assert answer.code == 14
    assert "no intent nothing-like-it was found" in answer.stderr
    assert answer.stdout == ""


def test_tail_reads_every_topic(site: Site):
    """Newest last, decoded, filtered by run; the audit has an event for each input."""

    def of_run_f(topic: str) -> list[dict[str, Any]]:
        return rows(toolgate(site, "tail", topic, "--run", "run-f", "--json"))

    assert submit(site, "look", "run-f", "--intent-id", "f-1", "--result").code == 0
    assert submit(site, "burn", "run-f", "--intent-id", "f-2").code == 12
    until(lambda: len(of_run_f("audit")) == 4, "both results to be decided")
    counts = {"intents": 2, "commands": 1, "outcomes": 2, "denials": 1, "results": 2, "audit": 4}
    for topic, count in counts.items():
        found = of_run_f(topic)
        assert len(found) == count, topic
        assert all(row["topic"] == topic and row["key"] == "run-f" for row in found)
    [denial] = rows(toolgate(site, "tail", "denials", "--intent", "f-2", "--code", "tool_unknown", "--json"))
    assert denial["value"]["workflow_id"] == WORKFLOW
    newest = rows(toolgate(site, "tail", "audit", "--last", "3", "--json"))
    assert [row["time_ms"] for row in newest] == sorted(row["time_ms"] for row in newest)
    assert rows(toolgate(site, "tail", "pulse", "--from", "beginning", "--limit", "1", "--json"))
    assert rows(toolgate(site, "tail", "control", "--from", "beginning", "--json")) == []


def test_tail_shows_what_cannot_be_decoded(site: Site):
    """On its own topic and in quarantine, as bytes; nothing of it reaches the terminal as it is."""
    site.send_raw("intents", b"run-\x1b[2Jg", b"\x00\xff\x1b[31mjunk")
    until(lambda: rows(toolgate(site, "tail", "quarantine", "--json")), "the record to be quarantined")
    for topic in ("intents", "quarantine"):
        told = toolgate(site, "tail", topic, "--from", "beginning")
        assert told.code == 0
        assert "00ff1b5b33316d6a756e6b" in told.stdout
        assert "key run-\\x1b[2Jg" in told.stdout
        assert "\x1b" not in told.stdout
    [row] = rows(toolgate(site, "tail", "quarantine", "--code", "unknown_schema", "--json"))
    assert row["bytes"] == "00ff1b5b33316d6a756e6b"


def test_tail_follows_until_ctrl_c(site: Site):
    """From the end on: only what comes afterwards, line by line; Ctrl-C is its usual end."""
    words = ["tail", "outcomes", "--follow", "--from", "end", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "toolgate.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=site.environment(),
    )
    try:
        with ThreadPoolExecutor(1) as pool:
            assert process.stdout
            line = pool.submit(process.stdout.readline)

            def heard() -> bool:
                # whether it stands at the end already is not told, so another intent is sent until one is heard
                return submit(site, "look", "run-h").code == 0 and line.done()

            until(heard, "a line of what was sent")
            row = json.loads(line.result())
        assert row["key"] == "run-h"
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_tail_says_when_there_is_no_such_partition_or_topic(site: Site):
    """Before anything is read."""
    answer = toolgate(site, "tail", "audit", "--partition", "2")
    assert (answer.code, "give 0 to 1" in answer.stderr) == (2, True)
    answer = toolgate(site, "tail", "audit", "--from", "3")
    assert (answer.code, "add --partition N" in answer.stderr) == (2, True)
    answer = toolgate(site, "tail", "audit", "--prefix", "nobodys")
    assert (answer.code, "toolgate topics apply" in answer.stderr) == (4, True)


def test_an_intent_that_waits_for_a_gate_is_found(site: Site):
    """No gate has read it yet: that is what is said, and where it lies. Last, because it stops the worker."""
    [worker] = site.workers
    assert worker.stop() == 0
    answer = submit(site, "look", "run-z", "--intent-id", "z-1", "--timeout", "1")
    assert answer.code == 3
    told = toolgate(site, "explain", "z-1", "--run", "run-z")
    assert told.code == 0
    assert "see that a gate runs" in told.stdout
    assert explained(site, "z-1")["waiting"][0]["value"]["tool"] == "look"
