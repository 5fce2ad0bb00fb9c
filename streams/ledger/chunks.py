"""Chunks: many values, some at a time."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


def chunks(
    values: Iterable[T], *, count: float = inf, size: float = inf, weight: Callable[[T], int] = lambda _: 0
) -> Iterator[list[T]]:
    """In their order, at most `count` at a time, and no more behind the one with which they weigh `size`."""
    chunk: list[T] = []
    weighs = 0
    for value in values:
        chunk.append(value)
        weighs += weight(value)
        if len(chunk) >= count or weighs >= size:
            yield chunk
            chunk, weighs = [], 0
    if chunk:
        yield chunk
