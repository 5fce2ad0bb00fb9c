"""The live table: how the agents are doing, while they do it; plain lines where nobody watches a terminal."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from rich.console import Console, RenderableType

    from toolgate.demo.script import Lane, Step

LINE_EVERY_S = 2.0
_FRAMES_PER_S = 8


@dataclass(slots=True)
class _Row:
    """One kind of agents so far."""

    runs: int = 0
    begun: set[str] = field(default_factory=set)
    approved: int = 0
    denied: int = 0
    failed: int = 0
    last: str = ""


class Board:
    """Counts what agents are told and shows it. Use it as a context manager; any thread may report to it.

    Args:
        console: where to; only a terminal gets a table that moves.
        lanes: what will be played.
        clock: seconds.
    """

    def __init__(
        self, console: Console, lanes: Sequence[Lane], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}
        for lane in lanes:
            self._rows.setdefault(lane.kind, _Row()).runs += len(lane.parts)
        self._doing = ""
        self._begun: float | None = None  # when the first decision came
        self._at = 0.0  # when the last one did
        self._said = 0.0
        self._live = (
            Live(self, console=console, refresh_per_second=_FRAMES_PER_S, transient=True)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def note(self, text: str) -> None:
        """Say what is being done."""
        with self._lock:
            self._doing = text
        if self._live is None:
            self._console.print(text, markup=False)

    def step(self, step: Step) -> None:
        """Count a call that is over."""
        with self._lock:
            row = self._rows[step.kind]
            row.begun.add(step.run_id)
            if step.told.approved:
                row.approved += 1
                row.failed += not step.told.done
            else:
                row.denied += 1
                row.last = f"{step.tool}: {', '.join(step.told.outcome.codes)}"
            now = self._clock()
            if self._begun is None:
                self._begun = self._said = now
            self._at = now
            line = self._line() if self._live is None and now - self._said >= LINE_EVERY_S else ""
            if line:
                self._said = now
        if line:
            self._console.print(line, markup=False)

    def __rich__(self) -> RenderableType:
        """The table as it is now."""
        with self._lock:
            return Group(self._table(), Text(self._line()), Text(f"{self._doing} ...", style="dim"))

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("agents")
        for name in ("runs", "approved", "denied", "failed"):
            table.add_column(name, justify="right")
        table.add_column("last denial", no_wrap=True, overflow="ellipsis")
        for kind, row in self._rows.items():
            runs = f"{len(row.begun)}/{row.runs}"
            table.add_row(kind, runs, f"{row.approved}", f"{row.denied}", f"{row.failed}", Text(row.last))
        return table

    def _line(self) -> str:
        total = Counter[str]()
        for row in self._rows.values():
            total.update(
                runs=row.runs,
                begun=len(row.begun),
                approved=row.approved,
                denied=row.denied,
                failed=row.failed,
            )
        decided = total["approved"] + total["denied"]
        seconds = 0.0 if self._begun is None else self._at - self._begun
        rate = f", {decided / seconds:,.0f} a second" if seconds > 0 else ""
        return (
            f"{decided:,} decided{rate}: {total['approved']:,} approved, {total['denied']:,} denied; "
            f"{total['begun']:,} of {total['runs']:,} runs begun"
        )
