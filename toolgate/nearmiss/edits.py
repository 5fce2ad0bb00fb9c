"""Edits: a change of one policy made in its file, value by value; every other byte stays as it is."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from toolgate.processors import loader
from toolgate.processors.problems import LoadError, Problem
from toolgate.processors.strict_yaml import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.nearmiss.changes import Change, Edit, Key
    from toolgate.processors.problems import Path
    from toolgate.processors.strict_yaml import Document

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]*\Z", re.ASCII)
_TOP = "policy"


def edited(files: Mapping[str, bytes], tenant: str, workflow_id: str, change: Change) -> dict[str, bytes]:
    """The files of a set with a change made in the policy of a workflow.

    Raises:
        LoadError: there is no such policy, it has not what is to be changed, or the set does not load then.
    """
    name = _policy_of(files, tenant, workflow_id)
    text = files[name]
    for key in change.keys:
        document = _parsed(name, text)
        text = _made(document, text.decode("utf-8-sig"), key).encode()
    made = {**files, name: text}
    loader.from_files(made)
    return made


def _policy_of(files: Mapping[str, bytes], tenant: str, workflow_id: str) -> str:
    for name in sorted(files):
        if name == loader.SINGLE or (name.startswith(loader.FOLDER) and name.endswith(".yaml")):
            document = _parsed(name, files[name])
            said = document.data[_TOP]
            if (said.get("tenant", "default"), said.get("workflow_id")) == (tenant, workflow_id):
                return name
    what = f"there is no policy of workflow {workflow_id} of tenant {tenant}"
    raise LoadError([Problem(loader.SINGLE, 0, 0, what, "name the folder that has it")])


def _parsed(name: str, text: bytes) -> Document:
    document, problems = parse(name, text)
    if document is None or problems or not isinstance(document.data, dict) or _TOP not in document.data:
        raise LoadError(problems or [Problem(name, 0, 0, "this is no policy")])
    return document


def _made(document: Document, text: str, key: Key) -> str:
    edit = key.edit
    path = _resolved(document, edit)
    value = edit.value if _PLAIN.match(edit.value) or _is_number(edit.value) else json.dumps(edit.value)
    if edit.literal:
        return _compared(document, text, path, edit)
    if edit.add:
        return _inserted(document, text, (*path, 0), value, item=True)
    if path not in document.values:
        return _inserted(document, text, _first_key(document, path), f"{path[-1]}: {value}", item=False)
    if not _says(document.data, path, key.now):
        what = f"this is not {key.now}, as it was for these denials"
        raise LoadError([document.problem(path, what, "name the policies that denied them")])
    return _replaced(document, text, path, value)


def _says(data: Any, path: Path, now: str) -> bool:
    """Whether what stands at a path is this, however a number is written."""
    for step in path:
        data = data[step]
    found = str(data)
    return found == now or (_is_number(found) and _is_number(now) and Decimal(found) == Decimal(now))


def _resolved(document: Document, edit: Edit) -> Path:
    """The path within the document: rules are named by their ids, and stand in a list."""
    path: Path = (_TOP, *edit.path)
    if edit.path[0] == "rules":
        rules = document.data[_TOP].get("rules") or []
        place = next((n for n, rule in enumerate(rules) if rule.get("id") == edit.path[1]), None)
        if place is None:
            raise LoadError([document.problem((_TOP,), f"the policy has no rule {edit.path[1]}")])
        path = (_TOP, "rules", place, *edit.path[2:])
    return path


def _first_key(document: Document, path: Path) -> Path:
    """The first key beside the one that is missing."""
    beside = [key for key in document.keys if key[:-1] == path[:-1]]
    if not beside:
        what = f"{'.'.join(map(str, path[1:]))} is not written here: it is a default"
        raise LoadError([document.problem(path, what, "write it into the policy first")])
    return min(beside, key=lambda key: document.keys[key])


def _replaced(document: Document, text: str, path: Path, value: str) -> str:
    at = _index(text, document.values[path])
    if text[at] in "'\"":
        end = text.index(text[at], at + 1) + 1
    else:
        end = at + len(re.split(r"[\s,}\]]", text[at:], maxsplit=1)[0])
    return text[:at] + value + text[end:]


def _compared(document: Document, text: str, path: Path, edit: Edit) -> str:
    """A condition with another number in it: the one that what is judged is compared with in that sense."""
    if path not in document.values:
        raise LoadError([document.problem(path, "the rule has no condition")])
    at = _index(text, document.values[path])
    places = [_index(text, place) for place in (*document.keys.values(), *document.values.values())]
    end = min((place for place in places if place > at), default=len(text))
    behind, before = (">=?", "<=?") if edit.up else ("<=?", ">=?")
    number = re.escape(edit.literal)
    compared = rf"({behind} *){number}(?![\w.])|(?<![\w.]){number}(?= *{before})"
    found = [*re.finditer(compared, text[at:end])]
    if len(found) != 1:
        what = f"the condition does not compare with {edit.literal} in just one place"
        raise LoadError([document.problem(path, what, "change it by hand")])
    [one] = found
    return f"{text[: at + one.start()]}{one[1] or ''}{edit.value}{text[at + one.end() :]}"


def _inserted(document: Document, text: str, before: Path, said: str, *, item: bool) -> str:
    """Something put before a key or an item, in the form, block or flow, that stands there."""
    place = document.values.get(before) if item else document.keys[before]
    if place is None:
        raise LoadError([document.problem(before, "the list is empty")])
    at = _index(text, place)
    if text[:at].rstrip()[-1:] in {"{", "["}:
        return f"{text[:at]}{said}, {text[at:]}"
    begin = text.rfind("\n", 0, at) + 1
    indent = " " * (text.index("-", begin) - begin if item else at - begin)
    return f"{text[:at]}{said}\n{indent}{'- ' if item else ''}{text[at:]}"


def _index(text: str, place: tuple[int, int]) -> int:
    line, column = place
    begin = sum(len(one) for one in text.splitlines(keepends=True)[: line - 1])
    return begin + column - 1


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) is not None
