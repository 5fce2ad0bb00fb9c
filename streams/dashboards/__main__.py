"""`python -m toolgate.streams.dashboards NAME` prints a file of ops/grafana/dashboards."""

from __future__ import annotations

import sys

from toolgate.streams.dashboards.form import render
from toolgate.streams.dashboards.gate import GATE
from toolgate.streams.dashboards.watch import WATCH

DASHBOARDS = {"gate": GATE, "watch": WATCH}

if __name__ == "__main__":
    (name,) = sys.argv[1:]
    print(render(DASHBOARDS[name]), end="")  # noqa: T201 - printing is what it is for
