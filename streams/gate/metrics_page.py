"""The page docs/reference/metrics.md: what a worker counts, made from the metrics themselves.

`python -m toolgate.streams.gate.metrics_page` prints it.
"""

from __future__ import annotations

from toolgate.streams.gate.metrics import Metrics

_PAGE = """\
# Metrics

Made from `streams/gate/metrics.py` by `python -m toolgate.streams.gate.metrics_page`; do not edit.

Each worker serves these at `/metrics`, beside those of its process (`process_*`, `python_*`). Labels have values from
closed lists: never a run, an agent or a workflow. What to make of them:
[what each alert means](../guides/production.md#what-each-alert-means).

| metric | type | says |
| --- | --- | --- |
"""
_SUFFIXES = {"counter": "_total", "info": "_info"}


def as_markdown() -> str:
    """The page."""
    rows = [
        f"| `{family.name}{_SUFFIXES.get(family.type, '')}` | {family.type} | {family.documentation} |\n"
        for family in Metrics().registry.collect()
        if family.name.startswith("toolgate_")
    ]
    return _PAGE + "".join(rows)


if __name__ == "__main__":
    print(as_markdown(), end="")  # noqa: T201 - printing is what it is for
