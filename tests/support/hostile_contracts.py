"""Hostile run contracts, each with what must become of it: part of the table in the reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gate_load import WORKFLOW
from hostile_intents import PARTITIONS, QUARANTINE, Signers, Written, signed, written
from hostile_words import sealed

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import RunContract

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nacl.signing import SigningKey
    from raw_produce import RawRecord

RECORDED, REFUSED = "RECORDED", "CONTRACT_REFUSED"
CONTRACTS = Codec(RunContract)


@dataclass(frozen=True, slots=True)
class Bond:
    """One kind of contract: in words, its verdict, its first code, the audit's note, and how to make it."""

    words: str
    verdict: str
    code: str
    note: str
    make: Callable[[Mapping[str, SigningKey], Signers, str], Written]


def bond(people: Mapping[str, SigningKey], kid: str, name: str, **fields: Any) -> RawRecord:
    """A contract of the run of this name, signed by one of these people."""
    values: dict[str, Any] = {
        "contract_id": f"c-{name}",
        "tenant": "default",
        "workflow_id": WORKFLOW,
        "run_id": f"run-{name}",
        "owner": "ann",
        "tools": ("look",),
        "values": {},
    }
    contract = RunContract(**values | fields)
    return sealed(people, "contracts", f"run-{name}".encode(), CONTRACTS.encode(contract), kid)


def _bond(**fields: Any) -> Callable[[Mapping[str, SigningKey], Signers, str], Written]:
    """Rightly signed, with these fields."""
    return lambda people, _, name: written(bond(people, "start-1", name, **fields))


def _spoilt(
    change: Callable[[RawRecord, Signers], RawRecord],
) -> Callable[[Mapping[str, SigningKey], Signers, str], Written]:
    """Changed after it was signed."""
    return lambda people, signers, name: written(change(bond(people, "start-1", name), signers))


def _astray(people: Mapping[str, SigningKey], _: Signers, name: str) -> Written:
    lies = written(bond(people, "start-1", name))
    return replace(lies, partition=(lies.partition + 1) % PARTITIONS)


BOND_ROWS: tuple[Bond, ...] = (
    Bond("random bytes", QUARANTINE, "BAD_MAGIC", "", _spoilt(lambda r, _: replace(r, value=b"\xff\xfe"))),
    Bond("tombstone", QUARANTINE, "TOMBSTONE", "", _spoilt(lambda r, _: replace(r, value=None))),
    Bond(
        "trailing bytes",
        QUARANTINE,
        "NOT_CANONICAL",
        "",
        _spoilt(lambda r, _: replace(r, value=(r.value or b"") + b"\x00")),
    ),
    Bond("not signed", RECORDED, "BAD_IDENTITY", "refused", _spoilt(lambda r, _: replace(r, headers=()))),
    Bond(
        "signed by the agents' own key",
        RECORDED,
        "BAD_IDENTITY",
        "refused",
        _spoilt(lambda r, signers: signed(signers.workflow, "contracts", r.key, r.value)),
    ),
    Bond(
        "signed by an operator who starts no runs",
        RECORDED,
        "BAD_IDENTITY",
        "refused",
        lambda people, _, name: written(bond(people, "ann-1", name)),
    ),
    Bond(
        "under the key of another run than it was signed for",
        RECORDED,
        "BAD_IDENTITY",
        "refused",
        _spoilt(lambda r, _: replace(r, key=b"run-of-somebody")),
    ),
    Bond("of another run than its key", RECORDED, REFUSED, "refused", _bond(run_id="run-of-somebody")),
    Bond("in another partition than its key's", RECORDED, REFUSED, "refused", _astray),
    Bond("for a workflow that nobody knows", RECORDED, REFUSED, "refused", _bond(workflow_id="nobody_v1")),
    Bond("without a tool", RECORDED, REFUSED, "refused", _bond(tools=())),
    Bond("with a tool that has a look-alike's name", RECORDED, REFUSED, "refused", _bond(tools=("lo\u043ek",))),
    Bond("with 10,000 tools", RECORDED, REFUSED, "refused", _bond(tools=tuple(f"t{n}" for n in range(10_000)))),
    Bond("with values that no rule looks at", RECORDED, REFUSED, "refused", _bond(values={"payees": ("x",)})),
    Bond("with a negative ceiling", RECORDED, REFUSED, "refused", _bond(max_cost_micros=-1)),
    Bond("with a deadline that has passed", RECORDED, REFUSED, "refused", _bond(deadline=1)),
    Bond("with an owner of 50,000 characters", RECORDED, REFUSED, "refused", _bond(owner="x" * 50_000)),
)  # fmt: skip
