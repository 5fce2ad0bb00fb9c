"""Random changes of valid intents, hundreds of them in one go through a live gate: nothing changed is approved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from hostile_intents import PARTITIONS, Written, good
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from hostile_ground import Ground, Place

pytestmark = pytest.mark.real

MANY = 120  # in one example


KINDS = ("none", "flip", "flip", "flip", "cut", "insert", "append", "value", "key", "header", "partition")


@dataclass(frozen=True)
class Mutation:
    """One change: where in the value (0 to 1), which bit of a byte or which of two headers, what is put there."""

    kind: str
    place: float
    bit: int
    junk: bytes

    def of(self, written: Written) -> Written:
        """A valid record with the change; a few change nothing."""
        record = written.record
        match self.kind:
            case "none":
                return written
            case "partition":
                return replace(written, partition=(written.partition + self.bit) % PARTITIONS)
            case "key":
                return replace(written, record=replace(record, key=self.junk if self.bit else None))
            case "header":
                headers = list(record.headers)
                name, value = headers[self.bit % 2]
                headers[self.bit % 2] = (name, self.junk) if self.bit < 4 else (self.junk, value)
                return replace(written, record=replace(record, headers=tuple(headers)))
            case _:
                return replace(written, record=replace(record, value=self._value(record.value or b"")))

    def _value(self, data: bytes) -> bytes:
        at = int(self.place * len(data))
        match self.kind:
            case "flip":
                return data[:at] + bytes([data[at] ^ 1 << self.bit]) + data[at + 1 :]
            case "cut":
                return data[:at]
            case "insert":
                return data[:at] + self.junk + data[at:]
            case "append":
                return data + self.junk
            case _:
                return self.junk


MUTATIONS = st.builds(
    Mutation,
    kind=st.sampled_from(KINDS),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    junk=st.binary(max_size=12),
)


@settings(
    max_examples=3,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(changes=st.lists(MUTATIONS, min_size=MANY, max_size=MANY))
def test_each_has_one_event_and_only_what_is_unchanged_is_approved(ground: Ground, changes):
    """Every input is audited once; an approval means that record and partition are as they were signed."""
    sent: list[tuple[Place, bool]] = []
    for change in changes:
        honest = good(ground.signers, ground.name())
        made = change.of(honest)
        sent.append((ground.write("intents", made), made == honest))
    seen = ground.seen()
    wrong = [
        (place, verdict, unchanged)
        for place, unchanged in sent
        if ((verdict := seen.event(place).verdict) == "APPROVE") != unchanged
    ]
    assert wrong == []
    assert all(seen.event(place).reasons for place, unchanged in sent if not unchanged)


def test_the_history_holds(ground: Ground):
    """Ledger and audit agree to the integer after all of it."""
    ground.site.rest()
    assert ground.holds() == []
