"""The client: agents propose through it, and hear what was decided and what came of it."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, Self

from toolgate.processors.contract import OUTCOMES, PARAMS_BYTES_MAX, PARAMS_DEPTH_MAX
from toolgate.processors.names import id_fault
from toolgate.processors.placement import partition_of
from toolgate.schemas.codec import EncodeError, body_digest
from toolgate.schemas.enums import Kind
from toolgate.schemas.headers import event_headers
from toolgate.schemas.records import Intent
from toolgate.schemas.strict_json import JsonError, dumps_canonical
from toolgate.sdk import connecting
from toolgate.sdk.errors import IntentError
from toolgate.sdk.replies import Replies
from toolgate.sdk.reply import Reply
from toolgate.sdk.sender import Sender
from toolgate.sdk.tickets import Tickets
from toolgate.sdk.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from types import TracebackType

    from toolgate.processors.keyring import IntentKey
    from toolgate.schemas.records import Outcome
    from toolgate.sdk.ticket import Ticket
    from toolgate.streams.settings import Settings

TIMEOUT_S = 30.0
CALL_S = 60.0
_FLUSH_S = 10.0
_IDS = ("intent_id", "run_id", "agent_id")


class Client:
    """Publishes the intents of one workflow and reads the answers. One serves all runs of a process.

    It may be used by any number of threads and event loops: each method that waits has a twin for coroutines.

    Example:
        >>> with Client.connect("billing-1", agent_id="desk-agent") as client:  # doctest: +SKIP
        ...     reply = client.call(client.intent("run-42", "read_invoice", {"invoice_id": "INV-1001"}))
        ...     print(reply.data if reply.ok else reply.why)

        >>> async with Client.connect("billing-1", agent_id="desk-agent") as client:  # doctest: +SKIP
        ...     outcome = await client.submit_async(client.intent("run-42", "read_invoice", {}))

    Args:
        settings: where Kafka is and which prefix; a client needs no Redis.
        key: the workflow's secret; tenant and workflow of every intent are the key's.
        agent_id: who acts.

    Raises:
        UnreachableError: Kafka or the Schema Registry does not answer.
        RefusedError: the topics are missing, or may not be read.
        IntentError: the agent's id is malformed.
    """

    def __init__(self, settings: Settings, key: IntentKey, agent_id: str) -> None:
        if fault := id_fault(agent_id):
            raise IntentError(f"agent_id {fault}", remedy="correct it")
        self._key = key
        self._agent_id = agent_id
        wire = Wire(settings)
        self._codec = wire.codec(Intent)
        self._sender = Sender(settings, key)
        self._tickets = Tickets()
        self._replies = Replies(settings, self._tickets, wire, tick=self._sender.poll)

    @classmethod
    def connect(cls, kid: str, agent_id: str, **overrides: Any) -> Client:
        """A client by the environment: `TOOLGATE_BOOTSTRAP_SERVERS`, `TOOLGATE_KEYS_FILE` and so on.

        Args:
            kid: the workflow's key in the keyring.
            agent_id: who acts.
            **overrides: settings that win over the environment.

        Raises:
            SettingsError, LoadError: a setting, the keyring or the key is missing or faulty.
            UnreachableError, RefusedError, IntentError: see the class.
        """
        settings, keyring = connecting.from_environment(overrides)
        return cls(settings, connecting.pick("intent", kid, keyring.intents, settings), agent_id)

    def intent(  # noqa: PLR0913 - the fields of an intent
        self,
        run_id: str,
        tool: str,
        params: Mapping[str, Any],
        *,
        intent_id: str | None = None,
        tool_version: str | None = None,
        declared_cost_micros: int | None = None,
        declared_records: tuple[str, ...] = (),
        reason: str = "",
        ttl_ms: int | None = None,
        dry_run: bool = False,
    ) -> Intent:
        """An intent to call a tool, checked as far as its writer can check it.

        Args:
            run_id: the task that the call belongs to; its intents are decided in the order they were sent.
            tool: name in the catalogue.
            params: what the tool takes; sent as canonical JSON, at most 96 KiB and 32 levels deep.
            intent_id: of its own for each intent; made when not given. Sending one again repeats it.
            tool_version: refuse the call when the catalogue has another version by now.
            declared_cost_micros: what the agent believes the call costs at most; counts where it is more than
                the catalogue's.
            declared_records: records it will touch besides those that the catalogue finds in the parameters.
            reason: for people who look at it later.
            ttl_ms: from the broker's append time; refused when decided later.
            dry_run: ask for the verdict only: nothing is taken and no command made.

        Raises:
            IntentError: the parameters have no JSON that every reader reads alike, or an id is malformed.
        """
        try:
            text = dumps_canonical(dict(params), max_depth=PARAMS_DEPTH_MAX)
        except JsonError as error:
            raise IntentError(f"params of {tool}: {error.detail}", remedy="send plain JSON data") from None
        if (size := len(text.encode())) > PARAMS_BYTES_MAX:
            raise IntentError(
                f"params of {tool} have {size:,} bytes, at most {PARAMS_BYTES_MAX:,} are allowed",
                remedy="keep large content elsewhere and send a reference",
            )
        return self._checked(
            Intent(
                intent_id=intent_id or _new_id(),
                kind=Kind.CALL.value,
                tenant=self._key.tenant,
                workflow_id=self._key.workflow_id,
                run_id=run_id,
                agent_id=self._agent_id,
                tool=tool,
                tool_version=tool_version,
                params=text,
                declared_cost_micros=declared_cost_micros,
                declared_records=declared_records,
                reason=reason,
                ttl_ms=ttl_ms,
                dry_run=dry_run,
            )
        )

    def usage(self, run_id: str, cost_micros: int, *, intent_id: str | None = None) -> Intent:
        """An account of what a run's model has cost; it is always charged, and answered with RECORDED.

        Args:
            run_id: the task that spent it.
            cost_micros: micro-dollars since the last account.
            intent_id: see `intent`.

        Raises:
            IntentError: an id is malformed, or the cost is negative.
        """
        if cost_micros < 0:
            raise IntentError(f"cost_micros is {cost_micros}", remedy="give micro-dollars, from 0")
        return self._checked(self._about(Kind.USAGE, run_id, intent_id, declared_cost_micros=cost_micros))

    def finish(self, run_id: str, run_outcome: str = "succeeded", *, intent_id: str | None = None) -> Intent:
        """The end of a run: nothing of it is approved afterwards; answered with RECORDED.

        Args:
            run_id: the task that is over.
            run_outcome: succeeded, failed or abandoned.
            intent_id: see `intent`.

        Raises:
            IntentError: an id is malformed, or there is no such outcome.
        """
        if run_outcome not in OUTCOMES:
            raise IntentError(
                f"run_outcome is {run_outcome!r}", remedy=f"give one of {', '.join(sorted(OUTCOMES))}"
            )
        return self._checked(self._about(Kind.FINISH, run_id, intent_id, run_outcome=run_outcome))

    def send(self, intent: Intent) -> Ticket:
        """Publish an intent; what is decided comes to the ticket.

        The same intent may be sent again, also after a timeout: it is decided once, its ticket is the same.
        Another client that repeats it is not answered: only the first decision has an outcome. The first intent
        into a partition asks the broker where its answers will be; all later ones only queue the record.

        Raises:
            IntentError: it is too large or malformed, or its id is waited for with other content.
            NotSentError: Kafka has been away for so long that the queue is full.
            UnreachableError: Kafka did not tell where the answers will be.
        """
        value = self._encoded(intent)
        partition = self._partition(intent)
        self._replies.listen(partition).result()
        return self._post(intent, value, partition)

    async def send_async(self, intent: Intent) -> Ticket:
        """`send`, for a coroutine: never blocks its loop."""
        value = self._encoded(intent)
        partition = self._partition(intent)
        if not (heard := self._replies.listen(partition)).done():
            await asyncio.wrap_future(heard)
        heard.result()
        return self._post(intent, value, partition)

    def submit(self, intent: Intent, timeout_s: float = TIMEOUT_S) -> Outcome:
        """Publish an intent and wait for the decision. A denial is an outcome, not an error.

        Raises:
            IntentError, NotSentError, UnreachableError: see `send`.
            NoAnswerError: no decision within `timeout_s`; it may still come.
        """
        return self.send(intent).decided(timeout_s)

    async def submit_async(self, intent: Intent, timeout_s: float = TIMEOUT_S) -> Outcome:
        """`submit`, for a coroutine."""
        return await (await self.send_async(intent)).decided_async(timeout_s)

    def call(self, intent: Intent, timeout_s: float = CALL_S) -> Reply:
        """Publish an intent, wait for the decision and, if it is approved, for the end of its command.

        Raises:
            IntentError, NotSentError, UnreachableError: see `send`.
            NoAnswerError: no decision within `timeout_s`, or no end within as long after it; both may still come.
        """
        ticket = self.send(intent)
        outcome = ticket.decided(timeout_s)
        return Reply(outcome, ticket.ended(timeout_s) if outcome.command_id else None)

    async def call_async(self, intent: Intent, timeout_s: float = CALL_S) -> Reply:
        """`call`, for a coroutine."""
        ticket = await self.send_async(intent)
        outcome = await ticket.decided_async(timeout_s)
        return Reply(outcome, await ticket.ended_async(timeout_s) if outcome.command_id else None)

    def close(self) -> None:
        """Send what is queued, stop reading; tickets still open are told that nothing more will be heard."""
        self._sender.flush(_FLUSH_S)
        self._replies.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def _about(self, kind: Kind, run_id: str, intent_id: str | None, **fields: Any) -> Intent:
        return Intent(
            intent_id=intent_id or _new_id(),
            kind=kind.value,
            tenant=self._key.tenant,
            workflow_id=self._key.workflow_id,
            run_id=run_id,
            agent_id=self._agent_id,
            **fields,
        )

    def _checked(self, made: Intent) -> Intent:
        for name in _IDS:
            if fault := id_fault(getattr(made, name)):
                raise IntentError(f"{name} {fault}", remedy="correct it; the gate would refuse the intent")
        return made

    def _encoded(self, intent: Intent) -> bytes:
        try:
            return self._codec.encode(intent)
        except EncodeError as error:
            raise IntentError(str(error), remedy="send less, or a reference") from None

    def _partition(self, intent: Intent) -> int:
        return partition_of(intent.run_id.encode(), self._replies.partitions)

    def _post(self, intent: Intent, value: bytes, partition: int) -> Ticket:
        ticket = self._tickets.expect(intent, body_digest(value))
        headers = event_headers("toolgate.intent.v1", intent.intent_id, f"/toolgate/{intent.workflow_id}")
        try:
            sent = self._sender.send("intents", intent.run_id.encode(), value, headers, partition)
        except BaseException as error:
            self._tickets.drop(ticket, error)
            raise

        def tell(done: Future[None]) -> None:
            if failure := done.exception():
                self._tickets.drop(ticket, failure)

        sent.add_done_callback(tell)
        return ticket


def _new_id() -> str:
    return secrets.token_hex(16)
