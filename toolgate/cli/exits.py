"""What the exit codes of `toolgate` mean, and which error ends with which.

`toolgate exits` lists the codes; `python -m toolgate.cli.reference exits` prints the documentation page.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Annotated

import typer

app = typer.Typer()


class Exit(IntEnum):
    """Exit codes: stable, never reused. Scripts and supervisors may act on them."""

    OK = 0
    STOPPED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    CODE_MISMATCH = 5
    LOCAL_STACK = 6
    FILES = 7
    CLOCK = 8
    LOST_RECORDS = 9
    DIFFERENCE = 10
    SLOT_IN_USE = 11
    DENIED = 12
    FAILED = 13
    NOT_FOUND = 14
    CONTROL_REFUSED = 20
    INTERNAL = 70
    INTERRUPTED = 130


MEANINGS: dict[Exit, str] = {
    Exit.OK: "done; `submit`: approved, and with `--result` ended ok",
    Exit.STOPPED: "broken off",
    Exit.USAGE: "wrong arguments, or a setting that is missing or unusable",
    Exit.UNREACHABLE: "Kafka, Redis or the schema registry does not answer; `submit`: no answer in time; "
    "`notify --once`: an endpoint takes nothing",
    Exit.REFUSED: "Kafka or Redis is set up in a way that would break a promise, or refuses this user",
    Exit.CODE_MISMATCH: "the ledger runs other scripts than this version has",
    Exit.LOCAL_STACK: "the local Kafka or Valkey could not be fetched, started or kept running",
    Exit.FILES: "a policy, catalogue, key or schema file is faulty",
    Exit.CLOCK: "a record is dated too far ahead of this machine's clock",
    Exit.LOST_RECORDS: "records that the gate must have are gone from Kafka",
    Exit.DIFFERENCE: "a check ran to its end and found a difference; `policy test`: a case failed, `policy diff`: a "
    "verdict differs, `policy fmt --check`: a file is not in its form, `replay`: a decision "
    "made again differs, `verify`: a law is broken",
    Exit.SLOT_IN_USE: "another process took this slot: it has fenced this one",
    Exit.DENIED: "`submit`: the gate decided, and did not approve the intent",
    Exit.FAILED: "`submit --result`: approved, but the command did not end ok",
    Exit.NOT_FOUND: "`explain`: the log knows no such intent; `queue ID`, `near-miss CLUSTER`, `review COMMAND`, "
    "`slo WORKFLOW`: nothing has this id",
    Exit.CONTROL_REFUSED: "`policy activate`, `mode`, `contract`, votes, reviews: refused, and nothing changed",
    Exit.INTERNAL: "a fault of toolgate itself; TOOLGATE_DEBUG=1 shows the traceback",
    Exit.INTERRUPTED: "ended by Ctrl-C where that is not the usual way to end",
}

# By name and not by class: an error's module is loaded when the error is there, and `--version` needs none.
_BY_ERROR: dict[str, Exit] = {
    "toolgate.streams.errors.SettingsError": Exit.USAGE,
    "toolgate.streams.errors.UnreachableError": Exit.UNREACHABLE,
    "toolgate.streams.errors.RefusedError": Exit.REFUSED,
    "toolgate.streams.errors.LocalStackError": Exit.LOCAL_STACK,
    "toolgate.streams.errors.OtherLedgerCodeError": Exit.CODE_MISMATCH,
    "toolgate.streams.errors.ClockAheadError": Exit.CLOCK,
    "toolgate.streams.errors.LostRecordsError": Exit.LOST_RECORDS,
    "toolgate.streams.errors.SlotInUseError": Exit.SLOT_IN_USE,
    "toolgate.streams.errors.ControlRefusedError": Exit.CONTROL_REFUSED,
    "toolgate.sdk.errors.ContractRefusedError": Exit.CONTROL_REFUSED,
    "toolgate.review.errors.VoteRefusedError": Exit.CONTROL_REFUSED,
    "toolgate.streams.ports.UnavailableError": Exit.UNREACHABLE,
    "toolgate.streams.ports.CodeMismatchError": Exit.CODE_MISMATCH,
    "toolgate.streams.ports.LogError": Exit.UNREACHABLE,
    "toolgate.streams.ports.RetryError": Exit.UNREACHABLE,
    "toolgate.streams.ports.FatalError": Exit.UNREACHABLE,
    "toolgate.schemas.registry.RegistryError": Exit.UNREACHABLE,
    "toolgate.processors.problems.LoadError": Exit.FILES,
    "toolgate.inspection.errors.NotFoundError": Exit.NOT_FOUND,
    "toolgate.sdk.errors.IntentError": Exit.USAGE,
    "toolgate.sdk.errors.NotSentError": Exit.UNREACHABLE,
}

_PAGE = """# Exit codes

Made from `toolgate/cli/exits.py` by `python -m toolgate.cli.reference exits`; do not edit.

Codes are stable and never used again for something else. What went wrong is said on stderr: what, where, and what to
do. `toolgate exits --json` gives this table to programs.

| code | name | meaning |
| --- | --- | --- |
"""


@app.command()
def exits(*, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the exit codes and what they mean."""
    if as_json:
        rows = [{"code": code, "name": code.name, "meaning": MEANINGS[code]} for code in Exit]
        typer.echo(json.dumps({"exits": rows}))
        return
    for code in Exit:
        typer.echo(f"{code:>4}  {code.name:<14} {MEANINGS[code]}")


def exit_for(error: BaseException) -> Exit:
    """The code that this error ends with; INTERNAL for one that nobody has foreseen."""
    for cls in type(error).__mro__:
        found = _BY_ERROR.get(f"{cls.__module__}.{cls.__qualname__}")
        if found is not None:
            return found
    return Exit.INTERNAL


def as_markdown() -> str:
    """The page docs/reference/exits.md."""
    rows = [f"| {code} | `{code.name}` | {MEANINGS[code]} |\n" for code in Exit]
    return _PAGE + "".join(rows)
