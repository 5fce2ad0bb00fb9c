"""Who is measured: what each one is, how it is started, and how much of the backlog it is given."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.ground import ROOT

if TYPE_CHECKING:
    from pathlib import Path

QUIX_PYTHON = ROOT / ".venv-quix" / "bin" / "python"
THIS = sys.executable


@dataclass(frozen=True, slots=True)
class Entrant:
    """One contender.

    Attributes:
        name: in results and on the command line.
        title: what people read.
        argv: the words that start it, without settings: they reach it by the environment.
        intents: its backlog; slow ones get less, so that a run ends.
        outputs: topics that must hold one record for each intent when it is done.
        transactional: whether it commits outputs and offsets together, batch by batch.
    """

    name: str
    title: str
    argv: tuple[str | Path, ...]
    intents: int
    outputs: tuple[str, ...] = ("commands", "audit")
    transactional: bool = True


COPY = Entrant("copy", "bare copy", (THIS, "-m", "bench.contenders.bare_copy"), 40_000, ("commands",))
ECHO = Entrant("echo", "echo", (THIS, "-m", "bench.contenders.echo"), 40_000)
FAUST = Entrant(
    "faust",
    "Faust",
    (THIS, "-m", "bench.contenders.faust_app", "worker", "--without-web", "-l", "warn"),
    10_000,
    transactional=False,
)
QUIX = Entrant(
    "quix",
    "Quix Streams",
    (QUIX_PYTHON, "-m", "bench.contenders.quix_app"),
    20_000,
)
GATE = Entrant(
    "gate",
    "gate",
    (THIS, "-m", "toolgate.cli", "gate", "--slot", "0"),
    40_000,
    ("commands", "audit", "outcomes"),
)
ENTRANTS = (COPY, ECHO, FAUST, QUIX, GATE)
BY_NAME = {entrant.name: entrant for entrant in ENTRANTS}
