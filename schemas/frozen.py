"""Fixed values that cost nothing to make: slotted dataclasses that the type checker holds to be read-only.

`dataclass(frozen=True)` sets each field through `object.__setattr__`, which makes an object five times slower to
build. A decision builds some thirty of them; so what is made once for a decision is `frozen` here, and what is made
once for a process stays a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["changed", "frozen"]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """A dataclass with slots and a hash, whose fields only the type checker guards against assignment."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


if TYPE_CHECKING:
    from dataclasses import replace as changed
else:

    def changed(value: T, **changes: Any) -> T:
        """`dataclasses.replace` for fixed values, three times faster: a copy that differs in these fields."""
        kind = type(value)
        made = kind(*_values(kind)(value))
        for name, new in changes.items():
            setattr(made, name, new)
        return made

    @cache
    def _values(kind: type) -> Callable[[Any], tuple[Any, ...]]:
        return attrgetter(*(one.name for one in fields(kind)))
