"""Steering: control as one worker reads it, and the policies that it needs for that."""

from __future__ import annotations

from typing import Any

import pytest
import universe_policies

from toolgate.processors.keyring import Keyring
from toolgate.processors.loader import from_files, set_digest
from toolgate.processors.policy_store import PolicyStore, records
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Control
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.steering import Steering
from toolgate.streams.log.memory import Broker, MemoryLog
from toolgate.streams.ports import Output, UnavailableError

LOCAL = from_files(universe_policies.FILES)
OTHER = {**universe_policies.FILES, "policies/w.yaml": universe_policies.POLICY + b"  denied_tools: [look]\n"}
NAME = set_digest(OTHER)


class Ledger:
    """Notes the control records that are applied to it."""

    def __init__(self) -> None:
        self.applied: list[tuple[int, int]] = []

    def apply_control(self, offset: int, before: int) -> int:
        """Note one."""
        self.applied.append((offset, before))
        return 0


class Site:
    """A broker with control and policies, and workers that steer by it."""

    def __init__(self) -> None:
        self.broker = Broker(1, (), ("control", "policies"))
        self.ledger = Ledger()

    def worker(self, keys: Keyring | None = None) -> Steering:
        """A new one."""
        intake = Intake(LOCAL, keys or Keyring.insecure(), store=PolicyStore("1"))
        ledger: Any = self.ledger
        return Steering(MemoryLog(self.broker, lambda _: None), ledger, intake)

    def publish(self, count: int = 3) -> None:
        """So many records of the other set."""
        for key, value in list(records(OTHER))[:count]:
            self.broker.append(Output("policies", 0, key, value))

    def activate(self, end: int, version: int = 1) -> None:
        """The other set."""
        word = Control("c", "activate", "all", "", "", (), NAME, "", version, end, checked_by="1")
        self.broker.append(Output("control", 0, b"k", Codec(Control).encode(word)))


def test_an_activation_is_in_force_from_its_position_on():
    """What was decided before it is still judged as it was."""
    site = Site()
    site.publish()
    site.activate(3)
    worker = site.worker()
    assert worker.follow()
    assert (worker.position, worker.state.policy.digest) == (1, NAME)
    assert worker.state_at(0).policy.digest == ""
    assert worker.refused(0) is None


def test_an_activation_waits_for_the_policies_that_it_names():
    """Until the topic shows them nothing is applied: nobody decides under a set that he does not have."""
    site = Site()
    site.publish(2)
    site.activate(3)
    worker = site.worker()
    with pytest.raises(UnavailableError, match="policies are read up to 2, not 3"):
        worker.follow()
    assert (site.ledger.applied, worker.position) == ([], 0)
    site.broker.append(Output("policies", 0, *list(records(OTHER))[2]))
    assert worker.follow()
    assert (site.ledger.applied, worker.state.policy.digest) == ([(0, 0)], NAME)


def test_a_set_that_was_not_there_in_time_is_refused_by_all_and_for_ever():
    """Whoever reads control later, when the set is there, comes to the same."""
    site = Site()
    site.publish(2)
    site.activate(2)
    early = site.worker()
    early.follow()
    site.publish()
    late = site.worker()
    late.follow()
    for worker in (early, late):
        refused = worker.refused(0)
        assert refused is not None
        assert (refused.code, worker.state.policy.digest, worker.position) == ("CONTROL_REFUSED", "", 1)
    site.activate(5)
    assert early.follow()
    assert early.state.policy.digest == NAME


def test_nobody_waits_for_an_activation_that_nobody_signed():
    """Whoever may write the topic could stop the gate with it."""
    site = Site()
    site.activate(1_000_000)
    worker = site.worker(Keyring.of([]))
    assert worker.follow()
    refused = worker.refused(0)
    assert refused is not None
    assert (refused.code, worker.position) == ("BAD_IDENTITY", 1)


def test_an_activation_that_is_copied_to_the_topic_changes_nothing():
    """Its version has passed, and the position moves as for every record."""
    site = Site()
    site.publish()
    site.activate(3)
    site.activate(3)
    worker = site.worker()
    worker.follow()
    assert worker.refused(0) is None
    assert worker.refused(1) is not None
    assert (worker.position, worker.state.policy.version) == (2, 1)
