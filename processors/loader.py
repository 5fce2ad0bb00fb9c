"""The loader: files to a policy set, strictly. Every mistake of every file is reported."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from toolgate.processors import tool_lock
from toolgate.processors.catalogue import CatalogueFile, Tool, compile_tools, facts_of
from toolgate.processors.cedar_file import ENDING, CedarPolicies, file_of, read_cedar
from toolgate.processors.policy import PolicySet, allowed_tools, check_policy, check_shared, compile_policy
from toolgate.processors.policy_file import Policy, PolicyFile
from toolgate.processors.problems import LoadError, Problem
from toolgate.processors.registry_file import REGISTRIES, is_registry, read_registries
from toolgate.processors.rule_sheets import Known
from toolgate.processors.tool_lock import ACCEPTED, LOCK, LockFile
from toolgate.processors.written_file import read_file
from toolgate.schemas.strict_json import digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from toolgate.processors.strict_yaml import Document

CATALOGUE = "tools.yaml"
SINGLE = "policy.yaml"
FOLDER = "policies/"


def load(directory: Path) -> PolicySet:
    """Load a policy set from a directory: `tools.yaml`, `tools.lock` if there is one, and the policies.

    Those are `policy.yaml` or `policies/*.yaml`, the Cedar files that they name, and `registries/*.yaml`.

    Raises LoadError with every problem found; its places name files relative to the directory.
    """
    return from_files(read_files(directory))


def read_files(directory: Path) -> dict[str, bytes]:
    """The files of a directory that `load` looks at, by name within it. Raises LoadError when one cannot be read."""
    if not directory.is_dir():
        raise LoadError(
            [Problem(str(directory), 0, 0, "there is no such folder", "name the folder with tools.yaml")]
        )
    endings = ("*.y*ml", f"*{ENDING}")
    candidates = [*directory.glob(LOCK)]
    candidates += [
        path
        for end in endings
        for at in ("", f"{FOLDER}**/", f"{REGISTRIES}**/")
        for path in directory.glob(at + end)
    ]
    files: dict[str, bytes] = {}
    unread: list[Problem] = []
    for path in candidates:
        name = path.relative_to(directory).as_posix()
        if not _concerns(name):
            continue
        try:
            files[name] = path.read_bytes()
        except OSError as error:
            unread.append(Problem(name, 0, 0, f"cannot be read: {error.strerror}"))
    if unread:
        raise LoadError(unread)
    return files


def from_files(files: Mapping[str, bytes]) -> PolicySet:
    """Load a policy set from file contents by name, as `load` would from a directory. Raises LoadError."""
    problems = _check_files(files)
    tools: dict[str, Tool] = {}
    catalogue_whole = False
    if CATALOGUE in files:
        tools, found = _load_catalogue(files[CATALOGUE], files.get(LOCK))
        catalogue_whole = not found
        problems += found
    registries, found = read_registries(files)
    problems += found
    known = Known(facts_of(tools.values()), registries)
    # Without all of the catalogue and the registries every unknown name may be one that could not be read.
    whole = catalogue_whole and not found
    policies: list[tuple[Document, Policy]] = []
    cedar: dict[str, CedarPolicies | None] = {}  # by the file of the policy
    for name in sorted(files):
        if _is_policy(name):
            document, policy, found = _load_policy(name, files[name])
            problems += found
            if document and policy:
                policies.append((document, policy))
                if whole:
                    problems += check_policy(document, policy, tools, known)
                    try:
                        cedar[name] = read_cedar(document, policy, allowed_tools(policy, tools), files)
                    except LoadError as error:
                        problems += error.problems
    problems += _check_unique(policies) + check_shared(policies)
    if len(policies) == sum(map(_is_policy, files)):
        problems += _check_named(
            files, {file_of(document.file, policy) for document, policy in policies if policy.cedar}
        )
    if problems:
        raise LoadError(problems)
    workflows = {
        (policy.tenant, policy.workflow_id): compile_policy(policy, tools, known, cedar[document.file])
        for document, policy in policies
    }
    return PolicySet(set_digest(files), tools, workflows, registries)


def _concerns(name: str) -> bool:
    """Whether a file is one of a policy set, or was perhaps meant to be."""
    return (
        name.startswith((FOLDER, REGISTRIES))
        or name.endswith(ENDING)
        or name.rpartition(".")[0] in {"tools", "policy"}
    )


def _is_policy(name: str) -> bool:
    in_folder = name.startswith(FOLDER) and "/" not in name.removeprefix(FOLDER)
    return name == SINGLE or (in_folder and name.endswith(".yaml"))


def _check_files(files: Mapping[str, bytes]) -> list[Problem]:
    problems = [
        Problem(
            name,
            0,
            0,
            "this file would not be read",
            f"name it {REGISTRIES}<name>.yaml"
            if name.startswith(REGISTRIES)
            else f"name it {CATALOGUE}, {SINGLE} or {FOLDER}<name>.yaml",
        )
        for name in files
        if name not in {CATALOGUE, LOCK}
        and not _is_policy(name)
        and not is_registry(name)
        and not name.endswith(ENDING)
    ]
    if CATALOGUE not in files:
        problems.append(
            Problem(CATALOGUE, 0, 0, "there is no tool catalogue", f"write the tools into {CATALOGUE}")
        )
    if not any(_is_policy(name) for name in files):
        problems.append(
            Problem(SINGLE, 0, 0, "there is no policy", f"write one as {SINGLE} or {FOLDER}<name>.yaml")
        )
    return problems


def _check_named(files: Mapping[str, bytes], named: set[str]) -> list[Problem]:
    what, hint = (
        "no policy names this file",
        "name it under cedar in the policy that it belongs to, or remove it",
    )
    return [Problem(name, 0, 0, what, hint) for name in files if name.endswith(ENDING) and name not in named]


def _load_catalogue(text: bytes, lock: bytes | None) -> tuple[dict[str, Tool], list[Problem]]:
    document, model, problems = read_file(CATALOGUE, text, CatalogueFile)
    accepted, found = (None, []) if lock is None else load_lock(lock)
    problems += found
    if document is None or model is None:
        return {}, problems
    tools, found = compile_tools(document, model)
    if accepted is not None:
        tools = _frozen(tools, tool_lock.states(model.tools, accepted))
    return tools, problems + found


def load_lock(text: bytes) -> tuple[dict[str, str], list[Problem]]:
    """What a lock file accepts, by tool, and what is wrong with the file."""
    _, model, problems = read_file(LOCK, text, LockFile)
    return (model.tools if model else {}), problems


def _frozen(tools: dict[str, Tool], states: Mapping[str, str]) -> dict[str, Tool]:
    """The tools, those frozen that are not as they were accepted."""
    return {
        name: tool if states[name] == ACCEPTED else replace(tool, frozen=states[name])
        for name, tool in tools.items()
    }


def _load_policy(name: str, text: bytes) -> tuple[Document | None, Policy | None, list[Problem]]:
    document, model, problems = read_file(name, text, PolicyFile)
    return document, model.policy if model else None, problems


def _check_unique(policies: list[tuple[Document, Policy]]) -> list[Problem]:
    first: dict[tuple[str, str], str] = {}
    problems: list[Problem] = []
    for document, policy in policies:
        other = first.setdefault((policy.tenant, policy.workflow_id), document.file)
        if other != document.file:
            what = f"workflow {policy.workflow_id} of tenant {policy.tenant} has a policy in {other} already"
            problems.append(document.problem(("policy", "workflow_id"), what, "keep one of them"))
    return problems


def set_digest(files: Mapping[str, bytes]) -> str:
    """The digest that names a set of these files: over their names and bytes, each behind its length."""
    parts = [
        struct.pack(">QQ", len(name.encode()), len(files[name])) + name.encode() + files[name]
        for name in sorted(files)
    ]
    return digest(b"".join(parts))
