"""The command and the audit event that the gate writes about an approved intent, made without deciding.

Every contender writes these, so that all of them decode, build and encode the same: what differs is how they
move records and what they ask before. Running totals (`Balance.used`) and the ledger's own marks are constants
here; a test compares the rest with what the gate writes, field by field.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import orjson

from bench import workload
from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import KID, Headers, event_headers, trace_of
from toolgate.schemas.records import AuditEvent, Balance, Command, Intent, Op

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = "/toolgate/gate"
GENERATION = "0" * 16
DAY_MS = 86_400_000
HOLD_MS = 900_000
HOUR_MS = 3_600_000
RUN_KEEP_MS = 2 * DAY_MS


class Made(NamedTuple):
    """The two records about one intent."""

    command: bytes
    command_headers: Headers
    audit: bytes
    audit_headers: Headers


class Twin:
    """Makes both records of intents of the workload. `policy_digest` and `code_version` are the gate's."""

    def __init__(self, policy_digest: str, code_version: str) -> None:
        self._policy_digest = policy_digest
        self._code_version = code_version
        self._intents = Codec(Intent)
        self._commands = Codec(Command)
        self._audits = Codec(AuditEvent)

    def make(  # noqa: PLR0913, PLR0917 - the place and time of one record
        self,
        partition: int,
        offset: int,
        time_ms: int,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes]],
        seq: int,
    ) -> Made:
        """Decode an intent strictly and make its records.

        Args:
            partition: the intent's.
            offset: the intent's; with the partition it makes the command's id.
            time_ms: when the broker took it.
            value: its bytes.
            headers: its headers, of which trace and key id are passed on.
            seq: its place among the decisions.

        Raises:
            DecodeError: it is no intent.
        """
        headers = tuple(headers)
        intent, schema_id, digest = self._intents.read(value)
        place = f"{partition}-{offset}"
        records = (orjson.loads(intent.params)["record_id"],)
        command = Command(
            command_id=place,
            intent_id=intent.intent_id,
            seq=seq,
            ctl=0,
            tenant=intent.tenant,
            workflow_id=intent.workflow_id,
            run_id=intent.run_id,
            agent_id=intent.agent_id,
            tool=intent.tool,
            tool_version="1",
            params=intent.params,
            digest=digest,
            policy_digest=self._policy_digest,
            idempotent=False,
            approved_at=time_ms,
            expires_at=time_ms + HOLD_MS,
            reserved_cost_micros=workload.COST_MICROS,
            records=records,
            system=workload.system_of(intent.tool),
        )
        event = AuditEvent(
            seq=seq,
            gen=GENERATION,
            ctl=0,
            clk=time_ms,
            stable=seq,
            visible=(),
            topic=workload.TOPIC,
            partition=partition,
            offset=offset,
            append_time=time_ms,
            first=True,
            verdict="APPROVE",
            intent_id=intent.intent_id,
            digest=digest,
            params_digest=blake2b(intent.params.encode(), digest_size=16).hexdigest(),
            tenant=intent.tenant,
            workflow_id=intent.workflow_id,
            run_id=intent.run_id,
            agent_id=intent.agent_id,
            tool=intent.tool,
            tool_version="1",
            dry_run=False,
            command_id=place,
            cost_micros=workload.COST_MICROS,
            reasons=(),
            ops=_ops(intent, place, time_ms, digest, records),
            balances=_balances(intent, time_ms),
            policy_digest=self._policy_digest,
            schema_id=schema_id,
            code_version=self._code_version,
            kid=next((kid for name, kid in headers if name == KID), b"").decode(),
        )
        trace, number = trace_of(headers), str(seq)
        return Made(
            self._commands.encode(command),
            event_headers("toolgate.command.v1", number, SOURCE, trace),
            self._audits.encode(event),
            event_headers("toolgate.audit.v1", number, SOURCE, trace),
        )


@lru_cache(maxsize=8)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * DAY_MS // 1000, UTC).strftime("%Y-%m-%d")


def _accounts(intent: Intent, time_ms: int) -> tuple[tuple[str, int, int], ...]:
    """(account, max, how long it is kept) of the four scopes that the policy gives a budget."""
    day = _day(time_ms // DAY_MS)
    tenant, workflow = intent.tenant, intent.workflow_id
    return (
        (f"run:{intent.run_id}:usd", workload.RUN_USD_MICROS, RUN_KEEP_MS),
        (f"workflow:{tenant}/{workflow}:usd@{day}", workload.SHARED_USD_MICROS, 4 * DAY_MS),
        (f"agent:{tenant}/{intent.agent_id}:usd@{day}", workload.SHARED_USD_MICROS, 4 * DAY_MS),
        (f"tenant:{tenant}:usd@{day}", workload.TENANT_USD_MICROS, 4 * DAY_MS),
    )


def _ops(intent: Intent, place: str, time_ms: int, digest: str, records: tuple[str, ...]) -> tuple[Op, ...]:
    run, owner = f"run:{intent.run_id}", f"{intent.tenant}/{intent.workflow_id}"
    agent, cost = f"{owner}/{intent.agent_id}", workload.COST_MICROS
    parts = tuple(
        (account, "usd_micros", cost, most, "spend", keep)
        for account, most, keep in _accounts(intent, time_ms)
    )
    sets = ((f"{run}:records~1h", HOUR_MS, RUN_KEEP_MS),)
    return (
        Op("rate", (f"{run}/{owner}:attempts", 1, RUN_KEEP_MS)),
        Op("rate", (f"agent:{agent}:attempts", 1, RUN_KEEP_MS + 2000)),
        Op("own", (intent.run_id, agent, RUN_KEEP_MS)),
        Op("count", (f"{run}:approved_calls", 1, RUN_KEEP_MS)),
        Op("rate", (f"{run}:rate~1s", 1, RUN_KEEP_MS)),
        Op("window", (f"{run}:records~1h", records, HOUR_MS, RUN_KEEP_MS)),
        Op("reserve", (place, time_ms + HOLD_MS, digest, intent.tool, parts, sets)),
    )


def _balances(intent: Intent, time_ms: int) -> tuple[Balance, ...]:
    run, used = f"run:{intent.run_id}", workload.COST_MICROS
    return (
        Balance(f"{run}:approved_calls", "calls", 1, workload.RUN_CALLS),
        *(Balance(account, "usd_micros", used, most) for account, most, _ in _accounts(intent, time_ms)),
        Balance(f"{run}:records~1h", "records", 1, workload.RUN_RECORDS),
    )
