"""A page that tells people what to type, followed to the letter: files written, commands run, output compared.

What the blocks of such a page mean:

- any language, first line `# some/file.ext`: the file to save. Bash is saved only if the name ends with `.sh`.
- `bash`: typed into one terminal, block after block; every command must end well. After the word `bash` there may
  stand `exits=N`: the block's last command ends with N. A first line `# terminal 2: ...` means a terminal of its
  own, in the folder and with the variables of the first one; what runs there keeps running, until Ctrl-C when
  another block names that terminal.
- `text`, right after a `bash`: lines that its output has, in this order. `…` stands for anything. Of a terminal that
  keeps running they are waited for.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from markdown_it import MarkdownIt
from patience import until

_FILE = re.compile(r"# ([\w./-]+\.\w+)$")
_TERMINAL = re.compile(r"# terminal (\d+)")
_EXITS = re.compile(r"exits=(\d+)")
_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `line` counts from 1, `expected` are the lines of the `text` behind a `bash`."""

    line: int
    language: str
    text: str
    exits: int = 0
    expected: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The name to save it under, or ""."""
        found = _FILE.match(self.text.splitlines()[0])
        return found[1] if found else ""

    @property
    def terminal(self) -> str:
        """The number of the terminal of its own, or ""."""
        found = _TERMINAL.match(self.text)
        return found[1] if found else ""


def blocks(page: str) -> list[Block]:
    """The blocks that mean something, in their order; a `text` block belongs to the `bash` before it."""
    found: list[Block] = []
    for token in MarkdownIt().parse(page):
        if token.type != "fence":
            continue
        language, _, rest = token.info.strip().partition(" ")
        line = token.map[0] + 1
        if language == "text":
            assert {block.language for block in found[-1:]} == {"bash"}, f"line {line}: output of no command"
            last = found.pop()
            found.append(Block(last.line, "bash", last.text, last.exits, _lines(token.content)))
        else:
            exits = _EXITS.fullmatch(rest)
            found.append(Block(line, language, token.content, int(exits[1]) if exits else 0))
    return found


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.rstrip() for line in text.splitlines() if line.strip())


def missing(expected: tuple[str, ...], output: str) -> str:
    """The first expected line that is not found behind those before it, or ""."""
    lines = iter(output.splitlines())
    for line in expected:
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        if not any(pattern.fullmatch(one.rstrip()) for one in lines):
            return line
    return ""


@dataclass(slots=True)
class Reader:
    """Somebody with a few terminals who follows a page.

    Args:
        home: the folder the first terminal begins in; its logs lie beside it.
        environment: the variables it begins with.
    """

    home: Path
    environment: dict[str, str]
    _running: dict[str, tuple[subprocess.Popen[bytes], Path]] = field(default_factory=dict)
    _folder: str = ""

    def __enter__(self) -> Self:
        self._folder = str(self.home)
        return self

    def __exit__(self, *_: object) -> None:
        for process, _log in reversed(self._running.values()):
            _end(process)

    def follow(self, block: Block) -> None:
        """Do what one block says; fails with what happened instead."""
        if block.file and (block.language != "bash" or block.file.endswith(".sh")):
            path = Path(self._folder) / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "bash":
            if block.terminal:
                self._leave_running(block)
            else:
                self._type(block)
        else:
            raise AssertionError(f"line {block.line}: nobody knows what to do with this {block.language}")

    def _type(self, block: Block) -> None:
        state = self.home / ".state"
        script = f"set -e -o pipefail\ntrap 'env -0 > {state}; pwd >> {state}' EXIT\n{block.text}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
        said = f"line {block.line}:\n{block.text}\nsaid:\n{done.stdout}\n{self._logs()}"
        assert done.returncode == block.exits, f"exit code {done.returncode} instead of {block.exits}; {said}"
        assert not (line := missing(block.expected, done.stdout)), f"no line {line!r}; {said}"
        variables, _, folder = state.read_text(encoding="utf-8").rpartition("\0")
        self.environment = dict(one.split("=", 1) for one in variables.split("\0"))
        self._folder = folder.strip()

    def _leave_running(self, block: Block) -> None:
        if block.terminal in self._running:
            _end(self._running.pop(block.terminal)[0])
        log = self.home / f"terminal-{block.terminal}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"set -e\n{block.text}"],
                cwd=self._folder,
                env=self.environment | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[block.terminal] = (process, log)

        def shown() -> bool:
            text = log.read_text(encoding="utf-8")
            assert process.poll() is None, f"line {block.line}: it has ended:\n{text}"
            return not missing(block.expected, text)

        until(shown, lambda: f"line {block.line}: {log.read_text(encoding='utf-8')}", _LIMIT_S)

    def _logs(self) -> str:
        return "".join(
            f"--- {log.name}\n{log.read_text('utf-8')[-3000:]}" for _, log in self._running.values()
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, as a terminal sends it: to everything that runs there."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
