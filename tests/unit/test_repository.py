"""The repository: folders explain themselves, generated files are current, the first page is true."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import hostile_page
import pytest

from toolgate.cli import exits, reference
from toolgate.processors import cases_file, catalogue, file_pages, policy_file, reasons_page, registry_file
from toolgate.processors.loader import from_files
from toolgate.schemas import registry
from toolgate.streams import settings_page, topics
from toolgate.streams.dashboards import gate, watch
from toolgate.streams.dashboards.form import render
from toolgate.streams.gate import metrics_page

ROOT = Path(__file__).parents[2]
LINES_MAX = 400
NOT_OURS = {".git", "__pycache__", "build", "dist", "site"}  # and every other hidden or installed folder
HIDDEN_OURS = {".ci", ".gitignore", ".dockerignore"}
LINKED = ("toolgate/processors", "toolgate/schemas", "toolgate/streams")
MACHINE_PATH = re.compile(r"/(?:work|farm)/")


def _is_ours(path: Path) -> bool:
    name = path.name
    hidden = name.startswith(".") and name not in HIDDEN_OURS
    return not (path.is_symlink() or hidden or name in NOT_OURS or name.endswith(".egg-info"))


def _walk(folder: Path) -> list[Path]:
    """Every file of the repository, each once: the links in toolgate/ are not followed."""
    found = []
    for path in sorted(folder.iterdir()):
        if _is_ours(path):
            found += _walk(path) if path.is_dir() else [path]
    return found


FILES = _walk(ROOT)
FOLDERS = sorted({parent for path in FILES for parent in path.parents if parent.is_relative_to(ROOT)})


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _needs_readme(folder: Path) -> bool:
    """The root, what stands right below it, every package, every example."""
    if folder.name in HIDDEN_OURS:
        return False
    package = (folder / "__init__.py").exists()
    return folder == ROOT or package or folder.parent in {ROOT, ROOT / "examples"}


@pytest.mark.parametrize("folder", [f for f in FOLDERS if _needs_readme(f)], ids=_named)
def test_a_folder_says_what_lives_in_it(folder):
    """Each has a README of at most a page or two."""
    lines = (folder / "README.md").read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) <= (150 if folder == ROOT else 80)


def test_no_folder_is_only_a_promise():
    """What has a README has something to describe."""
    readmes = [path for path in FILES if path.name == "README.md"]
    assert [path for path in readmes if list(path.parent.iterdir()) == [path]] == []


def test_modules_stay_short():
    """A module that grows past its limit holds more than one noun."""
    counts = {path: path.read_text("utf-8").count("\n") for path in FILES if path.suffix in {".py", ".lua"}}
    assert {_named(path): n for path, n in counts.items() if n > LINES_MAX} == {}


def test_nothing_names_a_path_of_one_machine():
    """What is written here holds wherever it is checked out."""
    found = [path for path in FILES if MACHINE_PATH.search(path.read_text("utf-8", "replace"))]
    assert found == []


def test_the_package_is_made_of_links_to_the_folders():
    """`toolgate.streams` and its neighbours are the folders beside the package, not copies."""
    assert {name: (ROOT / name).readlink().as_posix() for name in LINKED} == {
        name: f"../{name.partition('/')[2]}" for name in LINKED
    }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("docs/reference/cli.md", reference.as_markdown),
        ("docs/reference/exits.md", exits.as_markdown),
        ("docs/reference/hostile-input.md", hostile_page.as_markdown),
        ("docs/reference/reasons.md", reasons_page.table),
        ("docs/reference/policy.md", file_pages.as_markdown),
        ("docs/reference/policy.schema.json", policy_file.json_schema),
        ("docs/reference/tools.schema.json", catalogue.json_schema),
        ("docs/reference/registry.schema.json", registry_file.json_schema),
        ("docs/reference/cases.schema.json", cases_file.json_schema),
        ("docs/reference/metrics.md", metrics_page.as_markdown),
        ("docs/reference/settings.md", settings_page.as_markdown),
        ("docs/reference/topics.md", topics.as_markdown),
        ("ops/grafana/dashboards/gate.json", lambda: render(gate.GATE)),
        ("ops/grafana/dashboards/watch.json", lambda: render(watch.WATCH)),
        ("schemas/registry.json", lambda: registry.render(registry.build(registry.committed()))),
    ],
)
def test_a_generated_file_is_current(path, text):
    """Run `make docs` and commit what it changes when this fails."""
    assert (ROOT / path).read_text("utf-8") == text()


def test_make_shows_every_target():
    """`make help` leaves no target out, and all of them are phony but the one that is a file."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    shown = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in shown.splitlines()] == targets
    assert sorted(phony) == sorted(targets)


def _prose() -> list[Path]:
    return [path for path in FILES if path.suffix == ".md"]


@pytest.mark.parametrize("page", _prose(), ids=_named)
def test_links_lead_somewhere(page):
    """Every relative link of a page names a file or folder that is there."""
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_first_page_names_every_topic():
    """The README's table has the topics of streams/topics.py, all of them and in their order."""
    text = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", text, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([a-z]+)`", row)]
    assert sorted(named) == sorted(topic.name for topic in topics.TOPICS)


def test_the_policy_on_the_first_page_loads():
    """Who copies the README's policy gets one that works, with a catalogue that has its tools."""
    block = re.findall(
        r"^```yaml\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    catalogue = (ROOT / "tests/unit/processors/good/tools.yaml").read_bytes()
    policies = from_files({"tools.yaml": catalogue, "policy.yaml": block[0].encode()})
    assert policies.for_workflow("default", "billing_adjustments_v3") is not None
