"""Sessions of the page: a cookie instead of a token that a script would have to keep."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from lookalike.server.safety.tokens import TokenEntry

__all__ = ["SESSION_S", "Sessions", "cookie_name", "cookie_of"]

SESSION_S = 7 * 24 * 3600.0
MOST_SESSIONS = 1000
# So that nobody ends the sessions of others by signing in without end.
MOST_OF_ONE = 50


@dataclass(frozen=True, slots=True)
class Session:
    """A session: whose token began it, and when it ends."""

    sha256: str
    ends: float


class Sessions:
    """Sessions in memory: they end with the server, with their token, and with time.

    Args:
        clock: Tells the seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self, entry: TokenEntry) -> str:
        """Begin a session of a token; returns what the cookie holds."""
        identity = secrets.token_urlsafe(32)
        self._sessions[hashed(identity)] = Session(entry.sha256, self._clock() + SESSION_S)
        own = [key for key, session in self._sessions.items() if session.sha256 == entry.sha256]
        if len(own) > MOST_OF_ONE:
            del self._sessions[own[0]]
        elif len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return identity

    def token_of(self, identity: str) -> str | None:
        """Return the SHA-256 of the token that began a session; None if there is none."""
        # Looked up by hash: how long that takes says nothing of what would be right.
        session = self._sessions.get(hashed(identity))
        if session is None:
            return None
        if session.ends <= self._clock():
            self.end(identity)
            return None
        return session.sha256

    def end(self, identity: str) -> None:
        """End a session, if it is there."""
        self._sessions.pop(hashed(identity), None)


def hashed(identity: str) -> str:
    """Hash what a cookie holds."""
    return hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()


def cookie_name(port: int | None) -> str:
    """Name the cookie by the port: cookies do not part servers of one host."""
    return f"lookalike-{port or 0}"


def cookie_of(header: str, name: str) -> str | None:
    """Read a cookie from the header of all; other programs' cookies may be of any form."""
    for pair in header.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value.strip('"')
    return None
