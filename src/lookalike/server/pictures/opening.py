"""Opening the file of a catalogued image, and making sure that it is what was indexed.

Nobody names a file by its path: an image_id leads to the path in the catalog, and that
is opened once. What is then asked, is asked of the open file, so that nothing can be put
in its place in between.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from lookalike.errors import ImageError
from lookalike.gallery import Gallery, ImageRecord
from lookalike.gallery.catalog import fitting_integer
from lookalike.images.formats import format_of
from lookalike.images.reading import open_regular, reason_of
from lookalike.server.problems import Problem

__all__ = [
    "CHUNK_BYTES",
    "KnownContents",
    "OpenPicture",
    "file_changed",
    "is_imported",
    "open_catalogued",
    "open_indexed",
    "state_of",
    "tag_of",
]

CHUNK_BYTES = 1 << 19
BEGINNING_BYTES = 512

# What an image has for a content hash if its embedding was imported from another program:
# nothing is known of its file.
IMPORTED = "import:"
PLAIN_TAG = re.compile(r"[A-Za-z0-9:._-]{1,100}")

MOST_CONTENTS = 10_000


@dataclass(frozen=True, slots=True)
class OpenPicture:
    """The open file of an image; whoever has it closes the descriptor.

    Attributes:
        descriptor: Of a regular file.
        path: Absolute, as the catalog has it.
        facts: What the system says of the open file.
    """

    descriptor: int
    path: str
    facts: os.stat_result

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return self.facts.st_size

    def read(self, count: int, place: int) -> bytes:
        """Read some bytes from a place; fewer at the end. One thread at a time."""
        os.lseek(self.descriptor, place, os.SEEK_SET)
        return os.read(self.descriptor, count)

    def chunks(self, start: int = 0) -> Iterator[bytes]:
        """Read on to the end, chunk by chunk."""
        while chunk := self.read(CHUNK_BYTES, start):
            yield chunk
            start += len(chunk)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)


class KnownContents:
    """Remembers the content hashes of files whose dates are not the catalog's.

    A folder that was copied has new dates throughout; each of its files is hashed once.
    Safe to share between threads.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[tuple[int, ...], str] = OrderedDict()

    def content_hash(self, opened: OpenPicture) -> str:
        """Hash an open file as indexing does."""
        facts = opened.facts
        key = (
            facts.st_dev,
            facts.st_ino,
            facts.st_size,
            facts.st_mtime_ns,
            facts.st_ctime_ns,
        )
        with self._lock:
            if key in self._known:
                return self._known[key]
        found = hashed(opened)
        with self._lock:
            self._known[key] = found
            while len(self._known) > MOST_CONTENTS:
                self._known.popitem(last=False)
        return found


def open_catalogued(gallery: Gallery, record: ImageRecord) -> OpenPicture:
    """Open the file at an image's path, whatever has become of it.

    Links are followed, as they were when the image was indexed.

    Raises:
        Problem: It is gone, no regular file, or cannot be read just now.
    """
    path = gallery.absolute_path(record)
    try:
        descriptor = open_regular(path)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise file_gone(record) from error
    except (ImageError, IsADirectoryError) as error:
        raise file_changed(record) from error
    except OSError as error:
        raise out_of_reach(record, reason_of(error)) from error
    return OpenPicture(descriptor, path, os.fstat(descriptor))


def open_indexed(gallery: Gallery, record: ImageRecord, contents: KnownContents) -> OpenPicture:
    """Open the file of an image, if it still is what was indexed.

    Raises:
        Problem: It is something else by now, or as in ``open_catalogued``.
    """
    opened = open_catalogued(gallery, record)
    try:
        if not is_as_indexed(opened, record, contents):
            raise file_changed(record)
    except OSError as error:
        opened.close()
        raise out_of_reach(record, reason_of(error)) from error
    except BaseException:
        opened.close()
        raise
    return opened


def is_as_indexed(opened: OpenPicture, record: ImageRecord, contents: KnownContents) -> bool:
    """Tell whether an open file is what was indexed: by size and date, else by its content.

    And it has to begin as a picture does: a file of the same size and date, put in
    place of one that was indexed, is no way to what is no picture.
    """
    if not begins_as_picture(opened, record.format):
        return False
    if is_imported(record):
        return True
    if opened.size_bytes != record.size_bytes:
        return False
    if fitting_integer(opened.facts.st_mtime_ns) == record.mtime_ns:
        return True
    return contents.content_hash(opened) == record.content_hash


def is_imported(record: ImageRecord) -> bool:
    """Tell whether an image came without a word about its file, which may change unnoticed."""
    return record.content_hash.startswith(IMPORTED) and not record.size_bytes


def begins_as_picture(opened: OpenPicture, form: str) -> bool:
    """Tell whether a file begins as its format does; as any picture, where none is known."""
    try:
        found = format_of(opened.read(BEGINNING_BYTES, 0))
    except ImageError:
        return False
    return not form or found == form


def hashed(opened: OpenPicture) -> str:
    """Hash an open file's bytes, chunk by chunk."""
    digest = hashlib.blake2b(digest_size=16)
    for chunk in opened.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def tag_of(content_hash: str) -> str:
    """Write a content hash so that it can stand in a header, whoever brought it."""
    if PLAIN_TAG.fullmatch(content_hash):
        return content_hash
    return hashlib.blake2b(
        content_hash.encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()


def state_of(opened: OpenPicture, record: ImageRecord) -> str:
    """Name the state of an image's open file, as it can stand in a header."""
    tag = tag_of(record.content_hash)
    if not is_imported(record):
        return tag
    return f"{tag}-{opened.size_bytes:x}-{opened.facts.st_mtime_ns:x}"


def file_gone(record: ImageRecord) -> Problem:
    """Word the answer where there is no file any more."""
    return Problem(
        410,
        "The picture's file is gone",
        f"The file of image {record.image_id} is not there: it was moved or deleted, or its drive "
        "is not connected. An update of the gallery finds out.",
        slug="file-gone",
        error="ImageOutOfReach",
        image_id=record.image_id,
    )


def file_changed(record: ImageRecord) -> Problem:
    """Word the answer where another file is in its place."""
    return Problem(
        409,
        "The picture's file has changed",
        f"The file of image {record.image_id} is not the one that was indexed: update the gallery "
        "and ask again.",
        slug="file-changed",
        error="ImageOutOfReach",
        image_id=record.image_id,
    )


def out_of_reach(record: ImageRecord, reason: str) -> Problem:
    """Word the answer where a file cannot be read just now."""
    return Problem(
        409,
        "The picture's file cannot be read just now",
        f"The file of image {record.image_id} cannot be read: {reason}.",
        slug="image-out-of-reach",
        error="ImageOutOfReach",
        image_id=record.image_id,
    )
