"""Become another program that dies with its parent: `python -I -S leash.py <parent pid> <program> <words>`.

A program of its own and not code between fork and exec: a parent with threads must not run Python there. Run
with nothing but the standard library, in about 20 ms, and only on Linux.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel to kill this process when its parent dies, then exec; the setting survives the exec."""
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        sys.exit("the parent has died")
    os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
