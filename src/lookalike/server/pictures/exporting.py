"""Several pictures at once: an archive made while it is sent, lists, a contact sheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Generator, Sequence
from datetime import datetime
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from lookalike.encoders import ImageInput
from lookalike.errors import LookalikeError
from lookalike.evaluation.writing import text_bytes
from lookalike.gallery import Gallery, ImageRecord
from lookalike.images import decode, thumbnail
from lookalike.images.reading import reason_of
from lookalike.search.sheet import TILE, Tile, tile_sheet
from lookalike.server.answers import json_bytes
from lookalike.server.pictures.names import UniqueNames, own_name
from lookalike.server.pictures.opening import KnownContents, OpenPicture, open_indexed
from lookalike.server.problems import Problem
from lookalike.server.telling import image_facts

__all__ = ["csv_list", "json_list", "sheet_jpeg", "text_list", "zip_chunks"]

MISSING = "MISSING.txt"
FIRST_YEAR, LAST_YEAR = 1980, 2107
READABLE = 0o644
QUALITY = 90

COLUMNS = (
    "image_id", "path", "width", "height", "format", "size_bytes", "taken", "camera",
    "latitude", "longitude", "content_hash", "indexed_at",
)  # fmt: skip


class Sink:
    """Takes what is written to an archive until it is sent."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take some bytes."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def taken(self) -> bytes:
        """Give what was written since."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def zip_chunks(
    gallery: Gallery, records: Sequence[ImageRecord], gone: Sequence[int], contents: KnownContents
) -> Generator[bytes, None, None]:
    """Write the files of images into an archive, as they are, and give it piece by piece.

    What cannot be put in is named in ``MISSING.txt``, with the reason.

    Args:
        gallery: Whose images they are.
        records: The images.
        gone: Image_ids that were asked for and are not there.
        contents: What is known of files whose dates changed.
    """
    sink, names = Sink(), UniqueNames(MISSING)
    missing = [f"image {image_id}: It is not in the gallery." for image_id in gone]
    with ZipFile(sink, "w", ZIP_STORED) as archive:  # type: ignore[call-overload]
        for record in records:
            called = own_name(record)
            try:
                opened = open_indexed(gallery, record, contents)
            except (LookalikeError, Problem) as error:
                missing.append(f"{called}: {error}")
                continue
            try:
                with archive.open(entry_of(names.name(called), opened), "w") as entry:
                    for chunk in opened.chunks():
                        entry.write(chunk)
                        yield sink.taken()
            except OSError as error:
                missing.append(f"{called}: Only a part of it could be read: {reason_of(error)}.")
            finally:
                opened.close()
        if missing:
            archive.writestr(MISSING, "\n".join(["Not in this archive:", *missing, ""]))
    yield sink.taken()


def entry_of(name: str, opened: OpenPicture) -> ZipInfo:
    """Describe a file to the archive."""
    moment = datetime.fromtimestamp(min(max(opened.facts.st_mtime, 0), 4_000_000_000))
    entry = ZipInfo(name)
    if FIRST_YEAR <= moment.year <= LAST_YEAR:
        entry.date_time = moment.timetuple()[:6]
    entry.external_attr = READABLE << 16
    entry.file_size = opened.size_bytes
    return entry


def json_list(gallery: Gallery, records: Sequence[ImageRecord], gone: Sequence[int]) -> bytes:
    """List images with all that is known of them."""
    images = image_facts(gallery, records)
    return json_bytes({"images": images, "missing": list(gone)})


def csv_list(gallery: Gallery, records: Sequence[ImageRecord]) -> bytes:
    """List images as a table; metadata in columns of their own."""
    images = image_facts(gallery, records)
    keys = sorted({key for record in records for key in record.metadata})
    text = StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow([*COLUMNS, *(f"metadata.{key}" for key in keys)])
    for facts in images:
        values = [facts["metadata"].get(key) for key in keys]
        table.writerow([facts.get(column) for column in COLUMNS] + [cell(each) for each in values])
    return text_bytes(text.getvalue())


def cell(value: Any) -> Any:
    """Write a value of the metadata into a cell; lists and objects as JSON."""
    return json.dumps(value) if isinstance(value, (bool, dict, list)) else value


def text_list(gallery: Gallery, records: Sequence[ImageRecord]) -> bytes:
    """List the files of images, a line each, as ``lookalike index @LIST`` reads them.

    Where one would be taken for two, NUL stands between them.
    """
    paths = gallery.absolute_paths(records)
    has_odd = any("\n" in path or "\r" in path for path in paths)
    end = "\0" if has_odd else "\n"
    text = "".join(f"{path}{end}" for path in paths)
    return text_bytes(text)


def sheet_jpeg(gallery: Gallery, records: Sequence[ImageRecord], contents: KnownContents) -> bytes:
    """Draw images side by side; one whose file is not there as it was, as an empty tile."""
    tiles = [
        Tile(small_picture(gallery, record, contents), f"image {record.image_id}", own_name(record))
        for record in records
    ]
    encoded = BytesIO()
    tile_sheet([tiles]).save(encoded, "JPEG", quality=QUALITY)
    return encoded.getvalue()


def small_picture(gallery: Gallery, record: ImageRecord, contents: KnownContents) -> ImageInput:
    """Draw an image as small as a sheet shows it; nothing where its file is another by now."""
    try:
        opened = open_indexed(gallery, record, contents)
        try:
            data = b"".join(opened.chunks())
        finally:
            opened.close()
        return thumbnail(decode(data, shortest_side=TILE), TILE)
    except (LookalikeError, Problem, OSError):
        return b""
