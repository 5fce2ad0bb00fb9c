"""Fixed values that cost nothing to make: slotted dataclasses that the type checker holds to be read-only.

`dataclass(frozen=True)` sets each field through `object.__setattr__`, which makes an object five times slower to
build. A decision builds some thirty of them; so what is made once for a decision is `frozen` here, and what is made
once for a process stays a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """A dataclass with slots and a hash, whose fields only the type checker guards against assignment."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
