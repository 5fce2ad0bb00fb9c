"""An executor as a process of its own, that dies where a test has laid a trap.

Arguments: bootstrap servers, prefix, a folder that all processes of the test share. In the folder, `journal` is the
system of record: one line for one effect. `trap-<run id>` names the step at which the process that handles that run
kills itself: "produce" and "commit" of the transaction, "before" and "after" the effect.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolgate.processors.keyring import ExecutorKey
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Result
from toolgate.sdk import Executor, Tools
from toolgate.streams.log.producer import TransactionalProducer
from toolgate.streams.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.schemas.records import Command

KEY = ExecutorKey("desk-1", b"r" * 32, "desk", ("*",))


def step(folder: Path, run_id: str, name: str) -> None:
    """Die if this is where the run's trap is; a trap springs once."""
    trap = folder / f"trap-{run_id}"
    if trap.exists() and trap.read_text(encoding="utf-8") == name:
        trap.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def tools_of(folder: Path) -> Tools:
    """`pay` and `note`, which do the same; the gatekeeper calls `note` idempotent."""
    tools = Tools()

    def effect(command: Command) -> str:
        step(folder, command.run_id, "before")
        line = f"{command.command_id} {command.tool} {command.run_id} {os.getpid()}\n"
        journal = os.open(folder / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(journal, line.encode())
        os.close(journal)
        step(folder, command.run_id, "after")
        return command.run_id

    for name in ("pay", "note"):
        tools.tool(name=name)(effect)
    return tools


def main() -> None:
    """Work until SIGTERM."""
    bootstrap, prefix, shared = sys.argv[1:]
    folder = Path(shared)
    real = TransactionalProducer.transact

    def transact(self: Any, outputs: Any, offsets: Any, metadata: Any) -> Iterator[str]:
        runs = [Codec(Result).decode(output.value).run_id for output in outputs]
        for name in real(self, outputs, offsets, metadata):
            for run in runs:
                step(folder, run, name)
            yield name

    TransactionalProducer.transact = transact  # type: ignore[method-assign]
    settings = load(bootstrap_servers=bootstrap, prefix=prefix)
    Executor(settings, KEY, tools_of(folder), parallel=2).serve()


if __name__ == "__main__":
    main()
