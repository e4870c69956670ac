"""What a request may send: so many bytes, within so much time, so much from all at once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lookalike.server.problems import problem_answer
from lookalike.server.safety.access import header_of

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from lookalike.server.safety.stopping import Stopping
    from lookalike.server.settings import Limits

__all__ = ["BodyLimits"]

# Bodies of all requests together, in times the largest one: that much memory or disk
# can be taken by what is arriving.
MOST_TOGETHER = 8
# When the server is to end, what is still arriving has so long: less than those who end
# it wait before they kill it, as containers do after ten seconds.
LAST_S = 5.0
CLOSE = {"Connection": "close"}
MIB = 2**20


class BodyLimits:
    """The layer that refuses bodies that are too large, too slow or too many.

    A body that announces too much is refused before any of it is read.

    Args:
        app: What answers.
        limits: How much one request may send.
        stopping: Tells when the server ends.
    """

    def __init__(self, app: ASGIApp, limits: Limits, stopping: Stopping) -> None:
        self._app = app
        self._limits = limits
        self.stopping = stopping
        self.arriving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or not has_body(scope):
            await self._app(scope, receive, send)
            return
        announced = announced_bytes(scope)
        if announced is None:
            said = "The length that the request announces is no number: send it anew."
            await answer(400, "bad-request", "The request cannot be read", said)(
                scope, receive, send
            )
            return
        if announced > self._limits.max_body_bytes:
            await self._too_large()(scope, receive, send)
            return
        body = Arriving(self, scope, receive, send)
        try:
            await self._app(scope, body.receive, body.send)
        finally:
            self.arriving -= body.size

    def refusal(self, size: int) -> Response | None:
        """Say why no more of a body is taken, if that is so."""
        if size > self._limits.max_body_bytes:
            return self._too_large()
        if self.arriving > MOST_TOGETHER * self._limits.max_body_bytes:
            said = "Too much is being sent to this server at the same time: try again in a second."
            return answer(503, "busy", "The server is busy", said, {"Retry-After": "1"})
        return None

    def too_slow(self) -> Response:
        """Refuse what did not arrive in time."""
        if self.stopping.is_set:
            said = "The server is ending, and the request's body was not here: send it again later."
            return answer(503, "busy", "The server is ending", said, {"Retry-After": "10"})
        said = (
            f"The request's body was not here within {self.body_s:g} s: send less at a time, "
            "over a faster line."
        )
        return answer(408, "too-slow", "The request took too long", said)

    @property
    def body_s(self) -> float:
        """How long a body may take to arrive."""
        return self._limits.body_s

    def _too_large(self) -> Response:
        most = self._limits.max_body_bytes
        shown = f"{most / MIB:,.4g} MiB" if most >= MIB else f"{most:,} bytes"
        said = f"The request's body is larger than {shown}: send less at a time."
        return answer(413, "too-large", "The request is too large", said)


class Arriving:
    """One body on its way in: counted, timed, and cut off where it goes too far.

    What cuts it off is answered here, and to the routes it looks as if the asker had
    gone away, so that they clear away what they have.
    """

    def __init__(self, limits: BodyLimits, scope: Scope, receive: Receive, send: Send) -> None:
        self.size = 0
        self._limits = limits
        self._scope = scope
        self._receive = receive
        self._send = send
        self._ends = asyncio.get_running_loop().time() + limits.body_s
        self._is_whole = False
        self._is_cut = False
        self._has_begun = False

    async def receive(self) -> Message:
        """Take the next piece."""
        if self._is_cut:
            return {"type": "http.disconnect"}
        if self._is_whole:
            return await self._receive()
        message = await self._next()
        if message is None:
            return await self._cut(self._limits.too_slow())
        if message["type"] != "http.request":
            return message
        taken = len(message.get("body", b""))
        self.size += taken
        self._limits.arriving += taken
        self._is_whole = not message.get("more_body", False)
        refusal = self._limits.refusal(self.size)
        return message if refusal is None else await self._cut(refusal)

    async def _next(self) -> Message | None:
        """Wait for a piece; None if it does not come in time."""
        stopping = self._limits.stopping
        stop = stopping.future()
        coming: asyncio.Future[Message] = asyncio.ensure_future(self._receive())
        either: set[asyncio.Future[Any]] = {coming, stop}
        try:
            await asyncio.wait(either, timeout=self._left_s(), return_when=asyncio.FIRST_COMPLETED)
            if stopping.is_set and not coming.done():
                await asyncio.wait({coming}, timeout=self._left_s())
            return coming.result() if coming.done() else None
        finally:
            coming.cancel()
            stopping.forget(stop)

    def _left_s(self) -> float:
        ends = min(self._ends, self._limits.stopping.since + LAST_S)
        return max(0.001, ends - asyncio.get_running_loop().time())

    async def send(self, message: Message) -> None:
        """Pass the answer on, unless another was given."""
        if not self._is_cut:
            self._has_begun = True
            await self._send(message)

    async def _cut(self, refusal: Response) -> Message:
        self._is_cut = True
        if not self._has_begun:
            await refusal(self._scope, self._receive, self._send)
        return {"type": "http.disconnect"}


def answer(
    status: int, slug: str, title: str, said: str, headers: dict[str, str] | None = None
) -> Response:
    """Refuse, and end the connection: the rest of the body is not wanted."""
    return problem_answer(status, slug, title, said, headers={**CLOSE, **(headers or {})})


def has_body(scope: Mapping[str, Any]) -> bool:
    """Tell whether a request sends anything."""
    names = {name for name, _ in scope["headers"]}
    return b"content-length" in names or b"transfer-encoding" in names


def announced_bytes(scope: Scope) -> float | None:
    """Return how long the body says that it is: 0 where it does not, None for nonsense."""
    text = header_of(scope, b"content-length")
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) if len(text) < 20 else math.inf
