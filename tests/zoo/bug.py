"""What an entry of the zoo is: a patch that takes one rule away, and what must notice."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

    Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class InHistories:
    """Random histories of a world show it.

    Attributes:
        rates: what happens more often than usual, so that it shows itself sooner.
        world: which of `worlds.WORLDS`.
        first: the seed that is looked at first, one that has shown it: rare ones need not be looked for each time.
    """

    rates: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    world: str = "plain"
    first: int = 0


@dataclass(frozen=True, slots=True)
class InTests:
    """One of these tests fails: node ids from the root of the repository."""

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bug:
    """A deliberate bug. Its patch's name is its name, its patch's docstring says what it is."""

    patch: Patch
    caught_by: InHistories | InTests

    @property
    def name(self) -> str:
        """Its name, as `make zoo BUG=name` takes it."""
        return self.patch.__name__

    @property
    def what(self) -> str:
        """What it is, in a sentence."""
        return (self.patch.__doc__ or "").strip().partition("\n")[0]


def in_histories(*patches: Patch, world: str = "plain", first: int = 0, **rates: float) -> tuple[Bug, ...]:
    """Bugs that histories show; arguments as of `InHistories`."""
    return tuple(Bug(patch, InHistories(MappingProxyType(rates), world, first)) for patch in patches)


def in_tests(patch: Patch, *nodes: str) -> Bug:
    """A bug that tests notice; `nodes` without the `tests/` that all of them begin with."""
    return Bug(patch, InTests(tuple(f"tests/{node}" for node in nodes)))
