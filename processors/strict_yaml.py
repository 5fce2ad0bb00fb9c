"""YAML as policy files may use it: YAML 1.2 without anchors, aliases, tags, merge keys or surprises.

The parser's events are turned into plain data here, so that nothing is ever resolved by YAML 1.1's rules, an
alias bomb never unfolds, decimals stay exact (`Decimal`) and every key and value keeps its place in the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from toolgate.processors.claims import AMOUNT_MAX
from toolgate.processors.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.problems import Path

FILE_BYTES_MAX = 1_048_576
DEPTH_MAX = 40
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z", re.ASCII)
_PADDED = re.compile(r"[-+]?0[0-9_]+\Z|[-+]?0[oxb][0-9a-fA-F_]+\Z|[-+]?[0-9]+(_[0-9]+)+\Z", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?\Z", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z", re.ASCII)
_OLD_BOOLEANS = frozenset({"yes", "no", "on", "off", "y", "n"})
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its data, and where each path of it stands (line, column from 1)."""

    file: str
    data: Any
    values: dict[Path, tuple[int, int]]
    keys: dict[Path, tuple[int, int]]
    lines: tuple[str, ...] = ()

    def problem_within(self, path: Path, text: str, at: int, what: str, hint: str = "") -> Problem:
        """A problem at one character of the text that stands at a path, however the file breaks or quotes it."""
        line, column = self.values[path]
        raw = "\n".join(self.lines[line - 1 :])
        here = column - 1
        if raw[here] in "|>":  # a block begins on the next line
            here = raw.index("\n", here)
        for place, char in enumerate(text):
            if char.isspace():
                continue
            found = raw.find(char, here)
            if found < 0:
                break
            if place >= at:
                here = found
                break
            here = found + 1
        before = raw[:here]
        return Problem(self.file, line + before.count("\n"), here - before.rfind("\n"), what, hint)

    def problem(self, path: Path, what: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """A problem at a path, or at the nearest part above it that is in the file."""
        while path:
            place = self.keys.get(path) if at_key else self.values.get(path)
            place = place or self.values.get(path)
            if place is not None:
                return Problem(self.file, *place, what, hint)
            path = path[:-1]
        return Problem(self.file, *self.values.get((), (1, 1)), what, hint)


class _RefusedError(Exception):
    """The file cannot be read any further."""


def parse(file: str, text: bytes) -> tuple[Document | None, tuple[Problem, ...]]:
    """The document of a file and its problems; no document when it could not be read to its end."""
    if len(text) > FILE_BYTES_MAX:
        what = f"the file has {len(text):,} bytes, at most {FILE_BYTES_MAX:,} are read"
        return None, (Problem(file, 0, 0, what, "split it"),)
    reader = _Reader(file)
    try:
        document = reader.read(text.decode("utf-8-sig"))
    except _RefusedError:
        return None, tuple(reader.problems)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        return None, (Problem(file, line, 1, "the file is not UTF-8", "save it as UTF-8"),)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        what = f"this is not YAML: {error.problem or error.context}"
        hint = "indent with spaces" if r"'\t'" in what else ""
        return None, (Problem(file, line, column, what, hint),)
    except YAMLError as error:
        return None, (Problem(file, 0, 0, f"this is not YAML: {str(error).splitlines()[0]}"),)
    return document, tuple(reader.problems)


class _Reader:
    """Builds data from parser events; notes problems that do not hinder reading on."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.values: dict[Path, tuple[int, int]] = {}
        self.keys: dict[Path, tuple[int, int]] = {}

    def read(self, text: str) -> Document:
        events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
        documents = 0
        data: Any = None
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._note(event, "a second document begins here", "write one document a file")
                    raise _RefusedError
                if event.version not in {None, (1, 2)}:
                    self._note(event, "only YAML 1.2 is read", "remove the %YAML line")
                    raise _RefusedError
                data = self._value(next(events), events, ())
        return Document(self.file, data, self.values, self.keys, tuple(text.splitlines()))

    def _value(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        if isinstance(event, AliasEvent):
            self._note(event, f"alias *{event.anchor} is not allowed", "write the value out")
            raise _RefusedError
        if event.anchor is not None:
            self._note(
                event, f"anchor &{event.anchor} is not allowed", "write the value out where it is used"
            )
            raise _RefusedError
        if event.tag is not None:
            self._note(event, f"tag {_short(event.tag)} is not allowed", "write a plain value")
            raise _RefusedError
        if len(path) > DEPTH_MAX:
            self._note(event, f"nested deeper than {DEPTH_MAX} levels")
            raise _RefusedError
        self.values[path] = _place(event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(item := next(events), SequenceEndEvent):
                items.append(self._value(item, events, (*path, len(items))))
            return items
        return self._scalar(event)

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            if not isinstance(event, ScalarEvent) or event.anchor is not None or event.tag is not None:
                self._note(event, "a key must be plain text", "write keys without anchors, tags or nesting")
                raise _RefusedError
            key = str(event.value)
            here = (*path, key)
            self._scalar(event, as_key=True)
            if key in mapping:
                line, column = self.keys[here]
                self._note(event, f"key {key!r} is there twice, first at {line}:{column}", "keep one of them")
                self._value(next(events), events, (*here, -1))
                continue
            self.keys[here] = _place(event)
            mapping[key] = self._value(next(events), events, here)
        return mapping

    def _scalar(self, event: Any, *, as_key: bool = False) -> Any:
        text = str(event.value)
        if event.style is not None:  # quoted, or a block: text whatever it looks like
            return text
        if text.lower() in _OLD_BOOLEANS:
            hint = (
                f'quote it ("{text}") if it is text'
                if as_key
                else f'write true or false, or quote it ("{text}")'
            )
            self._note(event, f"{text} is no boolean in YAML 1.2, and easily taken for one", hint)
            return text
        if as_key:
            return text
        return self._plain(event, text)

    def _plain(self, event: Any, text: str) -> Any:
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _INT.match(text):
            number = int(text)
            if abs(number) > AMOUNT_MAX:
                self._note(
                    event, f"{text} is too large: whole numbers go to 2^53 - 1", "quote it if it is text"
                )
            return number
        if _PADDED.match(text) or _NOT_FINITE.match(text):
            self._note(
                event,
                f"{text} is read differently by different YAML readers",
                f'write a plain decimal, or "{text}"',
            )
            return text
        if _DECIMAL.match(text):
            return Decimal(text)
        return text

    def _note(self, event: Any, what: str, hint: str = "") -> None:
        self.problems.append(Problem(self.file, *_place(event), what, hint))


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!", 1)


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
