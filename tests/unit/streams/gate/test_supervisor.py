"""The supervisor: what it starts again, what it does not, and that it leaves nothing behind."""

from __future__ import annotations

import os
import sys
from itertools import count
from typing import TYPE_CHECKING

from toolgate.streams.gate.supervisor import BACKOFF_S, Job, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def job(code: str, again: str | None = None) -> Job:
    """A child that runs a line of Python; the same one later unless another is given."""
    first, later = ([sys.executable, "-c", line] for line in (code, again or code))
    return Job("child", first, later, {})


def hasty(step_s: float) -> Callable[[], float]:
    """A clock in which every look is later: nobody waits for back-off."""
    return count(0.0, step_s).__next__


def after(looks: int) -> Callable[[], bool]:
    """Says stop at the n-th question."""
    left = [looks]

    def stopping() -> bool:
        left[0] -= 1
        return left[0] < 0

    return stopping


def gone(pid: int) -> bool:
    """Whether no such process is left."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_starts_again_with_the_later_words_and_a_longer_pause(tmp_path: Path):
    """The first start may be told something that must not be repeated."""
    log = tmp_path / "log"
    line = "open({!r}, 'a').write('{} ')"
    child = job(line.format(str(log), "first") + "; exit(3)", line.format(str(log), "again") + "; exit(3)")
    Supervisor([child], frozenset({5}), hasty(1)).run(
        lambda: log.exists() and log.read_text().count("again") >= 2
    )
    assert log.read_text().split()[:3] == ["first", "again", "again"]
    assert child.backoff_s > BACKOFF_S


def test_a_final_exit_code_ends_everything():
    """Starting again would not mend it: the others are stopped and the code is passed on."""
    steady = job("import time; time.sleep(600)")
    code = Supervisor([steady, job("exit(5)")], frozenset({5})).run(lambda: False)
    assert code == 5
    assert steady.process
    assert gone(steady.process.pid)


def test_stops_all_when_told():
    """SIGTERM to each, and it waits until they are gone."""
    children = [job("import time; time.sleep(600)") for _ in range(2)]
    assert Supervisor(children, frozenset()).run(after(3)) == 0
    assert all(child.process and gone(child.process.pid) for child in children)


def test_kills_who_does_not_stop():
    """A child that ignores SIGTERM does not keep the supervisor for ever."""
    deaf = job("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
    assert Supervisor([deaf], frozenset(), hasty(100)).run(after(10)) == 0
    assert deaf.process
    assert gone(deaf.process.pid)
