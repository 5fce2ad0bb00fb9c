"""Sessions: who is signed in, with their key, in the server's memory alone. They end when nothing is done with them."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.console.people import Person

IDLE_S = 15 * 60
LONGEST_S = 8 * 3_600
OPEN_MAX = 200
EACH_MAX = 8  # of one person: nobody signs others out by signing in often
NOTICES_MAX = 5


@dataclass(frozen=True, slots=True)
class Notice:
    """What came of something that the person has done; shown once. `kind`: done or refused."""

    kind: str
    text: str


@dataclass(slots=True)
class Session:
    """One sign-in."""

    id: str = field(repr=False)
    person: Person
    begun_s: float
    used_s: float
    notices: list[Notice] = field(default_factory=list)
    streams: int = 0  # event streams that are open

    def tell(self, kind: str, text: str) -> None:
        """Leave a notice for the next page."""
        self.notices = [*self.notices, Notice(kind, text)][-NOTICES_MAX:]

    def told(self) -> list[Notice]:
        """The notices, which are gone with that."""
        found, self.notices = self.notices, []
        return found


class Sessions:
    """The open sessions. For one thread at a time, as the event loop is.

    Args:
        clock: seconds that never run back.
        idle_s: how long one lasts after the person has last done something.
    """

    def __init__(self, clock: Callable[[], float], idle_s: float = IDLE_S) -> None:
        self._clock = clock
        self._idle_s = idle_s
        self._secret = secrets.token_bytes(32)
        self._open: OrderedDict[str, Session] = OrderedDict()

    def open(self, person: Person) -> Session:
        """A session under a new id; beyond the limits, the one that was used longest ago ends, of theirs first."""
        now = self._clock()
        theirs = [each.id for each in self._open.values() if each.person.name == person.name]
        for each in theirs[: max(0, len(theirs) + 1 - EACH_MAX)]:
            del self._open[each]
        made = Session(new_id(), person, now, now)
        self._open[made.id] = made
        while len(self._open) > OPEN_MAX:
            self._open.popitem(last=False)
        return made

    def find(self, session_id: str, *, used: bool = True) -> Session | None:
        """The session of that id, unless it has ended. `used`: a person did something, no refreshing page."""
        found = self._open.get(session_id)
        if found is None:
            return None
        now = self._clock()
        if self._over(found, now):
            del self._open[session_id]
            return None
        if used:
            found.used_s = now
            self._open.move_to_end(session_id)
        return found

    def close(self, session_id: str) -> None:
        """End a session."""
        self._open.pop(session_id, None)

    def token(self, session_id: str) -> str:
        """What a form of this session must carry: nobody who does not see the page can know it."""
        return blake2b(session_id.encode(), digest_size=32, key=self._secret).hexdigest()

    def fits(self, session_id: str, token: str) -> bool:
        """Whether a form came from a page of this session."""
        return bool(session_id) and hmac.compare_digest(self.token(session_id).encode(), token.encode())

    def sweep(self) -> None:
        """Forget the sessions that have ended, and their keys; who never comes back asks for none of them."""
        now = self._clock()
        for each in [each for each in self._open.values() if self._over(each, now)]:
            del self._open[each.id]

    def _over(self, session: Session, now: float) -> bool:
        return now - session.used_s > self._idle_s or now - session.begun_s > LONGEST_S


def new_id() -> str:
    """One that nobody guesses: 256 bits."""
    return secrets.token_urlsafe(32)
