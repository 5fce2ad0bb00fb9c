"""A worker: the loop of the gate on the real parts, in this process, until it is told to stop.

The one place where the adapters meet. Files are read and both stores are checked before the group is joined:
what would break a promise stops the worker at once, by name, and not in the middle of a batch.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import secrets
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

import structlog

from toolgate import __version__
from toolgate.processors import loader
from toolgate.processors.keyring import Keyring
from toolgate.processors.policy_store import PolicyStore, loader_of
from toolgate.streams import redis_check, schema_ids, topic_admin
from toolgate.streams.errors import (
    ClockAheadError,
    LostRecordsError,
    OtherLedgerCodeError,
    SettingsError,
    SlotInUseError,
)
from toolgate.streams.gate import keys
from toolgate.streams.gate.careful import CarefulIntake, Marker
from toolgate.streams.gate.ends import Ends
from toolgate.streams.gate.health import Endpoint, Health
from toolgate.streams.gate.loop import ClockError, Fixed, Gate, OtherCodeError
from toolgate.streams.gate.metrics import Metrics
from toolgate.streams.gate.points import PAUSE
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.gate.status import Status
from toolgate.streams.gate.unbelieved import Unbelieved
from toolgate.streams.ledger.redis import RedisLedger, connect
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.ports import INPUTS, LogError, UnavailableError
from toolgate.streams.settings import not_set
from toolgate.streams.topics import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.registry import Registry
    from toolgate.streams.gate.items import Item
    from toolgate.streams.ports import Decision, OnRevoke, TopicPartition
    from toolgate.streams.settings import Settings

OPEN = "open"  # the loop's point before it joins the group
PAUSE_S = 0.05
WATCH_S = 5.0
GC_OBJECTS = 100_000
HUNG = 70  # exit code: a fault of ours, to be started again
NONCE_BYTES = 8
_log = structlog.get_logger("toolgate.gate")


@dataclass(frozen=True, slots=True)
class Started:
    """What a worker tells once it has begun to join."""

    slot: int
    health_url: str
    policy_digest: str
    workflows: int
    tools: int
    code: str  # digest of the ledger's scripts


def run(
    settings: Settings, *, take_over_code: bool = False, announce: Callable[[Started], None] = lambda _: None
) -> None:
    """Run the worker of `settings.slot` until SIGTERM or SIGINT; a second signal ends the process at once.

    Returns when the batch at hand is committed and the partitions are released.

    Raises:
        LoadError: policy, catalogue or keyring files are faulty.
        RefusedError, UnreachableError: Redis or the topics are not as they must be.
        OtherLedgerCodeError, ClockAheadError, LostRecordsError, SlotInUseError: only a person can help.
    """
    policies, keyring = files(settings)
    ledger = RedisLedger(settings.ledger_url, settings.prefix, timeout_s=settings.redis_timeout_s)
    with connect(settings.ledger_url, settings.redis_timeout_s) as client:
        redis_check.check(client, settings.ledger_address)
        topic_admin.check(topic_admin.connect(settings), settings)
        marker = Marker(client, settings.hash_tag, settings.slot, _nonce())
        registry = schema_ids.registry(settings)
        store = PolicyStore(loader_of(__version__))
        intake = CarefulIntake(policies, keyring, registry, marker, settings.partitions, store)
        publisher = Publisher(__version__, registry)
        # All that a faulty setting can stop is done before the mark: it tells of workers that may have read.
        worker = _Worker(settings, ledger, intake, publisher, registry, marker, take_over_code, policies)
        try:
            if marker.begin():
                _log.warning(
                    "the worker before did not end in order, or still runs: careful with the next records",
                    slot=settings.slot,
                )
                intake.careful_with(settings.batch_size)
            with stop_signals(worker.stop):
                announce(worker.started)
                worker.run()
        finally:
            worker.close()
            ledger.close()
        marker.end()


def files(settings: Settings) -> tuple[PolicySet | None, Keyring]:
    """The policies and keys that the settings name; no policies where they name none: control activates some.

    Raises:
        SettingsError: the keys are not named.
        LoadError: a file is faulty.
    """
    policies = loader.load(settings.policies_dir) if settings.policies_dir is not None else None
    if settings.insecure_dev:
        return policies, Keyring.insecure()
    if settings.keys_file is None:
        raise SettingsError(
            f"settings: {not_set('keys_file')}",
            where="arguments and environment",
            remedy="set it to the keyring; `toolgate keys new` begins one",
        )
    return policies, keys.load(settings.keys_file)


@contextmanager
def stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGTERM or SIGINT calls `stop`; the next one ends the process, which every step survives."""

    def told(_number: int, _frame: FrameType | None) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        stop()

    before = {name: signal.signal(name, told) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


class _Worker:
    """The loop with those who watch it."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of one worker
        self,
        settings: Settings,
        ledger: RedisLedger,
        intake: CarefulIntake,
        publisher: Publisher,
        registry: Registry,
        marker: Marker,
        take_over_code: bool,  # noqa: FBT001
        local: PolicySet | None,
    ) -> None:
        self._settings = settings
        self._marker = marker
        self._ended = Event()
        self._status = Status(settings.slot, time.monotonic)
        self._metrics = Metrics()
        self._unbelieved = Unbelieved(time.monotonic)
        self._log: KafkaLog | None = None
        inputs = tuple(
            (name, p) for name in INPUTS for p in range(BY_NAME[name].partitions(settings.partitions))
        )
        fixed = Fixed(
            slot=settings.slot,
            slots=settings.partitions,
            inputs=inputs,
            batch_size=settings.batch_size,
            clock_lead_ms_max=settings.clock_lead_ms_max,
            take_over_code=take_over_code,
        )
        self._gate = Gate(fixed, self._make_log, ledger, intake, publisher, self, _now_ms, _nonce, registry)
        about = {
            "version": __version__,
            "prefix": settings.prefix,
            "kafka": settings.bootstrap_servers,
            "redis": settings.ledger_address,
            "code": ledger.code,
            "insecure_dev": settings.insecure_dev,
        }
        self._about = {"version": __version__, "code": ledger.code}
        self._metrics.about.info(self._about | {"policy_digest": ""})
        health = Health(self._status, self._metrics, about, self._positions, Ends(settings).of)
        self._endpoint = Endpoint(health, settings.metrics_host, settings.metrics_port)
        self.started = Started(
            settings.slot,
            self._endpoint.url,
            local.digest if local else "",
            len(local.workflows) if local else 0,
            len(local.tools) if local else 0,
            ledger.code,
        )

    def run(self) -> None:
        """Until `stop`."""
        Thread(target=self._watch, name="watchdog", daemon=True).start()
        crash = crash_point(os.environ)
        # A batch makes tens of thousands of objects and no cycles: looking for some every 700 objects costs a fifth.
        gc.freeze()
        gc.set_threshold(GC_OBJECTS)
        try:
            for point in self._gate.run():
                self._status.passed()
                self._metrics.passed(point, time.monotonic())
                crash(point)
                if point == OPEN:
                    self._check_slot()
                elif point == PAUSE:
                    time.sleep(PAUSE_S)
        except OtherCodeError as error:
            raise OtherLedgerCodeError(
                str(error),
                where=self._settings.ledger_address,
                remedy="run the version that the ledger runs, or start one worker of this version with "
                "--take-over-code: it rebuilds the ledger, and workers of the other version end",
            ) from error
        except ClockError as error:
            raise ClockAheadError(
                str(error),
                where=self._settings.bootstrap_servers,
                remedy="set the clocks of brokers and gate right; a record is decided once its time has come",
            ) from error
        except LogError as error:  # what joining again can mend, the loop has tried
            raise LostRecordsError(
                str(error),
                where=self._settings.bootstrap_servers,
                remedy="restore the topic; nothing is decided before, since what was lost cannot be told",
            ) from error
        self.state("stopped", "")

    def _watch(self) -> None:
        """End the process when the loop hangs: started again, it is fenced off from what it had begun."""
        while not self._ended.wait(WATCH_S):
            if not self._status.alive:
                _log.critical("the loop hangs: ending the process", slot=self._settings.slot)
                faulthandler.dump_traceback()
                os._exit(HUNG)

    def _check_slot(self) -> None:
        """Before joining: whoever has started under our slot since has fenced us, and we would fence it."""
        try:
            mine = self._marker.mine()
        except UnavailableError:  # the loop is about to ask Redis itself, and knows what to do then
            return
        if not mine:
            slot = self._settings.slot
            raise SlotInUseError(
                f"another process was started for slot {slot}: it has fenced this one",
                where=f"group {self._settings.group_id}",
                remedy="run one worker for each slot: give one of the two another --slot",
            )

    def stop(self) -> None:
        """Let the loop end after what it is at."""
        self._gate.stopping = True

    def close(self) -> None:
        """Stop watching and listening."""
        self._ended.set()
        self._endpoint.close()

    def _make_log(self, on_revoke: OnRevoke) -> KafkaLog:
        self._log = KafkaLog(self._settings, on_revoke)
        return self._log

    def _positions(self) -> Mapping[TopicPartition, int]:
        return self._log.positions if self._log else {}

    # --- the loop's report --------------------------------------------------------------------------------

    def batch(
        self, decided: Sequence[tuple[Item, Decision]], committed: Mapping[TopicPartition, int]
    ) -> None:
        """A batch was committed."""
        self._status.batch(decided, committed)
        self._metrics.batch(decided)
        self._unbelieved.batch(item for item, _ in decided)

    def joined(self, partitions: frozenset[TopicPartition], gen: str) -> None:
        """These topic-partitions are owned now."""
        self._status.joined(partitions, gen)
        self._metrics.joined(partitions, gen)
        owned = [f"{topic}[{p}]" for topic, p in sorted(partitions)]
        _log.info("partitions taken", slot=self._settings.slot, generation=gen, partitions=owned)

    def policies(self, policies: PolicySet) -> None:
        """These are in force."""
        self._status.policy_digest = policies.digest
        self._metrics.about.info(self._about | {"policy_digest": policies.digest})
        _log.info("policies in force", slot=self._settings.slot, policy_digest=policies.digest)

    def state(self, name: str, detail: str) -> None:
        """What the loop is at."""
        if name != self._status.name:
            _log.info("state", slot=self._settings.slot, state=name, detail=detail)
        self._status.state(name, detail)
        self._metrics.state(name, detail)


def crash_point(environment: Mapping[str, str]) -> Callable[[str], None]:
    """For crash tests alone: TOOLGATE_CRASH_AT="decide:3" ends the process by SIGKILL at its third "decide".

    Does nothing unless TOOLGATE_TEST_HOOKS=1.
    """
    wanted, _, nth = environment.get("TOOLGATE_CRASH_AT", "").partition(":")
    if environment.get("TOOLGATE_TEST_HOOKS") != "1" or not wanted:
        return lambda _: None
    left = int(nth or 1)

    def crash(point: str) -> None:
        nonlocal left
        left -= point == wanted
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _nonce() -> str:
    return secrets.token_hex(NONCE_BYTES)
