"""The simulator: a seed has one history, a shorter life is the beginning of it, and what fails is made small."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import simulate
import worlds
from judged import judged
from protocol_bugs import clock_runs_back
from rich.console import Console
from simulation import KINDS, Lived, live, seeds_of, shrink
from universe import Universe
from worlds import WORLDS

from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent
from toolgate.streams.gate.worker import GC_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPPORT = Path(__file__).parents[1] / "support"
STEPS = 600
EVERY_CHANGE = range(10_000, 10_060)
REPEATED = (6, 8, 9, 308_409)  # of four worlds; the last one's history hung on a set of names


@pytest.fixture
def seldom() -> Iterator[None]:
    """Garbage is collected as seldom as in the command's processes."""
    before = gc.get_threshold()
    gc.set_threshold(GC_OBJECTS)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("seldom")
@pytest.mark.parametrize("seed", EVERY_CHANGE)
def test_a_history_holds_is_verified_and_decided_again(seed):
    """By the checker, by `toolgate verify` and by `toolgate replay`; 60 seeds make 213,000 decisions."""
    lived = live(seed)
    assert lived.violations == (), simulate.command(seed, worlds.STEPS)
    assert lived.decisions > 100


def test_a_seed_has_one_history_whatever_python_hashes_to():
    """The same seed makes the same audit, byte for byte, in another process: a failure can be repeated."""
    lives = f"print([simulation.live(seed, {STEPS // 4}).digest for seed in {REPEATED}])"
    program = f"import simulation, simulate; simulate.quiet(); {lives}"
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{SUPPORT}:{SUPPORT.parents[1]}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert len(set(told[0].split(","))) == len(REPEATED)


def test_a_record_that_was_changed_is_found_by_verifying_and_by_deciding_again():
    """Neither needs the other, nor the checker."""
    universe = Universe(0)
    universe.live(STEPS)
    assert universe.rest()
    assert judged(universe) == []
    event = next(event for event in universe.audit() if event.command_id and event.topic == "intents")
    codec = universe.codecs[AuditEvent]
    for entry in universe.broker.log["audit", event.partition]:
        if entry.envelope is not None and entry.envelope.value == codec.encode(event):
            entry.envelope = changed(entry.envelope, value=codec.encode(changed(event, agent_id="b")))
    verified, *_, replayed = judged(universe)
    assert verified.startswith("verify: ")
    assert f"seq {event.seq}" in verified
    assert replayed.startswith(f"replay: seq {event.seq}: ")


def test_a_shorter_life_is_the_beginning_of_a_longer_one():
    """So that halving the steps of a failure looks at the same history."""
    short, long = Universe(3), Universe(3)
    short.live(STEPS // 2)
    long.live(STEPS)
    for tp, entries in short.broker.log.items():
        assert [entry.envelope for entry in entries] == [
            entry.envelope for entry in long.broker.log[tp][: len(entries)]
        ]


def test_a_fault_that_is_left_out_does_not_happen():
    """Of what happens otherwise nothing is left out."""
    with_all, without = live(0), live(0, without=frozenset({"crash", "lost call"}))
    assert with_all.suffered["crash"]
    assert with_all.suffered["lost call"]
    assert not {"crash", "lost call"} & set(without.suffered)
    assert without.suffered.total()
    assert without.violations == ()


def test_worlds_take_turns():
    """Each is lived in by every tenth seed."""
    assert set(KINDS) == set(WORLDS)
    assert [simulate.world_of(seed) for seed in range(11)] == [*KINDS, KINDS[0]]


def test_seeds_of_one_world_are_those_that_live_in_it():
    """Or all, one after the other."""
    assert list(seeds_of(None, 7, 3)) == [7, 8, 9]
    voted = list(seeds_of("voted", 7, 3))
    assert [simulate.world_of(seed) for seed in voted] == ["voted"] * 3
    assert voted == [KINDS.index("voted") + len(KINDS) * turn for turn in (1, 2, 3)]


def test_a_failure_is_shrunk_to_its_step_and_the_faults_it_needs():
    """Halving finds the step; a kind of fault goes unless the failure goes with it."""
    tried = []

    def lives(seed: int, steps: int, without: frozenset[str]) -> Lived:
        tried.append(steps)
        wrong = steps >= (321 if "older" in without else 400) and "crash" not in without
        return Lived(
            seed, suffered=Counter(("crash", "older", "thaw")), violations=("wrong",) if wrong else ()
        )

    found = shrink(lives(5, 1500, frozenset()), 1500, lives)
    assert (found.steps, found.without) == (321, {"older", "thaw"})
    assert len(tried) < 40


def test_a_failed_seed_says_how_it_is_repeated_and_what_came_last(monkeypatch):
    """With what is wrong in its history, and in the least of it."""
    clock_runs_back(monkeypatch)
    failed = live(1, STEPS)
    told = StringIO()
    simulate.tell(Console(file=told, width=200), failed, STEPS)
    lines = told.getvalue().splitlines()
    assert f"again:  make simulate SEEDS=1 FIRST=1 STEPS={STEPS}" in lines
    assert any("the clock" in line for line in lines[:3])
    assert any(line.startswith("  worker ") for line in lines)
    assert lines[-1].startswith("  then:  ")


def test_the_command_tells_what_it_did():
    """How many decisions, how fast, which faults; it ends with 0 when every history holds."""
    command = [sys.executable, str(SUPPORT / "simulate.py"), "--seeds", "3", "--steps", "200"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 seeds, " in done.stdout
    assert "decisions/s" in done.stdout
    assert "lost call" in done.stdout
    assert " votes and expiries: " in done.stdout
    assert " votes judged, " in done.stdout
    assert done.stdout.endswith("every history holds\n")
