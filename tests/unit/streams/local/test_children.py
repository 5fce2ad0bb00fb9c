"""Child processes: started, hurt, stopped, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from toolgate.streams.errors import LocalStackError
from toolgate.streams.local.children import Child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=1); time.sleep(9)",
]
PARENT = """
import sys, time
from pathlib import Path
from toolgate.streams.local.children import Child
child = Child("sleeper", Path(sys.argv[1]))
child.spawn([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def within(limit_s: float, condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """A child that is gone after the test."""
    made = Child("sleeper", tmp_path / "log")
    yield made
    made.kill()


def up(child: Child) -> bool:
    """Whether it has printed its word."""
    return "up" in child.tail()


def test_stops_in_order(child: Child):
    """SIGTERM, and nothing is left."""
    child.spawn(SLEEPER)
    child.wait_until(lambda: up(child), 20)
    child.stop()
    assert not child.alive
    child.stop()


def test_kills_what_does_not_stop(child: Child):
    """A program that ignores SIGTERM is ended all the same."""
    child.spawn(STUBBORN)
    child.wait_until(lambda: up(child), 20)
    child.stop(limit_s=0.1)
    assert not child.alive


def test_stops_what_is_suspended(child: Child):
    """A suspended program would never see SIGTERM."""
    child.spawn(SLEEPER)
    child.wait_until(lambda: up(child), 20)
    child.suspend()
    assert child.alive
    child.stop(limit_s=10)
    assert not child.alive


def test_goes_on_when_resumed(child: Child):
    """Suspended it stands still; resumed it runs as before."""
    child.spawn([sys.executable, "-uc", "import time\nwhile True: print('tick'); time.sleep(0.01)"])
    child.wait_until(lambda: "tick" in child.tail(), 20)
    child.suspend()
    length = child.log.stat().st_size
    time.sleep(0.1)
    assert child.log.stat().st_size == length
    child.resume()
    assert within(20, lambda: child.log.stat().st_size > length)


def test_says_what_it_said_when_it_ends_while_starting(child: Child):
    """The error has the exit code, the end of the log, and where the log is."""
    child.spawn([sys.executable, "-c", "print('no such setting'); raise SystemExit(3)"])
    with pytest.raises(LocalStackError) as caught:
        child.wait_until(lambda: False, 20)
    assert "exit code 3" in caught.value.what
    assert "no such setting" in caught.value.what
    assert caught.value.where == str(child.log)


def test_gives_up_after_the_limit(child: Child):
    """A program that never answers is an error, not a hang."""
    child.spawn(SLEEPER)
    with pytest.raises(LocalStackError, match="did not answer within 0 s"):
        child.wait_until(lambda: False, 0.05)


def test_refuses_to_start_twice(child: Child):
    """The first process would be lost from sight."""
    child.spawn(SLEEPER)
    with pytest.raises(LocalStackError, match="runs already"):
        child.spawn(SLEEPER)


def test_refuses_to_signal_what_does_not_run(child: Child):
    """No process, no signal."""
    with pytest.raises(LocalStackError, match="does not run"):
        child.suspend()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with a parent that was killed")
def test_dies_with_a_parent_that_is_killed(tmp_path: Path):
    """Even SIGKILL of the parent leaves nothing behind."""
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path / "log"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.send_signal(signal.SIGKILL)
    assert within(10, lambda: not _exists(pid))


def _exists(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
