"""The end of a server: what runs is finished, but streams of events would never end."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["STREAMS", "EndingStreams", "Stopping"]

# How the paths of streams of events end.
STREAMS = "/events"


class Stopping:
    """Tells those who wait that the server ends. Belongs to the thread of its loop.

    Attributes:
        since: When that was said, by the loop's clock; infinite where it was not.
    """

    def __init__(self) -> None:
        self.since = math.inf
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def is_set(self) -> bool:
        """Whether the server ends."""
        return self.since < math.inf

    def begin(self) -> None:
        """Say that the server ends."""
        self.since = min(self.since, asyncio.get_running_loop().time())
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def future(self) -> asyncio.Future[None]:
        """Return what is done when the server ends; give it back to ``forget``."""
        made: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.is_set:
            made.set_result(None)
        else:
            self._waiting.add(made)
        return made

    def forget(self, future: asyncio.Future[None]) -> None:
        """Wait no longer."""
        self._waiting.discard(future)


class EndingStreams:
    """The layer that ends streams of events when the server ends, as if they were over.

    Args:
        app: What answers.
        stopping: Tells when.
    """

    def __init__(self, app: ASGIApp, stopping: Stopping) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or not scope["path"].endswith(STREAMS):
            await self._app(scope, receive, send)
            return
        stop = self._stopping.future()
        is_begun = is_ended = False

        async def until_stop() -> Message:
            waiting: asyncio.Future[Any] = asyncio.ensure_future(receive())
            try:
                await asyncio.wait({waiting, stop}, return_when=asyncio.FIRST_COMPLETED)
                return waiting.result() if waiting.done() else {"type": "http.disconnect"}
            finally:
                waiting.cancel()

        async def noted(message: Message) -> None:
            nonlocal is_begun, is_ended
            is_begun = True
            if message["type"] == "http.response.body":
                is_ended = not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, until_stop, noted)
            if is_begun and not is_ended and self._stopping.is_set:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._stopping.forget(stop)
