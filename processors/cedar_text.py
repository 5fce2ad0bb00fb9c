"""The text of a Cedar file, taken apart only so far that mistakes have places and nothing can exhaust the engine.

Cedar's own errors come without a place, and its parser is recursive: brackets nested a few thousand deep end the
process. So the text is cut into tokens and policies here, bounded, and handed to Cedar policy by policy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.processors.problems import LoadError, Problem, closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BYTES_MAX = 65_536
POLICIES_MAX = 128
TOKENS_MAX = 1_000  # of one policy
DEPTH_MAX = 24
_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|[0-9]+|==|!=|<=|>=|&&|\|\||::|[^\s]', re.ASCII | re.DOTALL
)
_SKIPPED = re.compile(r"(?:\s+|//[^\n]*)+")
_QUOTED = re.compile(r"[`']([^`]+?)[`']|: (\w+)$")  # some messages end with the word, unquoted
_TOO_EARLY = "unexpected end of input"


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy: its text, and where in the file each of its tokens begins."""

    text: str
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CedarText:
    """A file with the policies in it, in their order."""

    file: str
    text: str
    statements: tuple[Statement, ...]

    def problem(self, at: int, what: str, hint: str = "") -> Problem:
        """A problem at a character of the file."""
        before = self.text[:at]
        return Problem(self.file, before.count("\n") + 1, at - before.rfind("\n"), what, hint)

    def problem_of(self, place: int, what: str, hint: str = "") -> Problem:
        """A problem of a policy as a whole."""
        return self.problem(self.statements[place].places[0], what, hint)

    def problem_in(self, place: int, what: str, known: Iterable[str] = ()) -> Problem:
        """A problem of a policy, at the word of it that the message quotes, if it quotes one of its words."""
        places = self.statements[place].places
        for quoted in _QUOTED.findall(what):
            word = _TOKEN.findall("".join(quoted))[-1]
            for at in places:
                token = _TOKEN.match(self.text, at)
                if token is not None and token.group() == word:
                    return self.problem(at, what, _hint(what, word.strip('"'), set(known)))
        return self.problem_of(place, what)


def _hint(what: str, word: str, known: set[str]) -> str:
    if "optional" in what:
        return f"ask for it first: has {word} && ..."
    return "" if word in known else closest(word, known)


def read(file: str, data: bytes) -> CedarText:
    """The policies of a file; LoadError says why it is not read."""
    if len(data) > BYTES_MAX:
        raise LoadError(
            [Problem(file, 0, 0, f"the file has {len(data):,} bytes, at most {BYTES_MAX:,} are read")]
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LoadError([Problem(file, line, 1, "the file is not UTF-8", "save it as UTF-8")]) from None
    found = CedarText(file, text, tuple(_statements(CedarText(file, text, ()))))
    if not found.statements:
        raise LoadError(
            [Problem(file, 0, 0, "there is no policy in this file", "remove cedar, or write one")]
        )
    if (many := len(found.statements)) > POLICIES_MAX:
        what = f"the file has {many:,} policies, at most {POLICIES_MAX} are read"
        raise LoadError([found.problem_of(POLICIES_MAX, what)])
    return found


def _statements(file: CedarText) -> Iterator[Statement]:
    places: list[int] = []
    depth = 0
    for at, sign in _tokens(file.text):
        places.append(at)
        depth += (sign in {"(", "[", "{"}) - (sign in {")", "]", "}"})
        if depth > DEPTH_MAX:
            raise LoadError([file.problem(at, f"brackets are nested deeper than {DEPTH_MAX}")])
        if len(places) > TOKENS_MAX:
            what = f"this policy has more than {TOKENS_MAX:,} words and signs"
            raise LoadError([file.problem(places[0], what, "write several policies")])
        if sign == ";" and depth <= 0:
            yield Statement(file.text[places[0] : at + 1], tuple(places))
            places, depth = [], 0
    if places:
        raise LoadError([file.problem(places[-1], "the file ends within a policy", "end each policy with ;")])


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    """Each token and where it begins; whatever is no space and no comment is one."""
    at = 0
    while at < len(text):
        if skipped := _SKIPPED.match(text, at):
            at = skipped.end()
        elif token := _TOKEN.match(text, at):
            yield at, token.group()
            at = token.end()


def syntax_problem(file: CedarText, place: int, what: str, error_of: Callable[[str], str]) -> Problem:
    """Where a policy stops being one: at the first token with which its beginning can no longer be continued.

    Args:
        file: The file.
        place: Which of its policies.
        what: Cedar's words about it.
        error_of: Cedar's words about a text, "" where there are none.
    """
    statement = file.statements[place]
    begin = statement.places[0]
    for number, at in enumerate(statement.places[:-1]):
        end = statement.places[number + 1] - begin
        if (error := error_of(statement.text[:end].rstrip())) not in {_TOO_EARLY, ""}:
            return file.problem(at, f"Cedar does not read this: {error}")
    return file.problem_in(place, f"Cedar does not read this: {what}")
