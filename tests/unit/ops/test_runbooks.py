"""Runbooks: one for each alert and each refusal, each with the same parts, and every command in them exists."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import typer
from ops_files import OPS, alerts

from toolgate.cli.app import app
from toolgate.inspection.selection import Selection
from toolgate.processors.reasons import Code
from toolgate.streams.topics import BY_NAME

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted(path for path in (OPS / "runbooks").glob("*.md") if path.name != "README.md")
PROCEDURES = {"recovery", "upgrade", "restoring-redis", "adding-a-zone"}
LINES_MAX = 50
PAGE = re.compile(
    r"# .+\n\n\*\*Means\.\*\* .+\n\n\*\*Owner:\*\* .+ \*\*Rolled back:\*\* .+\n\n## Look first\n\n```sh\n.+```\n\n"
    r"## Do\n\n1\. .+\n\n## Do not\n\n- .+\n",
    re.DOTALL,
)
COMMAND: Any = typer.main.get_command(app)


def _commands() -> list[str]:
    """Every `toolgate ...` of the pages, in blocks and within sentences, each once; ready-made words in capitals."""
    found = set()
    for page in PAGES:
        text = page.read_text()
        found |= set(re.findall(r"^(toolgate .+?)(?: +#.*)?$", text, re.MULTILINE))
        found |= set(re.findall(r"`(toolgate [^`]+)`", text))
    return sorted(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_the_parts_that_are_looked_for_at_night(page: Path):
    """What it means, who owns it, what was rolled back, what to look at, to do and not to do; on one screen or two."""
    text = page.read_text()
    assert PAGE.fullmatch(text)
    assert text.count("\n") <= LINES_MAX


def test_there_is_a_page_for_every_alert_every_refusal_and_each_planned_work():
    """And none that nobody is led to: the index has them all."""
    refusals = re.findall(r"^\| (\d+) \|", (OPS / "README.md").read_text(), re.MULTILINE)
    stems = {page.stem for page in PAGES}
    exits = {stem for stem in stems if stem.startswith("exit-")}
    assert sorted(int(stem.split("-")[1]) for stem in exits) == sorted(
        int(code) for code in refusals if code != "0"
    )
    assert stems - exits == {rule["alert"] for rule in alerts()} | PROCEDURES
    index = (OPS / "runbooks" / "README.md").read_text()
    assert sorted(re.findall(r"\]\(([\w-]+)\.md\)", index)) == sorted(stems)


@pytest.mark.parametrize("typed", _commands())
def test_a_command_of_a_page_exists(typed: str):
    """Command, options and what they need are those of `toolgate`; a filter is one that the topic's records have."""
    command, (_, *words) = COMMAND, shlex.split(typed)
    while hasattr(command, "list_commands") and words and not words[0].startswith("-"):
        command = command.get_command(_context(command), words.pop(0))
        assert command is not None
    if not words and not hasattr(command, "list_commands"):
        return  # spoken of; what it needs is said by its own page
    options, arguments, _ = command.make_parser(_context(command)).parse_args(words)
    assert [param.name for param in command.params if param.required and not options.get(param.name)] == []
    assert arguments == []
    if command.name == "tail":
        wanted = {name: options[name] for name in ("run", "workflow", "code") if options.get(name)}
        assert options["topic"] in BY_NAME
        assert Selection(**wanted).fault(options["topic"]) == ""


def _context(command: Any) -> Any:
    return command.context_class(command)


def test_reason_codes_of_the_pages_exist():
    """What stands in capitals and is no command of Redis is a code that agents are told."""
    named = {code for page in PAGES for code in re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", page.read_text())}
    assert named - {"SLOWLOG"} <= {code.value for code in Code}
