"""Forms with files (RFC 7578), written block by block."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lookalike.client.connections import Body
from lookalike.errors import SourceNotFound

__all__ = ["FormField", "form_body"]

BLOCK = 2**18
TEXT = "application/json"
BYTES = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a form.

    Attributes:
        name: Of the field.
        data: Its value; None where it is in a file.
        path: The file, read while it is sent.
        file_name: What the picture is called; None for a value that is no picture.
    """

    name: str
    data: bytes | None = None
    path: str | None = None
    file_name: str | None = None

    @property
    def head(self) -> bytes:
        """What stands before the value."""
        line = b'Content-Disposition: form-data; name="%s"' % self.name.encode("ascii")
        if self.file_name is not None:
            line += b'; filename="%s"' % quoted(self.file_name)
        kind = TEXT if self.file_name is None else BYTES
        return b"%s\r\nContent-Type: %s\r\n\r\n" % (line, kind.encode("ascii"))

    @property
    def size_bytes(self) -> int:
        """Length of the value.

        Raises:
            SourceNotFound: There is no such file.
        """
        if self.data is not None:
            return len(self.data)
        try:
            return os.stat(self.path or "").st_size
        except OSError as error:
            raise unsendable(self.path, error.strerror or str(error)) from error

    def blocks(self, size_bytes: int) -> Iterator[bytes]:
        """Read the value, which was that long when it was measured.

        Raises:
            SourceNotFound: The file cannot be read, or has another length now.
        """
        if self.data is not None:
            yield self.data
            return
        left = size_bytes
        try:
            with open(self.path or "", "rb") as stream:
                while data := stream.read(BLOCK):
                    left -= len(data)
                    if left < 0:
                        break
                    yield data
        except OSError as error:
            raise unsendable(self.path, error.strerror or str(error)) from error
        if left:
            raise unsendable(self.path, "it changed meanwhile")


def form_body(fields: Sequence[FormField]) -> Body:
    """Write a form; files are read while it is sent.

    Raises:
        SourceNotFound: A file is not there.
    """
    # Long enough to stand in no picture.
    boundary = secrets.token_hex(24).encode("ascii")
    opening, closing = b"--%s\r\n" % boundary, b"--%s--\r\n" % boundary
    sizes = [field.size_bytes for field in fields]
    frames = sum(len(opening) + len(field.head) + 2 for field in fields) + len(closing)

    def blocks() -> Iterator[bytes]:
        for field, size in zip(fields, sizes, strict=True):
            yield opening + field.head
            yield from field.blocks(size)
            yield b"\r\n"
        yield closing

    kind = f"multipart/form-data; boundary={boundary.decode('ascii')}"
    return Body(kind, sum(sizes) + frames, blocks)


def quoted(file_name: str) -> bytes:
    """Write a file's name as browsers do (WHATWG, HTML, "multipart form data").

    Bytes that are not UTF-8 go as they are on disk.
    """
    try:
        data = file_name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = file_name.encode("utf-8", "replace")
    return data.replace(b"\n", b"%0A").replace(b"\r", b"%0D").replace(b'"', b"%22")


def unsendable(path: str | None, reason: str) -> SourceNotFound:
    """Say that a file cannot be sent."""
    return SourceNotFound(
        f"The picture {path!r} cannot be sent ({reason.lower()}): check the file, and send it "
        "again."
    )
