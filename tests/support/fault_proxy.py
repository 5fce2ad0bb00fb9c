"""A TCP proxy that misbehaves as networks do: late, cut, or silent in one direction or in both."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_BYTES = 65_536
_LATE_S = 0.4
_TICK_S = 0.1


class Mode(StrEnum):
    """What becomes of bytes and connections."""

    PASS = "pass"
    LATE = "late"  # every piece 400 ms later
    RESET = "reset"  # connections are reset, new ones too
    BLACK_HOLE = "black hole"  # taken, and nothing comes out
    DEAF = "one direction: nothing comes back"  # what is asked arrives, no answer does
    HALF_OPEN = "half-open"  # the far side is gone, and nobody says so; new connections are well


class FaultProxy:
    """Passes connections on to a port of this machine, and does as `mode` says. A context manager.

    Args:
        target: the port of the server, asked for each connection.
        port: to listen on; 0: any.
    """

    def __init__(self, target: int, port: int = 0) -> None:
        self._target = target
        self._mode = Mode.PASS
        self._epoch = 0  # rises with every change of mode: half-open ones are of an earlier one
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._ending = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def mode(self) -> Mode:
        """What it does now."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._epoch += 1
        self._mode = mode
        if mode == Mode.RESET:
            with self._lock:
                found = list(self._open)
            for one in found:
                _reset(one)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._listener.close()
        with self._lock:
            found = list(self._open)
        for one in found:
            with suppress(OSError):
                one.close()

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._mode == Mode.RESET:
                _reset(near)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                _reset(near)
                continue
            far.settimeout(None)
            epoch = self._epoch
            with self._lock:
                self._open |= {near, far}
            for source, drain, back in ((near, far, False), (far, near, True)):
                args = (source, drain, back, epoch)
                threading.Thread(target=self._pump, args=args, daemon=True).start()

    def _pump(self, source: socket.socket, drain: socket.socket, back: bool, epoch: int) -> None:  # noqa: FBT001
        """Bytes one way, until one side ends; `back`: from the server."""
        try:
            while piece := source.recv(_BYTES):
                while self._held(epoch, back=back):
                    if self._ending.wait(_TICK_S):
                        return
                if self._mode == Mode.LATE:
                    self._ending.wait(_LATE_S)
                drain.sendall(piece)
        except OSError:
            pass
        finally:
            while self._mode == Mode.HALF_OPEN and not self._ending.wait(_TICK_S):
                pass  # that the far side has ended, nobody learns
            for one in (source, drain):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._open -= {source, drain}

    def _held(self, epoch: int, *, back: bool) -> bool:
        """Whether what a connection carries stays where it is."""
        match self._mode:
            case Mode.BLACK_HOLE:
                return True
            case Mode.DEAF:
                return back
            case Mode.HALF_OPEN:
                return epoch < self._epoch
        return False


def _reset(one: socket.socket) -> None:
    """End a connection with RST."""
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RD)
    with suppress(OSError):
        one.close()
