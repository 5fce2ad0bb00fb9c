"""`toolgate` with a fault such as a library in C may have: reading a value with this word in it ends the process."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from toolgate.cli import main
from toolgate.schemas.codec import Codec

if TYPE_CHECKING:
    from typing import Any

WORD = b"deadly-nightshade"

if __name__ == "__main__":
    read = Codec.read

    def fatal(self: Codec[Any], value: bytes | None) -> Any:
        """`Codec.read`, until it meets the word."""
        if WORD in (value or b""):
            os.kill(os.getpid(), signal.SIGSEGV)
        return read(self, value)

    Codec.read = fatal  # type: ignore[method-assign]
    main()
