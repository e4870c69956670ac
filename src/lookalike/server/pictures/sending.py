"""Sending what is read or made while it is sent, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from threading import Lock
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lookalike.server.leaving import until_gone
from lookalike.server.pictures.opening import CHUNK_BYTES, OpenPicture
from lookalike.server.pictures.ranges import Span

__all__ = ["Chunks", "FileChunks", "StreamedAnswer"]


class Chunks(Protocol):
    """Bytes that come one piece after the other; closed whether all were taken or not."""

    def __next__(self) -> bytes: ...

    def close(self) -> None:
        """Let go of what it reads from."""


class FileChunks(Iterator[bytes]):
    """A part of an open file, which it closes."""

    def __init__(self, opened: OpenPicture, span: Span) -> None:
        self._opened = opened
        self._place, self._stop = span
        self._is_closed = False

    def __next__(self) -> bytes:
        count = min(CHUNK_BYTES, self._stop - self._place)
        chunk = b"" if self._is_closed else self._opened.read(count, self._place)
        # A file that was cut short meanwhile ends early: the connection is then broken off.
        if not chunk:
            raise StopIteration
        self._place += len(chunk)
        return chunk

    def close(self) -> None:
        """Close the file."""
        if not self._is_closed:
            self._is_closed = True
            self._opened.close()


class Pulled:
    """Takes chunks in threads, one at a time: closing waits for the one that is being read."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._lock = Lock()
        self._is_closed = False

    def next(self) -> bytes | None:
        """Take the next chunk; None at the end."""
        with self._lock:
            return None if self._is_closed else next(self._chunks, None)

    def close(self) -> None:
        """Let go of what the chunks are read from."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._chunks.close()


class StreamedAnswer(Response):
    """An answer whose body is read in a pool of threads while it is sent.

    Nothing is read faster than it is taken, nothing is read any more once whoever asked
    has gone, and what it is read from is closed in the end, in every case.
    """

    def __init__(
        self,
        chunks: Chunks,
        pool: Executor,
        *,
        status: int = 200,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        self.status_code = status
        self.media_type = media_type
        self.background = None
        self._pulled = Pulled(chunks)
        self._pool = pool
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; of HEAD the headers only."""
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            if scope["method"] != "HEAD" and not await self._send_body(receive, send):
                return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            try:
                self._pool.submit(self._pulled.close)
            except RuntimeError:  # the server stops, and nothing is read any more
                self._pulled.close()

    async def _send_body(self, receive: Receive, send: Send) -> bool:
        """Send all chunks; tells whether somebody was there to the end."""
        loop = asyncio.get_running_loop()
        gone = asyncio.ensure_future(until_gone(receive))
        try:
            while not gone.done():
                chunk = await loop.run_in_executor(self._pool, self._pulled.next)
                if chunk is None:
                    return True
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            return False
        finally:
            gone.cancel()
