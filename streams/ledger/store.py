"""The store behind memory ledgers, as one Redis is behind several workers: what lies in it, and how it comes back.

It keeps Redis's habits that the protocol relies on: scripts known by their text's digest and lost at a restart
(`restart`), and a state that can come back older than the log (`copy`).
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.streams.ledger.accounts import Accounts, Give
from toolgate.streams.ports import NOBODY, Decision, TopicPartition

if TYPE_CHECKING:
    from toolgate.schemas.records import Visible


@dataclass(slots=True)
class Mark:
    """What the ledger knows of one input topic-partition."""

    epoch: int = 0
    next: int | None = None  # nx; None until a recovery has set it
    slot: int = NOBODY
    decided: dict[int, Decision] = field(default_factory=dict)  # led
    gives: dict[int, list[Give]] = field(default_factory=dict)


@dataclass(slots=True)
class Pending:
    """Gives that became available, until a decision that says so is itself committed."""

    visible: Visible
    carrier: int = 0  # smallest seq that carries it; 0 for none yet


@dataclass(slots=True)
class Image:
    """Everything that lies in the store."""

    gen: str = ""
    rec: str = ""
    beat: int = 0
    code: str = ""
    seq: int = 0
    clk: int = 0
    ctl: int = 0
    accounts: Accounts = field(default_factory=Accounts)
    seen: dict[int, dict[str, tuple[str, int]]] = field(
        default_factory=dict
    )  # dd: bucket -> id -> (digest, seq)
    marks: dict[TopicPartition, Mark] = field(default_factory=dict)
    after: dict[int, int] = field(default_factory=dict)  # ca
    pending: list[Pending] = field(default_factory=list)


class Store:
    """The shared store behind several ledgers, as one Redis is behind several workers."""

    def __init__(self) -> None:
        self.image = Image()
        self.scripts: set[tuple[str, str]] = set()  # (nonce, code) of every script text it has been given

    def copy(self) -> bytes:
        """The data as of now, as a file has it: a backup."""
        return pickle.dumps(self.image, pickle.HIGHEST_PROTOCOL)

    def waiting(self) -> bool:
        """Whether decisions are stored that no committed offset has passed, or nothing is verified."""
        return not self.image.gen or any(mark.decided for mark in self.image.marks.values())

    def restart(self, backup: bytes | None = None) -> None:
        """Restart with the data, or with a backup of it; either way the script cache is gone."""
        if backup is not None:
            self.image = pickle.loads(backup)  # noqa: S301 - made by `copy`
        self.scripts = set()
