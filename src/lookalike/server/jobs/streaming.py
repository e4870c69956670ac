"""Server-sent events: a stream that ends with its listener, its job or the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lookalike.server.jobs.events import Event, Events, Subscription
from lookalike.server.leaving import until_gone

__all__ = ["EventStream"]

HEARTBEAT_S = 15.0

# How long a browser waits before it asks again after the stream has ended.
RETRY_MS = 2000

HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events back until many came together
}


class EventStream(Response):
    """Tells events as they come (HTML Living Standard, section 9.2).

    Args:
        events: Where they come from.
        topics: Which ones.
        first: Gives what is told at once; called when the listening has begun, so that
            nothing falls between the two.
        is_last: Whether nothing follows an event: then the stream ends.
        heartbeat_s: After so many quiet seconds a comment is sent, so that no proxy takes
            the stream for dead.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: Events,
        topics: Iterable[str],
        *,
        first: Callable[[], Iterable[Event]],
        is_last: Callable[[Event], bool] = lambda event: False,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._events = events
        self._topics = tuple(topics)
        self._first = first
        self._is_last = is_last
        self._heartbeat_s = heartbeat_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; whatever ends the stream, no task and no subscription is left."""
        with self._events.subscribe(self._topics) as subscription:
            for event in self._first():
                subscription.offer(event)
            telling = asyncio.create_task(self._tell(subscription, send))
            leaving = asyncio.create_task(left(receive))
            try:
                await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if telling.done():
                    telling.result()
            finally:
                for task in (telling, leaving):
                    task.cancel()
                await asyncio.gather(telling, leaving, return_exceptions=True)

    async def _tell(self, subscription: Subscription, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await send_more(send, f"retry: {RETRY_MS}\n\n")
        while True:
            events = await subscription.take(self._heartbeat_s)
            if events is None:
                break
            told = "".join(self._frame(event) for event in events)
            await send_more(send, told or ": still here\n\n")
            if any(self._is_last(event) for event in events):
                break
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _frame(self, event: Event) -> str:
        identity = f"{self._events.run_id}-{event.sequence}"
        return f"id: {identity}\nevent: {event.kind}\ndata: {event.text}\n\n"


async def send_more(send: Send, text: str) -> None:
    """Send a piece of the body; JSON in ASCII holds no line ends of its own."""
    body = text.encode("ascii")
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def left(receive: Receive) -> None:
    """Wait until the listener has gone away; a broken connection is gone, too."""
    with suppress(OSError):
        await until_gone(receive)
