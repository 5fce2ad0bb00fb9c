"""`toolgate policy` as people run it: check, test, explain, diff, fmt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.cli.exits import Exit
from toolgate.processors.problems import LoadError

EXAMPLES = Path(__file__).parents[3] / "examples"


def policy(*words: object, stdin: str | None = None):
    """One command of the group."""
    return CliRunner().invoke(module.app, ["policy", *map(str, words)], input=stdin)


def check(*words: object):
    """One check."""
    return policy("check", *words)


def test_shows_what_a_folder_allows():
    """Workflows with their limits, budgets and the like, and for each tool who may use it."""
    answer = check(EXAMPLES / "airline")
    assert answer.exit_code == 0
    for said in (
        "airline_service_v1",
        "$400.50",
        "30 search_credits",
        "1,200 calls",
        "10 records (reservation_id)",
    ):
        assert said in answer.stdout
    assert "$50.00 to $500.00 by amount" in answer.stdout
    assert "next:  toolgate gate --policies" in answer.stderr


def test_tells_machines_everything_in_exact_units():
    """Amounts are whole micro-dollars; tools that nobody may use are there, too."""
    answer = check(EXAMPLES / "small", "--json")
    said = json.loads(answer.stdout)
    assert (answer.exit_code, answer.stderr, said["ok"]) == (0, "", True)
    [workflow] = said["workflows"]
    assert workflow["limits"] == {"max_tool_calls": 12, "max_cost_micros": 350_000, "max_denials": 20}
    assert "execute_refund" not in workflow["tools"]
    assert "execute_refund" in [tool["name"] for tool in said["tools"]]


def test_counts_registries_and_their_rows():
    """One that no rule asks is seen nowhere else. A file of theirs stands for its set."""
    answer = check(EXAMPLES / "mailbox" / "registries" / "contacts.yaml")
    assert "9 tools, 2 registries; digest" in answer.stdout
    said = json.loads(check(EXAMPLES / "mailbox", "--json").stdout)
    assert said["registries"] == {"contacts": 6, "handouts": 3}


def test_explains_what_a_registry_said():
    """The value that was looked for, and what came of it."""
    params = {"to": "eve@post.example", "cc": [], "subject": "s", "body": "b", "attachments": []}
    asked = json.dumps({"tool": "send_message", "params": params})
    answer = policy("explain", "-", "--policy", EXAMPLES / "mailbox", "--json", stdin=asked)
    [rule] = [one for one in json.loads(answer.stdout)["rules"] if one["id"] == "recipient"]
    assert rule["outcome"] == "holds"
    assert rule["values"]["params.to"] == '"eve@post.example"'
    assert rule["values"]["params.to in registry.contacts"] == "false"


def test_fmt_formats_registries(tmp_path):
    """Like every other file of the set."""
    (tmp_path / "registries").mkdir()
    file = tmp_path / "registries" / "contacts.yaml"
    file.write_text("registry:\n    rows:  [a]\n")
    assert policy("fmt", tmp_path).exit_code == 0
    assert file.read_text() == "registry:\n  rows: [a]\n"


@pytest.fixture
def typo(tmp_path):
    """A folder whose policy names a tool that is nearly one."""
    folder = tmp_path / "mine"
    shutil.copytree(EXAMPLES / "small", folder)
    policy = folder / "policy.yaml"
    policy.write_text(policy.read_text().replace('"read_invoice"', '"read_invoce"', 1))
    return folder


def test_a_typo_is_told_with_its_place_and_the_nearest_name(typo):
    """The path leads there from where the command was typed."""
    answer = check(typo)
    assert isinstance(answer.exception, LoadError)
    told = str(answer.exception)
    assert told.startswith(f"{typo}/policy.yaml:")
    assert "did you mean read_invoice?" in told


def test_a_typo_is_told_to_machines(typo):
    """Exit code 7 and each problem as an object on stdout."""
    answer = check(typo, "--json")
    assert answer.exit_code == Exit.FILES
    [problem] = json.loads(answer.stdout)["problems"]
    assert problem["file"] == f"{typo}/policy.yaml"
    assert problem["line"] > 0
    assert problem["hint"] == "did you mean read_invoice?"


def test_a_folder_that_is_not_there(tmp_path):
    """Says so, and not that a file is missing in it."""
    answer = check(tmp_path / "nowhere")
    assert isinstance(answer.exception, LoadError)
    assert str(answer.exception).startswith(f"{tmp_path}/nowhere: there is no such folder")


def test_a_mistake_in_one_folder_hides_none_in_another(typo, tmp_path):
    """All files of all folders are looked at, and cases too."""
    cases = tmp_path / "small" / "cases"
    shutil.copytree(EXAMPLES / "small", cases.parent)
    (cases / "odd.yaml").write_text("cases: [{name: x, call: look, expect: maybe}]")
    answer = check(typo, cases.parent, EXAMPLES / "airline", "--json")
    said = json.loads(answer.stdout)
    assert (answer.exit_code, said["ok"]) == (Exit.FILES, False)
    assert [problem["file"] for problem in said["problems"]] == [
        f"{typo}/policy.yaml",
        f"{cases}/odd.yaml",
    ]


def test_several_folders_are_shown_one_after_the_other():
    """A file stands for the folder that it belongs to, and a folder is looked at once."""
    words = (
        EXAMPLES / "small",
        EXAMPLES / "airline" / "policy.yaml",
        EXAMPLES / "small" / "cases" / "desk.yaml",
    )
    sets = json.loads(check(*words, "--json").stdout)["sets"]
    assert [one["path"] for one in sets] == [str(EXAMPLES / "small"), str(EXAMPLES / "airline")]
    assert "5 tools" in check(*words).stdout


@pytest.fixture
def tighter(tmp_path):
    """The smallest policy with less money a run."""
    folder = tmp_path / "tighter"
    shutil.copytree(EXAMPLES / "small", folder)
    text = (folder / "policy.yaml").read_text()
    (folder / "policy.yaml").write_text(text.replace("max_cost_usd: 0.35", "max_cost_usd: 0.15"))
    return folder


def test_cases_that_hold_end_with_0(tmp_path):
    """A table, and a JUnit file for who asks."""
    answer = policy("test", EXAMPLES / "small", "--junit", tmp_path / "out.xml")
    assert answer.exit_code == 0
    assert "7 cases, all as expected" in answer.stdout
    assert 'tests="7" failures="0"' in (tmp_path / "out.xml").read_text()


def test_a_case_that_fails_ends_with_10_and_says_what_came_out(tighter):
    """Expected and found, with the line, and what the gate said."""
    answer = policy("test", tighter)
    assert answer.exit_code == Exit.DIFFERENCE
    assert "- expected  approve" in answer.stdout
    assert (
        "+ found     deny (BUDGET_EXCEEDED limits.max_cost_usd: $0.05 over a run cap of $0.15)"
        in answer.stdout
    )
    said = json.loads(policy("test", tighter, "--json").stdout)
    failed = [case["name"] for case in said["cases"] if not case["ok"]]
    assert (said["ok"], failed) == (False, ["seven drafts use up the money of a run"])


def test_a_folder_without_cases_is_told(tighter):
    """An empty test that passes would promise what nobody looked at."""
    shutil.rmtree(tighter / "cases")
    answer = policy("test", tighter)
    assert "there are no cases beside the policies; write some into" in str(answer.exception)


def test_a_junit_file_that_cannot_be_written_is_told(tmp_path):
    """In a sentence."""
    (tmp_path / "file").write_text("")
    answer = policy("test", EXAMPLES / "small", "--junit", tmp_path / "file" / "out.xml")
    assert "cannot write the file" in str(answer.exception)


READ = {"tool": "read_invoice", "params": {"invoice_id": "INV-1001"}}


def test_explains_an_intent_stage_by_stage():
    """The verdict first, then every stage and what would be taken."""
    answer = policy("explain", "-", "--policy", EXAMPLES / "small", stdin=json.dumps(READ))
    assert answer.exit_code == 0
    assert answer.stdout.startswith("APPROVE  read_invoice of billing_adjustments_v3")
    for said in ("identity", "ledger", "costs $0.01; touches INV-1001", "$0.01 of $0.35", "1 of 12"):
        assert said in answer.stdout


def test_explains_to_machines():
    """Reasons, stages and claims as data; a denial is no failure of the command."""
    asked = json.dumps(READ | {"tool": "execute_refund"})
    answer = policy("explain", "-", "--policy", EXAMPLES / "small", "--json", stdin=asked)
    said = json.loads(answer.stdout)
    assert (answer.exit_code, said["verdict"]) == (0, "DENY")
    assert [reason["code"] for reason in said["reasons"]] == ["TOOL_DENIED", "PARAMS_SCHEMA"]
    assert {stage["name"]: stage["outcome"] for stage in said["stages"]}["ledger"] == "not asked"


def test_explains_a_line_of_tail():
    """Whole records name their own workflow, run and agent."""
    record = {
        "intent_id": "i",
        "kind": "call",
        "tenant": "default",
        "workflow_id": "gone",
        "run_id": "r",
        "agent_id": "a",
    }
    answer = policy(
        "explain",
        "-",
        "--policy",
        EXAMPLES / "small",
        "--json",
        stdin=json.dumps({"topic": "intents", "value": record}),
    )
    assert [reason["code"] for reason in json.loads(answer.stdout)["reasons"]] == ["UNKNOWN_WORKFLOW"]


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("{}", (), "the intent lacks tool"),
        ('{"tol": "x"}', (), "no intent has a field tol"),
        ('{"kind": "call"}', (), "this is no intent"),
        ("[]", (), "the top is an array"),
        (json.dumps(READ), ("--at", "soon"), "--at soon is no time"),
    ],
)
def test_what_is_no_intent_is_told(text, words, said):
    """What is wrong, where, and what to do."""
    answer = policy("explain", "-", "--policy", EXAMPLES / "small", *words, stdin=text)
    assert said in str(answer.exception)


def test_facts_are_what_the_run_has_read(tmp_path):
    """They are looked at by rules; a file of another form is told."""
    facts = tmp_path / "facts.json"
    facts.write_text('{"order": {"O-1": {"state": "open"}}}')
    words = ("explain", "-", "--policy", EXAMPLES / "small", "--facts", facts)
    assert "not asked" in policy(*words, stdin=json.dumps(READ)).stdout
    facts.write_text('{"order": ["O-1"]}')
    assert "order is no mapping of keys to fields" in str(policy(*words, stdin=json.dumps(READ)).exception)


@pytest.fixture
def bound(tmp_path):
    """A policy that wants contracts, and what explains a call under one."""
    (tmp_path / "tools.yaml").write_bytes((EXAMPLES / "small" / "tools.yaml").read_bytes())
    (tmp_path / "policy.yaml").write_text(
        "policy: {workflow_id: w, allowed_tools: [read_invoice], contract: {values: [invoices]}, rules: [{id: named, "
        "when: '!(params.invoice_id in contract.values.invoices)', because: not named}]}"
    )

    def explained(contract, code=0):
        words = ("explain", "-", "--policy", tmp_path, "--json")
        if contract is not None:
            (tmp_path / "contract.json").write_text(json.dumps(contract))
            words = (*words, "--contract", tmp_path / "contract.json")
        answer = policy(*words, stdin=json.dumps(READ))
        return (
            [reason["code"] for reason in json.loads(answer.stdout)["reasons"]] if answer.stdout else answer
        )

    return explained


@pytest.mark.parametrize(
    ("contract", "codes"),
    [
        (None, ["CONTRACT_REQUIRED"]),
        ({"tools": ["read_invoice"], "values": {"invoices": ["INV-1001"]}}, []),
        ({"topic": "contracts", "value": {"tools": ["x"], "values": {"invoices": []}}}, ["CONTRACT_DENIED"]),
        ({"tools": ["read_invoice"], "values": {"invoices": []}}, ["RULE_DENIED"]),
        (
            {"tools": ["read_invoice"], "values": {"invoices": ["INV-1001"]}, "max_calls": 0},
            ["CALLS_EXCEEDED"],
        ),
    ],
)
def test_a_contract_is_what_the_run_may_touch(bound, contract, codes):
    """As whoever starts the run would publish it; a ceiling is the ledger's to say."""
    assert bound(contract) == codes


@pytest.mark.parametrize(
    ("contract", "says"),
    [
        ({"tools": ["read_invoice"]}, "the gate would refuse it: it does not name invoices"),
        ({"tool": ["read_invoice"]}, "no contract has a field tool"),
        ({"tools": "read_invoice"}, "this is no contract"),
        ({"values": {}}, "this is no contract"),
    ],
)
def test_what_is_no_contract_is_told(bound, contract, says):
    """What is wrong, and where."""
    assert says in str(bound(contract).exception)


def test_says_what_the_result_would_tell():
    """Facts for later rules of the run, by key where the parameters name it."""
    asked = json.dumps({"tool": "read_message", "params": {"message_id": "m1"}})
    words = ("explain", "-", "--policy", EXAMPLES / "mailbox")
    told = json.loads(policy(*words, "--json", stdin=asked).stdout)["tells"]
    assert {"fact": "message", "key": "m1", "trusted": False} in told
    assert "its result would tell" in policy(*words, stdin=asked).stdout


RUNS = EXAMPLES / "small" / "runs.jsonl"


def test_no_difference_ends_with_0():
    """A policy beside itself."""
    answer = policy("diff", EXAMPLES / "small", EXAMPLES / "small", "--log", RUNS)
    assert answer.exit_code == 0
    assert "78 intents, no difference" in answer.stdout


def test_a_verdict_that_differs_ends_with_10(tighter):
    """Counts, rules and every intent of it."""
    answer = policy("diff", EXAMPLES / "small", tighter, "--log", RUNS)
    assert answer.exit_code == Exit.DIFFERENCE
    assert "BUDGET_EXCEEDED limits.max_cost_usd" in answer.stdout
    said = json.loads(policy("diff", EXAMPLES / "small", tighter, "--log", RUNS, "--json").stdout)
    assert not said["same"]
    assert said["counts"]["newly denied"] == len(
        [one for one in said["changes"] if one["kind"] == "newly denied"]
    )
    assert said["by_rule"][0] == {
        "kind": "newly denied",
        "by": "BUDGET_EXCEEDED limits.max_cost_usd",
        "intents": said["counts"]["newly denied"],
    }


def test_runs_of_no_workflow_in_common_are_refused():
    """They name none, and two sets that have none in common leave it open."""
    answer = policy("diff", EXAMPLES / "small", EXAMPLES / "airline", "--log", RUNS)
    assert "give --workflow" in str(answer.exception)


def test_fmt_writes_the_canonical_form_and_check_writes_nothing(tmp_path):
    """Exit code 10 for --check as long as there is something to write."""
    file = tmp_path / "policy.yaml"
    file.write_text("policy:   # ours\n    workflow_id:  w\n")
    answer = policy("fmt", "--check", tmp_path)
    assert (answer.exit_code, file.read_text()) == (
        Exit.DIFFERENCE,
        "policy:   # ours\n    workflow_id:  w\n",
    )
    assert f"would format {file}" in answer.stdout
    assert json.loads(policy("fmt", file, "--json").stdout) == {
        "files": 1,
        "changed": [str(file)],
        "written": True,
    }
    assert file.read_text() == "policy:   # ours\n  workflow_id: w\n"
    assert policy("fmt", "--check", tmp_path).exit_code == 0


def test_fmt_writes_no_file_when_one_is_broken(tmp_path):
    """Half of a set formatted would be a surprise."""
    (tmp_path / "tools.yaml").write_text("tools:   []\n")
    (tmp_path / "policy.yaml").write_text("policy: [\n")
    answer = policy("fmt", tmp_path)
    assert f"{tmp_path}/policy.yaml:" in str(answer.exception)
    assert (tmp_path / "tools.yaml").read_text() == "tools:   []\n"


def test_fmt_of_nothing_is_told(tmp_path):
    """A check of no file would always pass."""
    assert "there are no policy files here" in str(policy("fmt", tmp_path).exception)


def test_a_folder_called_policies_is_a_set_when_a_catalogue_lies_in_it(tmp_path):
    """Its files stand for it, and not for the folder above."""
    shutil.copytree(EXAMPLES / "small", tmp_path / "policies")
    assert check(tmp_path / "policies" / "policy.yaml").exit_code == 0
