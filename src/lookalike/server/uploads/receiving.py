"""Receiving: a request's body streamed into files, as it arrives.

Starlette's own reader of forms would first fill a temporary file elsewhere, and a disk
that may be another and fuller one. Here each picture is written once, where it stays.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, ParamSpec, TypeVar

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from lookalike.errors import UsageError
from lookalike.server.problems import Problem, of_status
from lookalike.server.settings import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["Received", "ReceivedForm", "receive_form", "receive_picture"]

P = ParamSpec("P")
T = TypeVar("T")

FIELD = "picture"

LONGEST_FIELD = 2**20
LONGEST_NAME = 300
LONGEST_HEADERS = 16 * 2**10
MOST_FIELDS = 8


@dataclass(slots=True)
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

    Attributes:
        pool: Threads that write: those of the server's answers do not wait for a disk.
    """

    pool: Executor
    files: list[Received] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)

    async def beside(self, function: Callable[P, T], *values: P.args, **named: P.kwargs) -> T:
        """Call something in one of the threads."""
        work = partial(function, *values, **named)
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)


async def receive_form(
    request: Request, new_file: Callable[[], Path], limits: Limits, form: ReceivedForm
) -> None:
    """Stream a form: files of the field ``picture`` to disk, the rest into memory.

    Args:
        request: Its body is read.
        new_file: Names a file to write to.
        limits: How many files.
        form: Filled bit by bit, so that whoever is interrupted knows what to delete.

    Raises:
        Problem: The form is broken, ends too early, or holds too much.
        OSError: A file cannot be written.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if not boundary:
        raise broken("its Content-Type names no boundary")
    reading = FormReading(form, new_file, limits)
    try:
        parser = MultipartParser(boundary, reading.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
            await form.beside(reading.write)
        parser.finalize()
    except FormParserError as error:
        raise broken("it is no multipart form") from error
    finally:
        reading.close()
    if not reading.is_whole:
        raise broken("it ends too early")


async def receive_picture(
    request: Request, new_file: Callable[[], Path], name: str, form: ReceivedForm
) -> None:
    """Stream a body that is one picture to disk.

    Raises:
        OSError: The file cannot be written.
    """
    received = Received(name[:LONGEST_NAME], await form.beside(new_file))
    form.files.append(received)
    with await form.beside(open, received.file, "xb") as out:
        async for chunk in request.stream():
            if chunk:
                await form.beside(out.write, chunk)
        await form.beside(flush, out)


def flush(out: IO[bytes]) -> None:
    """Bring a file to the disk, not only to the system."""
    out.flush()
    os.fsync(out.fileno())


class FormReading:
    """A form on its way: what the parser finds is noted, and written in a thread.

    Attributes:
        is_whole: Whether the form's end has been seen.
    """

    def __init__(self, form: ReceivedForm, new_file: Callable[[], Path], limits: Limits) -> None:
        self.is_whole = False
        self._form = form
        self._new_file = new_file
        self._limits = limits
        self._to_do: list[Callable[[], None]] = []
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._field = ""
        self._text: bytearray | None = None
        self._fields = 0
        self._files = 0
        self._out: IO[bytes] | None = None

    def callbacks(self) -> MultipartCallbacks:
        """Say what the parser calls for what it finds."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._take_header_name,
            "on_header_value": self._take_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._take_data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def write(self) -> None:
        """Do what was found in the last chunk; called in a thread."""
        to_do, self._to_do = self._to_do, []
        for thing in to_do:
            thing()

    def close(self) -> None:
        """Close the file that was being written."""
        if self._out is not None:
            self._out.close()
            self._out = None

    def _begin(self) -> None:
        self._headers = {}
        self._header_bytes = 0

    def _take_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += self._counted(data[start:end])

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += self._counted(data[start:end])

    def _counted(self, piece: bytes) -> bytes:
        self._header_bytes += len(piece)
        if self._header_bytes > LONGEST_HEADERS:
            raise broken("the headers of a part are too long")
        return piece

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _open(self) -> None:
        """Decide by its headers what a part is."""
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._field = text_of(options.get(b"name", b""))
        if self._field == FIELD:
            self._files += 1
            if self._files > self._limits.max_files:
                raise too_much(f"more than {self._limits.max_files} pictures")
            name = text_of(options.get(b"filename", b""))[:LONGEST_NAME] or "picture"
            self._text = None
            self._to_do.append(lambda: self._open_file(name))
            return
        self._fields += 1
        if self._fields > MOST_FIELDS:
            raise too_much(f"more than {MOST_FIELDS} fields")
        if self._field in self._form.fields:
            raise UsageError(f"The field {self._field!r:.40} is there twice: send it once.")
        self._text = bytearray()

    def _open_file(self, name: str) -> None:
        received = Received(name, self._new_file())
        self._form.files.append(received)
        self._out = open(received.file, "xb")  # noqa: SIM115, closed at its end

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._text is None:
            self._to_do.append(lambda: self._write(piece))
            return
        if len(self._text) + len(piece) > LONGEST_FIELD:
            raise too_much(f"a field of more than {LONGEST_FIELD} bytes")
        self._text += piece

    def _write(self, piece: bytes) -> None:
        if self._out is not None:
            self._out.write(piece)

    def _end(self) -> None:
        if self._text is None:
            self._to_do.append(self._end_file)
        else:
            self._form.fields[self._field] = text_of(bytes(self._text))

    def _end_file(self) -> None:
        if self._out is not None:
            flush(self._out)
            self.close()

    def _finish(self) -> None:
        self.is_whole = True


def text_of(data: bytes) -> str:
    """Decode what should be UTF-8, and may be what old browsers send."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def broken(reason: str) -> Problem:
    """Say that a form cannot be read."""
    return of_status(
        400, f"The form cannot be read, since {reason}: send pictures in the field '{FIELD}'."
    )


def too_much(what: str) -> Problem:
    """Say that a form holds too much."""
    return of_status(413, f"The form holds {what}: send fewer at a time.")
