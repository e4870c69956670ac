"""Whoever hangs up is not answered: the work that has not begun is left undone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from lookalike.server.problems import of_status

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive

__all__ = ["until_gone", "while_there"]

T = TypeVar("T")

# Looking whether the asker is there costs something, and most answers come sooner.
LOOK_AFTER_S = 0.05


async def while_there(request: Request, answering: Awaitable[T]) -> T:
    """Await an answer as long as somebody waits for it; the request's body has been read.

    Raises:
        Problem: The asker is gone. The status is for the log: it reaches nobody.
    """
    answer = asyncio.ensure_future(answering)
    try:
        await asyncio.wait({answer}, timeout=LOOK_AFTER_S)
        if not answer.done():
            gone = asyncio.ensure_future(until_gone(request.receive))
            try:
                await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
        if answer.done():
            return answer.result()
    finally:
        answer.cancel()
    raise of_status(499, "The asker hung up before there was an answer.")


async def until_gone(receive: Receive) -> None:
    """Wait until the asker is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
