"""Fixed values that cost nothing to make: structs, whose constructor, comparison and copy are C.

A decision makes some fifty of them. A frozen dataclass sets each field through `object.__setattr__`, a plain one in
an interpreted `__init__`; a struct takes a third of the latter's time, its copy with changes a ninth. And the garbage
collector need not look at structs: a value that never changes after it was made of older ones is in no cycle.
What is made once for a process stays a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import field
from inspect import Parameter, Signature
from types import new_class
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import msgspec

__all__ = ["changed", "frozen", "names_of"]

T = TypeVar("T")


class _Kind(msgspec.StructMeta):
    """msgspec's own signature evaluates annotations, and fails where only the type checker imports their names."""

    @property
    def __signature__(cls) -> Signature:  # noqa: N805 - the instances of a metaclass are classes
        names = names_of(cls)
        required = len(names) - len(cls.__struct_defaults__)
        defaults = (Parameter.empty,) * required + cls.__struct_defaults__
        return Signature(
            [
                Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=hint)
                for name, default, hint in zip(
                    names, defaults, map(cls.__annotations__.get, names), strict=True
                )
            ]
        )


class _Fixed(msgspec.Struct, frozen=True, gc=False, metaclass=_Kind):
    """What `frozen` makes of a class."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """The class as a struct: slots, a hash, and fields that cannot be assigned to."""
    body = {name: value for name, value in vars(cls).items() if name not in {"__dict__", "__weakref__"}}
    made: type[T] = new_class(cls.__name__, (_Fixed,), exec_body=lambda namespace: namespace.update(body))
    return made


def names_of(kind: type) -> tuple[str, ...]:
    """The names of a frozen class's fields, in order."""
    names: tuple[str, ...] = kind.__struct_fields__  # type: ignore[attr-defined]
    return names


if TYPE_CHECKING:
    from dataclasses import replace as changed
else:

    def changed(value: T, /, **changes: Any) -> T:
        """A copy of a frozen value that differs in these fields, whatever they are called."""
        return msgspec.structs.replace(value, **changes)
