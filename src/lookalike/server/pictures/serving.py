"""What the routes of pictures share: pools of threads, and what is kept."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request

from lookalike.server.pictures.opening import KnownContents
from lookalike.server.pictures.thumbnails import Thumbnails
from lookalike.server.pools import low_pool

__all__ = ["Pictures", "at_hand", "pictures_of"]

# Decoding a second picture beside the first keeps both cores of a small machine busy; more
# than four, a page with its six connections hardly fills, and each may hold a huge picture.
DECODING_THREADS = min(4, max(2, os.cpu_count() or 1))
READING_THREADS = 4
EXPORTING_THREADS = 2


class Pictures:
    """Thumbnails, originals and exports of one application.

    Attributes:
        contents: What is known of files whose dates changed.
        thumbnails: Made, kept and dropped.
        reading: Threads that read originals while they are sent.
        exporting: Threads that put several pictures together.
    """

    def __init__(self) -> None:
        self.contents = KnownContents()
        self._decoding = low_pool("thumbnails", DECODING_THREADS)
        self.thumbnails = Thumbnails(self._decoding, self.contents)
        self.reading = low_pool("originals", READING_THREADS)
        self.exporting = low_pool("exports", EXPORTING_THREADS)

    def close(self) -> None:
        """Begin nothing more; what is under way ends by itself."""
        for pool in (self._decoding, self.reading, self.exporting):
            pool.shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def at_hand(app: Starlette) -> AsyncIterator[None]:
    """Have what routes of pictures share while an application runs."""
    app.state.pictures = pictures = Pictures()
    try:
        yield
    finally:
        pictures.close()


def pictures_of(request: Request) -> Pictures:
    """Find what the application of a request has for pictures."""
    pictures: Pictures = request.app.state.pictures
    return pictures
