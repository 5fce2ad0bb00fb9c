"""Stops: what the operators have stopped, as an executor sees it right before it runs a command.

A command may be published after the kill that it came before in the ledger's order, and may wait for long: only who
runs it can still hold it back. Where the end of control cannot be learnt, everything counts as stopped.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import KafkaException

from toolgate.processors.control_state import ControlState
from toolgate.processors.identity import check_control
from toolgate.processors.keyring import Keyring
from toolgate.schemas.codec import DecodeError
from toolgate.schemas.records import Control
from toolgate.sdk.wire import Wire, decode
from toolgate.streams.log.reading import ControlTail, Reader
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import LogError, RetryError
from toolgate.streams.settings import reader_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.processors.case import Envelope
    from toolgate.schemas.records import Command
    from toolgate.streams.settings import Settings

LOOK_S = 0.25  # how long what was read holds without looking again
LEARN_S = 2.0  # the known end of control is never older
UNKNOWN = "the end of control cannot be learnt: nothing may be run until it is"
_log = structlog.get_logger("toolgate.executor")


class Stops:
    """Follows the control topic with a consumer of its own, from its beginning. For one thread.

    Args:
        settings: where Kafka is and which prefix.
        keyring: the operators' public keys; a record that they did not sign as its kind asks changes nothing.
            Without one every well-formed record counts, as the rights on the topic are all that guards it then.
        clock: seconds; how long ago something was read.

    Raises:
        UnreachableError: the Schema Registry of the settings does not answer.
    """

    def __init__(
        self, settings: Settings, keyring: Keyring | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._keyring = keyring or Keyring.insecure()
        self._clock = clock
        self._codec = Wire(settings).codec(Control)
        self._state = ControlState()
        self._tail: ControlTail | None = None
        self._position = 0
        self._looked: float | None = None
        self._known = False

    def why(self, command: Command) -> str:
        """Why a command must not begin, as a sentence for people, or "" when nothing stops it.

        Asks the broker at most every 250 ms. Waits 2 s for the end of control, and as long for what is new.
        """
        now = self._clock()
        if self._looked is None or now - self._looked >= LOOK_S:
            self._known = self._follow()
            self._looked = now if self._known else self._clock()  # a wait in vain is not repeated at once
        if not self._known:
            return UNKNOWN
        return self._state.killed(
            tenant=command.tenant,
            workflow=command.workflow_id,
            run=command.run_id,
            agent=command.agent_id,
            tool=command.tool,
            system=command.system,
        )

    def close(self) -> None:
        """Close the consumer; the next question makes another, which goes on where this one was."""
        if self._tail is not None:
            self._tail.close()
            self._tail = None
        self._looked = None

    def _follow(self) -> bool:
        """Read control to its end; False when that cannot be done."""
        if self._tail is None:
            reader = Reader(reader_config(self._settings), self._settings.topic, Trouble())
            self._tail = ControlTail(reader, "control", LEARN_S, self._clock)
        try:
            envelopes, end = self._tail.since(self._position)
        except (LogError, KafkaException) as error:
            _log.error("control cannot be read: commands count as stopped", detail=str(error))
            return False
        for envelope in envelopes:
            try:
                word, fault = self._read(envelope)
            except RetryError as error:  # it may be a kill
                _log.error("control cannot be read: commands count as stopped", detail=str(error))
                self._position = envelope.offset
                return False
            if word is None:
                _log.warning("control record passed over", offset=envelope.offset, detail=fault)
            else:
                self._state = self._state.apply(word, envelope.offset)
        self._position = max(self._position, end)
        return True

    def _read(self, envelope: Envelope) -> tuple[Control | None, str]:
        """A record that counts, or why it does not: what counts here is what counts for the gate.

        Raises:
            RetryError: only the Schema Registry could say, and it does not answer.
        """
        if envelope.problem:
            return None, envelope.problem
        try:
            word = decode(self._codec, envelope)
        except DecodeError as error:
            return None, str(error)
        fault = check_control(self._keyring, envelope, word, self._state)
        return (None, fault) if fault else (word, "")
