"""The loader: one tiny bad file for each mistake, with the place and the words of its error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgate.processors.loader import from_files, load
from toolgate.processors.problems import LoadError

HERE = Path(__file__).parent
BAD = HERE / "bad_policies"

# A line for each problem: the file in bad_policies, then line:column: what; hint. Files tools_* stand in for
# the catalogue, files registry_* for a registry.
MISTAKES: dict[str, list[str]] = {}
for row in (HERE / "bad_policies.txt").read_text(encoding="utf-8").splitlines():
    name, _, problem = row.partition(" ")
    MISTAKES.setdefault(name, []).append(problem)


@pytest.mark.parametrize(("name", "expected"), MISTAKES.items(), ids=MISTAKES)
def test_says_what_is_wrong_where_and_what_to_do(name, expected, files):
    """Every mistake is an error with its place, and nothing of it is loaded."""
    stands_in = {"tools": "tools.yaml", "registry": "registries/contacts.yaml"}
    file = stands_in.get(name.partition("_")[0], "policy.yaml")
    with pytest.raises(LoadError) as caught:
        from_files({**files, file: (BAD / f"{name}.yaml").read_bytes()})
    problems = [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]
    assert problems == expected


def test_every_bad_file_is_in_the_table():
    """No bad file lies about untested."""
    assert {path.stem for path in BAD.iterdir()} == set(MISTAKES)


def test_loads_the_smallest_policy_as_it_stands(files):
    """The block that teams already write is a whole policy."""
    policies = from_files(files)
    policy = policies.for_workflow("default", "billing_adjustments_v3")
    assert policy is not None
    assert set(policy.plans) == {"read_invoice", "compute_proration", "create_adjustment_draft"}
    assert policy.denies("execute_refund")
    assert policy.written.limits.max_cost_micros == 350_000
    assert policy.written.limits.max_tool_calls == 12
    assert policy.written.limits.max_denials == 20
    assert policy.written.logging.retention_days == 30


def test_loads_a_directory_like_its_files(tmp_path, files):
    """A folder and a mapping of the same names and bytes are the same policy set."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "tools.yaml").write_bytes(files["tools.yaml"])
    (tmp_path / "policies" / "billing.yaml").write_bytes(files["policy.yaml"])
    (tmp_path / "README.md").write_text("not a policy")
    (tmp_path / "cases.yaml").write_text("not a policy either")
    loaded = load(tmp_path)
    given_files = {"tools.yaml": files["tools.yaml"], "policies/billing.yaml": files["policy.yaml"]}
    assert loaded.digest == from_files(given_files).digest
    assert set(loaded.workflows) == {("default", "billing_adjustments_v3")}


def test_the_digest_changes_with_every_byte_and_name(files):
    """Two sets have one digest only when they are the same files."""
    renamed = {"tools.yaml": files["tools.yaml"], "policies/policy.yaml": files["policy.yaml"]}
    digests = {
        from_files(files).digest,
        from_files(renamed).digest,
        from_files({**files, "policy.yaml": files["policy.yaml"] + b"#"}).digest,
        from_files({**files, "tools.yaml": files["tools.yaml"] + b"\n"}).digest,
    }
    assert len(digests) == 4


def test_reports_the_mistakes_of_all_files_at_once(files):
    """One run of the loader shows everything that there is to correct."""
    bad = b"policy: {workflow_id: w, allowed_tools: [read_invoice], mode: x, limtis: {}}\n"
    with pytest.raises(LoadError) as caught:
        from_files({"tools.yaml": b"tools: []\n", "policies/a.yaml": bad, "policies/b.yaml": b"a: 1\na: 2\n"})
    places = [(problem.file, problem.line) for problem in caught.value.problems]
    assert places == [
        ("policies/a.yaml", 1),
        ("policies/a.yaml", 1),
        ("policies/b.yaml", 1),
        ("policies/b.yaml", 1),
        ("policies/b.yaml", 2),
        ("tools.yaml", 1),
    ]


def test_does_not_blame_policies_for_a_broken_catalogue(files):
    """While the catalogue cannot be read, no tool is called unknown."""
    with pytest.raises(LoadError) as caught:
        from_files({**files, "tools.yaml": b"tools: 3\n"})
    assert {problem.file for problem in caught.value.problems} == {"tools.yaml"}


@pytest.mark.parametrize(
    ("names", "file", "what"),
    [
        (["policy.yaml"], "tools.yaml", "there is no tool catalogue"),
        (["tools.yaml"], "policy.yaml", "there is no policy"),
        (["tools.yaml", "policy.yaml", "policies/a.yml"], "policies/a.yml", "this file would not be read"),
        (
            ["tools.yaml", "policy.yaml", "policies/x/a.yaml"],
            "policies/x/a.yaml",
            "this file would not be read",
        ),
        (["tools.yaml", "policy.yaml", "tools.yml"], "tools.yml", "this file would not be read"),
        (
            ["tools.yaml", "policy.yaml", "registries/a.yml"],
            "registries/a.yml",
            "this file would not be read",
        ),
        (
            ["tools.yaml", "policy.yaml", "registries/x/a.yaml"],
            "registries/x/a.yaml",
            "this file would not be read",
        ),
    ],
)
def test_refuses_missing_and_misnamed_files(names, file, what, files, tmp_path):
    """A file that would silently not count is an error, and so is one that is not there."""
    content = {name: files["tools.yaml" if name.startswith("tools") else "policy.yaml"] for name in names}
    for name, text in content.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    for attempt in (lambda: from_files(content), lambda: load(tmp_path)):
        with pytest.raises(LoadError) as caught:
            attempt()
        assert [(problem.file, problem.what) for problem in caught.value.problems] == [(file, what)]


def test_refuses_a_folder_that_is_not_there(tmp_path):
    """The path is named."""
    with pytest.raises(LoadError, match="no such folder"):
        load(tmp_path / "nowhere")


def test_refuses_two_policies_of_one_workflow(files):
    """Which of the two holds would be a matter of luck."""
    with pytest.raises(LoadError, match=r"has a policy in policies/b\.yaml already"):
        from_files(
            {
                "tools.yaml": files["tools.yaml"],
                "policies/b.yaml": files["policy.yaml"],
                "policy.yaml": files["policy.yaml"],
            }
        )


POLICY = "policy: {{workflow_id: {0}, tenant: {1}, allowed_tools: [read_invoice], {2}}}\n"
SHARED = [
    ("budgets: [{scope: tenant, window: 1d, max: 5}]", "budgets: [{scope: tenant, window: 1d, max: 6}]"),
    ("budgets: [{scope: agent, max: 5}]", "budgets: [{scope: agent, max: 5, on_expiry: release}]"),
    ("rates: [{scope: tool, max: 5, per: 1m}]", "rates: [{scope: tool, max: 6, per: 60s}]"),
    ("blast_radius: [{scope: system, max: 5}]", "blast_radius: [{scope: system, max: 6}]"),
]


@pytest.mark.parametrize(("one", "other"), SHARED)
def test_refuses_other_terms_for_a_shared_account(one, other, files):
    """Workflows of a tenant that share an account must limit it alike."""
    both = {
        "policies/a.yaml": POLICY.format("a", "t", one),
        "policies/b.yaml": POLICY.format("b", "t", other),
    }
    texts = {name: text.encode() for name, text in both.items()}
    with pytest.raises(
        LoadError,
        match=r"policies/b\.yaml:1:\d+: .* limits an account that policies/a\.yaml:1 limits otherwise",
    ):
        from_files({"tools.yaml": files["tools.yaml"], **texts})


@pytest.mark.parametrize(("one", "other"), SHARED)
def test_other_tenants_may_have_other_terms(one, other, files):
    """Nothing is shared between tenants, and the same terms may be shared."""
    texts = {
        "policies/a.yaml": POLICY.format("a", "t", one).encode(),
        "policies/b.yaml": POLICY.format("b", "t", one).encode(),
        "policies/c.yaml": POLICY.format("a", "u", other).encode(),
    }
    assert len(from_files({"tools.yaml": files["tools.yaml"], **texts}).workflows) == 3


@pytest.mark.parametrize(
    ("block", "what"),
    [
        (
            "blast_radius: [{scope: run, max: 5}]",
            r"counts records, but the catalogue does not say which write_it touches",
        ),
        (
            "budgets: [{scope: run, unit: records, max: 5}]",
            r"counts records, but the catalogue does not say which",
        ),
        ("rates: [{scope: system, max: 5, per: 1s}]", r"the catalogue gives no system for write_it"),
    ],
)
def test_refuses_limits_that_the_catalogue_cannot_serve(block, what):
    """A limit that would never count anything is not a limit."""
    texts = {
        "tools.yaml": b"tools: [{name: write_it, effect: write, params: {}}]\n",
        "policy.yaml": f"policy: {{workflow_id: w, allowed_tools: [write_it], {block}}}\n".encode(),
    }
    with pytest.raises(LoadError, match=what):
        from_files(texts)


def test_a_name_that_no_tool_has_yet_may_be_denied(load):
    """Denying beforehand is harmless; only near misses of a tool's name are taken for slips."""
    assert load(
        "policy: {workflow_id: w, allowed_tools: [read_invoice], denied_tools: [wire_money]}\n"
    ).workflows


@settings(max_examples=150)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_load_or_are_refused_with_problems(text):
    """Nothing but LoadError ever comes out, and it always says something."""
    catalogue = b"tools: [{name: t, effect: read, params: {}}]\n"
    with pytest.raises(LoadError) as caught:
        from_files({"tools.yaml": catalogue, "policy.yaml": text})
    assert caught.value.problems


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from([*"{}[],:&*!|>-?#%@'\"\n ~", "policy", "workflow_id", "  ", "- ", "yes", "1", ": "]),
        max_size=40,
    )
)
def test_any_yaml_like_text_loads_or_is_refused(parts):
    """Likewise for text that looks like YAML."""
    catalogue = b"tools: [{name: t, effect: read, params: {}}]\n"
    for files in (
        {"tools.yaml": catalogue, "policy.yaml": "".join(parts).encode()},
        {
            "tools.yaml": "".join(parts).encode(),
            "policy.yaml": b"policy: {workflow_id: w, allowed_tools: [t]}\n",
        },
    ):
        with pytest.raises(LoadError):
            from_files(files)
