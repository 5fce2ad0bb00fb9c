"""Beginnings: some of a record's first fields, without reading what comes behind them.

For what was written by the gate itself and is read by the million: the whole of a record takes three to eight times as
long. Nothing is said here of the rest of it, not even that it is there.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from toolgate.schemas.binary import NESTED
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
        kind: a frozen class of some of its fields, in their order and by their names; two or more, or the first alone.
        codec: the record's; reads it whole where its schema is an earlier one.
    """

    def __init__(self, kind: type[T], codec: Codec[Any]) -> None:
        newest = codec.newest.runtime
        names = [field["name"] for field in newest["fields"]]
        places = [names.index(name) for name in names_of(kind)]
        begins = {**newest, "fields": newest["fields"][: places[-1] + 1]}
        self._read = reader(begins, {**NESTED, newest["name"]: _made(kind, places)})
        self._kind, self._codec = kind, codec

    def __call__(self, value: bytes | None) -> T:
        """The beginning of a value.

        Raises:
            DecodeError: it cannot be read.
        """
        if value is not None and value.startswith(self._codec.header):
            try:
                found, end = self._read(value, HEADER_BYTES)
            except (ValueError, IndexError):
                pass  # decoding it whole says what is wrong with it
            else:
                if end <= len(value):
                    read: T = found
                    return read
        whole = self._codec.decode(value)
        return self._kind(*(getattr(whole, name) for name in names_of(self._kind)))


def _made(kind: type[T], places: list[int]) -> Callable[..., T]:
    if places == list(range(len(places))):
        return kind
    pick = itemgetter(*places)
    return lambda *values: kind(*pick(values))
