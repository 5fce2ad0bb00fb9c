"""What people install: both distributions, built once and tried where nothing else is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDERS = ("processors", "schemas", "streams")
# Building and installing ask the package index for the build backend and the dependencies.
pytestmark = pytest.mark.timeout(600)

# Runs in the fresh environment: an import of Faust, were there one, would end it.
WITHOUT_FAUST = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"faust", "mode"}:
            raise ImportError(f"{name} is not for the SDK")

sys.meta_path.insert(0, Absent())
import toolgate.sdk
print(toolgate.sdk.__name__, sorted(name for name in sys.modules if name.partition(".")[0] == "faust"))
"""


def run(*command: object, cwd: Path) -> str:
    """The output of a program that must succeed; what it said is shown when it does not."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, the wheel built from it (what the one lacks, the other lacks), and what they are made of."""
    place = tmp_path_factory.mktemp("distributions")
    source = place / "source"  # a copy: building writes into the tree it builds
    left_out = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
    shutil.copytree(ROOT, source, symlinks=True, ignore=left_out)
    run(sys.executable, "-m", "build", "--outdir", place / "dist", source, cwd=place)
    built = {path.suffix: path for path in (place / "dist").iterdir()}
    return {**built, "source": source}


@pytest.fixture(scope="module")
def installed(distributions: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel in it."""
    place = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "fresh", cwd=place)
    python = place / "fresh" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", distributions[".whl"], cwd=place)
    return python


def _shipped(source: Path) -> Iterator[str]:
    """Every file of the package as an installed one names it: code and data, no pages for readers."""
    folders = [(source / name, f"toolgate/{name}") for name in FOLDERS] + [(source / "toolgate", "toolgate")]
    folders.append((source / "examples" / "billing", "toolgate/demo/billing"))  # what `toolgate demo` plays
    for folder, name in folders:
        for path in folder.rglob("*"):
            inner = path.relative_to(folder)
            linked = folder.name == "toolgate" and inner.parts[0] in FOLDERS
            if path.is_file() and not linked and path.suffix not in {".md", ".pyc"}:
                yield f"{name}/{inner.as_posix()}"


def test_the_wheel_has_every_file_of_the_package_and_no_other(distributions):
    """Code, Avro schemas, Lua scripts, the registry and the licence; no tests, no documentation."""
    with zipfile.ZipFile(distributions[".whl"]) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
    inside = {name for name in names if name.startswith("toolgate/")}
    assert inside == set(_shipped(distributions["source"]))
    assert {name.rpartition(".")[2] for name in inside} >= {"py", "avsc", "lua", "json", "typed"}
    beside = {name.partition("/")[2] for name in names - inside}
    assert {"METADATA", "entry_points.txt", "licenses/LICENSE"} <= beside
    assert {name.partition("/")[0] for name in names - inside} == {
        f"toolgate-{version('toolgate')}.dist-info"
    }


def test_the_source_distribution_has_what_the_wheel_is_made_of(distributions):
    """Whoever builds from source has the same files, the licence and the first page."""
    with tarfile.open(distributions[".gz"]) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    assert set(_shipped(distributions["source"])) <= names
    assert {"LICENSE", "README.md", "pyproject.toml"} <= names


def test_the_command_says_its_version(installed):
    """`toolgate --version` works where only the wheel and its dependencies are."""
    said = run(installed.parent / "toolgate", "--version", cwd=installed.parent)
    assert said == f"toolgate {version('toolgate')}\n"


def test_the_installed_scripts_and_schemas_are_found(installed):
    """The data files are where the code looks for them."""
    code = (
        "from toolgate.schemas.registry import bundled; from toolgate.streams.ledger import scripts;"
        "print(len(scripts.body()) > 1000, bundled() is not None)"
    )
    assert run(installed, "-c", code, cwd=installed.parent) == "True True\n"


def test_the_sdk_needs_no_faust(installed):
    """An application imports the SDK although importing Faust fails."""
    assert run(installed, "-c", WITHOUT_FAUST, cwd=installed.parent) == "toolgate.sdk []\n"
