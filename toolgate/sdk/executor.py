"""The executor: runs approved commands, each by the function of its tool, and reports what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from toolgate.processors.claims import AMOUNT_MAX
from toolgate.schemas.codec import Codec, DecodeError, EncodeError
from toolgate.schemas.headers import event_headers
from toolgate.schemas.records import Command, Result, ResultStatus
from toolgate.schemas.strict_json import JsonError, digest, dumps_canonical
from toolgate.sdk.errors import AnswerError, NotSentError, SdkError
from toolgate.sdk.sender import Sender
from toolgate.sdk.stops import Stops
from toolgate.streams.log.messages import take
from toolgate.streams.log.producer import cause
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.settings import reader_config

if TYPE_CHECKING:
    from confluent_kafka import Message

    from toolgate.processors.keyring import ExecutorKey
    from toolgate.streams.settings import Settings

BODY_BYTES_MAX = 64 * 1024
ERROR_CHARS_MAX = 2_000
RECORDS_MAX = 2_000
_POLL_S = 0.1
_BATCH = 100
_SEND_S = 30.0
_COMMIT_TRIES = 5
_log = structlog.get_logger("toolgate.executor")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool gave back.

    `body` is plain JSON data; one above 64 KiB is reported by its digest alone, so keep it where `body_uri`
    says. `actual_cost_micros` and `actual_records` replace what was reserved; None: as reserved.

    Raises:
        AnswerError: a cost that is no whole number from 0 to 2^53 - 1, or more than 2,000 records. Raised within a
            tool, it ends the command as `unknown`.
    """

    body: Any = None
    body_uri: str = ""
    actual_cost_micros: int | None = None
    actual_records: tuple[str, ...] | None = None
    provider_call_id: str = ""

    def __post_init__(self) -> None:
        cost, records = self.actual_cost_micros, self.actual_records
        if cost is not None and (type(cost) is not int or not 0 <= cost <= AMOUNT_MAX):
            raise AnswerError(
                f"actual_cost_micros is {cost!r}, not a whole number from 0 to 2^53 - 1",
                remedy="give micro-dollars, or None for as much as was reserved",
            )
        if records is not None and len(records) > RECORDS_MAX:
            raise AnswerError(
                f"actual_records has {len(records):,} entries, at most {RECORDS_MAX:,} are allowed",
                remedy="make such a tool's calls smaller: nothing counts what cannot be named",
            )


class ToolError(Exception):
    """The tool refused or failed, and says so: the command ends with status `error` and this text."""

    def __init__(self, message: str, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.answer = answer or Answer()


Handler = Callable[[Command], Answer]


class Executor:
    """Runs the commands of some tools, one after the other; several with one key share the work.

    An `idempotent` command is committed after its end is reported: it is run at least once, also when the
    executor dies in between. Any other is committed before it begins: it is run at most once, and one that a
    crash cuts off has no end, so that its reservation expires as the policy says. What has expired, or what an
    operator has stopped, is not run: it ends as `void`, or as `unknown` where an executor that died may have begun
    it. Control is looked at again right before each effect; while it cannot be read, everything counts as stopped.

    Args:
        settings: where Kafka is and which prefix; an executor needs no Redis.
        key: signs the results; the gate believes them for the tools that its globs match.
        tools: the function of each tool; commands of other tools are left to other executors.
        now_ms: the clock that commands expire by.
        stops: what the operators have stopped; by default what lies on the control topic, whoever signed it.
            `Stops(settings, keyring)` believes only the operators of a keyring.
    """

    def __init__(
        self,
        settings: Settings,
        key: ExecutorKey,
        tools: Mapping[str, Handler],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        stops: Stops | None = None,
    ) -> None:
        self._key = key
        self._tools = dict(tools)
        self._now_ms = now_ms
        self._stops = stops or Stops(settings)
        self._commands = Codec(Command)
        self._results = Codec(Result)
        self._topic = settings.topic("commands")
        self._trouble = Trouble()
        self._sender = Sender(settings, key)
        self._stopping = threading.Event()
        self._done: dict[int, int] = {}  # by partition: the offset behind the last command done with
        self._config = {
            **reader_config(settings),
            **self._trouble.settings(),
            "group.id": f"{settings.prefix}-executor-{key.executor_id}",
            # A new group begins with the oldest: what is too old for it to run has expired by itself.
            "auto.offset.reset": "earliest",
        }

    def stop(self) -> None:
        """End `run` after the command it is at; from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Run commands until `stop`.

        Raises:
            NotSentError: a result could not be reported; the command is reported again after a restart, if it
                is idempotent.
            SdkError: Kafka refuses this executor.
        """
        consumer = Consumer(self._config)
        try:
            consumer.subscribe([self._topic])
            while not self._stopping.is_set():
                for message in take(consumer, _BATCH, _POLL_S):
                    if (error := message.error()) is not None:
                        self._complain(error)
                    elif not self._stopping.is_set():
                        self._take(consumer, message)
                self._commit(consumer)
        finally:
            consumer.close()
            self._stops.close()

    def _complain(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in _REFUSED:
            raise SdkError(
                f"commands cannot be read: {error.str()}{self._trouble.because()}",
                where=self._topic,
                remedy="check the rights of this user; see that the topics exist: toolgate topics check",
            )
        self._trouble.error(error)

    def _take(self, consumer: Consumer, message: Message) -> None:
        place = f"{self._topic}[{message.partition()}] at {message.offset()}"
        try:
            command = self._commands.decode(message.value())
        except DecodeError as error:
            _log.error("unreadable command passed over", place=place, detail=str(error))
            self._pass(message)
            return
        handler = self._tools.get(command.tool)
        if handler is not None and (why := self._why_not(command)):
            self._report(message, self._unrun(command, why))
        elif handler is not None and command.idempotent:
            self._execute(message, command, handler)
        elif handler is not None:
            self._pass(message)
            if self._commit(consumer):
                self._execute(message, command, handler)
            return
        self._pass(message)

    def _execute(self, message: Message, command: Command, handler: Handler) -> None:
        """Report STARTED, run, report the end."""
        begun = self._result(command, ResultStatus.STARTED)
        self._report(message, begun)
        if why := self._why_not(command):  # reporting may have waited for Kafka
            self._report(message, self._unrun(command, why))
            return
        try:
            end = self._ended(begun, ResultStatus.OK, handler(command))
        except ToolError as refusal:
            end = self._ended(begun, ResultStatus.ERROR, refusal.answer, str(refusal))
        except Exception as error:  # noqa: BLE001 - whatever a tool raises: nobody knows how far it came
            _log.exception("tool failed", tool=command.tool, command_id=command.command_id)
            end = replace(
                begun,
                status=ResultStatus.UNKNOWN.value,
                error=f"{type(error).__name__}: {error}"[:ERROR_CHARS_MAX],
            )
        self._report(message, end)

    def _why_not(self, command: Command) -> str:
        """Why a command must not begin, or ""."""
        if self._now_ms() >= command.expires_at:
            return "expired before this executor could run it"
        return self._stops.why(command)

    def _unrun(self, command: Command, why: str) -> Result:
        """One that is run again after a crash may have had its effect; one that is not was never begun."""
        status = ResultStatus.UNKNOWN if command.idempotent else ResultStatus.VOID
        return replace(self._result(command, status), error=why[:ERROR_CHARS_MAX])

    def _result(self, command: Command, status: ResultStatus) -> Result:
        return Result(
            command_id=command.command_id,
            intent_id=command.intent_id,
            run_id=command.run_id,
            tool=command.tool,
            digest=command.digest,
            status=status.value,
            executor_id=self._key.executor_id,
        )

    def _ended(self, begun: Result, status: ResultStatus, answer: Answer, error: str = "") -> Result:
        try:
            body = dumps_canonical(answer.body)
        except JsonError as unfit:  # the effect has happened: the end is told all the same
            body, error = "", error or f"the tool's answer has no JSON: {unfit.detail}"
        data = body.encode()
        return replace(
            begun,
            status=status.value,
            body=body if len(data) <= BODY_BYTES_MAX else "",
            body_digest=digest(data) if data else "",
            body_uri=answer.body_uri,
            error=error[:ERROR_CHARS_MAX],
            actual_cost_micros=answer.actual_cost_micros,
            actual_records=answer.actual_records,
            provider_call_id=answer.provider_call_id,
        )

    def _report(self, message: Message, result: Result) -> None:
        """Publish a result into the command's own partition and wait until Kafka has it."""
        try:
            value = self._results.encode(result)
        except EncodeError as error:  # too many or too long records: the end must be told whatever it holds
            _log.error("result reduced", command_id=result.command_id, detail=str(error))
            bare = replace(result, body="", body_uri="", actual_records=None, provider_call_id="")
            value = self._results.encode(
                replace(bare, error=f"result not reportable: {error}"[:ERROR_CHARS_MAX])
            )
        headers = event_headers(
            "toolgate.result.v1",
            f"{result.command_id}/{result.status}",
            f"/toolgate/executor/{self._key.executor_id}",
        )
        sent = self._sender.send(
            "results", result.run_id.encode(), value, headers, partition=message.partition() or 0
        )
        self._sender.flush(_SEND_S)
        if not sent.done():
            raise NotSentError(
                f"Kafka did not take the result of command {result.command_id} within {_SEND_S:g} s",
                remedy="see that Kafka runs, then start the executor again",
            )
        sent.result()

    def _pass(self, message: Message) -> None:
        """The next commit is behind this message. Its partition's earlier ones are all done with."""
        self._done[message.partition() or 0] = (message.offset() or 0) + 1

    def _commit(self, consumer: Consumer) -> bool:
        """Commit what was passed; False when another member has some of it by now, and nothing is committed."""
        if not self._done:
            return True
        places = [TopicPartition(self._topic, partition, at) for partition, at in self._done.items()]
        self._done = {}
        for _ in range(_COMMIT_TRIES):
            try:
                consumer.commit(offsets=places, asynchronous=False)
            except KafkaException as error:
                failure = cause(error)
                if failure.code() in _MOVED:
                    _log.warning("partitions moved", detail=failure.str())
                    return False
                time.sleep(_POLL_S)
            else:
                return True
        raise SdkError(
            f"the place in the commands cannot be committed: {failure.str()}",
            where=self._topic,
            remedy="see that Kafka runs, then start the executor again",
        )


_MOVED = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError._STATE,  # noqa: SLF001 - the client's word for "not assigned any more"
        KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001
    }
)
_REFUSED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError.SASL_AUTHENTICATION_FAILED,
    }
)
