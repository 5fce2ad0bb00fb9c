"""A small supervisor: several workers and one snapshot process as children of this process.

A worker that does not understand its state ends itself, so somebody has to start it again. Under a supervisor
of your own (systemd, Kubernetes) run one worker a process and leave this out.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from toolgate.streams.local.children import leashed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BACKOFF_S = 0.5
BACKOFF_S_MAX = 30.0
STEADY_S = 60.0  # who has run so long begins again with the shortest back-off
STOP_S = 45.0  # a worker finishes its batch; the longest limit on that way is 30 s
LOOK_S = 0.1
_log = structlog.get_logger("toolgate.supervisor")


@dataclass(slots=True)
class Job:
    """A child to keep running.

    Attributes:
        name: what log lines call it.
        argv: the program with its words.
        again: the words of every later start.
        environment: variables besides our own.
    """

    name: str
    argv: Sequence[str]
    again: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    backoff_s: float = BACKOFF_S


class Supervisor:
    """Starts jobs, starts them again with a growing pause when they die, stops them all.

    Args:
        jobs: what to run.
        final: exit codes that starting again cannot mend: everything is stopped.
        clock: seconds that never run back.
    """

    def __init__(
        self, jobs: Sequence[Job], final: frozenset[int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._jobs = jobs
        self._final = final
        self._clock = clock

    def run(self, stopping: Callable[[], bool]) -> int:
        """Until `stopping` says so (0), or a job ends with a final exit code (that code)."""
        try:
            while not stopping():
                for job in self._jobs:
                    code = self._look(job)
                    if code is not None:
                        return code
                time.sleep(LOOK_S)
            return 0
        finally:
            self._stop()

    def _look(self, job: Job) -> int | None:
        """Start a job that is due; the exit code of one that must not be started again."""
        now = self._clock()
        if job.process is None:
            if now >= job.start_at_s:
                self._start(job)
            return None
        code = job.process.poll()
        if code is None:
            return None
        job.process = None
        if code in self._final:
            _log.error("a worker ended for good: stopping all", job=job.name, exit_code=code)
            return code
        if now - job.started_s >= STEADY_S:
            job.backoff_s = BACKOFF_S
        _log.warning("ended", job=job.name, exit_code=code, again_in_s=job.backoff_s)
        job.start_at_s = now + job.backoff_s
        job.backoff_s = min(job.backoff_s * 2, BACKOFF_S_MAX)
        return None

    def _start(self, job: Job) -> None:
        job.process = subprocess.Popen(
            leashed(job.argv),
            stdin=subprocess.DEVNULL,
            env={**os.environ, **job.environment},
            start_new_session=True,  # Ctrl-C reaches us alone; they are told in order
        )
        job.argv = job.again
        job.started_s = self._clock()
        _log.info("started", job=job.name, pid=job.process.pid)

    def _stop(self) -> None:
        running = [job for job in self._jobs if job.process is not None and job.process.poll() is None]
        for job in running:
            if job.process is not None:
                job.process.terminate()
        deadline = self._clock() + STOP_S
        for job in running:
            if job.process is None:
                continue
            try:
                job.process.wait(max(deadline - self._clock(), 0.1))
            except subprocess.TimeoutExpired:
                _log.error("did not stop in time: killed", job=job.name)
                job.process.kill()
                job.process.wait()
