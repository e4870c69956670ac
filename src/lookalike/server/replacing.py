"""Replacing: what takes the place of a gallery is opened while the server runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from lookalike.errors import LookalikeError
from lookalike.server.hosting import Hosted

if TYPE_CHECKING:
    from lookalike.server.state import Server

__all__ = ["Replacing"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

# How soon a gallery is found to be another one that nobody asks for.
LOOK_S = 1.0

# What was asked of the former gallery has come to its end by then: a body may take a minute
# to arrive, and half a minute is waited for another writer.
FAREWELL_S = 120.0


class Replacing:
    """Opens what took a gallery's place, and lets the former one go. Belongs to one event loop.

    A request that finds another gallery in the place of its own waits until that is open.

    Args:
        server: Whose galleries.
        open_whole: Opens a gallery by its name, unless something of it is missing.
        hand_over: Called when a gallery of the server is another one: with its name, gives
            what ends all that belonged to the former one.
    """

    def __init__(
        self,
        server: Server,
        open_whole: Callable[[str], Hosted],
        hand_over: Callable[[str], Callable[[], object]],
    ) -> None:
        self._server = server
        self._open_whole = open_whole
        self._hand_over = hand_over
        self._locks = {name: asyncio.Lock() for name in server.galleries}
        self._failures: dict[str, tuple[float, LookalikeError]] = {}
        self._under_way: set[asyncio.Task[Any]] = set()
        self._is_over = asyncio.Event()

    async def run(self) -> None:
        """Look again and again whether the galleries are those that are open."""
        await asyncio.gather(*(self._follow(name) for name in self._locks))

    async def newest(self, former: Hosted) -> Hosted:
        """Give what is in the place of a gallery that was found to be another one.

        Raises:
            LookalikeError: It cannot be opened.
        """
        # Who waits may be cancelled: what is opened is finished, so that somebody closes it.
        return await asyncio.shield(self._begin(self._newest(former.name)))

    async def close(self) -> None:
        """Let all former galleries go now; what is being opened is finished."""
        self._is_over.set()
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do something that ``close`` waits for."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _follow(self, name: str) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                here = self._server.galleries[name]
                await asyncio.to_thread(look_at, here)
                if here.gallery.is_replaced:
                    with suppress(LookalikeError):  # told by /readyz, and in the log
                        await self.newest(here)
            except Exception:
                logger.exception("looking after the gallery %s failed, and goes on", name)

    async def _newest(self, name: str) -> Hosted:
        async with self._locks[name]:
            here = self._server.galleries[name]
            if here.gallery.is_replaced:
                here = await self._opened(here)
            return here

    async def _opened(self, former: Hosted) -> Hosted:
        """Open a gallery again; what failed a moment ago is not tried by every request.

        Raises:
            LookalikeError: It cannot be opened.
        """
        name = former.name
        failed_at, failure = self._failures.get(name, (0.0, None))
        if failure is not None and time.monotonic() - failed_at < LOOK_S / 2:
            raise failure
        try:
            here = await asyncio.to_thread(self._open_whole, name)
        except LookalikeError as error:
            self._failures[name] = time.monotonic(), error
            former.note_replaced(error)
            raise
        self._failures.pop(name, None)
        self._server.galleries = {**self._server.galleries, name: here}
        former.leave()
        self._begin(self._end(former, self._hand_over(name)))
        await asyncio.to_thread(self._server.on_replaced)
        logger.warning("another gallery was put in the place of %s: it is served now", name)
        return here

    async def _end(self, former: Hosted, end: Callable[[], object]) -> None:
        """Close a former gallery when nobody asks it any more, or the server ends."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._is_over.wait(), FAREWELL_S)
        await asyncio.to_thread(end)
        await asyncio.to_thread(former.close)


def look_at(here: Hosted) -> None:
    """Let a gallery find out whether another is in its place."""
    with suppress(LookalikeError):
        _ = here.gallery.generation
