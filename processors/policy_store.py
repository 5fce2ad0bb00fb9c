"""The policy store: what the policies topic holds, and the sets that can be put together from it.

A set is published as its files' bytes, each under its digest, and a manifest under the digest of the set. What is
found under a digest that it does not have counts for nothing, so whoever may write the topic can add to it and
change nothing. Offsets matter: a set counts for an activation only if it stood whole below the offset that the
activation names, so it is there for every worker that has read so far, or for none and for ever.
"""

from __future__ import annotations

from collections import OrderedDict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from toolgate.processors import loader
from toolgate.processors.problems import LoadError
from toolgate.schemas.strict_json import JsonError, digest, dumps_canonical, loads_strict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toolgate.processors.case import Envelope
    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.records import Control

FILE_BYTES_MAX = 1_000_000  # with its key and headers it must fit a batch of the topic
_KEPT = 8  # compiled sets: what decisions of the last switches are judged under
_BLOB, _SET = "file/", "set/"
Files = dict[str, bytes]


def records(files: Mapping[str, bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of every record that publishes a set, the manifest last."""
    names = {name: digest(content) for name, content in files.items()}
    for content in {names[name]: content for name, content in files.items()}.values():
        yield f"{_BLOB}{digest(content)}".encode(), content
    yield f"{_SET}{loader.set_digest(files)}".encode(), dumps_canonical({"files": names}).encode()


def loader_of(version: str) -> str:
    """Who says whether a set loads: this version of toolgate, with the extra without which some sets do not."""
    return f"{version}+cedar" if find_spec("cedarpy") else version


class PolicyStore:
    """The policies topic below `end`.

    Args:
        loader: ours, as `loader_of` names it: what loads may depend on it.
        compile_files: what makes a set of its files; raises LoadError.
    """

    def __init__(
        self, loader: str, compile_files: Callable[[Mapping[str, bytes]], PolicySet] = loader.from_files
    ) -> None:
        self.end = 0
        self._loader = loader
        self._compile = compile_files
        self._blobs: dict[str, tuple[int, bytes]] = {}  # by digest, with the offset where they were first
        self._manifests: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self._faults: dict[str, str] = {}
        self._compiled: OrderedDict[str, PolicySet] = OrderedDict()

    def take(self, envelope: Envelope) -> None:
        """The next record of the topic. What is no part of a set is passed over."""
        self.end = max(self.end, envelope.offset + 1)
        key, value = (envelope.key or b"").decode("ascii", "replace"), envelope.value or b""
        if key.startswith(_BLOB) and digest(value) == key.removeprefix(_BLOB):
            self._blobs.setdefault(key.removeprefix(_BLOB), (envelope.offset, value))
        elif key.startswith(_SET) and (names := _manifest(value)):
            self._manifests.setdefault(key.removeprefix(_SET), []).append((envelope.offset, names))

    def whole_below(self, name: str) -> int | None:
        """The least offset below which the set of that digest stands whole; None where it does not stand."""
        for offset, names in self._manifests.get(name, ()):
            places = [self._blobs[blob][0] for blob in names.values() if blob in self._blobs]
            below = max(offset, *places) + 1 if places else offset + 1
            if self.files(name, below) is not None:
                return below
        return None

    def files(self, name: str, below: int | None = None) -> Files | None:
        """The files of the set of that digest, as they stand below an offset; None where it does not stand whole."""
        limit = self.end if below is None else below
        for offset, names in self._manifests.get(name, ()):
            blobs = {file: self._blobs.get(blob, (limit, b"")) for file, blob in names.items()}
            if offset < limit and all(at < limit for at, _ in blobs.values()):
                files = {file: content for file, (_, content) in blobs.items()}
                if loader.set_digest(files) == name:
                    return files
        return None

    def fault(self, control: Control) -> str:
        """Why the set of an activation cannot be in force, or ""; the topic must be read up to its `policies_end`.

        A set that does not load here, but was taken by another loader, has no fault: it is in force, and `policies`
        says what keeps this process from judging under it.
        """
        name = control.policy_digest
        if self.files(name, control.policies_end) is None:
            return (
                f"set {name} does not stand whole in the policies topic below offset {control.policies_end}"
            )
        problem = self._problem(name)
        return (
            f"set {name} does not load: {problem}" if problem and control.checked_by == self._loader else ""
        )

    def policies(self, name: str) -> PolicySet:
        """The set of that digest, compiled.

        Raises:
            LoadError: it does not load here.
            KeyError: it does not stand in the topic.
        """
        if name not in self._compiled:
            files = self.files(name)
            if files is None:
                raise KeyError(name)
            self._compiled[name] = self._compile(files)
        self._compiled.move_to_end(name)
        while len(self._compiled) > _KEPT:
            self._compiled.popitem(last=False)
        return self._compiled[name]

    def _problem(self, name: str) -> str:
        """The first mistake of a set that stands whole, or ""."""
        if name not in self._faults:
            try:
                self.policies(name)
                self._faults[name] = ""
            except LoadError as error:
                self._faults[name] = str(error.problems[0])
        return self._faults[name]


def _manifest(value: bytes) -> dict[str, str]:
    """File names and digests of a manifest; empty for anything else."""
    try:
        read: Any = loads_strict(value, max_bytes=FILE_BYTES_MAX).get("files")
    except JsonError:
        return {}
    if not isinstance(read, dict) or not all(isinstance(blob, str) for blob in read.values()):
        return {}
    return dict(read)
