"""Reports: what an executor says of commands, from the record to its place in the command's partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from toolgate.schemas.bundle import INPUT_BYTES_MAX
from toolgate.schemas.codec import EncodeError
from toolgate.schemas.enums import ResultStatus
from toolgate.schemas.frozen import changed
from toolgate.schemas.headers import event_headers
from toolgate.schemas.records import Result
from toolgate.schemas.strict_json import JsonError, digest, dumps_canonical, read_strict
from toolgate.sdk.errors import NotSentError
from toolgate.sdk.sender import Sender, signature
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from toolgate.processors.keyring import ExecutorKey
    from toolgate.schemas.headers import Headers
    from toolgate.schemas.records import Command
    from toolgate.sdk.answer import Answer
    from toolgate.sdk.wire import Wire
    from toolgate.streams.settings import Settings

BODY_BYTES_MAX = 64 * 1024
ERROR_CHARS_MAX = 2_000
TOPIC = "results"
_FLUSH_S = 1.0
_log = structlog.get_logger("toolgate.executor")


def begun(command: Command, executor_id: str) -> Result:
    """STARTED: the effect may follow."""
    return Result(
        command_id=command.command_id,
        intent_id=command.intent_id,
        run_id=command.run_id,
        tool=command.tool,
        digest=command.digest,
        status=ResultStatus.STARTED.value,
        executor_id=executor_id,
        tenant=command.tenant,
        workflow_id=command.workflow_id,
        policy_digest=command.policy_digest,
        approved_at=command.approved_at,
        params_digest=_params_digest(command),
    )


def _params_digest(command: Command) -> str:
    """As the gate computes it: over the canonical JSON, whatever the agent wrote."""
    try:
        return digest(read_strict(command.params, max_bytes=INPUT_BYTES_MAX)[1])
    except JsonError:  # no gate commands this; whether the tool can make anything of it is the tool's matter
        return ""


def ended(start: Result, status: ResultStatus, error: str = "") -> Result:
    """An END that has nothing to say but its status and, for people, why."""
    return changed(start, status=status.value, error=error[:ERROR_CHARS_MAX])


def answered(start: Result, status: ResultStatus, answer: Answer, error: str = "") -> Result:
    """The END that a tool gave: OK with its answer, or ERROR in its own words."""
    try:
        body = dumps_canonical(answer.body)
    except JsonError as unfit:  # the effect has happened: the end is told all the same
        body, error = "", error or f"the tool's answer has no JSON: {unfit.detail}"
    data = body.encode()
    return changed(
        ended(start, status, error),
        body=body if len(data) <= BODY_BYTES_MAX else "",
        body_digest=digest(data) if data else "",
        body_uri=answer.body_uri,
        actual_cost_micros=answer.actual_cost_micros,
        actual_records=answer.actual_records,
        provider_call_id=answer.provider_call_id,
    )


class Reports:
    """Encodes and signs results; sends ends. For any number of threads."""

    def __init__(self, settings: Settings, key: ExecutorKey, wire: Wire) -> None:
        self._key = key
        self._codec = wire.codec(Result)
        self._sender = Sender(settings, key)

    def output(self, result: Result, partition: int) -> Output:
        """A result as part of a transaction."""
        record_key, value = result.run_id.encode(), self._encode(result)
        headers = (*self._headers(result), *signature(self._key, TOPIC, record_key, value))
        return Output(TOPIC, partition, record_key, value, headers)

    def publish(self, result: Result, partition: int) -> None:
        """Publish an end and wait until Kafka has it; whoever owns the partition by now, it is the truth.

        Raises:
            NotSentError: Kafka was away for five minutes. The effect may have happened: whoever owns the partition
                next finds STARTED without an end.
        """
        sent = self._sender.send(
            TOPIC, result.run_id.encode(), self._encode(result), self._headers(result), partition
        )
        while not sent.done():  # the client gives it up by itself in the end
            self._sender.flush(_FLUSH_S)
        if (failure := sent.exception()) is not None:
            raise NotSentError(
                f"the end of command {result.command_id} could not be reported: {failure}",
                remedy="see that Kafka runs, then start the executor again",
            )

    def _encode(self, result: Result) -> bytes:
        try:
            return self._codec.encode(result)
        except EncodeError as error:  # too many or too long records: the end must be told whatever it holds
            _log.error("result reduced", command_id=result.command_id, detail=str(error))
            bare = changed(result, body="", body_uri="", actual_records=None, provider_call_id="")
            return self._codec.encode(
                changed(bare, error=f"result not reportable: {error}"[:ERROR_CHARS_MAX])
            )

    def _headers(self, result: Result) -> Headers:
        return event_headers(
            "toolgate.result.v1",
            f"{result.command_id}/{result.status}",
            f"/toolgate/executor/{self._key.executor_id}",
        )
