"""The corpus: named cases in data files, each with an input and what must come of it; and the readers they go to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from toolgate.processors.loader import from_files
from toolgate.processors.problems import LoadError
from toolgate.processors.registry_file import is_registry
from toolgate.streams.gate import keys
from toolgate.whatif import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toolgate.processors.policy import PolicySet

FOLDER = Path(__file__).parents[1] / "corpus"
GOOD = FOLDER / "good"
ENVIRONMENT = {"AGENTS": "a1" * 32, "DESK": "de" * 32}
LEAST_TOOLS = (
    b"tools: [{name: say, effect: read, params: {properties: {text: {type: string}}, required: [text]}}]"
)
LEAST_POLICY = b"policy: {workflow_id: w, allowed_tools: [say]}"
KEYRING, CASES = "keyring.yaml", "cases/desk.yaml"


@dataclass(frozen=True, slots=True)
class Entry:
    """One case: its file, its name, and everything else that stands there."""

    file: str
    name: str
    fields: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"

    def content(self) -> bytes:
        """What is read: `hex`, or `text`, which may be a list of texts and of [text, how often]."""
        if "hex" in self.fields:
            return bytes.fromhex(self.fields["hex"])
        text = self.fields["text"]
        pieces = [text] if isinstance(text, str) else text
        whole = (piece if isinstance(piece, str) else piece[0] * piece[1] for piece in pieces)
        return "".join(whole).encode()


def entries(file: str) -> list[Entry]:
    """The cases of a file of the corpus."""
    rows = YAML(typ="safe", pure=True).load(FOLDER / file)
    return [Entry(file, row["name"], row) for row in rows]


@cache
def good_files() -> Mapping[str, bytes]:
    """A set of policies that loads, with nearly everything that one may have."""
    names = ("tools.yaml", "policy.yaml", "registries/phrases.yaml", "registries/desks.yaml")
    return {name: (GOOD / name).read_bytes() for name in names}


@cache
def good_set() -> PolicySet:
    """The same, loaded."""
    return from_files(good_files())


def load_set(file: str, text: bytes) -> None:
    """Load the good set with this file in place of its own, or beside the others."""
    from_files({**good_files(), file: text})


def load_registry(file: str, text: bytes) -> None:
    """Load a registry beside the least that asks it: its own file is what takes time."""
    from_files({"tools.yaml": LEAST_TOOLS, "policy.yaml": LEAST_POLICY, file: text})


@contextmanager
def lying(file: str, text: bytes) -> Iterator[Path]:
    """The folder in which a file of this name lies; problems in it are told as if it lay here."""
    with TemporaryDirectory() as name:
        path = Path(name) / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)
        try:
            yield Path(name)
        except LoadError as error:
            here = f"{name}/"
            raise LoadError(
                replace(one, file=one.file.removeprefix(here), what=one.what.replace(here, ""))
                for one in error.problems
            ) from None


def load_keyring(file: str, text: bytes) -> None:
    """Load a keyring."""
    with lying(file, text) as folder:
        keys.load(folder / file, ENVIRONMENT)


def load_cases(file: str, text: bytes) -> None:
    """Load cases beside the good set, and run them."""
    with lying(file, text) as folder:
        for case in cases.find(folder, good_set()):
            cases.run(case, good_set())


def loader_of(file: str) -> Callable[[str, bytes], None]:
    """What reads a file of this name; it raises LoadError, or nothing."""
    if file == KEYRING:
        return load_keyring
    if file.startswith("cases/"):
        return load_cases
    return load_registry if is_registry(file) else load_set
