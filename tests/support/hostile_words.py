"""Hostile results and control records, each with what must become of it: the rest of the table in the reference."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hostile_intents import QUARANTINE, RESULTS, Signers, Written, signed
from raw_produce import RawRecord

from toolgate.processors.keyring import framed
from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Control, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nacl.signing import SigningKey

RECORDED = "RECORDED"
CONTROL = Codec(Control)
KEY = b"run"


@dataclass(frozen=True, slots=True)
class Approved:
    """A command that stands: its id, its run and its digest, and the partition of all that belongs to it."""

    command_id: str
    name: str
    digest: str
    partition: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One kind of result: in words, its verdict, its first code, the audit's note, and how to make it."""

    words: str
    verdict: str
    code: str
    note: str
    make: Callable[[Signers, Approved], list[Written]]


@dataclass(frozen=True, slots=True)
class Word:
    """One kind of control record: in words, its verdict, its first code, and how to make it."""

    words: str
    verdict: str
    code: str
    make: Callable[[Mapping[str, SigningKey]], RawRecord]


# --- results ----------------------------------------------------------------------------------------------


def _answer(approved: Approved, **fields: Any) -> tuple[bytes, bytes]:
    values: dict[str, Any] = {
        "command_id": approved.command_id,
        "intent_id": approved.name,
        "run_id": f"run-{approved.name}",
        "tool": "look",
        "digest": approved.digest,
        "status": "ok",
        "executor_id": "desk",
    }
    result = Result(**values | fields)
    return result.run_id.encode(), RESULTS.encode(result)


def _result(times: int = 1, **fields: Any) -> Callable[[Signers, Approved], list[Written]]:
    """A result with these fields, rightly signed, so many times."""

    def make(signers: Signers, approved: Approved) -> list[Written]:
        record = signed(signers.desk, "results", *_answer(approved, **fields))
        return [Written(record, approved.partition)] * times

    return make


def _changed(
    change: Callable[[Signers, RawRecord], RawRecord],
) -> Callable[[Signers, Approved], list[Written]]:
    """A result whose record was changed after it was signed."""

    def make(signers: Signers, approved: Approved) -> list[Written]:
        record = signed(signers.desk, "results", *_answer(approved))
        return [Written(change(signers, record), approved.partition)]

    return make


MOST = 2**53 - 1
RESULT_ROWS: tuple[Answer, ...] = (
    Answer("random bytes", QUARANTINE, "BAD_MAGIC", "", _changed(lambda _, r: replace(r, value=b"\xff\xfe"))),
    Answer("tombstone", QUARANTINE, "TOMBSTONE", "", _changed(lambda _, r: replace(r, value=None))),
    Answer(
        "trailing bytes",
        QUARANTINE,
        "NOT_CANONICAL",
        "",
        _changed(lambda _, r: replace(r, value=(r.value or b"") + b"\x00")),
    ),
    Answer(
        "value length -2 in the batch",
        QUARANTINE,
        "UNDELIVERABLE",
        "",
        _changed(lambda _, r: replace(r, value_length=-2)),
    ),
    Answer(
        "a record that says it stands 1,000 places further on",
        QUARANTINE,
        "UNDELIVERABLE",
        "",
        _changed(lambda _, r: replace(r, offset_delta=1000)),
    ),
    Answer("not signed", RECORDED, "BAD_IDENTITY", "refused", _changed(lambda _, r: replace(r, headers=()))),
    Answer(
        "signed by a workflow's key",
        RECORDED,
        "BAD_IDENTITY",
        "refused",
        _changed(lambda signers, r: signed(signers.workflow, "results", r.key, r.value)),
    ),
    Answer(
        "in another executor's name", RECORDED, "BAD_IDENTITY", "refused", _result(executor_id="somebody")
    ),
    Answer("negative cost", RECORDED, "COST_INVALID", "refused", _result(actual_cost_micros=-1)),
    Answer("cost above 2^53 - 1", RECORDED, "COST_INVALID", "refused", _result(actual_cost_micros=2**53)),
    Answer("cost of 2^53 - 1", RECORDED, "", "settled", _result(actual_cost_micros=MOST)),
    Answer("cost of 2^53 - 1 for another command", RECORDED, "", "settled", _result(actual_cost_micros=MOST)),
    Answer(
        "16,000 records",
        RECORDED,
        "",
        "settled",
        _result(actual_records=tuple(str(n) for n in range(16_000))),
    ),
    Answer("of a command that never was", RECORDED, "", "unknown", _result(command_id="0-999999999")),
    Answer("with another digest than the command's", RECORDED, "", "mismatch", _result(digest="0" * 32)),
    Answer("of another tool than the command's", RECORDED, "", "mismatch", _result(tool="pay")),
    Answer("a second end", RECORDED, "", "ended", _result(2)),
    Answer("a body that is no JSON", RECORDED, "", "settled", _result(body="{" * 50_000)),
)

# --- control ----------------------------------------------------------------------------------------------


def _word(*signers: str, **fields: Any) -> Callable[[Mapping[str, SigningKey]], RawRecord]:
    """A kill of everything with these fields, signed by these people."""

    def make(people: Mapping[str, SigningKey]) -> RawRecord:
        values: dict[str, Any] = {
            "control_id": "hostile",
            "kind": "kill",
            "scope": "all",
            "value": "",
            "reason": "hostile",
            "issued_by": signers,
        }
        return spoken(people, Control(**values | fields), *signers)

    return make


def spoken(people: Mapping[str, SigningKey], control: Control, *signers: str) -> RawRecord:
    """A control record with the signatures of these people."""
    return sealed(people, "control", KEY, CONTROL.encode(control), *signers)


def sealed(
    people: Mapping[str, SigningKey], topic: str, key: bytes, value: bytes, *signers: str
) -> RawRecord:
    """A record of this topic with the signatures of these people."""
    headers: list[tuple[bytes, bytes | None]] = []
    for place, kid in enumerate(signers, start=1):
        suffix = b"" if place == 1 else b"-%d" % place
        signature = people[kid].sign(framed(topic, key, value)).signature
        headers += [(KID.encode() + suffix, kid.encode()), (MAC.encode() + suffix, signature)]
    return RawRecord(value, key, tuple(headers))


def _activation(*signers: str, **fields: Any) -> Callable[[Mapping[str, SigningKey]], RawRecord]:
    """An activation of a set, signed by these people."""
    usual = {"kind": "activate", "policy_digest": "5e" * 16, "version": 1, "checked_by": "0"}
    return _word(*signers, **usual | fields)


def _grant(
    *signers: str, life_ms: int = 60_000, **fields: Any
) -> Callable[[Mapping[str, SigningKey]], RawRecord]:
    """A grant of every tool to a workflow, signed by these people, that ends so long after it is written."""

    def make(people: Mapping[str, SigningKey]) -> RawRecord:
        until = time.time_ns() // 1_000_000 + life_ms
        usual = {
            "kind": "grant",
            "scope": "workflow",
            "value": "w",
            "version": 1,
            "expires_at": until,
            "tools": ("*",),
        }
        return _word(*signers, **usual | fields)(people)

    return make


def _spoilt(change: Callable[[RawRecord], RawRecord]) -> Callable[[Mapping[str, SigningKey]], RawRecord]:
    """A kill of everything that an operator has signed, changed afterwards."""
    return lambda people: change(_word("ann-1")(people))


CONTROL_ROWS: tuple[Word, ...] = (
    Word("random bytes", QUARANTINE, "BAD_MAGIC", _spoilt(lambda r: replace(r, value=b"\xff\xfe"))),
    Word("tombstone", QUARANTINE, "TOMBSTONE", _spoilt(lambda r: replace(r, value=None))),
    Word(
        "truncated body",
        QUARANTINE,
        "MALFORMED",
        _spoilt(lambda r: replace(r, value=(r.value or b"")[:-5])),
    ),
    Word(
        "a header key that is not UTF-8",
        QUARANTINE,
        "UNDELIVERABLE",
        _spoilt(lambda r: replace(r, headers=(*r.headers, (b"\xff", b"")))),
    ),
    Word(
        "10,000 headers",
        QUARANTINE,
        "UNDELIVERABLE",
        _spoilt(lambda r: replace(r, headers=(*r.headers, *[(b"h", b"")] * 10_000))),
    ),
    Word(
        "value length -2 in the batch",
        QUARANTINE,
        "UNDELIVERABLE",
        _spoilt(lambda r: replace(r, value_length=-2)),
    ),
    Word("not signed", RECORDED, "BAD_IDENTITY", _spoilt(lambda r: replace(r, headers=()))),
    Word(
        "a signature of five bytes",
        RECORDED,
        "BAD_IDENTITY",
        _spoilt(lambda r: replace(r, headers=(r.headers[0], (r.headers[1][0], b"short")))),
    ),
    Word("moved to another key", RECORDED, "BAD_IDENTITY", _spoilt(lambda r: replace(r, key=b"other"))),
    Word("in another's name", RECORDED, "BAD_IDENTITY", _word("ann-1", issued_by=("bob-1",))),
    Word("a lift by one operator", RECORDED, "BAD_IDENTITY", _word("ann-1", kind="lift")),
    Word(
        "a lift that one operator signed twice",
        RECORDED,
        "BAD_IDENTITY",
        _word("ann-1", "ann-1", kind="lift"),
    ),
    Word("a lift by the watch", RECORDED, "BAD_IDENTITY", _word("watch-1", kind="lift")),
    Word("a kill by the watch", RECORDED, "BAD_IDENTITY", _word("watch-1")),
    Word(
        "the end of a grant by the watch",
        RECORDED,
        "BAD_IDENTITY",
        _grant("watch-1", tools=(), expires_at=None),
    ),
    Word("a grant by the watch", RECORDED, "BAD_IDENTITY", _grant("watch-1")),
    Word(
        "a kind that nothing acts on, by the watch", RECORDED, "BAD_IDENTITY", _word("watch-1", kind="alert")
    ),
    Word("a kill of everything that names a run", RECORDED, "BAD_IDENTITY", _word("ann-1", value="run-1")),
    Word("a kill of a run that it does not name", RECORDED, "BAD_IDENTITY", _word("ann-1", scope="run")),
    Word(
        "a kind that this version does not act on",
        RECORDED,
        "CANNOT_JUDGE",
        _word("ann-1", "bob-1", kind="demote"),
    ),
    Word("a grant by one operator", RECORDED, "BAD_IDENTITY", _grant("ann-1")),
    Word("a grant that one operator signed twice", RECORDED, "BAD_IDENTITY", _grant("ann-1", "ann-1")),
    Word(
        "a grant that names two and is signed by one",
        RECORDED,
        "BAD_IDENTITY",
        _grant("ann-1", issued_by=("ann-1", "bob-1")),
    ),
    Word("a grant by an operator and the watch", RECORDED, "BAD_IDENTITY", _grant("ann-1", "watch-1")),
    Word("a grant without a reason", RECORDED, "BAD_IDENTITY", _grant("ann-1", "bob-1", reason=" ")),
    Word("a grant of no tools", RECORDED, "BAD_IDENTITY", _grant("ann-1", "bob-1", tools=())),
    Word("a grant for everything", RECORDED, "BAD_IDENTITY", _grant("ann-1", "bob-1", scope="all", value="")),
    Word("a grant without an end", RECORDED, "BAD_IDENTITY", _grant("ann-1", "bob-1", expires_at=None)),
    Word("a grant for five hours", RECORDED, "BAD_IDENTITY", _grant("ann-1", "bob-1", life_ms=18_000_000)),
    Word("a grant that has ended", RECORDED, "BAD_IDENTITY", _grant("ann-1", "bob-1", life_ms=-1)),
    Word("a grant that skips a version", RECORDED, "CONTROL_REFUSED", _grant("ann-1", "bob-1", version=2)),
    Word("a grant that is older than any", RECORDED, "CONTROL_REFUSED", _grant("ann-1", "bob-1", version=0)),
    Word("an activation by operators", RECORDED, "BAD_IDENTITY", _activation("ann-1", "bob-1")),
    Word("an activation by the watch", RECORDED, "BAD_IDENTITY", _activation("watch-1")),
    Word(
        "an activation that nobody signed, of policies far ahead",
        RECORDED,
        "BAD_IDENTITY",
        _activation(policies_end=2**60),
    ),
    Word("an activation of no digest", RECORDED, "BAD_IDENTITY", _activation("pub-1", policy_digest="../..")),
    Word(
        "an activation for one tenant", RECORDED, "BAD_IDENTITY", _activation("pub-1", scope="run", value="r")
    ),
    Word("an activation of a set that is not there", RECORDED, "CONTROL_REFUSED", _activation("pub-1")),
    Word(
        "an activation that skips a version", RECORDED, "CONTROL_REFUSED", _activation("pub-1", version=2**60)
    ),
    Word(
        "a mode that the watch loosens",
        RECORDED,
        "BAD_IDENTITY",
        _word("watch-1", kind="mode", mode="enforce"),
    ),
    Word(
        "a canary of no run",
        RECORDED,
        "BAD_IDENTITY",
        _word("ann-1", kind="mode", mode="canary:0%"),
    ),
    Word("a mode that there is not", RECORDED, "BAD_IDENTITY", _word("ann-1", kind="mode", mode="ENFORCE")),
    Word(
        "a mode for a run",
        RECORDED,
        "BAD_IDENTITY",
        _word("ann-1", kind="mode", mode="read_only", scope="run", value="r"),
    ),
    Word(
        "a mode taken back that follows on nothing",
        RECORDED,
        "CONTROL_REFUSED",
        _word("ann-1", kind="mode", mode="enforce"),
    ),
)
