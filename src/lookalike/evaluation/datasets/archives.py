"""Reading tar and zip archives that strangers packed.

A name that leads out of the folder, a link, a device, more bytes than such an archive
can honestly hold: each is refused, and named. Nothing is unpacked by the standard
library itself.
"""

from __future__ import annotations

import gzip
import re
import stat
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from lookalike.errors import DatasetUnreadable, first_line

__all__ = ["ARCHIVES", "Member", "is_archive", "members", "members_within"]

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
CHUNK_BYTES = 2**20
# No honest headers of one file are longer; tar's readers take them into memory as a whole.
MAX_HEADER_BYTES = 2**20
# Pictures hardly pack: what unpacks to more than this and more than so many times its
# own size is made to fill a disk.
MAX_UNPACKED_BYTES = 2 * 2**30
MAX_RATIO = 50
DRIVE = re.compile(r"[A-Za-z]:")
BLOCK_BYTES = 512
PLAIN_TYPES = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    LookupError,
    OSError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of an archive; it can be read until the next one is asked for.

    Attributes:
        name: '/'-separated, relative, without ``..``.
        size: In bytes, as announced.
        archive: What it is part of, for errors.
        opener: Opens it.
    """

    name: str
    size: int
    archive: str
    opener: Callable[[], IO[bytes]]

    def chunks(self) -> Iterator[bytes]:
        """Read it bit by bit.

        Raises:
            DatasetUnreadable: It is damaged or cut off.
        """
        left = self.size
        with told(self.archive), self.opener() as file:
            while left > 0:
                chunk = file.read(min(CHUNK_BYTES, left))
                if not chunk:
                    raise EOFError(f"{self.name!r} is cut off")
                left -= len(chunk)
                yield chunk
            # The checksum at the end of a zip's member is compared when its end is read.
            file.read(1)

    def data(self, limit_bytes: int) -> bytes:
        """Read it as a whole.

        Raises:
            DatasetUnreadable: It is damaged, or larger than such a file can be.
        """
        if self.size > limit_bytes:
            raise DatasetUnreadable(
                f"{self.archive} holds {self.name!r} of {self.size:,} bytes, where {limit_bytes:,} "
                "are the most that make sense: it is not what it seems to be."
            )
        return b"".join(self.chunks())


def is_archive(path: Path) -> bool:
    """Tell an archive by its name."""
    return path.name.lower().endswith(ARCHIVES)


def members(path: Path, on_bytes: Callable[[int, int], object] | None = None) -> Iterator[Member]:
    """Read through an archive: its regular files in its own order.

    Args:
        path: A ``.tar``, ``.tar.gz``, ``.tgz`` or ``.zip``.
        on_bytes: Told how many bytes of how many have been read.

    Raises:
        DatasetUnreadable: It is damaged, cut off, or would write where it must not.
    """
    size = path.stat().st_size
    limit = max(MAX_UNPACKED_BYTES, MAX_RATIO * size)
    if path.name.lower().endswith(".zip"):
        yield from zip_members(path, limit, size, on_bytes)
        return
    with path.open("rb") as raw:
        is_packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        for member in tar_members(raw, str(path), limit, is_packed=is_packed):
            yield member
            if on_bytes:
                on_bytes(min(raw.tell(), size), size)


def members_within(member: Member) -> Iterator[Member]:
    """Read through a ``.tar`` or ``.tar.gz`` that lies inside an archive."""
    name = f"{member.archive} ({member.name})"
    limit = max(MAX_UNPACKED_BYTES, MAX_RATIO * member.size)
    with told(member.archive), member.opener() as raw:
        yield from tar_members(raw, name, limit, is_packed=member.name.lower().endswith("gz"))


def tar_members(raw: IO[bytes], archive: str, limit: int, *, is_packed: bool) -> Iterator[Member]:
    """Read through a tar, packed or not."""
    with told(archive):
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if is_packed else raw
        metered = Metered(stream, limit)
        with tarfile.open(fileobj=cast("Any", metered), mode="r:") as tar:
            seen: list[tarfile.TarInfo] = getattr(tar, "members", [])
            settings: dict[str, str] = getattr(tar, "pax_headers", {})
            place = 0
            while (info := metered.header(tar)) is not None:
                # A size below nothing leads back to where it was read: for ever.
                if info.size < 0 or tar.offset <= place:
                    raise tarfile.ReadError(f"{info.name!r} has no size")
                place = tar.offset
                if not info.isdir():
                    require_plain(archive, info)
                    if name := safe_name(archive, info.name):
                        yield Member(name, info.size, archive, opener_of(tar, info))
                # It keeps all that it has seen, which for a million files is a gigabyte.
                seen.clear()
                # And adds up what the headers for all files say.
                settings.clear()
            require_end(metered, tar.offset)


def opener_of(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    """Make what opens a member of a tar."""

    def opener() -> IO[bytes]:
        file = tar.extractfile(info)
        if file is None:
            raise tarfile.ReadError(f"{info.name!r} is no file")
        return file

    return opener


def require_plain(archive: str, info: tarfile.TarInfo) -> None:
    """Refuse links, devices, and files with holes that fill a disk."""
    if info.issym() or info.islnk():
        raise refused(archive, info.name, f"is a link to {info.linkname!r}")
    if not info.isreg() or info.issparse():
        raise refused(archive, info.name, "is no plain file")


def require_end(stream: Metered, offset: int) -> None:
    """Refuse a tar that just stops: tarfile takes damage between two members for the end."""
    stream.seek(offset)
    block = stream.read(BLOCK_BYTES)
    if len(block) < BLOCK_BYTES or block.strip(b"\0"):
        raise EOFError("it ends in the middle")
    # What packed it wrote a checksum behind the last byte, which is compared there.
    while stream.read(CHUNK_BYTES):
        stream.tell()


class Metered:
    """A stream that refuses to give more than it honestly can.

    It has what tarfile needs of a file.
    """

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._left = MAX_HEADER_BYTES

    def header(self, tar: tarfile.TarFile) -> tarfile.TarInfo | None:
        """Let a tar on this stream read its next header, and those before it that belong to it."""
        self._left = MAX_HEADER_BYTES
        info = tar.next()
        self._left = sys.maxsize
        return info

    def read(self, size: int = -1) -> bytes:
        """Read, unless it is more than headers or a chunk can be."""
        if not 0 <= size <= min(CHUNK_BYTES, self._left):
            raise tarfile.ReadError("a header announces more than a header can hold")
        self._left -= size
        return self._stream.read(size)

    def seek(self, place: int) -> int:
        """Go on to a place, unless it lies beyond what the archive can hold."""
        if place > self._limit:
            raise tarfile.ReadError(f"it would unpack to more than {self._limit:,} bytes")
        return self._stream.seek(place)

    def tell(self) -> int:
        """Say where it is, unless that is beyond what the archive can hold."""
        place = self._stream.tell()
        if place > self._limit:
            raise tarfile.ReadError(f"it would unpack to more than {self._limit:,} bytes")
        return place


def zip_members(
    path: Path, limit: int, size: int, on_bytes: Callable[[int, int], object] | None
) -> Iterator[Member]:
    """Read through a zip."""
    archive = str(path)
    with told(archive), zipfile.ZipFile(path) as packed:
        infos = [info for info in packed.infolist() if not info.is_dir()]
        if sum(info.file_size for info in infos) > limit:
            raise DatasetUnreadable(
                f"{archive} would unpack to more than {limit:,} bytes, from {size:,}: it is made "
                "to fill a disk, or damaged."
            )
        for info in infos:
            require_plain_in_zip(archive, info)
            if name := safe_name(archive, info.filename):
                yield Member(name, info.file_size, archive, zip_opener(packed, info))
            if on_bytes:
                on_bytes(min(info.header_offset + info.compress_size, size), size)


def zip_opener(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    """Make what opens a member of a zip."""
    return lambda: packed.open(info)


def require_plain_in_zip(archive: str, info: zipfile.ZipInfo) -> None:
    """Refuse links, devices, and what is locked or packed in an unusual way."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise refused(archive, info.filename, "is a link")
    if kind not in {0, stat.S_IFREG}:
        raise refused(archive, info.filename, "is no plain file")
    if info.flag_bits & 1:
        raise refused(archive, info.filename, "is locked with a password")
    if info.compress_type not in PLAIN_TYPES:
        raise refused(archive, info.filename, "is packed in an unusual way")


def safe_name(archive: str, name: str) -> str:
    """Return a name that stays inside; empty for what is hidden.

    Raises:
        DatasetUnreadable: It leads out.
    """
    parts = name.replace("\\", "/").split("/")
    if not parts[0] or DRIVE.match(name) or ".." in parts or "\0" in name:
        raise refused(archive, name, "would be written outside of the set's folder")
    parts = [part for part in parts if part not in {"", "."}]
    if any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return ""
    return "/".join(parts)


def refused(archive: str, name: str, why: str) -> DatasetUnreadable:
    """Word a refusal of one member."""
    return DatasetUnreadable(
        f"{archive} was not unpacked: its member {name!r} {why}; pack the pictures themselves "
        "again, as plain files with relative names."
    )


@contextmanager
def told(archive: str) -> Iterator[None]:
    """Turn what the standard library says of damage into one sentence."""
    try:
        yield
    except DAMAGE as error:
        raise DatasetUnreadable(
            f"{archive} cannot be read as an archive ({first_line(error)}): it is damaged or was "
            "not copied to its end; fetch it again."
        ) from error
