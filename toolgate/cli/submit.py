"""`toolgate submit`: one intent by hand, and what became of it."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from toolgate.cli import connection, logs
from toolgate.cli.exits import Exit
from toolgate.cli.hints import say_next
from toolgate.cli.intent_file import FIELDS, arguments, json_object, micros
from toolgate.cli.options import KEYRING, Bootstrap, Config, KeysFile, Prefix
from toolgate.cli.wording import STYLES, safe
from toolgate.inspection.plain import as_plain
from toolgate.processors.amounts import usd
from toolgate.processors.reasons import TABLE, Code
from toolgate.schemas.enums import ResultStatus, Verdict
from toolgate.sdk import Client, NoAnswerError
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from toolgate.processors.keyring import IntentKey
    from toolgate.schemas.records import Intent, Outcome, Result
    from toolgate.streams.settings import Settings

app = typer.Typer()
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was heard of an intent."""

    intent: Intent
    outcome: Outcome
    result: Result | None


@app.command(
    epilog='Example: toolgate submit --run run-1 --tool read_invoice --params \'{"invoice_id": "INV-1"}\' --result'
)
def submit(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[
        str | None,
        typer.Argument(help=f"A JSON file, or - for stdin: {', '.join(FIELDS)}. Options win over it."),
    ] = None,
    *,
    run: Annotated[str | None, typer.Option(help="The run that the call belongs to.")] = None,
    tool: Annotated[str | None, typer.Option(help="The tool, as the catalogue names it.")] = None,
    params: Annotated[str | None, typer.Option(help="The tool's parameters, one JSON object.")] = None,
    intent_id: Annotated[
        str | None, typer.Option(help="Sending one again repeats it. Default: a new one.")
    ] = None,
    tool_version: Annotated[
        str | None, typer.Option(help="Refuse it where the catalogue has another.")
    ] = None,
    cost: Annotated[str | None, typer.Option(help="US dollars that it will cost at most: 0.35.")] = None,
    record: Annotated[
        list[str] | None, typer.Option(help="A record that it touches besides; may be repeated.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="For people who look at it later.")] = None,
    ttl_ms: Annotated[int | None, typer.Option(min=1, help="Refuse it when decided later than this.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask for the verdict only.")] = False,
    agent: Annotated[str, typer.Option(help="Who acts.")] = "toolgate-submit",
    keys_file: KeysFile = KEYRING,
    kid: Annotated[
        str | None, typer.Option(help="Which key signs. Default: the only one for intents.")
    ] = None,
    workflow: Annotated[str | None, typer.Option(help="Sign with the only key of this workflow.")] = None,
    result: Annotated[bool, typer.Option("--result", help="Wait for the end of the command, too.")] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds to wait for each answer.")
    ] = TIMEOUT_S,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Send one intent, wait for the gate's verdict, and with --result for what came of the command.

    Exit codes: 0 approved (with --result: and ended ok), 12 not approved, 13 approved but not ended ok, 3 no answer
    in time. The key comes from a keyring file; only its own secret is needed.
    """
    logs.configure(as_json=as_json)
    fields = arguments(
        file,
        run_id=run,
        tool=tool,
        params=None if params is None else json_object(params, "--params"),
        intent_id=intent_id,
        tool_version=tool_version,
        declared_cost_micros=None if cost is None else micros(cost),
        declared_records=record,
        reason=reason,
        ttl_ms=ttl_ms,
        dry_run=dry_run or None,
    )
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    key = keys.load_intent(keys_file, kid, workflow)
    fields.setdefault("intent_id", secrets.token_hex(16))  # known before it is sent: a timeout must name it
    look = f"toolgate explain {fields['intent_id']} --run {fields['run_id']}"
    try:
        answer = _answer(settings, key, agent, fields, timeout_s, result=result)
    except NoAnswerError:
        say_next(look, as_json=as_json)
        raise
    _print(answer, as_json=as_json)
    say_next(look, as_json=as_json)
    if code := _code(answer):
        raise typer.Exit(code)


def _answer(  # noqa: PLR0913
    settings: Settings, key: IntentKey, agent: str, fields: dict[str, Any], timeout_s: float, *, result: bool
) -> _Answer:
    """Send the intent; the one place that knows how the SDK does it.

    Raises:
        NoAnswerError: none in time.
        SdkError: the intent cannot be sent, or was not.
    """
    with Client(settings, key, agent) as client:
        intent = client.intent(**fields)
        ticket = client.send(intent)
        outcome = ticket.decided(timeout_s)
        ended = ticket.ended(timeout_s) if result and outcome.command_id else None
    return _Answer(intent, outcome, ended)


def _code(answer: _Answer) -> Exit:
    if answer.outcome.verdict != Verdict.APPROVE:
        return Exit.DENIED
    return Exit.OK if answer.result is None or answer.result.status == ResultStatus.OK else Exit.FAILED


def _print(answer: _Answer, *, as_json: bool) -> None:
    intent, outcome, result = answer.intent, answer.outcome, answer.result
    if as_json:
        found = {
            "intent_id": intent.intent_id,
            "run_id": intent.run_id,
            "outcome": as_plain(outcome),
            "result": as_plain(result) if result else None,
        }
        typer.echo(json.dumps(found))
        return
    console = Console(highlight=False)
    dry = " (dry run: nothing was taken)" if outcome.dry_run else ""
    console.print(outcome.verdict, style=STYLES.get(outcome.verdict, ""), end="")
    console.print(
        f"  seq {outcome.seq}  intent {safe(intent.intent_id)}  run {safe(intent.run_id)}{dry}", markup=False
    )
    for code in outcome.codes:
        meant = TABLE[Code(code)].for_agent if code in Code.__members__ else ""
        console.print(f"  {safe(code)}  {meant}", markup=False, soft_wrap=True)
    if outcome.retryable:
        console.print("  it may pass later, under a new id")
    if outcome.repair:
        console.print(f"  to repair: {safe(outcome.repair)}", markup=False, soft_wrap=True)
    if outcome.command_id:
        console.print(f"  command {safe(outcome.command_id)}", markup=False)
    if result is not None:
        cost = "" if result.actual_cost_micros is None else f", {usd(result.actual_cost_micros)}"
        console.print(f"  {result.status}", style=STYLES.get(result.status, ""), end="")
        console.print(f" by {safe(result.executor_id)}{cost}", markup=False)
        said = result.error or result.body or result.body_uri
        console.print(safe(said), markup=False, soft_wrap=True)
