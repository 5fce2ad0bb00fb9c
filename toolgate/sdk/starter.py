"""The starter: whoever starts runs says through it what each of them may touch. Never an agent."""

from __future__ import annotations

import asyncio
import secrets
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self

from toolgate.processors.names import id_fault
from toolgate.processors.placement import partition_of
from toolgate.schemas.codec import EncodeError, body_digest
from toolgate.schemas.enums import Verdict
from toolgate.schemas.headers import event_headers
from toolgate.schemas.records import RunContract
from toolgate.sdk import connecting
from toolgate.sdk.errors import ContractRefusedError, IntentError, NoAnswerError
from toolgate.sdk.replies import Replies
from toolgate.sdk.sender import Sender
from toolgate.sdk.wire import Wire
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from toolgate.processors.keyring import StarterKey
    from toolgate.schemas.records import Outcome, Result
    from toolgate.streams.settings import Settings

TIMEOUT_S = 30.0
_FLUSH_S = 10.0
_SOURCE = "/toolgate/starter"


class Starter:
    """Publishes the contracts of runs, signed, and waits until the gate has taken them.

    Start the agent when `publish` has returned: a contract counts only before the first approval of its run.

    Example:
        >>> with Starter.connect("starter-1") as starter:  # doctest: +SKIP
        ...     starter.publish(
        ...         starter.contract("run-42", "mailbox_v1", ["read_mail", "send_mail"], owner="ann",
        ...                          values={"recipients": ["bob@example.com"]}, max_calls=20)
        ...     )

    Args:
        settings: where Kafka is and which prefix; a starter needs no Redis.
        key: the private key of somebody with the role `starter`.

    Raises:
        UnreachableError: Kafka or the Schema Registry does not answer.
        RefusedError: the topics are missing, or may not be read.
    """

    def __init__(self, settings: Settings, key: StarterKey) -> None:
        wire = Wire(settings)
        self._codec = wire.codec(RunContract)
        self._sender = Sender(settings, key)
        self._awaited = _Awaited()
        self._replies = Replies(settings, self._awaited, wire, self._sender.poll, topics=("outcomes",))

    @classmethod
    def connect(cls, kid: str, **overrides: Any) -> Starter:
        """A starter by the environment: `TOOLGATE_BOOTSTRAP_SERVERS`, `TOOLGATE_KEYS_FILE` and so on.

        Args:
            kid: the starter's key in the keyring; its private key lies beside the file.
            **overrides: settings that win over the environment.

        Raises:
            SettingsError, LoadError: a setting, the keyring or the key is missing or faulty.
            UnreachableError, RefusedError: see the class.
        """
        settings = connecting.settings(overrides)
        return cls(settings, keys.load_private(connecting.keys_file(settings), kid))

    def contract(  # noqa: PLR0913 - the fields of a contract
        self,
        run_id: str,
        workflow_id: str,
        tools: Iterable[str],
        *,
        owner: str,
        tenant: str = "default",
        values: Mapping[str, Iterable[str]] | None = None,
        max_cost_micros: int | None = None,
        max_calls: int | None = None,
        deadline: int | None = None,
        contract_id: str | None = None,
    ) -> RunContract:
        """What a run may touch, within what its workflow's policy allows.

        Args:
            run_id: the task.
            workflow_id: whose agents work on it.
            tools: those it needs; no other is approved.
            owner: who answers for the run.
            tenant: the workflow's.
            values: what the request names, under the names that the policy wants (`contract: {values: [...]}`).
            max_cost_micros: micro-dollars that it may cost, model spend included.
            max_calls: calls of it that may be approved.
            deadline: epoch milliseconds after which nothing is approved; a day after it was written at the latest.
            contract_id: made when not given. Sending one again repeats it.

        Raises:
            IntentError: an id is malformed.
        """
        made = RunContract(
            contract_id=contract_id or f"contract-{secrets.token_hex(8)}",
            tenant=tenant,
            workflow_id=workflow_id,
            run_id=run_id,
            owner=owner,
            tools=tuple(tools),
            values={name: tuple(named) for name, named in (values or {}).items()},
            max_cost_micros=max_cost_micros,
            max_calls=max_calls,
            deadline=deadline,
        )
        for name in ("contract_id", "tenant", "workflow_id", "run_id", "owner"):
            if fault := id_fault(getattr(made, name)):
                raise IntentError(f"{name} {fault}", remedy="correct it; the gate would refuse the contract")
        return made

    def publish(self, contract: RunContract, timeout_s: float = TIMEOUT_S) -> Outcome:
        """Write a contract and wait until it holds.

        Returns:
            The gate's answer. Its verdict is RECORDED, or DUPLICATE for one that was sent before; whether that one was
            accepted, its own outcome and the audit have said.

        Raises:
            ContractRefusedError: it does not count; the codes say why, the audit in words.
            IntentError: it is too large.
            NotSentError: Kafka did not take it.
            NoAnswerError: no answer within `timeout_s`; it may still come to hold.
            UnreachableError: Kafka did not tell where the answer will be.
        """
        run = contract.run_id.encode()
        try:
            value = self._codec.encode(contract)
        except EncodeError as error:
            raise IntentError(str(error), remedy="name fewer tools and values") from None
        partition = partition_of(run, self._replies.partitions)
        self._replies.listen(partition).result()
        answer = self._awaited.expect(contract.contract_id, body_digest(value))
        headers = event_headers("toolgate.contract.v1", contract.contract_id, _SOURCE)
        try:
            self._sender.send("contracts", run, value, headers, partition).result(timeout_s)
            outcome = answer.result(timeout_s)
        except TimeoutError:
            raise NoAnswerError(
                f"no answer about contract {contract.contract_id} within {timeout_s:g} s",
                remedy="see that the gate runs; the audit says whether it came to hold",
            ) from None
        finally:
            self._awaited.drop(contract.contract_id)
        if outcome.verdict == Verdict.DENY:
            raise ContractRefusedError(contract.contract_id, outcome)
        return outcome

    async def publish_async(self, contract: RunContract, timeout_s: float = TIMEOUT_S) -> Outcome:
        """`publish`, for a coroutine: never blocks its loop."""
        return await asyncio.to_thread(self.publish, contract, timeout_s)

    def close(self) -> None:
        """Send what is queued, stop reading."""
        self._sender.flush(_FLUSH_S)
        self._replies.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Awaited:
    """The answers that are waited for, by contract id; for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, tuple[str, Future[Outcome]]] = {}

    def expect(self, contract_id: str, digest: str) -> Future[Outcome]:
        """What will be answered about a contract with this body."""
        with self._lock:
            answer: Future[Outcome] = Future()
            self._open[contract_id] = (digest, answer)
            return answer

    def drop(self, contract_id: str) -> None:
        """Nobody waits any more."""
        with self._lock:
            self._open.pop(contract_id, None)

    def outcome(self, outcome: Outcome) -> None:
        """One has come: ids alone do not tell whose it is."""
        with self._lock:
            digest, answer = self._open.get(outcome.intent_id, ("", None))
            if answer is not None and digest == outcome.digest and not answer.done():
                answer.set_result(outcome)

    def result(self, result: Result) -> None:
        """Results are the agents'."""

    def fail(self, error: Exception) -> None:
        """Nothing will be heard any more."""
        with self._lock:
            for _, answer in self._open.values():
                if not answer.done():
                    answer.set_exception(error)
