"""Beginnings: some of a record's first fields, without reading what comes behind them.

For what was written by the gate itself and is read by the million: the whole of a record takes three to eight times as
long. Nothing is said here of the rest of it, not even that it is there.
"""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from toolgate.schemas.binary import NESTED
from toolgate.schemas.bundle import schemas, subject_of
from toolgate.schemas.codec import HEADER_BYTES
from toolgate.schemas.frozen import names_of
from toolgate.schemas.reading import reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.codec import Codec

T = TypeVar("T")


class Beginnings(Generic[T]):
    """Reads the values of a record's topic as another, smaller class.

    Args:
        record_type: the record.
        kind: a frozen class of some of its fields, in their order and by their names; two or more.
        codec: reads a record whole, where its schema is an earlier one.
    """

    def __init__(self, record_type: type[Any], kind: type[T], codec: Codec[Any]) -> None:
        newest = schemas(subject_of(record_type).stem)[-1].runtime
        wanted, names = names_of(kind), [field["name"] for field in newest["fields"]]
        places = [names.index(name) for name in wanted]
        begins = {**newest, "fields": newest["fields"][: places[-1] + 1]}
        self._read = reader(begins, {**NESTED, newest["name"]: _made(kind, places)})
        self._header = b"\x00" + codec.schema_id.to_bytes(HEADER_BYTES - 1, "big")
        self._fields, self._kind, self._codec = attrgetter(*wanted), kind, codec

    def __call__(self, value: bytes | None) -> T:
        """The beginning of a value.

        Raises:
            DecodeError: it cannot be read.
        """
        if value is not None and value.startswith(self._header):
            try:
                found, end = self._read(value, HEADER_BYTES)
            except (ValueError, IndexError):
                pass  # decoding it whole says what is wrong with it
            else:
                if end <= len(value):
                    read: T = found
                    return read
        return self._kind(*self._fields(self._codec.decode(value)))


def _made(kind: type[T], places: list[int]) -> Callable[..., T]:
    if places == list(range(len(places))):
        return kind
    pick = itemgetter(*places)
    return lambda *values: kind(*pick(values))
