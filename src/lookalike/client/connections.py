"""Connections to one server, kept open and shared by threads."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import lookalike
from lookalike.errors import ServerNotReached, UsageError

__all__ = ["TOO_MANY_REQUESTS", "Body", "Connections", "NotTaken", "Reply"]

# More threads than that open connections of their own, which are closed after use.
MOST_IDLE = 32

BLOCK = 2**18

# Refused at the door, before anything was done; and not now, but soon.
TOO_MANY_REQUESTS, UNAVAILABLE = 429, 503
# Where a refusal of the first kind does not say how long to wait.
USUAL_PAUSE_S = 0.5

# How a connection ends while something is sent on it.
BROKEN = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError)

# A connection that lay idle may have been closed by the server in the meantime.
STALE = (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest)


class NotTaken(Exception):
    """Whoever was handed a body could not take it; the cause says why."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent.

    Attributes:
        kind: Its media type.
        size_bytes: Its length.
        blocks: Its bytes, from the beginning each time it is called.
    """

    kind: str
    size_bytes: int
    blocks: Callable[[], Iterable[bytes]]

    @classmethod
    def of(cls, data: bytes, kind: str) -> Body:
        """Make a body of bytes."""
        return cls(kind, len(data), lambda: [data])


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        status: Of HTTP.
        headers: By their names in lower case.
        data: The body.
    """

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def kind(self) -> str:
        """The media type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def retry_after_s(self) -> float:
        """How long it asks to be left alone; 0 where it does not, or gives a date."""
        asked = self.headers.get("retry-after", "").strip()
        return float(asked) if asked.isdecimal() else 0.0


@dataclass(slots=True)
class Connections:
    """A pool of connections. Safe to share between threads, and with forked processes.

    Args:
        url: Of the server, to the root of its addresses.
        timeout_s: How long to wait for it to connect, and for anything to come or go.
        token: Sent along; None for none.

    Raises:
        UsageError: The address is none of a server.
    """

    url: str
    timeout_s: float
    token: str | None = None
    _place: SplitResult = field(init=False)
    _idle: list[http.client.HTTPConnection] = field(init=False, default_factory=list)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _is_closed: bool = field(init=False, default=False)
    _pid: int = field(init=False, default_factory=os.getpid)
    _trust: ssl.SSLContext | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.url = self.url.rstrip("/")
        self._place = server_place(self.url)
        if not self.timeout_s > 0:
            raise UsageError(f"A time-out of {self.timeout_s!r} seconds waits for nothing.")

    def close(self) -> None:
        """Close what is idle; what is under way is closed at its end."""
        self._forget_parents()
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        is_repeatable: bool = True,
        patience_s: float | None = None,
        take: Callable[[bytes], object] | None = None,
    ) -> Reply:
        """Send a request and read what comes back; where the server is busy, send it again.

        Args:
            method: Of HTTP.
            path: Below the server's address, with its query string.
            body: What is sent along.
            is_repeatable: Whether asking twice does no harm: what is not is never sent on
                a connection that the server may have closed.
            patience_s: How long to wait, in all, for a server that is busy and says when to
                come again; the time-out if None.
            take: Gets the body of a success, block by block, in place of ``Reply.data``.

        Raises:
            ServerNotReached: Nobody answers, or not in time.
            NotTaken: ``take`` could not write what came.
        """
        left_s = self.timeout_s if patience_s is None else patience_s
        while True:
            reply = self._asked_once(method, path, body, is_repeatable, take)
            pause_s = pause_after(reply, is_repeatable=is_repeatable)
            if pause_s is None or pause_s > left_s:
                return reply
            left_s -= pause_s
            time.sleep(pause_s)

    def _asked_once(
        self,
        method: str,
        path: str,
        body: Body | None,
        is_repeatable: bool,
        take: Callable[[bytes], object] | None,
    ) -> Reply:
        """Ask on a kept connection, and if that went stale on a new one."""
        kept = self._taken() if is_repeatable else None
        if kept is not None:
            try:
                return self._asked(kept, method, path, body, take)
            except STALE:
                kept.close()
        return self._asked(self._opened(), method, path, body, take)

    def _asked(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Body | None,
        take: Callable[[bytes], object] | None,
    ) -> Reply:
        """Ask on one connection, and keep it for the next request if it can be."""
        is_fresh = connection.sock is None
        try:
            is_whole = self._sent(connection, method, path, body)
            answer = connection.getresponse()
            is_fresh = True  # what comes now may have been taken, and is not asked for again
            data = body_of(answer, take)
        except TimeoutError as error:
            connection.close()
            raise self._too_slow() from error
        except STALE as error:
            connection.close()
            if is_fresh:
                raise self._not_reached(error) from error
            raise
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._not_reached(error) from error
        except BaseException:
            connection.close()
            raise
        headers = {name.lower(): value for name, value in answer.getheaders()}
        self._give_back(connection, is_open=is_whole and not answer.will_close)
        return Reply(answer.status, headers, data)

    def _sent(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Body | None
    ) -> bool:
        """Send a request; tells whether the server heard it to the end."""
        blocks = None if body is None else body.blocks()
        try:
            connection.request(method, self._place.path + path, blocks, self._headers(body))
        except BROKEN:
            if connection.sock is None:
                raise
            # Who refuses a long body says so at its beginning, and hangs up: the answer is here.
            return False
        return True

    def _headers(self, body: Body | None) -> dict[str, str]:
        headers = {
            "Accept": "application/json, application/problem+json, */*;q=0.5",
            "User-Agent": f"lookalike/{lookalike.__version__}",
        }
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers |= {"Content-Type": body.kind, "Content-Length": str(body.size_bytes)}
        return headers

    def _opened(self) -> http.client.HTTPConnection:
        """Make a connection; it connects when it is first used."""
        host, port = self._place.hostname or "", self._place.port
        if self._place.scheme == "https":
            # Once for all: reading the system's certificates takes longer than a query.
            self._trust = self._trust or ssl.create_default_context()
            return http.client.HTTPSConnection(
                host, port, timeout=self.timeout_s, context=self._trust
            )
        return http.client.HTTPConnection(host, port, timeout=self.timeout_s)

    def _taken(self) -> http.client.HTTPConnection | None:
        """Take an idle connection, the one used last."""
        self._forget_parents()
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: http.client.HTTPConnection, *, is_open: bool) -> None:
        """Keep a connection for the next request."""
        self._forget_parents()
        with self._lock:
            if is_open and not self._is_closed and len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _forget_parents(self) -> None:
        """Leave a parent process its connections, and its lock, which may be held for ever."""
        if self._pid != os.getpid():
            self._pid, self._lock, self._idle = os.getpid(), threading.Lock(), []

    def _too_slow(self) -> ServerNotReached:
        return ServerNotReached(
            f"The server at {self.url} did not answer within {self.timeout_s:g} seconds: try "
            "again, or wait longer with timeout."
        )

    def _not_reached(self, error: BaseException) -> ServerNotReached:
        return ServerNotReached(
            f"No server answers at {self.url} ({reason_of(error)}): start one with "
            "'lookalike serve', or check the address."
        )


def body_of(answer: http.client.HTTPResponse, take: Callable[[bytes], object] | None) -> bytes:
    """Read a body, or hand that of a success on.

    Raises:
        IncompleteRead: It broke off.
        NotTaken: ``take`` failed.
    """
    if take is None or answer.status != http.client.OK:
        return answer.read()
    while data := answer.read(BLOCK):
        try:
            take(data)
        except OSError as error:  # of a disk, and none of the connection's
            raise NotTaken from error
    if answer.length:  # what is missing, and only a whole reading would complain of
        raise http.client.IncompleteRead(b"", answer.length)
    return b""


def pause_after(reply: Reply, *, is_repeatable: bool) -> float | None:
    """Say how long to wait until a request is sent again; None if it is not."""
    if reply.status == TOO_MANY_REQUESTS:
        return reply.retry_after_s or USUAL_PAUSE_S
    if reply.status == UNAVAILABLE and is_repeatable:
        return reply.retry_after_s or None
    return None


def reason_of(error: BaseException) -> str:
    """Say in a few words why there is no answer."""
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).rstrip(".").lower() or type(error).__name__


def server_place(url: str) -> SplitResult:
    """Read the address of a server.

    Raises:
        UsageError: It is none.
    """
    try:
        place = urlsplit(url)
        is_sound = place.scheme in {"http", "https"} and place.hostname and place.port != 0
        if not is_sound or place.query or place.fragment or place.username or not url.isascii():
            raise ValueError("it has to begin with http:// or https:// and name a host")
    except ValueError as error:
        raise UsageError(
            f"{url!r} is no address of a server ({error}): give one as in http://127.0.0.1:8080."
        ) from error
    return place
