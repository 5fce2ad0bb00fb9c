"""A child process that never outlives its parent, writes its output to a file, and can be hurt on purpose.

On Linux the kernel kills the child when the parent dies, however it dies (PR_SET_PDEATHSIG with SIGKILL:
certain beats tidy, and both stores survive it). "Parent" means the thread that started the child, so start
children from a thread that lives as long as they should. Elsewhere an exit hook stops them, and a parent that
is itself killed by SIGKILL leaves them behind.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from toolgate.streams.errors import LocalStackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# On Linux a child is started through a few lines that put it on the kernel's leash.
_LEASH = (
    (sys.executable, "-I", "-S", str(Path(__file__).with_name("leash.py"))) if sys.platform == "linux" else ()
)


def leashed(argv: Sequence[str | Path]) -> list[str]:
    """The words that start a program which dies with this process; the first must be an absolute path."""
    leash = (*_LEASH, str(os.getpid())) if _LEASH else ()
    return [*leash, *map(str, argv)]


class Child:
    """One program with its log file. `spawn` may be called again after `kill` or `stop`.

    Args:
        name: what messages call it.
        log: file to which its output is appended.
    """

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The running process. Raises LocalStackError when there is none."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended (a suspended process is alive)."""
        return self._process is not None and self._process.poll() is None

    def spawn(self, argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Start the program in a session of its own, so that Ctrl-C in a terminal reaches only the parent.

        `env` is its whole environment; None: this process's.
        """
        if self.alive:
            raise LocalStackError(
                f"{self.name} runs already", where=f"pid {self.pid}", remedy="stop it first"
            )
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                leashed(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
            )
        atexit.register(self.kill)

    def wait_until(self, ready: Callable[[], bool], limit_s: float) -> None:
        """Wait until `ready` says so.

        Raises:
            LocalStackError: it ended before, or `limit_s` passed; with the end of its log.
        """
        deadline = time.monotonic() + limit_s
        while True:
            if not self.alive:
                code = self._process.returncode if self._process else "none"
                raise self.failed(f"{self.name} ended while starting (exit code {code})")
            if ready():
                return
            if time.monotonic() > deadline:
                raise self.failed(f"{self.name} did not answer within {limit_s:.0f} s")
            time.sleep(0.02)

    def failed(self, what: str) -> LocalStackError:
        """An error with the end of the log, for the caller to raise."""
        return LocalStackError(
            f"{what}. Its last words:\n{self.tail()}",
            where=str(self.log),
            remedy="read the log; when the state is damaged, start with another folder",
        )

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log, indented."""
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (nothing)"

    def stop(self, limit_s: float = 15.0) -> None:
        """End it by SIGTERM, by SIGKILL if it is not gone within `limit_s`; nothing if it has ended."""
        if not self.alive:
            return
        process = self._running()
        process.send_signal(signal.SIGCONT)  # a suspended process would not see the other signal
        process.terminate()
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
        atexit.unregister(self.kill)

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone. Nothing when it has ended."""
        if self._process is not None:
            self._process.kill()  # does nothing when it has ended
            self._process.wait()
        atexit.unregister(self.kill)

    def suspend(self) -> None:
        """SIGSTOP: it holds its sockets and answers nothing. Returns when every thread stands still."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):  # it ended first, and this call has taken its status
            process.returncode = os.waitstatus_to_exitcode(status)

    def resume(self) -> None:
        """SIGCONT after `suspend`."""
        self._running().send_signal(signal.SIGCONT)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise LocalStackError(f"{self.name} does not run", where=str(self.log), remedy="start it first")
        return self._process
