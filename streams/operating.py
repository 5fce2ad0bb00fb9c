"""Operating: how things stand by the control topic, and a signed word that changes it.

What is read here is folded as the gate folds it, by the gate's own steering; so a word that the gate would refuse is
refused before it is written.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from confluent_kafka import KafkaException, Producer

from toolgate import __version__
from toolgate.processors.case import Envelope
from toolgate.processors.control_state import ACTIVATE
from toolgate.processors.keyring import framed
from toolgate.processors.loader import set_digest
from toolgate.processors.policy_store import PolicyStore, loader_of, records
from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import KID, MAC, event_headers
from toolgate.schemas.records import Control
from toolgate.streams.errors import ControlRefusedError, UnreachableError
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.steering import Steering
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.log.producer import cause
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import CONTROL, POLICIES, RetryError
from toolgate.streams.settings import client_producer_config
from toolgate.streams.topics import OUTPUT_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from confluent_kafka import KafkaError, Message

    from toolgate.processors.control_state import ControlState
    from toolgate.processors.keyring import Keyring
    from toolgate.processors.policy import PolicySet
    from toolgate.processors.policy_store import Files
    from toolgate.schemas.records import Reason
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

DELIVERY_S = 30.0
SHOWN_S = 10.0
_PAUSE_S = 0.05
_SOURCE = "/toolgate/operators"
_REFUSED = "see how things stand (toolgate policy history, toolgate mode), then say it anew"


@dataclass(frozen=True, slots=True)
class Said:
    """A control record as it stands on the topic. `refused` says why it changed nothing; "" for one that counts."""

    offset: int
    time_ms: int
    word: Control
    refused: str


class Signed(Protocol):
    """A signed message."""

    @property
    def signature(self) -> bytes:
        """Ed25519, 64 bytes."""


class Signer(Protocol):
    """A private key, or what somebody has signed with theirs before."""

    def sign(self, message: bytes) -> Signed:
        """The message with its signature."""


class _NoLedger:
    """Control that is only read moves nobody's position."""

    def apply_control(self, offset: int, before: int) -> int:  # noqa: ARG002 - the protocol's names
        """Nothing."""
        return 0


class Operating:
    """The control and policies topics of a prefix, for people. A context manager.

    Args:
        settings: where Kafka is and which prefix.
        keyring: the operators' public keys, as the gate has them.
        registry: where schema ids come from.
    """

    def __init__(self, settings: Settings, keyring: Keyring, registry: Registry) -> None:
        self._settings = settings
        self._codec = Codec(Control, registry)
        self._store = PolicyStore(loader_of(__version__))
        self._intake = Intake(None, keyring, registry, store=self._store)
        self._log = KafkaLog(settings, lambda _: None)
        self._steering = Steering(self._log, _NoLedger(), self._intake)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()

    def standing(self) -> ControlState:
        """What holds by everything that stands on the control topic now.

        Raises:
            RetryError: Kafka does not answer.
            UnavailableError: policies that an activation names cannot be read yet.
        """
        self._steering.follow()
        return self._steering.state

    def history(self) -> list[Said]:
        """Every control record that can be read, in order. Raises as `standing`."""
        self.standing()
        found = []
        for envelope in self._log.read(CONTROL):
            word = self._intake.read(envelope).record
            if isinstance(word, Control) and envelope.offset < self._steering.position:
                refused = self._steering.refused(envelope.offset)
                because = f"{refused.code}: {refused.because}" if refused else ""
                found.append(Said(envelope.offset, envelope.time_ms, word, because))
        return found

    def files(self, digest: str) -> Files | None:
        """The files of a policy set; None where it does not stand whole. Raises LogError: Kafka does not answer."""
        self._read_policies()
        return self._store.files(digest)

    def policies(self, digest: str) -> PolicySet | None:
        """A policy set; None where it does not stand whole. Raises as `files`, and LoadError: it does not load here."""
        return self._store.policies(digest) if self.files(digest) else None

    def publish(self, files: Mapping[str, bytes]) -> int:
        """Publish a policy set, unless it stands already; the offset of the policies topic below which it stands.

        Raises:
            UnreachableError: Kafka did not take all of it.
            LogError: Kafka does not answer.
        """
        name = set_digest(files)
        self._read_policies()
        below = self._store.whole_below(name)
        if below is None:
            last = self._write(POLICIES, [(key, value, ()) for key, value in records(files)])
            self._shown(POLICIES, last, self._read_policies)
            below = self._store.whole_below(name)
        if below is None:
            raise AssertionError("a set was published that does not stand whole")
        return below

    def say(self, word: Control, signers: Mapping[str, Signer]) -> int:
        """Sign a word, write it to control, and see what became of it; its offset.

        Args:
            word: as it will stand there; `issued_by` names the signers.
            signers: private keys by key id.

        Raises:
            ControlRefusedError: it changes nothing: the gate would refuse it, or has refused it because of another
                word that came in between.
            UnreachableError: Kafka did not take it.
            RetryError: Kafka does not answer, or does not show the record; it may count all the same.
        """
        envelope = self._signed(word, signers)
        self._check(envelope, word)
        if word.kind == ACTIVATE:
            self._read_policies()
            _refuse(self._intake.set_fault(word), self._settings.topic(CONTROL))
        key, value = envelope.key or b"", envelope.value or b""
        offset = self._write(CONTROL, [(key, value, envelope.headers)])
        self._shown(CONTROL, offset, self._read_control)
        _refuse(self._steering.refused(offset), f"{self._settings.topic(CONTROL)} at {offset}")
        return offset

    def check(self, word: Control, signers: Mapping[str, Signer]) -> None:
        """Whether a word may be said by these, as things stand; of an activation all but its set. Raises as `say`."""
        self._check(self._signed(word, signers), word)

    def _check(self, envelope: Envelope, word: Control) -> None:
        fault = self._intake.control_fault(envelope, word, self.standing())
        _refuse(fault, self._settings.topic(CONTROL))

    def message(self, word: Control) -> bytes:
        """What is signed of a word: whoever has all of its signatures may say it."""
        return framed(CONTROL, *self._record(word))

    def _record(self, word: Control) -> tuple[bytes, bytes]:
        return f"{word.scope}/{word.value}".encode(), self._codec.encode(word)

    def _signed(self, word: Control, signers: Mapping[str, Signer]) -> Envelope:
        """The record as the topic will have it, about now."""
        key, value = self._record(word)
        headers = [*event_headers("toolgate.control.v1", word.control_id, _SOURCE)]
        for place, (kid, pair) in enumerate(signers.items(), start=1):
            suffix = "" if place == 1 else f"-{place}"
            signature = pair.sign(framed(CONTROL, key, value)).signature
            headers += [(KID + suffix, kid.encode()), (MAC + suffix, signature)]
        return Envelope(CONTROL, 0, 0, time.time_ns() // 1_000_000, key, value, tuple(headers))

    def _read_control(self) -> int:
        self._steering.follow()
        return self._steering.position

    def _read_policies(self) -> int:
        for envelope in self._log.read(POLICIES, {0: self._store.end}):
            self._store.take(envelope)
        return self._store.end

    def _shown(self, topic: str, offset: int, read: Callable[[], int]) -> None:
        """Read until a record that was written shows: readers may be told of it a moment later."""
        deadline = time.monotonic() + SHOWN_S
        while read() <= offset:
            if time.monotonic() > deadline:
                raise RetryError(
                    f"{self._settings.topic(topic)} does not show offset {offset} in {SHOWN_S:.0f} s"
                )
            time.sleep(_PAUSE_S)

    def _write(self, topic: str, rows: Sequence[tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]]) -> int:
        """Write records to the one partition of a topic, and wait until all replicas have them; the last offset."""
        trouble = Trouble()
        config = client_producer_config(self._settings) | {"message.max.bytes": OUTPUT_BYTES_MAX}
        producer = Producer({**config, **trouble.settings()})
        offsets: list[int] = []
        refused: list[str] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                offsets.append(message.offset() or 0)
            else:
                refused.append(error.str())

        name = self._settings.topic(topic)
        try:
            for key, value, headers in rows:
                given: Any = list(headers)
                producer.produce(name, value, key, 0, headers=given, on_delivery=delivered)
            left = producer.flush(DELIVERY_S)
        except KafkaException as error:
            left, refused = 0, [cause(error).str()]
        if left or refused:
            why = refused[0] if refused else f"no answer in {DELIVERY_S:.0f} s"
            raise UnreachableError(
                f"Kafka did not take the record: {why}{trouble.because()}",
                where=f"{name} at {self._settings.bootstrap_servers}",
                remedy="see that Kafka runs and that this user may write the topic; then do it again",
            )
        return max(offsets)


def _refuse(fault: Reason | None, where: str) -> None:
    if fault is not None:
        raise ControlRefusedError(fault.because, where=where, remedy=_REFUSED)
