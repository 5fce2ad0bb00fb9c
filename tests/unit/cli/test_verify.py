"""`toolgate verify` and `toolgate export`: what people and programs are told."""

from __future__ import annotations

import json
import os

import contracted
import pytest
from past import Past
from typer.testing import CliRunner
from universe_policies import FILES

from toolgate.cli import app as module
from toolgate.cli.exits import Exit, exit_for
from toolgate.inspection.decoding import Decoder
from toolgate.processors.problems import LoadError
from toolgate.streams.errors import SettingsError

STEPS = 400


@pytest.fixture(scope="module")
def past():
    """A short history."""
    universe = contracted.Contracted(1, FILES)
    universe.live(STEPS)
    assert universe.rest()
    return Past(universe)


def written(past, path, envelopes=None):
    """The history as a file of its age."""
    entries = (Decoder().entry(e).as_json() for e in envelopes or past.envelopes)
    path.write_text("\n".join(map(json.dumps, entries)))
    os.utime(path, (past.as_of_ms / 1000, past.as_of_ms / 1000))
    return str(path)


def verify(*words):
    """The command, to its end."""
    return CliRunner().invoke(module.app, ["verify", *words])


def test_a_history_that_holds(past, tmp_path):
    """Exit code 0, and how much was judged."""
    path = written(past, tmp_path / "history.jsonl")
    answer = verify(path)
    assert answer.exit_code == 0, answer.output
    assert f"{len(past.events())} decisions judged: all laws hold." in answer.output
    assert "Ledger not compared: a file was judged." in answer.output
    told = json.loads(verify(path, "--json").stdout)
    assert (told["holds"], told["judged"], told["waiting"]) == (True, len(past.events()), 0)
    assert (told["wrong"], told["findings"], told["not_judged"]) == ({}, [], 0)
    assert sum(told["records"].values()) == len(past.envelopes)


def test_a_history_that_does_not(past, tmp_path):
    """Exit code 10; each fault with its law and place, and no more of them than can be read."""
    without = [e for e in past.envelopes if e.topic != "outcomes"]
    path = written(past, tmp_path / "history.jsonl", without)
    answer = verify(path)
    assert answer.exit_code == Exit.DIFFERENCE
    told = json.loads(verify(path, "--json").stdout)
    assert told["holds"] is False
    [(law, count)] = told["wrong"].items()
    assert (law, len(told["findings"])) == ("outcome", 20)
    first = told["findings"][0]
    assert first["law"] == "outcome"
    place = "{topic}[{partition}]@{offset} (seq {seq})".format(**first["place"])
    assert place in answer.output
    assert f"... and {count - 20} more" in answer.output
    assert f"{count} faults." in answer.output


def test_a_history_that_goes_on(past, tmp_path):
    """What waits is said."""
    newest = past.events()[-1]
    kept = [e for e in past.envelopes if e.topic in {"intents", "control"} or e.offset < 5]
    answer = verify(written(past, tmp_path / "history.jsonl", kept))
    assert "records wait for a decision" in answer.output
    assert f"{newest.seq:,} decisions judged" not in answer.output


def test_words_of_agents_do_not_move_the_cursor(past, tmp_path):
    """An id with an escape sequence is shown as one."""
    event = past.events(lambda e: e.verdict == "DENY")[0]
    changed = Past.__new__(Past)
    changed.__dict__.update(past.__dict__, envelopes=list(past.envelopes))
    changed.change("denials", event.seq, intent_id="\x1b[2J")
    answer = verify(written(changed, tmp_path / "history.jsonl"))
    assert answer.exit_code == Exit.DIFFERENCE
    assert "\x1b" not in answer.output


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (["verify", "none.jsonl"], LoadError, "none.jsonl: cannot be read"),
        (["verify", "bad.jsonl"], LoadError, "bad.jsonl:2:1"),
        (["verify", "bad.jsonl", "--redis", "redis://x"], SettingsError, "leave out --redis, or the file"),
        (["verify"], SettingsError, "bootstrap_servers: not set"),
        (["export", "x.jsonl"], SettingsError, "bootstrap_servers: not set"),
        (["export", "x.jsonl", "--topic", "audits"], SettingsError, "did you mean audit?"),
        (["export", "x.jsonl", "--topic", "pulse"], SettingsError, "known are"),
    ],
)
def test_refuses_by_name(  # noqa: PLR0917 - what is said, and where
    words, error, told, past, tmp_path, monkeypatch
):
    """What, where, what to do."""
    monkeypatch.chdir(tmp_path)
    line = json.dumps(Decoder().entry(past.envelopes[0]).as_json())
    (tmp_path / "bad.jsonl").write_text(f"{line}\nno JSON\n")
    answer = CliRunner().invoke(module.app, words)
    assert isinstance(answer.exception, error), answer.output
    assert told in str(answer.exception)
    assert exit_for(answer.exception) in {Exit.USAGE, Exit.FILES}
