"""`toolgate policy explain`: what a policy says of one intent, stage by stage and rule by rule."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from toolgate.cli import folders, tables
from toolgate.cli.intent_file import checked, read_object
from toolgate.cli.options import AsJson, PolicyFolder  # noqa: TC001
from toolgate.cli.wording import because, people, safe
from toolgate.processors.amounts import USD_MICROS, amount, duration, usd
from toolgate.processors.claims import (
    Charge,
    Count,
    Deadline,
    Distinct,
    Forbid,
    Own,
    Rate,
    Remember,
    Require,
    Spend,
)
from toolgate.processors.problems import nearest
from toolgate.schemas.enums import Kind
from toolgate.schemas.frozen import names_of
from toolgate.schemas.records import Intent, RunContract
from toolgate.schemas.strict_json import dumps_canonical
from toolgate.streams.errors import SettingsError
from toolgate.whatif.explaining import ContractFault
from toolgate.whatif.explaining import explain as explained_of

if TYPE_CHECKING:
    from toolgate.processors.claims import Claim
    from toolgate.processors.policy import PolicySet
    from toolgate.processors.rule_looks import Look
    from toolgate.schemas.records import Reason
    from toolgate.whatif.explaining import Explained

_HERE = Path()
_IDS = {"intent_id": "explained", "run_id": "run-1"}


def explain(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[str, typer.Argument(metavar="INTENT", help="A JSON file, or - for stdin.")],
    *,
    policy: PolicyFolder = _HERE,
    workflow: Annotated[
        str | None, typer.Option(help="Whose intent. Default: the only one there is a policy for.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose workflow. Default: default.")] = None,
    agent: Annotated[str, typer.Option(help="Who acts.")] = "agent-1",
    facts: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="What the run has read: {fact: {key: {field: value}}} as JSON."),
    ] = None,
    contract: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The contract of its run as JSON: tools, values, ..., or a line of `toolgate tail contracts`.",
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the broker takes it, in ISO 8601. Default: now.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain what a policy says of an intent: every stage, every rule with the values it looked at, and the verdict.

    The intent is what `toolgate submit --file` takes, or a line of `toolgate tail intents --json`. It is judged as the
    first of its run, with all accounts empty; `toolgate policy test` looks at limits over several calls. With --facts
    the accounts are not asked. Exit code 0 whatever the verdict.
    """
    policies = folders.load(policy)
    intent = _intent(read_object(file, "intent"), file, policies, workflow, tenant, agent)
    known = None if facts is None else _facts(read_object(facts, "facts"), facts)
    bound = None if contract is None else _contract(read_object(contract, "contract"), contract, intent)
    try:
        found = explained_of(intent, policies, _moment_ms(at), known, bound)
    except ContractFault as fault:
        raise SettingsError(
            f"the gate would refuse it: {fault}", where=str(contract), remedy="correct it"
        ) from None
    if as_json:
        typer.echo(json.dumps(_as_json(intent, found, policies.digest)))
        return
    _show(intent, found)


def _intent(  # noqa: PLR0913, PLR0917
    given: dict[str, Any],
    file: str,
    policies: PolicySet,
    workflow: str | None,
    tenant: str | None,
    agent: str,
) -> Intent:
    """The intent of a file; SettingsError when it is none."""
    record = given.get("value", given)
    if isinstance(record, dict) and "kind" in record:
        try:
            return msgspec.convert(record, Intent)
        except msgspec.ValidationError as error:
            raise SettingsError(f"this is no intent: {error}", where=file, remedy="correct it") from None
    fields = _IDS | checked(given, file)
    if "tool" not in fields:
        raise SettingsError("the intent lacks tool", where=file, remedy="name the tool that it calls")
    named = tenant or "default"
    return Intent(
        **fields
        | {
            "kind": Kind.CALL,
            "tenant": named,
            "workflow_id": _workflow(policies, workflow, named),
            "agent_id": agent,
            "params": dumps_canonical(fields.get("params", {})),
            "declared_records": tuple(fields.get("declared_records", ())),
        }
    )


def _workflow(policies: PolicySet, workflow: str | None, tenant: str) -> str:
    known = [name for owner, name in policies.workflows if owner == tenant]
    if workflow is not None or len(known) == 1:
        return workflow or known[0]
    raise SettingsError(
        f"tenant {tenant} has {len(known)} workflows",
        where="arguments",
        remedy=f"give --workflow; {nearest('', known)}",
    )


def _contract(given: dict[str, Any], file: str, intent: Intent) -> RunContract:
    """The contract of a file, of the intent's run where it names none; SettingsError when it is none."""
    record = given.get("value", given) if "tools" not in given else given
    own = {name: getattr(intent, name) for name in ("tenant", "workflow_id", "run_id")}
    usual = {"contract_id": "explained", "owner": "explained", "values": {}, **own}
    if unknown := sorted(set(record) - set(names_of(RunContract))):
        remedy = nearest(unknown[0], names_of(RunContract)) or "remove it"
        raise SettingsError(f"no contract has a field {unknown[0]}", where=file, remedy=remedy)
    try:
        return msgspec.convert({**usual, **record}, RunContract)
    except msgspec.ValidationError as error:
        raise SettingsError(f"this is no contract: {error}", where=file, remedy="correct it") from None


def _facts(given: dict[str, Any], file: str) -> dict[str, dict[str, Any]]:
    for fact, rows in given.items():
        if not isinstance(rows, dict) or not all(isinstance(fields, dict) for fields in rows.values()):
            raise SettingsError(
                f"{fact} is no mapping of keys to fields",
                where=file,
                remedy='write {"reservation": {"ABC123": {"cabin": "economy"}}}',
            )
    return given


def _moment_ms(text: str | None) -> int:
    if text is None:
        return time.time_ns() // 1_000_000
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"--at {text} is no time", where="arguments", remedy="write one such as 2026-03-31T09:00:00Z"
        ) from None
    return int(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1000)


def _show(intent: Intent, found: Explained) -> None:
    typer.echo(
        f"{found.verdict}  {safe(intent.tool or intent.kind)} of {safe(intent.workflow_id)}, run {safe(intent.run_id)}"
    )
    for reason in found.reasons:
        typer.echo(f"  {because(reason)}{_distance(reason)}")
    if found.needs is not None:
        typer.echo(f"  needs {people(found.needs)}")
    typer.echo()
    rows = [
        (stage.name, stage.outcome, "; ".join(map(because, stage.reasons)) or stage.about)
        for stage in found.stages
    ]
    tables.show(("stage", "", "says"), rows)
    if found.rules:
        typer.echo()
        tables.show(("rule", "", "looked at", "distance"), map(_rule_row, found.rules))
    if found.claims:
        typer.echo(
            f"\ncosts {usd(found.cost_micros)}; touches {', '.join(map(safe, found.records)) or 'no record'}"
        )
        tables.show(
            ("claims", "for", "amount"), [(_kind(one), _account(one), _claimed(one)) for one in found.claims]
        )

    if found.tells:
        typer.echo("\nits result would tell, to rules of this run:")
        tables.show(
            ("fact", "key", "trusted"),
            [(fact, safe(key) or "(by its result)", _yes(trusted)) for fact, key, trusted in found.tells],
        )


def _yes(value: bool) -> str:  # noqa: FBT001 - what is shown
    return "yes" if value else "no"


def _distance(reason: Reason) -> str:
    return "" if reason.distance is None else f"  [{amount(reason.distance, reason.unit)} from allowed]"


def _rule_row(look: Look) -> tuple[str, str, str, str]:
    values = ", ".join(f"{path} is {value}" for path, value in look.values)
    outcome = f"{look.outcome}: {look.detail}" if look.detail else look.outcome
    return look.rule, safe(outcome), safe(values), "" if look.distance is None else f"{look.distance:,}"


def _kind(claim: Claim) -> str:
    return type(claim).__name__.lower()


def _account(claim: Claim) -> str:
    match claim:
        case Charge() | Spend():
            return claim.account + (f"@{claim.window.partition(':')[0]}" if claim.window else "")
        case Own():
            return f"run {claim.run_id} of {claim.owner}"
        case Deadline():
            return "ttl_ms"
        case Remember():
            return f"run {claim.run_id}: {safe(claim.name)}"
    return claim.key


def _claimed(claim: Claim) -> str:
    """How much of the account, in words."""
    unit = claim.label.unit
    match claim:
        case Charge() | Spend():
            most = usd(claim.max) if unit == USD_MICROS else f"{claim.max:,}"
            return f"{amount(claim.amount, unit)} of {most}"
        case Distinct():
            return f"{amount(len(claim.records), 'records')} of {claim.max:,}"
        case Count():
            return f"{claim.n:,}" if claim.max is None else f"{claim.n:,} of {claim.max:,}"
    return _asked(claim)


def _asked(claim: Rate | Require | Forbid | Own | Deadline | Remember) -> str:
    match claim:
        case Rate():
            return f"one every {duration(max(claim.increment_us // 1_000, 1))}"
        case Require():
            return f"stands at {claim.n:,} or more"
        case Forbid():
            return f"stands below {claim.n:,}"
        case Own():
            return f"idle for less than {duration(claim.idle_ms)}"
        case Deadline():
            return f"by {claim.at_ms}"
        case Remember():
            return "is remembered"


def _as_json(intent: Intent, found: Explained, digest: str) -> dict[str, Any]:
    return {
        "intent_id": intent.intent_id,
        "digest": digest,
        "verdict": found.verdict,
        "reasons": msgspec.to_builtins(found.reasons),
        "stages": [
            {"name": one.name, "outcome": one.outcome, "reasons": msgspec.to_builtins(one.reasons)}
            for one in found.stages
        ],
        "rules": [
            {
                "id": look.rule,
                "because": look.because,
                "when": look.when,
                "outcome": look.outcome,
                "detail": look.detail,
                "values": dict(look.values),
                "distance": look.distance,
            }
            for look in found.rules
        ],
        "claims": [{"kind": _kind(claim), **msgspec.to_builtins(claim)} for claim in found.claims],
        "needs": None if found.needs is None else msgspec.to_builtins(found.needs),
        "cost_micros": found.cost_micros,
        "records": list(found.records),
        "tells": [
            {"fact": fact, "key": key or None, "trusted": trusted} for fact, key, trusted in found.tells
        ],
    }
