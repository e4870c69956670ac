"""Forms with pictures (RFC 7578): read piece by piece as they arrive, within their caps.

Pictures are handed on as they come; the other fields are few, short and text.
Starlette's own reader would first fill temporary files, on a disk that may be another
and fuller one, and takes a form that was cut off for a whole one.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from lookalike.errors import UsageError
from lookalike.server.pictures.names import said_name
from lookalike.server.problems import Problem, of_status
from lookalike.server.settings import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["FormParser", "PicturePiece", "read_parts", "require_fields"]

PICTURE = "picture"

MOST_FIELDS = 8
LONGEST_FIELD = 2**20
LONGEST_HEADERS = 16 * 2**10


@dataclass(frozen=True, slots=True)
class PicturePiece:
    """Bytes of a picture; its pieces come one after the other, then those of the next.

    Attributes:
        name: What its sender calls the picture; None where nobody said.
        data: Perhaps none.
        is_last: Whether the picture ends here.
    """

    name: str | None
    data: bytes
    is_last: bool = False


async def read_parts(
    request: Request, limits: Limits, take: Callable[[Sequence[PicturePiece]], Awaitable[None]]
) -> dict[str, str]:
    """Read a form as it arrives.

    Args:
        request: Its body is read.
        limits: How many pictures.
        take: Called with the pieces of pictures that came.

    Returns:
        The other fields.

    Raises:
        Problem: The form is broken, ends too early, or holds too much.
        UsageError: A field is there twice, or is no text.
    """
    parser = FormParser(request.headers.get("content-type", ""), limits.max_files)
    async for chunk in request.stream():
        pieces = parser.feed(chunk)
        if pieces:
            await take(pieces)
    return parser.finish()


def require_fields(fields: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Refuse a field of a form that nobody reads.

    Raises:
        UsageError: There is one.
    """
    for name in fields:
        if name not in known:
            listed = ", ".join((PICTURE, *known))
            raise UsageError(f"The form has a field {name!r:.40}: it may have {listed}.")


class FormParser:
    """Takes a form apart, fed with its bytes as they come.

    Args:
        content_type: Of the body; names what stands between two parts.
        max_files: So many pictures are taken.

    Raises:
        Problem: The content type names no boundary, or one that is none.
    """

    def __init__(self, content_type: str, max_files: int) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise broken("its Content-Type names no boundary")
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError as error:
            raise broken("its boundary is too long") from error
        # Headers are counted here, whichever version of the parser is installed.
        self._parser.max_header_size = self._parser.max_header_count = sys.maxsize
        self._max_files = max_files
        self._files = 0
        self._fields: dict[str, str] = {}
        self._pieces: list[PicturePiece] = []
        self._headers = PartHeaders()
        self._part = FormPart("")
        self._is_whole = False

    def feed(self, chunk: bytes) -> list[PicturePiece]:
        """Take the next bytes; gives what they hold of pictures.

        Raises:
            Problem: The form is broken, or holds too much.
            UsageError: A field is there twice, or is no text.
        """
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise broken("it is no multipart form") from error
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> dict[str, str]:
        """Give the fields that are no pictures, when all bytes have come.

        Raises:
            Problem: There should be more of them.
        """
        if not self._is_whole:
            raise broken("it ends too early")
        return self._fields

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._headers.take_name(data[start:end]),
            "on_header_value": lambda data, start, end: self._headers.take_value(data[start:end]),
            "on_header_end": lambda: self._headers.end_line(),
            "on_headers_finished": self._open,
            "on_part_data": self._take_data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._headers = PartHeaders()

    def _open(self) -> None:
        """Refuse a part by its headers, before its bytes come."""
        self._part = part = self._headers.part()
        if part.field == PICTURE:
            self._files += 1
            if self._files > self._max_files:
                raise too_much(f"more than {self._max_files} pictures: send fewer at a time")
        elif part.field in self._fields:
            raise UsageError(f"The field {part.field!r:.40} is there twice: send it once.")
        elif len(self._fields) >= MOST_FIELDS:
            raise too_much(f"more than {MOST_FIELDS} fields: send fewer")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.field == PICTURE:
            self._pieces.append(PicturePiece(part.file_name, data[start:end]))
        elif len(part.text) + end - start > LONGEST_FIELD:
            raise too_much(
                f"a field {part.field!r:.40} of more than {LONGEST_FIELD} bytes: pictures go "
                f"into '{PICTURE}', and what goes with them is shorter"
            )
        else:
            part.text.extend(data[start:end])

    def _end(self) -> None:
        part = self._part
        if part.field == PICTURE:
            self._pieces.append(PicturePiece(part.file_name, b"", is_last=True))
        else:
            self._fields[part.field] = part.whole_text()

    def _finish(self) -> None:
        self._is_whole = True


@dataclass(slots=True)
class FormPart:
    """The part of a form that is arriving.

    Attributes:
        field: What it is called.
        file_name: What its sender calls the file; None where nobody said.
        is_file: Whether it is said to come from a file.
        text: Its bytes so far, where it is no picture.
    """

    field: str
    file_name: str | None = None
    is_file: bool = False
    text: bytearray = dataclass_field(default_factory=bytearray)

    def whole_text(self) -> str:
        """Decode it, when all of it is here.

        Raises:
            UsageError: It is no text.
        """
        try:
            return self.text.decode("utf-8")
        except UnicodeDecodeError as error:
            # curl sends as a file what comes from one.
            found = "a file that is no text" if self.is_file else "no text in UTF-8"
            raise UsageError(
                f"The field {self.field!r:.40} is {found}: pictures go into '{PICTURE}'."
            ) from error


class PartHeaders:
    """The headers of a part, as their bytes come."""

    def __init__(self) -> None:
        self._lines: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._size = 0

    def take_name(self, data: bytes) -> None:
        """Take some of a header's name."""
        self._name += self._counted(data)

    def take_value(self, data: bytes) -> None:
        """Take some of what it says."""
        self._value += self._counted(data)

    def end_line(self) -> None:
        """Note a header that is whole."""
        self._lines[self._name.lower()] = self._value
        self._name = self._value = b""

    def part(self) -> FormPart:
        """Say which part they begin.

        Raises:
            Problem: They do not name it.
        """
        _, options = parse_options_header(self._lines.get(b"content-disposition", b""))
        field = name_of(options.get(b"name", b""))
        if not field:
            raise broken("a part of it has no name")
        file_name = said_name(name_of(options.get(b"filename", b"")))
        return FormPart(field, file_name, is_file=b"filename" in options)

    def _counted(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size > LONGEST_HEADERS:
            raise broken("the headers of a part are too long")
        return data


def name_of(data: bytes) -> str:
    """Decode a name, which should be UTF-8, and may be what old browsers send."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def broken(reason: str) -> Problem:
    """Say that a form cannot be read."""
    return of_status(
        400, f"The form cannot be read, since {reason}: send pictures in the field '{PICTURE}'."
    )


def too_much(what: str) -> Problem:
    """Say that a form holds too much, and what to do."""
    return of_status(413, f"The form holds {what}.")
