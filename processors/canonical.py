"""The canonical form of the files that people write: one indentation, no stray spaces; comments and quotes stay.

Order, quotes and the choice between blocks and `{flow}` are the writer's. A text is only ever replaced by one that
says the same: data, order and comments are compared, and what differs is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import ScalarEvent

from toolgate.processors.problems import LoadError, Problem
from toolgate.processors.strict_yaml import parse

_TRIES = 4  # comments may move once more when the line before them has become shorter
_WIDTH = 100_000  # lines are never broken
_EMPTY_LINES = re.compile(r"\n{3,}")
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))(#.*)$", re.MULTILINE)


def canonical(file: str, text: bytes) -> bytes:
    """The canonical form of a file.

    Raises:
        LoadError: it is no YAML that the loader reads, or cannot be written otherwise without changing what it says.
    """
    document, problems = parse(file, text)
    if document is None or problems:
        raise LoadError(problems)
    found = before = text.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    for _ in range(_TRIES):
        try:
            formatted = _formatted(found)
        except (YAMLError, ValueError, AttributeError, TypeError, NotImplementedError) as error:
            raise _cannot(file, 0, f"this cannot be written again: {str(error).splitlines()[0]}") from None
        if formatted == found:
            break
        found = formatted
    else:
        raise _cannot(file, 0, "the form of this file does not come to rest")
    tidy = _EMPTY_LINES.sub("\n\n", _TRAILING.sub("", found))
    found = tidy if _says(file, tidy) == _says(file, found) else found
    if _says(file, found) != _ordered(document.data):
        raise _cannot(file, 0, "the data of this file would change")
    lost = Counter(text for _, text in comments(before)) - Counter(text for _, text in comments(found))
    for line, comment in comments(before):
        if comment in lost:
            raise _cannot(
                file, line, "this comment would be lost", "put it on a line of its own, outside { } and [ ]"
            )
    return found.encode()


def comments(text: str) -> list[tuple[int, str]]:
    """The comments of a YAML text, each with its line; what stands within a scalar is none."""
    covered = [
        (_inside(event, text), event.end_mark.index)
        for event in YAML(typ="safe", pure=True).parse(text)
        if isinstance(event, ScalarEvent)
    ]
    found = []
    for match in _COMMENT.finditer(text):
        place = match.start(1)
        if not any(start <= place < end for start, end in covered):
            found.append((text.count("\n", 0, place) + 1, match[1].rstrip()))
    return found


def _inside(event: Any, text: str) -> int:
    """Where a scalar's text begins: that of a block on the line below its mark."""
    start: int = event.start_mark.index
    return text.find("\n", start) if event.style in {"|", ">"} else start


def _formatted(text: str) -> str:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(yaml.load(text), out)
    return out.getvalue()


def _says(file: str, text: str) -> Any:
    document, problems = parse(file, text.encode())
    return None if document is None or problems else _ordered(document.data)


def _ordered(data: Any) -> Any:
    """Data in which the order of keys and the decimals of numbers count."""
    if isinstance(data, dict):
        return [(key, _ordered(value)) for key, value in data.items()]
    if isinstance(data, list):
        return [_ordered(item) for item in data]
    return data, type(data), str(data)


def _cannot(
    file: str, line: int, what: str, hint: str = "leave the file as it is, and report this"
) -> LoadError:
    return LoadError([Problem(file, line, 1 if line else 0, what, hint)])
