"""The guides: what can be copied from them works."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from walkthrough import Block, blocks

from toolgate.processors.loader import from_files
from toolgate.whatif import cases

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), ROOT / "toolgate/sdk/README.md"])


def _found(language: str, pages: list[Path]) -> list[tuple[Path, Block]]:
    return [
        (page, one) for page in pages for one in blocks(page.read_text("utf-8")) if one.language == language
    ]


PYTHON = _found("python", PAGES)
GUIDES = sorted(ROOT.glob("docs/guides/*.md"))
YAML = _found("yaml", GUIDES)


def _place(found: tuple[Path, Block]) -> str:
    return f"{found[0].relative_to(ROOT).as_posix()}:{found[1].line}"


@pytest.mark.parametrize("found", PYTHON, ids=_place)
def test_what_an_example_imports_is_there(found):
    """A name that was renamed or moved does not live on in the pages."""
    for node in ast.walk(ast.parse(found[1].text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("toolgate"):
            module = import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_policies_of_the_guides_load_with_their_catalogue():
    """Each policy that is shown is one that a gate would take, with the tools that the other guide describes."""
    (catalogue,) = [one.text for _, one in YAML if one.text.startswith("tools:")]
    policies = [one.text for _, one in YAML if one.text.startswith("policy:")]
    blocked, customers = (one.text.encode() for _, one in YAML if one.text.startswith("registry:"))
    registries = {"registries/blocked.yaml": blocked, "registries/customers.yaml": customers}
    assert len(policies) >= 2
    for policy in policies:
        files = {"tools.yaml": catalogue.encode(), "policy.yaml": policy.encode(), **registries}
        loaded = from_files(files)
        assert list(loaded.workflows) == [("default", "refunds_v1")]


def test_the_cases_of_the_guide_hold(tmp_path):
    """They are about the policy of the rules' guide, and come out as they expect."""
    (catalogue,) = [one.text for _, one in YAML if one.text.startswith("tools:")]
    policy = next(
        one.text for page, one in YAML if page.name == "rules.md" and one.text.startswith("policy:")
    )
    [text] = [one.text for page, one in YAML if page.name == "testing-policies.md"]
    policies = from_files({"tools.yaml": catalogue.encode(), "policy.yaml": policy.encode()})
    (tmp_path / "guide.cases.yaml").write_text(text)
    found = cases.find(tmp_path, policies)
    assert [(case.entry.name, cases.run(case, policies).faults) for case in found] == [
        ("a small refund is paid", ()),
        ("a refund over $50 is for people", ()),
        ("twenty calls are enough for one run", ()),
    ]


def test_every_alert_is_explained():
    """Whoever is woken by an alert finds it in the table, in the order of the rules."""
    rules = "".join(
        (ROOT / f"ops/prometheus/{name}.rules.yml").read_text("utf-8") for name in ("gate", "watch")
    )
    page = (ROOT / "docs/guides/production.md").read_text("utf-8")
    named = re.findall(r"^ +- alert: (\w+)$", rules, re.MULTILINE)
    assert named
    assert re.findall(r"`(Toolgate\w+)`", page) == named
