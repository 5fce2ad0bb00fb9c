"""Poison for a live partition: signed rightly and written wrongly, or the other way round."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from corpus import entries
from hostile_intents import HEADER, ROWS, good, signed

from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.records import Intent
from toolgate.schemas.strict_json import JsonError, read_strict

if TYPE_CHECKING:
    from random import Random

    from hostile_intents import Signers
    from raw_produce import RawRecord

PARAMS_BYTES_MAX = 60_000  # in a record of at most 96 KiB, escaped
# What only a batch of our own making can say, and what is poison only in another place or under a budget.
_LEFT_OUT = frozenset(
    {
        "10,000 headers",
        "a header key that is not UTF-8",
        "wrong partition for its key",
        "cost of 2^53 - 1",
    }
)


def _values() -> list[bytes]:
    """Of the corpus, everything that is no intent."""
    found = []
    for entry in entries("avro.yaml"):
        try:
            Codec(Intent).decode(value := entry.content())
        except DecodeError:
            found.append(value)
    return found


def _parameters() -> list[str]:
    """Of the corpus, the parameters that are refused, as far as a record can carry them."""
    found = []
    for entry in entries("json.yaml"):
        data = entry.content()
        try:
            read_strict(data, max_bytes=PARAMS_BYTES_MAX)
        except JsonError:
            if len(data) <= PARAMS_BYTES_MAX:
                found.append(data)
    return [text for data in found if (text := data.decode("utf-8", "ignore")).encode() == data]


class Poison:
    """Makes one poisoned record after the other, each signed by somebody who may sign."""

    def __init__(self, signers: Signers, random: Random) -> None:
        self._signers, self._random = signers, random
        self._values, self._parameters = _values(), _parameters()
        made = ((row, row.make(signers, "tried")) for row in ROWS if row.words not in _LEFT_OUT)
        # Those of two records are wrong only behind their first one.
        self._rows = [row for row, written in made if len(written) == 1 and _plain(written[0].record)]

    def make(self, name: str) -> RawRecord:
        """The next one, of the run `run-<name>`; `name` is used by nothing else."""
        random = self._random
        match random.randrange(4):
            case 0:
                key = f"run-{name}".encode()
                return signed(self._signers.workflow, "intents", key, random.choice(self._values))
            case 1:
                return good(self._signers, name, params=random.choice(self._parameters)).record
            case 2:
                return random.choice(self._rows).make(self._signers, name)[0].record
        record = good(self._signers, name).record
        value = bytearray(record.value or b"")
        for _ in range(random.randint(1, 3)):  # three different bits at most: never what was signed
            at = random.randrange(len(HEADER), len(value))
            value[at] ^= 1 << random.randrange(8)
        changed = bytes(value) if bytes(value) != record.value else bytes(value[:-1])
        return replace(record, value=changed)


def _plain(record: RawRecord) -> bool:
    """Whether any client could write it: nothing in the batch lies."""
    lies = (record.key_length, record.value_length, record.header_count, record.offset_delta)
    return all(one is None for one in lies) and len(record.value or b"") <= 98_304
