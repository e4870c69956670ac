"""Receiving: a request's pictures written to files as they arrive, once, where they stay."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

from starlette.requests import Request

from lookalike.server.forms import PicturePiece, read_parts
from lookalike.server.pictures.names import said_name
from lookalike.server.settings import Limits

__all__ = ["Received", "ReceivedForm", "receive_form", "receive_picture"]

P = ParamSpec("P")
T = TypeVar("T")

UNNAMED = "picture"


@dataclass(frozen=True, slots=True)
class Received:
    """A file that has arrived.

    Attributes:
        name: What its sender calls it.
        file: Where it lies, flushed to disk.
    """

    name: str
    file: Path


@dataclass(slots=True)
class ReceivedForm:
    """What came with a request: files, and other fields as text.

    Filled bit by bit, so that whoever is interrupted knows what to delete.

    Attributes:
        new_file: Names a file to write to.
        pool: Threads that write: those of the server's answers do not wait for a disk.
        require_room: Raises where the disk may not take any more.
    """

    new_file: Callable[[], Path]
    pool: Executor
    require_room: Callable[[], None] = lambda: None
    files: list[Received] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    _out: IO[bytes] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_over: bool = False

    async def beside(self, function: Callable[P, T], *values: P.args, **named: P.kwargs) -> T:
        """Call something in one of the threads."""
        work = partial(function, *values, **named)
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)

    async def take(self, pieces: Sequence[PicturePiece]) -> None:
        """Write what came of pictures."""
        await self.beside(self._write, pieces)

    def discard(self) -> None:
        """Delete what was received and has not been taken in; no more is written."""
        with self._lock:  # whoever asked may have gone while a thread was writing
            self._is_over = True
            self._close()
            for received in self.files:
                with suppress(OSError):
                    received.file.unlink(missing_ok=True)

    def _write(self, pieces: Sequence[PicturePiece]) -> None:
        with self._lock:
            for piece in () if self._is_over else pieces:
                out = self._out or self._open(piece.name)
                self.require_room()  # by the piece, since others arrive beside
                out.write(piece.data)
                if piece.is_last:
                    flush(out)
                    self._close()

    def _open(self, name: str | None) -> IO[bytes]:
        received = Received(name or UNNAMED, self.new_file())
        self.files.append(received)
        self._out = open(received.file, "xb")  # noqa: SIM115, closed at its end
        return self._out

    def _close(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None


async def receive_form(request: Request, limits: Limits, form: ReceivedForm) -> None:
    """Receive a form: files of the field ``picture``, the rest into memory.

    Raises:
        Problem: The form is broken, ends too early, or holds too much.
        UsageError: A field is there twice, or is no text.
        OSError: A file cannot be written.
    """
    form.fields.update(await read_parts(request, limits, form.take))


async def receive_picture(request: Request, name: str, form: ReceivedForm) -> None:
    """Receive a body that is one picture.

    Raises:
        OSError: The file cannot be written.
    """
    said = said_name(name)
    async for chunk in request.stream():
        await form.take([PicturePiece(said, chunk)])
    await form.take([PicturePiece(said, b"", is_last=True)])


def flush(out: IO[bytes]) -> None:
    """Bring a file to the disk, not only to the system."""
    out.flush()
    os.fsync(out.fileno())
