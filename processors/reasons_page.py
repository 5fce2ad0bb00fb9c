"""The page of reason codes: `python -m toolgate.processors.reasons_page` prints docs/reference/reasons.md."""

from __future__ import annotations

import sys

from toolgate.processors.effects import VERDICTS
from toolgate.processors.reasons import TABLE, Code


def table() -> str:
    """All codes as a Markdown page."""
    lines = [
        "# Reason codes",
        "",
        "The most severe first: a decision lists its reasons in this order. Numbers and names are for ever.",
        "A retryable code may pass later under a new id; the others are terminal for the intent.",
        "Printed by `python -m toolgate.processors.reasons_page`.",
        "",
        "Every reason has an effect, and the most severe effect decides the verdict, in this order:",
        "",
        "| effect | verdict |",
        "| --- | --- |",
        *(f"| {effect} | `{verdict}` |" for effect, verdict in VERDICTS.items()),
        "",
        "`repair` is the word that an agent finds in its outcome; [repairs](repairs.md) says what stands beside it.",
        "",
        "What is waivable does not count for a call that a [grant](../guides/break-glass.md) covers.",
        "",
        "| code | number | effect | retryable | waivable | repair | meaning | what the agent is told |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for code in Code:
        entry = TABLE[code]
        again = "yes" if entry.retryable else "no"
        waivable = "yes" if entry.waivable else "no"
        fixed = f"{entry.number} | {entry.effect} | {again} | {waivable} | {entry.do}"
        lines.append(f"| `{code}` | {fixed} | {entry.meaning} | {entry.for_agent} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
