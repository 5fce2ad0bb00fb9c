"""The command line on changed files: it does its work or says what is wrong, and is never at fault itself."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import contracted
import pytest
from changes import changed_bytes, changed_text
from corpus import CASES, GOOD, KEYRING
from fuzzing import examples, fuzz
from past import Past
from typer.testing import CliRunner
from universe_policies import FILES

from toolgate.cli import app
from toolgate.cli.exits import Exit
from toolgate.inspection.decoding import Decoder
from toolgate.streams.errors import SettingsError
from toolgate.streams.settings import load

INTENT = {
    "run_id": "r1",
    "tool": "refund",
    "params": {"order_id": "O-1", "kind": "part", "cents": 5},
    "declared_cost_micros": 20000,
    "declared_records": ["O-1"],
    "tool_version": "2",
    "ttl_ms": 5000,
    "dry_run": False,
}
SERVER = {
    "tools": [
        {
            "name": "send",
            "description": "Sends.",
            "inputSchema": {
                "type": "object",
                "properties": {"to": {"type": "string"}, "n": {"$ref": "#/$defs/n"}},
                "required": ["to"],
                "$defs": {"n": {"type": "integer", "minimum": 0}},
            },
            "annotations": {"readOnlyHint": False, "idempotentHint": True},
        }
    ]
}
LOCK = "tools:\n  read_order: 0123456789abcdef0123456789abcdef\n  refund: 0123456789abcdef0123456789abcdef\n"
SETTINGS = 'bootstrap_servers = "127.0.0.1:9"\nprefix = "t"\npartitions = 4\nbatch_size = 100\n'


@cache
def history() -> str:
    """A short history as `toolgate export` writes it."""
    universe = contracted.Contracted(1, FILES)
    universe.live(60)
    universe.rest()
    return "\n".join(json.dumps(Decoder().entry(one).as_json()) for one in Past(universe).envelopes)


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and the file of the good folder that is changed before; `words` are formatted with the folder."""

    words: str
    file: str
    text: str | None = None  # None: as it lies in the good folder

    def seed(self) -> str:
        """What the file is before it is changed."""
        if self.file == "history.jsonl":
            return history()
        return (GOOD / self.file).read_text("utf-8") if self.text is None else self.text


COMMANDS = (
    Command("policy check {}", "policy.yaml"),
    Command("policy check {} --json", "tools.yaml"),
    Command("policy fmt {}/keyring.yaml --check", KEYRING),
    Command("policy fmt {}/cases/desk.yaml", CASES),
    Command("policy test {} --json", CASES),
    Command("policy explain {}/intent.json --policy {}", "intent.json", json.dumps(INTENT)),
    Command("tools import {}/list.json --out {}/new.yaml", "list.json", json.dumps(SERVER)),
    Command("tools import {}/list.json --out {}/tools.yaml", "tools.yaml"),
    Command("tools list --policy {}", "tools.lock", LOCK),
    Command("tools accept refund --policy {}", "tools.yaml"),
    Command("keys new intent k9 --workflow w --keys {}/keyring.yaml", KEYRING),
    Command("verify {}/history.jsonl", "history.jsonl"),
)


def run(command: Command, text: bytes) -> Exit:
    """What the command ends with, as the process would: an error is told by the same function."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "good"
        shutil.copytree(GOOD, folder)
        (folder / "list.json").write_text(json.dumps(SERVER))
        (folder / command.file).write_bytes(text)
        found = CliRunner().invoke(app.app, command.words.replace("{}", str(folder)).split())
        if isinstance(found.exception, Exception):
            return app.report(found.exception)
        assert "Traceback" not in found.output
        return Exit(found.exit_code)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.words} {command.file}")
def test_the_files_are_good_before_they_are_changed(command):
    """Or the changes would show little."""
    assert run(command, command.seed().encode()) in {Exit.OK, Exit.DIFFERENCE}


@examples(4)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.words} {command.file}")
def test_a_changed_file_ends_with_a_code_that_says_why(command, count):
    """Not with INTERNAL, which is for faults of toolgate itself."""
    seed = command.seed()
    texts = changed_text([seed]).map(lambda text: text.encode("utf-8", "surrogatepass"))

    @fuzz(count, texts | texts | changed_bytes([seed.encode()]))
    def law(text):
        assert run(command, text) is not Exit.INTERNAL


@examples(50)
def test_changed_settings_load_or_say_what_is_wrong(count, tmp_path):
    """The TOML file that `--config` names."""
    path = tmp_path / "toolgate.toml"
    texts = changed_text([SETTINGS]).map(lambda text: text.encode("utf-8", "surrogatepass"))

    @fuzz(count, texts | changed_bytes([SETTINGS.encode()]))
    def law(text):
        path.write_bytes(text)
        with suppress(SettingsError):
            load(path)
