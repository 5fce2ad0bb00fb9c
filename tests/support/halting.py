"""`toolgate` that stands still at a point: TOOLGATE_HALT_AT="decide:3" stops the process at its third "decide".

Whoever watches does something to the world and lets it go on.
"""

from __future__ import annotations

import os
import signal

from toolgate.cli import main
from toolgate.streams.gate import worker

if __name__ == "__main__":
    wanted, _, nth = os.environ["TOOLGATE_HALT_AT"].partition(":")
    left = int(nth or 1)

    def halt(point: str) -> None:
        """Stop at the point."""
        global left  # noqa: PLW0603 - it is a program's own
        left -= point == wanted
        if point == wanted and left == 0:
            os.kill(os.getpid(), signal.SIGSTOP)

    worker.crash_point = lambda _: halt
    main()
