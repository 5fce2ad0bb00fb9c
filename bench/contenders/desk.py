"""An executor whose tools only write down when they ran: a line of workflow and nanoseconds for each effect."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import workload
from toolgate.sdk.executor import Executor

if TYPE_CHECKING:
    from toolgate.schemas.records import Command

KID = "desk"


def main() -> None:
    """Run commands until SIGTERM."""
    with Path(os.environ["BENCH_EFFECTS"]).open("w", buffering=1, encoding="ascii") as effects:

        def run(command: Command) -> None:
            effects.write(f"{command.workflow_id} {time.time_ns()}\n")

        tools = {workload.tool_name(number): run for number in range(workload.TOOLS)}
        Executor.connect(KID, tools, parallel=4).serve()


if __name__ == "__main__":
    main()
