"""A workflow's Cedar policies: read at load, checked against the tool catalogue and made ready."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from toolgate.processors import cedar_text
from toolgate.processors.cedar_names import unheld_names
from toolgate.processors.cedar_text import CedarText, syntax_problem
from toolgate.processors.cedar_types import agent_of, context_type, entities_of, schema_of
from toolgate.processors.fields import BECAUSE_CHARS_MAX
from toolgate.processors.names import id_fault
from toolgate.processors.problems import LoadError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from toolgate.processors.catalogue import Tool
    from toolgate.processors.condition_types import Type
    from toolgate.processors.policy_file import Policy
    from toolgate.processors.problems import Problem
    from toolgate.processors.strict_yaml import Document

ENDING = ".cedar"
_PATH = ("policy", "cedar")
_POLICY_ID = re.compile(r"policy `(policy[0-9]+)`")
_NO_ACTION = "unable to find an applicable action given the policy scope constraints"
_ABOUT = re.compile(r"^for policy `policy[0-9]+`, ")


@dataclass(frozen=True, slots=True)
class Findings:
    """What Cedar says about a call: whether a permit stands and no forbid, which policies decided, which failed."""

    allowed: bool
    forbids: tuple[str, ...]
    failed: tuple[str, ...]  # policies, or "" for the call as a whole


@dataclass(frozen=True, slots=True)
class CedarPolicies:
    """Cedar policies, ready. Policies are known by Cedar's names for them, `policy0` and so on."""

    file: str
    engine: Any  # the module cedarpy, imported only where a policy set asks for it
    policies: Any  # parsed once
    entities: Any  # likewise; the agent is added for each call
    contexts: Mapping[str, Type]  # by tool
    names: Mapping[str, tuple[str, str]]  # id and `because`, by Cedar's name

    def ask(self, request: dict[str, Any], agent_id: str, workflow_id: str) -> Findings:
        """What the policies say about a request. Whatever Cedar cannot make sense of is among `failed`."""
        entities = self.entities.with_added_json_str(json.dumps([agent_of(agent_id, workflow_id)]))
        result = self.engine.is_authorized(request, self.policies, entities)
        allowed = result.decision == self.engine.Decision.Allow
        failed = [_failed(error) for error in result.diagnostics.errors]
        if not failed and result.decision == self.engine.Decision.NoDecision:
            failed.append("")
        return Findings(allowed, () if allowed else tuple(result.diagnostics.reasons), tuple(failed))


def file_of(document_file: str, policy: Policy) -> str:
    """The name of a policy's Cedar file within the set: it lies beside the policy."""
    folder, slash, _ = document_file.rpartition("/")
    return f"{folder}{slash}{policy.cedar}"


def read_cedar(
    document: Document, policy: Policy, tools: list[Tool], files: Mapping[str, bytes]
) -> CedarPolicies | None:
    """The Cedar policies that a policy names; None where it names none. LoadError says what is wrong with them.

    `tools` are those that the policy allows: a Cedar policy about another one is a mistake.
    """
    if policy.cedar is None:
        return None
    name = file_of(document.file, policy)
    if name not in files:
        hint = nearest(policy.cedar, [file.rpartition("/")[2] for file in files if file.endswith(ENDING)])
        raise LoadError([document.problem(_PATH, f"there is no file {name}", hint)])
    if find_spec("cedarpy") is None:
        what = "Cedar policies need the extra cedar, which is not installed"
        raise LoadError([document.problem(_PATH, what, 'pip install "toolgate[cedar]"')])
    text, engine = cedar_text.read(name, files[name]), import_module("cedarpy")
    _refuse(_syntax(text, engine))
    written = json.loads(engine.policies_to_json_str(text.text))
    contexts = {tool.name: context_type(tool) for tool in tools}
    _refuse(
        [*_forms(text, written), *_meanings(text, engine, tools), *_names(text, written, contexts, tools)]
    )
    return CedarPolicies(
        file=name,
        engine=engine,
        policies=engine.PolicySet.from_str(text.text),
        entities=engine.Entities.from_json_str(json.dumps(entities_of(tools, policy.workflow_id))),
        contexts=contexts,
        names={
            key: (notes.get("id") or key, notes.get("because") or "")
            for key, notes in _annotations(written).items()
        },
    )


def _refuse(problems: Iterable[Problem]) -> None:
    if found := list(problems):
        raise LoadError(found)


def _failed(error: str) -> str:
    # Only the policy's name: the rest of the message may hold what the agent sent.
    found = _POLICY_ID.search(error)
    return found.group(1) if found else ""


def _syntax(text: CedarText, engine: Any) -> Iterator[Problem]:
    def error_of(part: str) -> str:
        try:
            engine.PolicySet.from_str(part)
        except ValueError as error:
            return str(error).splitlines()[0]
        return ""

    for place, statement in enumerate(text.statements):
        if what := error_of(statement.text):
            yield syntax_problem(text, place, what, error_of)


def _annotations(written: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {key: policy.get("annotations", {}) for key, policy in written["staticPolicies"].items()}


def _forms(text: CedarText, written: dict[str, Any]) -> Iterator[Problem]:
    """What Cedar takes and a gate cannot use."""
    for key in written["templates"]:
        yield text.problem_of(_place(key), "a template decides nothing", "write the value out")
    effects = [policy["effect"] for policy in written["staticPolicies"].values()]
    if "permit" not in effects and not written["templates"]:
        what = "without a permit Cedar denies every call"
        yield text.problem(
            0, what, "add permit (principal, action, resource); what the forbids leave is allowed"
        )
    first: dict[str, str] = {}
    for key, notes in _annotations(written).items():
        name, because = notes.get("id") or "", notes.get("because") or ""
        if name and (fault := id_fault(name)):
            yield text.problem_of(_place(key), f"@id {name[:40]!r} {fault}")
        elif name and first.setdefault(name, key) != key:
            yield text.problem_of(_place(key), f"policy {name} is there twice", "give each its own id")
        if len(because) > BECAUSE_CHARS_MAX:
            what = f"@because has {len(because):,} characters, at most {BECAUSE_CHARS_MAX} are allowed"
            yield text.problem_of(_place(key), what)


def _meanings(text: CedarText, engine: Any, tools: list[Tool]) -> Iterator[Problem]:
    """What Cedar's validator says, with the catalogue as its schema."""
    schema = schema_of(tools)
    known = {*schema[""]["entityTypes"], *schema[""]["actions"], *_attributes(schema)}
    errors = [
        (_place(error.policy_id) if error.policy_id else 0, _ABOUT.sub("", error.error).splitlines()[0])
        for error in engine.validate_policies(text.text, schema).errors
    ]
    named = {place for place, what in errors if what != _NO_ACTION}
    for place, what in errors:
        if what != _NO_ACTION or place not in named:  # where a name is wrong, this only follows from it
            yield text.problem_in(place, what, known)


def _names(
    text: CedarText, written: dict[str, Any], contexts: Mapping[str, Type], tools: list[Tool]
) -> Iterator[Problem]:
    """Names that nothing has, where Cedar's validator is content."""
    entities = {
        "Tool": frozenset(contexts),
        "System": frozenset(tool.system for tool in tools if tool.system),
    }
    known = {*entities["Tool"], *entities["System"], *_attributes(schema_of(tools))}
    for key, policy in written["staticPolicies"].items():
        for what in unheld_names(policy, contexts, entities):
            yield text.problem_in(_place(key), what, known)


def _attributes(schema: Any) -> set[str]:
    if not isinstance(schema, dict):
        return set()
    own = set(schema["attributes"]) if isinstance(schema.get("attributes"), dict) else set()
    return own.union(*(_attributes(part) for part in schema.values()))


def _place(key: str) -> int:
    """Cedar numbers policies as they stand in the file."""
    return int(key.removeprefix("policy"))
